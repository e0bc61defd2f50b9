#!/bin/sh
# Stands in for Debian's mailq: the client queue, then the daemon's, with headings.
echo 'MSP Queue status...'
sendmail -Ac -bp "$@"
echo 'MTA Queue status...'
sendmail -bp "$@"
