# Has queue_act do what the request's data say, as the login itself.
inputs | queue_act
