#!/bin/sh
# Stands in for hoststat(8): prints the files below the host status directory.
echo ' -------------- Hostname --------------- How long ago ---------Results---------'
[ "$1" = -v ] && width=78 || width=25
now=$(date +%s)
cd "$MAILTUI_DEMO_HOST/var/lib/sendmail/host_status" || exit 1
find . -type f ! -name '.*' | while IFS= read -r file; do
    awk -v path="${file#./}" -v now="$now" -v width="$width" '
        /^E/ {
            error = substr($0, 2)
            if (error == 110) reply = "Deferred: Connection timed out"
            if (error == 111) reply = "Deferred: Connection refused"
            if (error == 113) reply = "Deferred: No route to host"
        }
        /^U/ { updated = substr($0, 2) }
        /^S/ { status = substr($0, 2) }
        /^R/ { reply = substr($0, 2) }
        END {
            count = split(path, part, "/")
            name = ""
            for (i = count; i > 0; i--) { sub(/\.$/, "", part[i]); name = name (name == "" ? "" : ".") part[i] }
            age = now - updated
            printf " %-39.39s     %02d:%02d:%02d %.*s\n", name, age / 3600, age % 3600 / 60, age % 60, \
                width, reply == "" && status == 0 ? "OK" : reply
        }' "$file"
done
