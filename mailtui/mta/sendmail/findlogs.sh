# Tells where mail is logged. Data: sudo's path or nothing; then paths to look at, or none to see syslog's rules.
#   rules        all lines of syslog's configuration that may name a file
#   log PATH     `readable`, `sudo` or `no`, and what ls or cat says of it
input sudo
if ! input path; then
  section rules
  cat /etc/rsyslog.conf /etc/rsyslog.d/*.conf /etc/syslog.conf /etc/syslog.d/* 2>/dev/null | grep -v '^[[:blank:]]*#' | grep /
  exit 0
fi
while :; do
  section log "$path"
  if [ -e "$path" ] && [ ! -f "$path" ]; then
    echo "no $path: not a regular file"
  elif [ -f "$path" ] && [ -r "$path" ]; then
    echo "readable $(ls -ld "$path")"
  elif [ "$sudo" ] && "$sudo" -n -l "$(command -v tail)" -n 1000 -F "$path" >/dev/null 2>&1; then
    echo "sudo $sudo -n $(command -v tail) -n 1000 -F $path"
  else
    echo "no $(cat "$path" 2>&1 >/dev/null)"
  fi
  input path || break
done
exit 0
