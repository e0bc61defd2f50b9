"""Hand one message to this host's MTA: `inject.py SENDER RECIPIENT... <MESSAGE` prints its queue id.

A recipient that is refused ends it: the message is not sent, the reply goes to stderr.
"""

import re
import smtplib
import sys


def main() -> None:
    """Send what is on stdin."""
    sender, *recipients = sys.argv[1:]
    with smtplib.SMTP("127.0.0.1", 25, "localhost", timeout=120) as smtp:
        smtp.ehlo()
        for verb, argument in [("MAIL", f"FROM:<{sender}>"), *(("RCPT", f"TO:<{address}>") for address in recipients)]:
            code, reply = smtp.docmd(verb, argument)
            if code >= 300:
                sys.exit(f"{verb} {argument}: {code} {reply.decode('latin-1')}")
        code, reply = smtp.data(sys.stdin.buffer.read())
    queued = re.search(rb"2\.0\.0 (\w+) Message accepted", reply)
    if not queued:
        sys.exit(f"DATA: {code} {reply.decode('latin-1')}")
    print(queued.group(1).decode())


if __name__ == "__main__":
    main()
