# Has queue_act do what the request's data say, as the login itself.
queue_act <&8
