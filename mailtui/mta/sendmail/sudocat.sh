# Reads a control file by sudo. Data: sudo, cat, then paths to try in order. Section: file PATH-NUMBER, the first there is.
# A refused sudo mails root, so it is asked first (status 2: no); status 1: no such file.
input sudo && input cat || exit 64
number=0
while input path; do
  "$sudo" -n -l "$cat" "$path" >/dev/null 2>&1 || exit 2
  section file $number
  "$sudo" -n "$cat" "$path" 2>/dev/null && exit 0
  number=$((number + 1))
done
exit 1
