"""Ways to run registered scripts on a host: over SSH, on this machine, from a tape."""
