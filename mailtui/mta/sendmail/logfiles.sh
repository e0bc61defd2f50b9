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

# Unpacks standard input as a file's name demands.
unpack() {
  case $1 in
  *.gz) gzip -dc ;;
  *.xz) xz -dc ;;
  *.zst) zstd -dcq ;;
  *.bz2) bzip2 -dc ;;
  *) cat ;;
  esac 2>/dev/null
}

# Prints a file from its byte number $2 (the first is 1), unpacked.
bytes() {
  case $1 in
  *.gz | *.xz | *.zst | *.bz2) unpack "$1" <"$1" | tail -c "+$2" ;;
  *) tail -c "+$2" <"$1" ;;
  esac 2>/dev/null
}

# Lists rotated files as lines `INODE NAME`, the oldest first. What is being packed right now counts unpacked.
rotated() {
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
    [ -f "$name" ] && echo "$number $name"
  done
  set -f
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
