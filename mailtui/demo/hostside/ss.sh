#!/bin/sh
# Stands in for ss(8) and netstat(8): what listens on a demo host.
exec cat "$MAILTUI_DEMO_HOST/state/listening"
