# Asks what sudo allows this login. Data: sudo, sendmail, the helper's path, cat, a queue file, the program that the
# bootstrap runs. Sections: rules (what `sudo -n -l` lists), allowed (arguments of listing commands, the helper's path,
# `cat`, and `sh` where sudo lets any program run as root without a password), verbs (what the helper knows). Status 3:
# not asked, 2: sudo says no.
# Where a password would be needed even `sudo -n -l` mails root (where sudo is told to: mail_badpass). So nothing is
# asked unless the rules of `mailtui sudoers` are there, by the name that it prints (an empty file of that name will do
# where the login may run anything without a password); or the helper is, where nobody may look into that directory. Only
# where sudo answers is it asked for single commands, which is silent then.
input sudo && input sendmail && input helper && input cat && input file && input boot || exit 64
rules=${MAILTUI_SUDOERS:-/etc/sudoers.d}
[ -e "$rules/mailtui-$(id -un | tr . _)" ] || { [ -d "$rules" ] && [ ! -x "$rules" ] && [ -e "$helper" ]; } || exit 3
told=$("$sudo" -n -l 2>&1)
status=$?
section rules
printf '%s\n' "$told"
[ $status -eq 0 ] || exit 2

# Prints `free` where the last rule for any command, or for sh, wants no password, `asks` where it wants one. That must
# be known: where another rule wants none, `sudo -n -l COMMAND` says yes to what it would then refuse to run.
any=$(printf '%s\n' "$told" | awk '
  /!authenticate/ && !/Defaults[!>]/ && !/^[ \t]+\(/ { open = 1 }
  /^[ \t]+\(([^):]*[ ,])?(root|ALL)[ ,:)]/ {
    sub(/^[ \t]+\([^)]*\)[ \t]*/, "")
    free = open
    count = split($0, command, /, */)
    for (i = 1; i <= count; i++) {
      while (match(command[i], /^([A-Z_]+:|[A-Z_]+=[^ ]+)[ \t]*/)) {
        tag = substr(command[i], 1, RLENGTH)
        if (tag ~ /^NOPASSWD:/) free = 1
        if (tag ~ /^PASSWD:/) free = 0
        command[i] = substr(command[i], RLENGTH + 1)
      }
      if (command[i] ~ /^(ALL|(\/usr)?\/bin\/sh)[ \t]*$/) any = free ? "free" : "asks"
    }
  }
  END { print any }
')

section allowed
# Of a login that must give its password only what our own rules name is asked.
may() {
  if [ "$any" = asks ]; then
    case $told in *" $1"*) ;; *) return 1 ;; esac
  fi
  "$sudo" -n -l "$@" >/dev/null 2>&1
}
for words in '-bp -v' '-bp -v -qQ' '-bp -v -qL' '-bp -v -Ac' '-bp -v -Ac -qQ' '-bp -v -Ac -qL'; do
  may "$sendmail" $words && printf '%s\n' "$words"
done
[ "$cat" ] && [ "$file" ] && may "$cat" "$file" && echo cat
[ "$any" = free ] && may /bin/sh -c "$boot" && echo sh
if [ -e "$helper" ] && may "$helper"; then
  printf '%s\n' "$helper"
  # It frames its answer itself; one from before it could act says nothing.
  printf 'verbs\n%s\n' "$MARK" | "$sudo" -n "$helper" 2>/dev/null
fi
exit 0
