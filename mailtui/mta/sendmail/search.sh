# Searches logs, their rotated files first, the oldest first. Data: a time before which a file was last written to be
# left out, how many of the newest lines suffice, a queue id, a pattern (each may be empty), sudo's path or nothing;
# then the logs' paths.
#   log PATH           a log begins: all that follows is of this one, in its order
#   file PATH          a file begins; here its matching lines where their offsets cannot be told
#   lines PATH OFFSET  its bytes from there on, without gaps
#   matches PATH       its matching lines as OFFSET:LINE
#   unread PATH        a file that could not be read, or not to its end, and why
#   refused            why the host's grep does not take the pattern
input since
input last
input id
input pattern
input sudo

flags=-a
echo x | grep -a x >/dev/null 2>&1 || flags=
numbered=
echo x | grep $flags -b x >/dev/null 2>&1 && numbered="$flags -b"

# Gives the lines of standard input that match; what is looked for comes by a pipe, as ps shows a command line.
by() {
  { _say "$2$newline" | grep $1 -f - /dev/fd/7; } 7<&0
}

# Gives the bytes of a file, by sudo where it must be.
content() {
  if [ -r "$1" ]; then bytes "$1" 1; else "$sudo" -n "$(command -v cat)" "$1" </dev/null | unpack "$1"; fi
}

readable() {
  [ -r "$1" ] && return
  [ "$sudo" ] && "$sudo" -n -l "$(command -v cat)" "$1" >/dev/null 2>&1
}

newest() { if [ "$last" ]; then tail -n "$last"; else cat; fi; }

too_old() {
  [ "$since" ] || return
  written=$(stat -L -c %Y "$1" 2>/dev/null || stat -L -f %m "$1" 2>/dev/null)
  [ "$written" ] && less "$written" "$since"
}

matching() {
  if [ "$pattern" ] && [ "$id" ]; then
    content "$1" | by "${numbered:-$flags} -E" "$pattern" | by "$flags -F" "$id"
  elif [ "$pattern" ]; then
    content "$1" | by "${numbered:-$flags} -E" "$pattern"
  else
    content "$1" | by "${numbered:-$flags} -F" "$id"
  fi
}

# Sends a file, or its last $2 lines.
send() {
  section file "$1"
  if [ "$pattern$id" ]; then
    [ "$numbered" ] && section matches "$1"
    matching "$1" | newest
  elif [ -z "$2" ]; then
    section lines "$1" 0
    content "$1"
  elif [ -r "$1" ] && [ "$1" = "$path" ] && look "$1"; then
    last=$2
    last_lines
    section lines "$1" "$where"
    bytes "$1" "$(expr "$where" + 1)"
  else
    content "$1" | tail -n "$2"
  fi
}

# Lists the files of one log that are to be read, the oldest first.
files() {
  { rotated | while read -r number name; do echo "$name"; done; echo "$path"; } | while read -r name; do
    [ -e "$name" ] && ! too_old "$name" && echo "$name"
  done
}

# Without anything to match only so many files are read as hold the last lines.
enough() {
  wanted=$last
  kept=
  for name in $1; do
    [ "$wanted" -gt 0 ] || break
    readable "$name" && wanted=$((wanted - $(IFS=$blanks; content "$name" | tail -n "$wanted" | wc -l)))
    kept=$name$newline$kept
  done
  echo "$kept"
}

if [ "$pattern" ]; then
  why=$(echo | by -E "$pattern" 2>&1)
  if [ $? -gt 1 ]; then
    section refused
    echo "$why"
    exit 2
  fi
fi
while input path; do
  section log "$path"
  list=$(files)
  few=
  IFS=$newline
  if [ "$last" ] && [ -z "$pattern$id" ]; then
    backwards=
    for name in $list; do backwards=$name$newline$backwards; done
    list=$(enough "$backwards")
    few=$last
  fi
  for name in $list; do
    IFS=$blanks
    if readable "$name"; then
      unpacking send "$name" "$few"
      if [ "$fault" ]; then
        section unread "$name"
        _say "$fault$newline"
      fi
    else
      section unread "$name"
      cat "$name" 2>&1 >/dev/null
    fi
  done
  IFS=$blanks
done
exit 0
