#!/bin/sh
# Stands in for mailstats(8): the daemon's counters, or with -c the client's.
file=$MAILTUI_DEMO_HOST/state/mailstats
human=1
for word do
    case $word in
        -c) file=$MAILTUI_DEMO_HOST/state/mailstats-client ;;
        -P | -p) human= ;;
    esac
done
[ -n "$human" ] || exec cat "$file"
awk '
    NR == 1 {
        print "Statistics from the start of the demo"
        print " M   msgsfr  bytes_from   msgsto    bytes_to  msgsrej msgsdis msgsqur  Mailer"
        next
    }
    $1 == "T" { print "=====================================================================" }
    $1 == "C" { printf " C %8d %24d %24d\n", $2, $3, $4; next }
    { printf "%2s %8d %10dK %8d %10dK %8d %7d %7d  %s\n", $1, $2, $3, $4, $5, $6, $7, $8, $9 }
' "$file"
