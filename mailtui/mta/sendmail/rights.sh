# Asks what sudo allows this login. Data: sudo, sendmail, the helper's path, cat, a queue file. Sections: rules (what `sudo -n -l` lists),
# allowed (arguments of listing commands, the helper's path, `cat`). Status 3: not asked, 2: sudo says no.
# Where a password would be needed even `sudo -n -l` mails root. So nothing is asked unless the rules of `mailtui
# sudoers` are there, by the name that it prints; or the helper is, where nobody may look into that directory. Only
# where sudo answers is it asked for single commands, which is silent then.
input sudo && input sendmail && input helper && input cat && input file || exit 64
rules=/etc/sudoers.d
[ -e "$rules/mailtui-$(id -un | tr . _)" ] || { [ -d "$rules" ] && [ ! -x "$rules" ] && [ -e "$helper" ]; } || exit 3
section rules
"$sudo" -n -l 2>&1 || exit 2

section allowed
may() { "$sudo" -n -l "$@" >/dev/null 2>&1; }
for words in '-bp -v' '-bp -v -qQ' '-bp -v -qL' '-bp -v -Ac' '-bp -v -Ac -qQ' '-bp -v -Ac -qL'; do
  may "$sendmail" $words && printf '%s\n' "$words"
done
[ "$cat" ] && [ "$file" ] && may "$cat" "$file" && echo cat
[ -e "$helper" ] && may "$helper" && printf '%s\n' "$helper"
exit 0
