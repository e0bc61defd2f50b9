# Answers one verb of the engine as the login itself: the request's data go to it as they are.
while input line; do printf '%s\n' "$line"; done | queue_engine
