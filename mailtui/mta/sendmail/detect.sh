# Finds Sendmail, its configuration files and what there is on the host. No data. Sections: host (lines `name value`),
# version (what sendmail says of itself), cf and submit, each `readable` or `unreadable` (the file's path, then its
# options and queue groups), end (the time again).
sudo= perl= mailq= proc= uid=$(id -u)
sendmail=$(command -v sendmail) || sendmail=
perl=$(command -v perl) || perl=
mailq=$(command -v mailq) || mailq=
[ "$uid" = 0 ] || sudo=$(command -v sudo) || sudo=
[ ! -r "${MAILTUI_PROC:-/proc}/stat" ] || [ ! -r "${MAILTUI_PROC:-/proc}/loadavg" ] || proc=1

logs=
for file in /var/log/mail.log /var/log/maillog /var/log/mail; do [ ! -f "$file" ] || logs="$logs $file"; done

# Of other mail servers' commands of this name nothing is asked.
real=$(readlink -f "$sendmail" 2>/dev/null) || real=$sendmail
folder=${real%/*}
case ${folder##*/}/${real##*/} in
postfix/* | */*postfix* | exim*/* | */exim* | */smtpd* | */smtpctl* | */msmtp* | *nullmailer* | */ssmtp* | */dma | courier*/* | qmail*/*)
  sendmail=
  ;;
esac

section host
printf '%s\n' "epoch $(date +%s)" "zone $(unset TZ; date +%z)" "login $(id -un)" "uid $uid" "os $(uname -sr)" \
  "hostname $(uname -n)" "sendmail $sendmail" "mailq $mailq" "sudo_found $sudo" "perl $perl" "proc $proc" \
  "cat $(command -v cat)" "tail $(command -v tail)" "logs$logs"
[ -z "$sudo" ] || "$sudo" -V 2>/dev/null | sed -n 's/^Sudo version /sudo_version /p'
finish() {
  section end
  date +%s
  exit 0
}
[ "$sendmail" ] || finish

version=$("$sendmail" -d0.10 -bt </dev/null 2>&1)
section version
printf '%s\n' "$version"
case $version in *'Version '[89]*) ;; *) finish ;; esac

# Which file is in use only sendmail itself knows.
conf() { printf '%s\n' "$version" | sed -n "s/^ *Conf file:[[:blank:]]*\(\/.*\) ($1).*/\1/p" | sed -n 1p; }
settings() {
  [ "$2" ] || return 0
  if [ -r "$2" ]; then section "$1" readable; else section "$1" unreadable; fi
  printf '%s\n' "$2"
  [ ! -r "$2" ] || grep '^[OQ]' "$2"
}
settings cf "$(conf selected)"
settings submit "$(conf 'default for MSP')"

finish
