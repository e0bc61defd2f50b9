#!/bin/sh
# Stands in for uname(1): a demo host has a name of its own, on this machine's system.
PATH=${PATH#*:}
[ "$*" = -n ] && exec echo "$MAILTUI_DEMO_NAME.example.net"
exec uname "$@"
