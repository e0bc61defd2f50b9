# Finds Sendmail, its configuration files and what there is on the host. Data: `never` where sudo is to be left alone,
# else nothing. Sections: host (lines `name value`), version (what sendmail says of itself), late (it did not end in
# time), cf and submit, each `readable` or `unreadable` (the file's path, then its options and queue groups), own (where
# every configured queue directory belongs to the login, which may write there), end (the time again).
input never || never=
sudo= perl= python3= mailq= proc= uid=$(id -u)
sendmail=$(command -v sendmail) || sendmail=
perl=$(command -v perl) || perl=
python3=$(command -v python3) || python3=/usr/libexec/platform-python
[ -x "$python3" ] || python3=
mailq=$(command -v mailq) || mailq=
[ "$uid" = 0 ] || [ "$never" ] || sudo=$(command -v sudo) || sudo=
[ ! -r "${MAILTUI_PROC:-/proc}/stat" ] || [ ! -r "${MAILTUI_PROC:-/proc}/loadavg" ] || proc=1

# Hosts of one name are told apart by this system's start, and by the address that was connected to.
machine=${SSH_CONNECTION-}
machine=${machine#* * }
for file in /etc/machine-id /proc/sys/kernel/random/boot_id; do
  [ ! -r "$file" ] || machine="$machine $(cat "$file")"
done

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
  "hostname $(uname -n)" "machine $machine" "sendmail $sendmail" "mailq $mailq" "sudo_found $sudo" "perl $perl" \
  "proc $proc" "cat $(command -v cat)" "tail $(command -v tail)" "logs$logs" "python3 $python3" \
  "flock $(command -v flock)" "setsid $(command -v setsid)" "doas $(command -v doas)"
[ -z "$sudo" ] || "$sudo" -V 2>/dev/null | sed -n 's/^Sudo version /sudo_version /p'
finish() {
  section end
  date +%s
  exit 0
}
[ "$sendmail" ] || finish

# Runs a command for 20 seconds at most; its status is 124 or 143 where that was not enough.
bounded() {
  if timeout 20 true >/dev/null 2>&1; then
    timeout 20 "$@"
    return
  fi
  "$@" &
  running=$!
  { sleep 20 && kill "$running"; } >/dev/null 2>&1 &
  timer=$!
  wait "$running"
  set -- $?
  kill "$timer" 2>/dev/null
  return "$1"
}

late=
version=$(bounded "$sendmail" -d0.10 -bt </dev/null 2>&1)
case $? in 124 | 143) late=1 ;; esac
section version
printf '%s\n' "$version"
if [ "$late" ]; then
  section late
  echo 'ended after 20 seconds: without DNS it waits for the name of this host'
else
  case $version in *'Version '[89]*) ;; *) finish ;; esac
fi

# Which file is in use only sendmail itself knows.
conf() { printf '%s\n' "$version" | sed -n "s/^ *Conf file:[[:blank:]]*\(\/.*\) ($1).*/\1/p" | sed -n 1p; }
settings() {
  [ "$2" ] || return 0
  if [ -r "$2" ]; then section "$1" readable; else section "$1" unreadable; fi
  printf '%s\n' "$2"
  [ ! -r "$2" ] || grep '^[OQ]' "$2"
}
# Where it did not come to say so, the usual ones stand in.
usual() { [ -z "$late" ] || [ ! -e "$1" ] || echo "$1"; }
cf=$(conf selected)
submit=$(conf 'default for MSP')
settings cf "${cf:-$(usual /etc/mail/sendmail.cf)}"
settings submit "${submit:-$(usual /etc/mail/submit.cf)}"

# Prints the queue directories that a configuration file names, as Sendmail reads them.
queues() {
  sed -n -e 's/^O *[Qq]ueue[Dd]irectory *= *//p' -e 's/^OQ\(\/.*\)/\1/p' \
    -e '/^Q/s/.*, *[Pp][a-z]* *= *\([^,]*\).*/\1/p' "$1"
}
# Tells whether all that two files name, of which at least one directory is there, are the login's own.
owned() {
  [ -r "$1" ] && [ -r "$2" ] || return 1
  { queues "$1"; queues "$2"; } | (
    some=
    while IFS= read -r path; do
      case $path in
      /*'*') set -- "${path%?}"* ;;
      /*) set -- "$path" ;;
      *) exit 1 ;; # it lies below another one: then better not
      esac
      for top; do
        [ -d "$top" ] || continue
        for folder in "$top" "$top/qf" "$top/df" "$top/xf"; do
          [ ! -d "$folder" ] || { [ -O "$folder" ] && [ -w "$folder" ] && [ -x "$folder" ]; } || exit 1
        done
        some=1
      done
    done
    [ "$some" ]
  )
}
if owned "${cf:-$(usual /etc/mail/sendmail.cf)}" "${submit:-$(usual /etc/mail/submit.cf)}"; then
  section own
fi

finish
