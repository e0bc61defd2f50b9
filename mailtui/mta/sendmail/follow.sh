# Follows one log from a cursor or from its last lines, over rotations. Data: the log's path, how many last lines,
# then the cursor (device, inode, offset, sha256; empty without one) and sudo's path or nothing.
#   log PATH DEVICE INODE OFFSET   the file's bytes from there on; up to 256 bytes before it stand in `before`
#   live                           all that was there has come; the same file goes on
#   copy PATH DEVICE INODE OFFSET  likewise, of what may be the copy of a log that was cut to nothing
#   gap WORD...                    lines may be missing here
#   window PATH LINES SKIP         read through sudo: so many lines of the past, then what comes; without a cursor
#                                  the first of them are not wanted
#   unreadable                     why it cannot be read
input path
input last
input device
input inode
input offset
input sha
input sudo
digester=
for tool in 'sha256sum' 'openssl dgst -sha256 -r' 'shasum -a 256' 'sha256'; do
  if command -v "${tool%% *}" >/dev/null; then
    digester=$tool
    break
  fi
done

digest() {
  for word in $($digester); do
    [ ${#word} -eq 64 ] && echo "$word"
  done
}

# Prints up to 256 bytes that stand before offset $2.
before() {
  count=256
  less "$2" 256 && count=$2
  [ "$count" = 0 ] || bytes "$1" "$(expr "$2" - "$count" + 1)" | dd bs=1 count="$count" 2>/dev/null
}

# Tells whether the cursor's hash is found at its offset; without a tool for it the caller's other signs must do.
matches() { [ -z "$digester" ] || [ "$(before "$1" "$offset" | digest)" = "$sha" ]; }

# Announces the file last looked at, from an offset.
begin() {
  if [ "$3" != 0 ]; then
    section before
    before "$2" "$3"
  fi
  section "$1" "$2" "$dev" "$ino" "$3"
}

# Finds what a rotated file is called by now; sets name, and what look sets.
named() {
  found=
  IFS=$newline
  for line in $(rotated); do
    [ "${line%% *}" = "$1" ] && found=${line#* }
  done
  IFS=$blanks
  name=$found
  [ -r "$name" ] && look "$name"
}

# Sends a rotated file's bytes from number $2, and says where it could not be unpacked to its end.
rest() {
  unpacking bytes "$1" "$2"
  [ -z "$fault" ] || section gap unknown packed
}

# Sends rotated files whole, given by their inodes.
send() {
  for number; do
    [ "$number" = "$current" ] && continue
    if named "$number"; then
      begin log "$name" 0
      rest "$name" 1
    else
      section gap unknown rotated
    fi
  done
}

# Opens the log on descriptor 3, sure of which file that is.
open_log() {
  until [ -r "$path" ] && look "$path" && opened=$ino && exec 3<"$path" && look "$path" && [ "$ino" = "$opened" ]; do
    closed
    sleep 1
  done
  current=$ino seen=$size reached=$size shut=0
}

# Gives up a log that was closed to this login since it was opened. Who rotates it may take a moment to hand it over.
# Where sudo may read it this ends alone: whoever begins again from the cursor gets it through sudo.
closed() {
  if [ -r "$path" ] || ! [ -e "$path" ]; then
    shut=0
    return
  fi
  shut=$((shut + 1))
  [ $shut -ge 3 ] || return 0
  by_sudo || refuse
  exit 1
}

# Sets how far the log has been read, where the host tells; else it stays the greatest size seen.
reach() {
  position=
  if [ -r /proc/self/fdinfo/3 ]; then
    while read -r word value; do
      [ "$word" = pos: ] && position=$value
    done </proc/self/fdinfo/3
  fi
  reached=${position:-$reached}
}

from_start() {
  look "$path"
  dev=${dev:-0} ino=$current
  section log "$path" "$dev" "$current" 0
  cat <&3
}

# Finds the rotated file that the cursor stands in, by its inode or else by its hash; sets origin to its inode.
find_origin() {
  origin=
  reversed=
  IFS=$newline
  for line in $(rotated); do
    IFS=$blanks
    if [ "${line%% *}" = "$inode" ] && look "${line#* }" && ! less "$size" "$offset" && matches "${line#* }"; then
      origin=$inode
    fi
    reversed=$line$newline$reversed
  done
  tried=0
  [ "$digester" ] || tried=10
  [ "$offset" = 0 ] && tried=10
  IFS=$newline
  for line in $reversed; do
    IFS=$blanks
    [ -z "$origin" ] && [ $tried -lt 10 ] || break
    [ "${line%% *}" = "$current" ] && continue
    tried=$((tried + 1))
    matches "${line#* }" && origin=${line%% *}
  done
  IFS=$blanks
}

# Tells whether the log was made after the last line of another file was written: a new log, not one that was cut.
# In doubt it was cut.
born_after() {
  born=$(stat -L -c %.9W "$path" 2>/dev/null)
  case $born in
  [1-9]*.*) [ "$(expr "$born" \> "$(stat -L -c %.9Y "$1")")" = 1 ] ;;
  *) return 1 ;;
  esac
}

resume() {
  if [ "$inode" = "$current" ] && { [ "$device" = "$dev" ] || [ "$dev" = 0 ] || [ "$device" = 0 ]; } &&
    ! less "$size" "$offset" && matches "$path"; then
    begin log "$path" "$offset"
    tail -c "+$(expr "$offset" + 1)" <&3
    return
  fi
  cut=
  [ "$inode" = "$current" ] && less "$size" "$offset" && cut=1
  find_origin
  if [ -z "$origin" ]; then
    section gap unknown ${cut:+truncated}
    from_start
    return
  fi
  later=
  past=
  IFS=$newline
  for line in $(rotated); do
    [ "$past" ] && later="$later ${line%% *}"
    [ "${line%% *}" = "$origin" ] && past=1
  done
  IFS=$blanks
  if named "$origin"; then
    [ "$cut" ] && born_after "$name" && cut=
    begin log "$name" "$offset"
    rest "$name" "$(expr "$offset" + 1)"
  else
    section gap unknown rotated
  fi
  send $later
  [ "$cut" ] && section gap possible truncated
  from_start
}

# The path leads to another file: end the old one, send what came between, go on with the new.
turn_over() {
  cat <&3
  old=$current
  later=
  if [ -e /proc/self/fd/3 ]; then
    IFS=$newline
    for line in $(rotated); do
      [ "${line%% *}" != "$old" ] && [ "${line#* }" -nt /proc/self/fd/3 ] && later="$later ${line%% *}"
    done
    IFS=$blanks
  fi
  open_log
  send $later
  from_start
}

# The log was cut to nothing: what we had not read yet may stand in its copy.
start_over() {
  line=$(rotated | tail -n 1)
  if [ "$position" ] && [ "$line" ] && named "${line%% *}"; then
    begin copy "$name" "$position"
    rest "$name" "$(expr "$position" + 1)"
  fi
  section gap possible truncated
  open_log
  from_start
}

follow() {
  open_log
  if [ "$inode" ]; then
    resume
  else
    last_lines
    begin log "$path" "$where"
    tail -c "+$(expr "$where" + 1)" <&3
  fi
  section live
  pause=0.5
  while :; do
    sleep $pause 2>/dev/null || sleep 1
    pause=1
    if ! look "$path"; then
      cat <&3
    elif [ "$ino" != "$current" ]; then
      # The logger goes on writing to the old file until it is told to reopen.
      if [ "$size" = 0 ] || ! [ -r "$path" ]; then
        cat <&3
        closed
      else
        turn_over
      fi
    elif [ "$size" != "$seen" ]; then
      # What was written while a slow reader took in the lines before has been read too.
      reach
      if less "$size" "$reached"; then
        start_over
      else
        seen=$size reached=$size
        cat <&3
        [ "$position" ] || { look "$path" && ! less "$size" "$reached" && reached=$size; }
      fi
      pause=0.5
    fi
  done
}

# Only the exact commands that `mailtui sudoers --for logs` prints: `tail -n 1000 -F LOG` and `cat LOG`.
follow_as_root() {
  tail=$(command -v tail)
  lines=1000
  skip=0
  cat=$(command -v cat)
  if "$sudo" -n -l "$cat" "$path" >/dev/null 2>&1; then
    lines=$("$sudo" -n "$cat" "$path" </dev/null | tail -n 1000 | wc -l)
    [ "$last" -lt "$lines" ] && skip=$((lines - last))
  fi
  section window "$path" $((lines)) $skip
  "$sudo" -n "$tail" -n 1000 -F "$path" </dev/null | cat
}

by_sudo() { [ "$sudo" ] && "$sudo" -n -l "$(command -v tail)" -n 1000 -F "$path" >/dev/null 2>&1; }

refuse() {
  section unreadable
  cat "$path" 2>&1 >/dev/null
  exit 1
}

shut=0
if [ -e "$path" ] && ! [ -r "$path" ]; then
  by_sudo || refuse
  follow_as_root
else
  follow
fi
