# Acts on queued messages; stands in front of act-self.sh, inside the helper, and in what `sudo sh` is given.
#
# queue_act's standard input: the verb; lines `O NAME VALUE` (sendmail, reason, undo, by, keep, held, forget, expired,
# count);
# a line `D QUEUE GROUP PATH` for each configured directory, as for the engine; a line `.`; then for retry, live, hold,
# release, delete and bounce two lines a message: `QUEUE LETTER ID DIRECTORY`, and its fingerprint (the T and the S line
# of its control file, with a blank between). Its output, framed by $MARK:
#   did N CODE     what became of the Nth message (from 0); body: a word to it. Codes as in contract.md, and `failed`
#   all CODE       the same of several, of which there is no more to say; body: their numbers
#   back CODE      (undo) the same; body: ID, a blank, its directory, then on the next line a word to it
#   set UNDO AT UNTIL   (vault) body: lines `by TEXT`, `reason TEXT`, `item STATE LETTER ID QUEUE CREATED DIRECTORY`
#                  each followed by `from SENDER` where its control file could be read
#   busy UNDO      (vault) somebody acts on the set at this moment, be it a delete that has written nothing down yet;
#                  (undo, purge) that is why nothing was done to it
#   purged UNDO    (purge) a set that is gone for good
#   ran            (flush) the queue run was started
#   started N ...  (live) sendmail runs for these messages, in a session of its own: nothing of ours ends it any more
#   said           (live) body: some more bytes of what it says; comes every two seconds at least, also with none
#   ended STATUS   (live) sendmail has ended; `did N left` and `did N kept` then say which control files are still there
#   refused        body: why nothing at all was done
# What is not told of was not begun. All of the input is read before anything is done; where the `.` or some of `count`
# messages are missing it was cut with the link, and is refused. Nothing here trusts what it reads: ids, directories and fingerprints are held
# against what is there, under the mail server's own lock where files are moved.

queue_act() {
  IFS= read -r verb || return 64
  [ -z "${act_looks-}" ] || [ "$verb" = vault ] || return 64  # the verb is data: what passes a closed gate only looks
  case $verb in
  delete | undo | vault | purge)
    unset PERL5OPT PERL5LIB PERLLIB PERL5DB PERL_UNICODE PERLIO
    act_by_vault "$(ulimit -n)"
    ;;
  retry | live | hold | release | bounce | flush) act_by_sendmail ;;
  *) return 64 ;;
  esac
}

# Has the vault do it, by perl or else by python3: either gives 127 where it cannot, having read and said nothing.
act_by_vault() {
  for vault in queue_vault queue_vault_python; do
    $vault "$verb" "$1"
    set -- "$1" $?
    [ "$2" -eq 127 ] || return "$2"
  done
  printf '%s\n' "$MARK refused" \
    'neither perl (with Fcntl and IO) nor python3 (3.6 or newer) is here, and nothing else takes both kinds of lock'
}

act_by_sendmail() {
  sendmail= reason= forget= count= dirs=
  while IFS= read -r line && [ "$line" != . ]; do
    case $line in
    'O sendmail /'*) sendmail=${line#O sendmail } ;;
    'O reason '*) reason=${line#O reason } ;;
    'O forget 1') forget=1 ;;
    'O count '*) count=${line#O count } ;;
    'D '*) act_directory "${line#D }" ;;
    esac
  done
  [ "$line" = . ] || { act_cut; return; }
  case $reason in *[!\ -~]*) reason='no reason that can be logged' ;; esac
  [ -x "$sendmail" ] || { printf '%s\n' "$MARK refused" 'no sendmail command was found'; return; }
  if [ "$verb" = flush ]; then act_flush; return; fi

  # The first pass holds each message against what is there; what passes goes on as `N QUEUE ID FILE`.
  number=0 shortest=99 passed=
  while read -r queue letter id directory && IFS= read -r print; do
    act_check && passed="$passed$number $queue $id $qf/
" && [ ${#id} -lt $shortest ] && shortest=${#id}
    number=$((number + 1))
  done
  [ "${count:-$number}" = $number ] || { act_cut; return; }
  for queue in mqueue mqueue-client; do
    longer=$(act_longer)
    set -- numbers=
    numbers=
    while read -r number of id file; do
      [ "$of" = "$queue" ] || continue
      case "$longer" in *"$id"*) act_did $number changed "its id is a part of another's, so sendmail would act on both"; continue ;; esac
      set -- "$@" "-qI$id"
      numbers="$numbers$number $id $file
"
      [ $# -le 100 ] || { shift; act_run "$@"; set -- numbers=; numbers=; }
    done <<LIST
$passed
LIST
    [ $# -le 1 ] || { shift; act_run "$@"; }
  done
}

# Adds the directories that a configured one means, as lines `QUEUE PATH`.
act_directory() {
  queue=${1%% *}
  path=${1#* }
  path=${path#* }
  case $path in
  /*'*')
    for top in "${path%?}"*; do
      case ${top##*/} in .*) continue ;; esac
      [ ! -d "$top" ] || dirs="$dirs$queue $top
"
    done
    ;;
  /*) dirs="$dirs$queue $path
" ;;
  esac
}

act_cut() { printf '%s\n' "$MARK refused" 'the order came only in part: the link was lost'; }

act_did() {
  printf '%s\n' "$MARK did $1 $2" "$3"
}

# Tells whether message $id, $letter of $queue in $directory is the one that was meant; says why where it is not.
act_check() {
  case $id in *[!0-9A-Za-z]*) act_did $number denied 'no queue id'; return 1 ;; esac
  [ ${#id} -ge 12 ] && [ ${#id} -le 20 ] || { act_did $number denied 'no queue id'; return 1; }
  case "
$dirs" in
  *"
$queue $directory
"*) ;;
  *) act_did $number denied 'no queue directory of this host'; return 1 ;;
  esac
  qf=$directory
  [ ! -d "$directory/qf" ] || qf=$directory/qf
  wanted=q other=h
  [ "$verb" != release ] || wanted=h other=q
  if [ ! -f "$qf/${wanted}f$id" ] || [ -h "$qf/${wanted}f$id" ]; then
    if [ -f "$qf/${other}f$id" ]; then
      case $verb in
      hold) act_did $number held 'it is held already' ;;
      release) act_did $number released 'it is not held' ;;
      *) act_did $number changed 'it is held: release it first' ;;
      esac
    else
      act_did $number gone 'it has left the queue'
    fi
    return 1
  fi
  if [ ! -r "$qf/${wanted}f$id" ]; then act_did $number denied 'its control file may not be read'; return 1; fi
  created= sender=
  while IFS= read -r line; do
    case $line in
    T*) created=$line ;;
    S*) sender=$line; break ;;
    esac
  done 2>/dev/null <"$qf/${wanted}f$id"
  [ "$created $sender" = "$print" ] || { act_did $number changed 'its id belongs to another message now'; return 1; }
  twins=0
  while read -r of top; do
    [ "$of" = "$queue" ] || continue
    [ ! -d "$top/qf" ] || top=$top/qf
    for file in "$top/qf$id" "$top/hf$id"; do [ ! -f "$file" ] || twins=$((twins + 1)); done
  done <<LIST
$dirs
LIST
  [ $twins -le 1 ] || { act_did $number changed 'two directories hold its id, and sendmail would act on both'; return 1; }
}

# Prints the ids of queue $queue that are longer than the shortest of those to act on: one may contain it.
act_longer() {
  while read -r of top; do
    [ "$of" = "$queue" ] || continue
    [ ! -d "$top/qf" ] || top=$top/qf
    ls -f "$top" 2>/dev/null
  done <<LIST | awk -v "least=$shortest" '/^[qhQ]f/ && length > least + 2'
$dirs
LIST
}

# Runs sendmail for the messages that the arguments name, and says what became of them.
act_run() {
  client=
  [ "$queue" = mqueue ] || client=-Ac
  case $verb in
  hold) said=$(act_session "$sendmail" $client "-Q$reason" "$@" 2>&1) ;;
  release) said=$(act_session "$sendmail" $client -qQ -Q "$@" 2>&1) ;;
  retry) act_detached "$sendmail" $client "$@" ;;
  bounce) act_detached "$sendmail" $client -OTimeout.queuereturn=now "$@" ;;
  live) act_aloud "$sendmail" $client -v "$@" || return 0 ;;
  esac
  while read -r number id file; do
    [ "$id" ] || continue
    case $verb in
    hold)
      if [ -f "${file}hf$id" ]; then act_did $number held ''
      elif [ -f "${file}qf$id" ]; then act_unchanged "$said"
      else act_did $number gone 'it left the queue meanwhile'
      fi
      ;;
    release)
      if [ -f "${file}hf$id" ]; then act_unchanged "$said"
      else act_did $number released ''
      fi
      ;;
    live) if [ -f "${file}qf$id" ]; then act_did $number kept ''; else act_did $number left ''; fi ;;
    *) act_did $number requested '' ;;
    esac
  done <<LIST
$numbers
LIST
}

# A locked message is skipped by sendmail, which says nothing of it but exits with 0.
act_unchanged() {
  case $1 in
  *ermission* | *rusted*) act_did $number denied "$1" ;;
  *) act_did $number in-delivery 'sendmail left it alone: it is being delivered now' ;;
  esac
}

act_flush() {
  clients=
  case "
$dirs" in *'
mqueue-client '*) clients=1 ;; esac
  [ ! "$forget" ] || "$sendmail" -OTimeout.hoststatus=1s -bH >/dev/null 2>&1 </dev/null
  act_detached "$sendmail" -q -OMinQueueAge=0 -OMaxQueueAge=0
  [ ! "$clients" ] || act_detached "$sendmail" -Ac -q -OMinQueueAge=0 -OMaxQueueAge=0
  printf '%s\n' "$MARK ran"
}

# Starts a delivery that what ends us (a lost link) does not end between DATA and its answer, or the message would be
# delivered twice.
act_detached() { act_apart "$@" 4>/dev/null; }

# The same with its output to descriptor 4; its process is $!.
act_apart() { act_session "$@" >&4 2>&1 4>&- & }

# Becomes sendmail in a session of its own (called in a subshell). Ended as it writes a control file anew, it would leave
# a tf file behind, for which each later try of that message waits up to eight minutes.
act_session() {
  if command -v setsid >/dev/null 2>&1; then
    set -- setsid "$@"
  elif perl -MPOSIX -e 1 >/dev/null 2>&1; then
    set -- perl -MPOSIX -e 'POSIX::setsid(); exec @ARGV' "$@"
  fi
  exec "$@" </dev/null 3>&- 5>&- 8>&-
}

# Runs sendmail for the messages of $numbers and prints what it says as it comes; fails where that cannot be done.
#
# It says it into a regular file without a name, which we read on from another descriptor. A pipe to us would break, or
# fill up, when we end, and what sendmail does then (it may find its output gone between DATA and the answer) is not
# ours to try: a file does neither, needs no reader, and goes with the last process that has it open. While it has a
# name we do not end at a signal: the watchdog's KILL comes a second after its TERM, and by then the name is gone.
act_aloud() {
  if ! command -v setsid >/dev/null 2>&1 && ! perl -MPOSIX -e 1 >/dev/null 2>&1; then
    act_silent 'neither setsid nor perl is here, so a lost link would end the delivery in its midst'
    return 1
  fi
  trap '' TERM HUP INT
  folder=
  for place in /run /tmp /var/tmp; do
    # mkdir takes no name that is there already, be it a link
    if (umask 077 && mkdir "$place/mailtui-live-$$") 2>/dev/null; then folder=$place/mailtui-live-$$; break; fi
  done
  if [ ! "$folder" ] || ! (umask 077 && true >"$folder/said") 2>/dev/null; then
    [ ! "$folder" ] || rm -rf "$folder"
    trap - TERM HUP INT
    act_silent 'neither /run nor /tmp nor /var/tmp takes a file for what sendmail says'
    return 1
  fi
  {
    rm -rf "$folder"
    trap - TERM HUP INT
    act_apart "$@"
    act_follow $!
  } 4>>"$folder/said" 5<"$folder/said"
}

act_silent() {
  while read -r number id file; do [ ! "$id" ] || act_did $number denied "$1"; done <<LIST
$numbers
LIST
}

# Prints what comes into descriptor 5 until process $1 has ended. Who reads us must take something every two seconds: so
# a root shell, which the login cannot end, sees that nobody listens any more.
act_follow() {
  pauses=0
  printf '%s\n' "$MARK started $(printf '%s' "$numbers" | while read -r number id file; do printf '%s ' $number; done)" "$MARK said" || exit
  # sendmail may be another user's (setuid), whom no signal reaches; then /proc knows
  while kill -0 "$1" 2>/dev/null || [ -d "/proc/$1" ]; do
    cat <&5
    sleep 0.2 2>/dev/null || sleep 1
    pauses=$((pauses + 1))
    [ $((pauses % 10)) -ne 0 ] || printf '%s\n' "$MARK said" || exit
  done
  wait "$1"
  set -- $?
  cat <&5
  printf '%s\n' "$MARK ended $1" || exit
}
