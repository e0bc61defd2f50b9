#!/bin/sh
# Stands in for purgestat(8): forgets nothing that is not old, and nothing here gets old.
exec sendmail -bH "$@"
