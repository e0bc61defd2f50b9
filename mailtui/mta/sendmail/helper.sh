# The helper: standard input is the verb, the caller's mark (32 hex digits), then, for `read` and `show`, ids. It takes no
# arguments, reads only the directories above and changes nothing.
LC_ALL=C TZ=UTC PATH=/usr/bin:/bin CAREFUL=1
unset ENV BASH_ENV IFS
export LC_ALL TZ PATH CAREFUL
umask 077
cd /
[ $# -eq 0 ] || { echo "mailtui-helper takes no arguments" >&2; exit 64; }
IFS= read -r verb || exit 64
IFS= read -r MARK || exit 64
case $verb in
dirs | sweep | read | readall | show) ;;
*) echo "mailtui-helper knows the verbs dirs, sweep, read, readall, show" >&2; exit 64 ;;
esac
case $MARK in *[!0-9a-f]*) exit 64 ;; esac
[ ${#MARK} -eq 32 ] || exit 64
export MARK
{
  printf '%s\n' "$verb"
  queue_directories
  echo .
  while IFS= read -r id; do
    case $id in *[!0-9A-Za-z]*) continue ;; esac
    [ ${#id} -ge 12 ] && [ ${#id} -le 20 ] && printf '%s\n' "$id"
  done
} | queue_engine
