#!/bin/sh
# Stands in for hostname(1): a demo host has a name of its own.
case $1 in
    -s) echo "$MAILTUI_DEMO_NAME" ;;
    *) echo "$MAILTUI_DEMO_NAME.example.net" ;;
esac
