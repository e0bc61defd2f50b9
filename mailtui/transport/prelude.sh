# Runs on the host in front of every script: POSIX sh, no files, only builtins, sleep, cat and dd.
# Before it stand assignments to MARK, _silence and _seconds, and _data holds the request's data and a final dot.
LC_ALL=C TZ=UTC PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/lib:/usr/libexec/sendmail
export LC_ALL TZ PATH MARK
cd /

# A Korn shell may lack printf, and /usr/bin/printf would show the mark in ps.
case ${KSH_VERSION-}${SH_VERSION-} in
'') _say() { printf %s "$1"; } ;;
*) _say() { print -rn -- "$1"; } ;;
esac

section() {
  _head="$MARK $1"
  shift
  for _word; do _head="$_head $_word"; done
  _say "$_head
"
}

input() { IFS= read -r "$1" <&8; }

# The lines that are left, as they are: for programs that read thousands of them.
inputs() { cat <&8; }

# Ends the whole process group, ourselves last; sshd gives each session one of its own.
_end() {
  trap '' TERM
  kill -TERM 0
  sleep 1
  kill -KILL 0
}

# Ends everything after $1 seconds, unless the two processes that it leaves in _pids are killed before. The
# substitution returns once both are known, so no kill can come too early and leave a sleep behind.
_arm() {
  _pids=$(
    { sleep "$1" >/dev/null & echo $!; exec >/dev/null; wait $! && _end; } </dev/null 2>/dev/null &
    echo $!
  )
}

_run() {
  _say "$MARK @begin 1
"
  (
unset _data _silence _seconds _pids _quiet _limit
: SCRIPT
  )
  _say "$MARK @end $?
"
}

trap : TERM HUP
_quiet= _limit=
if [ "$_seconds" ]; then
  _arm "$_seconds"
  _limit=$_pids
fi
if [ "$_silence" ]; then
  _arm "$_silence"
  _quiet=$_pids
fi
if [ "$_data" ]; then
  _say "${_data%.}" | { exec 8<&0 </dev/null; _run; } &
else
  _run </dev/null 8</dev/null &
fi
exec >/dev/null

# The watchdog: the client's lines keep it quiet; their end without a farewell ends everything.
while read -r _line; do
  case $_line in
  bye)
    kill -KILL $_quiet $_limit
    exit
    ;;
  ping*) _say "$MARK @$_line
" >&2 ;;
  *)
    if [ "$_silence" ]; then
      _arm "$_silence"
      kill -KILL $_quiet
      _quiet=$_pids
    fi
    ;;
  esac
done
_end
