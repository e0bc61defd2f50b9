#!/bin/sh
# Stands in for ps(1): the demo host's own process table, not this machine's. Knows -e, -A, -x, -f, -o LIST and -p LIST.
columns=
pids=
while [ $# -gt 0 ]; do
    case $1 in
        -*o) columns=$columns,$2 && shift ;;
        -*o?*) columns=$columns,${1#*o} ;;
        -p) pids=$2 && shift ;;
        -p*) pids=${1#-p} ;;
    esac
    shift
done
exec awk -F '\t' -v now="$(date +%s)" -v columns="${columns:-user,pid,ppid,etime,args}" -v pids="$pids" '
    function elapsed(s,   days, text) {
        days = int(s / 86400)
        text = sprintf("%02d:%02d", s % 3600 / 60, s % 60)
        if (s >= 3600) text = sprintf("%02d:", s % 86400 / 3600) text
        return days ? days "-" text : text
    }
    BEGIN {
        count = split(columns, ask, ",")
        wanted = split(pids, list, /[ ,]+/)
        for (i = 1; i <= wanted; i++) want[list[i]] = 1
        head = ""
        for (i = 1; i <= count; i++) {
            if (ask[i] == "") continue
            titled = index(ask[i], "=")
            name = titled ? substr(ask[i], 1, titled - 1) : ask[i]
            title = titled ? substr(ask[i], titled + 1) : toupper(name == "args" ? "command" : name)
            if (title != "") shown = 1
            order[++asked] = name
            head = head (asked > 1 ? " " : "") sprintf("%-7s", title)
        }
        if (shown) print head
    }
    {
        value["pid"] = $1; value["ppid"] = $2; value["pgid"] = $1; value["user"] = $3; value["uid"] = $3 == "root" ? 0 : 112
        value["etimes"] = now - $4; value["etime"] = elapsed(now - $4); value["time"] = "00:00:01"
        value["pcpu"] = value["%cpu"] = "0.1"; value["pmem"] = value["%mem"] = "0.2"
        value["rss"] = 9120; value["vsz"] = 21000; value["nice"] = 0; value["tty"] = "?"
        value["stat"] = value["s"] = "S"; value["comm"] = value["ucomm"] = $5; value["args"] = value["command"] = $6
        if (wanted && !($1 in want)) next
        found = 1
        line = ""
        for (i = 1; i <= asked; i++)
            line = line (i > 1 ? " " : "") sprintf(i < asked ? "%-7s" : "%s", order[i] in value ? value[order[i]] : "-")
        print line
    }
    END { exit wanted && !found }
' "$MAILTUI_DEMO_HOST/state/processes"
