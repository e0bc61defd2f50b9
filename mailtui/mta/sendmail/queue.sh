# Answers one verb of the engine as the login itself: the request's data go to it as they are.
inputs | queue_engine
