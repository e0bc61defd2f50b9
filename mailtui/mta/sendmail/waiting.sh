# Tells what may keep Sendmail from trying a message. Data: HostStatusDirectory, then paths below it: a host's own file,
# or a domain's directory, of which the files count. Sections: load (the load average), status PATH (a host's status).
section load
cat "${MAILTUI_PROC:-/proc}/loadavg" 2>/dev/null || uptime
input top || exit 0
while input path; do
  case $path in *..* | /* | *[!0-9a-z._/-]*) continue ;; esac
  [ ! -d "$top/$path" ] || set -- "$top/$path"/*
  [ -d "$top/$path" ] || set -- "$top/$path"
  for file; do
    [ -f "$file" ] && [ -r "$file" ] || continue
    case ${file#"$top/"} in *[!0-9a-z._/-]*) continue ;; esac
    section status "${file#"$top/"}"
    cat "$file"
  done
done
exit 0
