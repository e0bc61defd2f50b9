# What following and searching share: the files of one log, $path, and their bytes.
# Comparisons of sizes go through expr: mksh counts in 32 bits.
set -f
newline='
'
blanks=$IFS

if stat -L -c %i / >/dev/null 2>&1; then
  facts() { stat -L -c '%d %i %s' "$1"; }
elif stat -L -f %i / >/dev/null 2>&1; then
  facts() { stat -L -f '%d %i %z' "$1"; }
else
  facts() { set -- $(ls -Llnid "$1"); echo "0 $1 $6"; }
fi

# Sets dev, ino and size; fails where the file is not there.
look() {
  set -- $(facts "$1" 2>/dev/null)
  [ $# -eq 3 ] || return 1
  dev=$1 ino=$2 size=$3
}

less() { [ "$(expr "$1" \< "$2")" = 1 ]; }

# Unpacks standard input as a file's name demands; what is wrong with it goes to descriptor 6.
exec 6>/dev/null
unpack() {
  case $1 in
  *.gz) set -- gzip -dc ;;
  *.xz) set -- xz -dc ;;
  *.zst) set -- zstd -dcq ;;
  *.bz2) set -- bzip2 -dc ;;
  *)
    cat 2>/dev/null
    return
    ;;
  esac
  if ! command -v "$1" >/dev/null; then
    _say "the host has no $1$newline" >&6
    return
  fi
  { why=$("$@" 2>&1 >&5); } 5>&1
  case $?$1 in
  0* | 2gzip | 2xz) ;; # a 2 of these two is a warning
  *) _say "${why:-$1 failed}$newline" >&6 ;;
  esac
}

# Runs a command; sets fault to what went wrong with unpacking in it.
unpacking() { { fault=$("$@" 6>&1 >&5); } 5>&1; }

# Prints a file from its byte number $2 (the first is 1), unpacked.
bytes() {
  case $1 in
  *.gz | *.xz | *.zst | *.bz2) unpack "$1" <"$1" | tail -c "+$2" ;;
  *) tail -c "+$2" <"$1" ;;
  esac 2>/dev/null
}

# Sets kind and rank by what a rotated file's name tells: a number grows with age, a date does not.
rotation() {
  rank=${1#"$path"}
  [ "$rank" != "$1" ] || rank=${1#"${path%.log}"}
  for kind in .gz .xz .zst .bz2 .log; do rank=${rank%$kind}; done
  case $rank in
  ?*[!0-9T:_.-]*) kind=other rank=0 ;;
  -????* | .??????*) kind=date rank=${rank#?} ;;
  ?*[!0-9]*) kind=other rank=0 ;;
  *) kind=number rank=-${rank#?} ;;
  esac
}

# Lists rotated files as lines `KIND RANK INODE NAME`, in the order in which they were written last.
# What is being packed right now counts unpacked.
by_time() {
  IFS=$blanks
  set +f
  case $path in
  *.log) set -- "${path%.log}"-[0-9]*.log* "${path%.log}".[0-9]*.log* ;;
  *) set -- ;;
  esac
  ls -1trid "$path".[0-9]* "$path"-[0-9]* "$path".old "$@" 2>/dev/null | while read -r number name; do
    case $name in
    *.gz | *.xz | *.zst | *.bz2) [ -e "${name%.*}" ] && continue ;;
    esac
    [ -f "$name" ] || continue
    rotation "$name"
    _say "$kind $rank $number $name$newline"
  done
}

ranked() { _say "$listed$newline" | grep "^$1 " | sort -k 2,2n; }

# Lists rotated files as lines `INODE NAME`, the oldest first. Times mislead, as a packed or copied file may have a new
# one: numbers keep their own order, dates theirs, and the time only places what the names do not compare.
rotated() {
  listed=$(by_time)
  numbers=$(ranked number)
  dates=$(ranked date)
  IFS=$newline
  for line in $listed; do
    case $line in
    number*) line=${numbers%%"$newline"*} numbers=${numbers#*"$newline"} ;;
    date*) line=${dates%%"$newline"*} dates=${dates#*"$newline"} ;;
    esac
    line=${line#* }
    _say "${line#* }$newline"
  done
  IFS=$blanks
}

# Sets where, in the log just opened, the last lines begin; exact although it grows meanwhile.
last_lines() {
  where=0
  [ "$last" = 0 ] || where=$(tail -n "$last" <"$path" | wc -c)
  where=$(expr "$size" - $where)
  if less 0 "$where"; then
    where=$(expr "$where" - 1 + $(tail -c "+$where" <"$path" | head -n 1 | wc -c))
  else
    where=0
  fi
}
