# The helper: standard input is the verb, the caller's mark (32 hex digits), then, for `read` and `show`, ids. It takes
# no arguments and looks only into the directories above. What acts ($ACTS, chosen when this was printed) is followed
# by lines `O NAME VALUE`, a line `.`, and what queue_act wants behind its own: two lines a message, or undo ids. In
# which sendmail runs and which directories are meant the caller has no say. `verbs` answers with what is taken here.
LC_ALL=C TZ=UTC PATH=/usr/bin:/bin CAREFUL=1
unset ENV BASH_ENV IFS
export LC_ALL TZ PATH CAREFUL
umask 077
cd /
[ $# -eq 0 ] || { echo "mailtui-helper takes no arguments" >&2; exit 64; }
IFS= read -r verb || exit 64
IFS= read -r MARK || exit 64
case $verb in *[!a-z]*) verb= ;; esac
case $verb in
verbs | dirs | sweep | read | readall | show) acts= ;;
'') acts=no ;;
*) case " $ACTS " in *" $verb "*) acts=yes ;; *) acts=no ;; esac ;;
esac
if [ "$acts" = no ]; then
  echo "mailtui-helper knows the verbs dirs, sweep, read, readall, show, verbs${ACTS:+ and $ACTS}" >&2
  exit 64
fi
case $MARK in *[!0-9a-f]*) exit 64 ;; esac
[ ${#MARK} -eq 32 ] || exit 64
export MARK

# Prints an option line where it is one that the caller may give.
option() {
  case $1 in
  'O reason '* | 'O by '*)
    value=${1#O * }
    case $value in *[!\ -~]*) return ;; esac
    [ ${#value} -le 100 ] || return
    ;;
  'O undo '*) undo_id "${1#O undo }" || return ;;
  'O keep '*)
    value=${1#O keep }
    case $value in '' | *[!0-9]*) return ;; esac
    [ ${#value} -le 9 ] || return
    ;;
  'O count '*)
    value=${1#O count }
    case $value in '' | *[!0-9]*) return ;; esac
    [ ${#value} -le 9 ] || return
    ;;
  'O held 1' | 'O forget 1' | 'O expired 1') ;;
  *) return ;;
  esac
  printf '%s\n' "$1"
}

undo_id() {
  case $1 in u-*) ;; *) return 1 ;; esac
  case $1 in *[!0-9A-Za-z-]*) return 1 ;; esac
  [ ${#1} -ge 10 ] && [ ${#1} -le 42 ]
}

queue_id() {
  case $1 in *[!0-9A-Za-z]*) return 1 ;; esac
  [ ${#1} -ge 12 ] && [ ${#1} -le 20 ]
}

# Prints the two lines of a message; one that is not well formed keeps its number and is no message.
message() {
  case $1 in
  'mqueue '[qhQ]' '*' /'* | 'mqueue-client '[qhQ]' '*' /'*)
    id=${1#* * }
    if queue_id "${id%% *}"; then
      case ${id#* } in
      /*) printf '%s\n' "$1" "$2"; return ;;
      esac
    fi
    ;;
  esac
  printf '%s\n' '- - - -' '-'
}

if [ "$verb" = verbs ]; then
  printf '%s\n' "$MARK verbs" dirs sweep read readall show
  for each in $ACTS; do printf '%s\n' "$each"; done
elif [ "$acts" ]; then
  PATH=/usr/sbin:/usr/bin:/sbin:/bin
  {
    printf '%s\n' "$verb"
    while IFS= read -r line && [ "$line" != . ]; do option "$line"; done
    [ "$line" = . ] || exit  # cut with the link: queue_act refuses it
    printf '%s\n' "O sendmail $SENDMAIL"
    queue_directories
    echo .
    case $verb in
    undo | purge) while IFS= read -r id; do undo_id "$id" && printf '%s\n' "$id"; done ;;
    *) while IFS= read -r line && IFS= read -r print; do message "$line" "$print"; done ;;
    esac
  } | queue_act
else
  {
    printf '%s\n' "$verb"
    queue_directories
    echo .
    while IFS= read -r id; do queue_id "$id" && printf '%s\n' "$id"; done
  } | queue_engine
fi
