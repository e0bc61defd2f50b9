# Lists queues by Sendmail's own command. Data: sendmail, sudo, then a line `MEANS QUEUE VIEW` for each listing:
# MEANS sudo or direct, QUEUE mqueue or mqueue-client, VIEW all, Q (quarantined) or L (lost).
# Sections: mailq MEANS QUEUE VIEW with the output, status QUEUE VIEW STATUS.
input sendmail && input sudo || exit 64
while input line; do
  set -f
  set -- $line
  means=$1 queue=$2 view=$3
  case $view in all | Q | L) ;; *) exit 64 ;; esac
  set -- -bp -v
  [ "$queue" != mqueue-client ] || set -- "$@" -Ac
  [ "$view" = all ] || set -- "$@" "-q$view"
  # A refused sudo mails root, so it is asked first.
  [ "$means" != sudo ] || "$sudo" -n -l "$sendmail" "$@" >/dev/null 2>&1 || means=direct
  section mailq $means $queue $view
  if [ "$means" = sudo ]; then
    "$sudo" -n "$sendmail" "$@" 2>&1
  else
    "$sendmail" "$@" 2>&1
  fi
  section status $queue $view $?
done
exit 0
