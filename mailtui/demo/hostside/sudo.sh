#!/bin/sh
# Stands in for sudo(8), so that the demo never asks the real one: this login may nothing.
[ "$*" = -V ] && exec echo 'Sudo version 1.9.13p3'
echo 'sudo: a password is required' >&2
exit 1
