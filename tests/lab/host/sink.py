"""The lab's sink: an SMTP server on many addresses, which behaves at each as the table `outcomes` says.

`sink.py OUTCOMES`. slow: the answer to the end of DATA comes after N seconds for `sN@slow.test`, else after 30. mixed:
by the beginning of the local part (full, grey, unknown, defer; all others are accepted). grey60.test is accepted 60 s
after its first try. While /run/sink-accept-all exists every address accepts. Accepted mail: /var/log/sink.jsonl.
"""

import asyncio
import email
import json
import re
import ssl
import sys
import time
from email import policy
from pathlib import Path

NET = "10.77.0."
TLS_FILES = "/etc/lab-tls/sink.crt", "/etc/lab-tls/sink.key"
ACCEPT_ALL = Path("/run/sink-accept-all")
ACCEPTED = Path("/var/log/sink.jsonl")
NOT_LISTENING = {"silent", "closed", "absent"}
BUSY = "421 4.3.2 mx.busy.test Too many connections from your host, try again later"
FILTER_DOWN = "451 4.7.1 Content filter unavailable, try again later (in reply to end of DATA command)"
HOSTILE = (
    "451-4.7.1 \x1b[31m[bold red]Your mail[/] is \x1b]0;pwned\x07 deferred\r\n"
    "451-4.7.1 [link=file:///etc/passwd]click[/link] `id` $(id); rm -rf /\r\n451 4.7.1 " + "long" * 90
)
HOSTILE_PERMANENT = "550-5.7.1 [bold red]No[/]\r\n550 5.7.1 \xff\xfe\x1b[2J r\xe9fus\xe9"
FAULTS = (OSError, asyncio.IncompleteReadError, ValueError)

first_seen: dict[tuple[str, str], float] = {}


def recipient_reply(behaviour: str, address: str, sender: str) -> str:
    """The refusal of one recipient, or nothing if it is accepted."""
    local, _, domain = (part.lower() for part in address.rpartition("@"))
    if behaviour == "mixed":
        prefixes = {"full": "full", "grey": "greylist", "unknown": "unknown", "defer": "defer"}
        behaviour = next((kind for prefix, kind in prefixes.items() if local.startswith(prefix)), "accept")
    if behaviour == "greylist":
        since = first_seen.setdefault((sender, address), time.time())
        if domain == "grey60.test" and time.time() - since > 60:
            return ""
        return f"450 4.2.0 <{address}>: Recipient address rejected: Greylisted, see http://grey.example/{domain}.html"
    if behaviour == "hostile":
        return HOSTILE_PERMANENT if local.startswith("perm") else HOSTILE
    return {
        "full": f"452 4.2.2 <{address}>: Mailbox full, quota exceeded (5120000 of 5120000 KB)",
        "unknown": f"550 5.1.1 <{address}>: Recipient address rejected: User unknown in virtual mailbox table",
        "defer": "451 4.3.0 Temporary lookup failure",
    }.get(behaviour, "")


class Session:
    """One SMTP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, behaviours: dict[str, str]) -> None:
        self.reader, self.writer = reader, writer
        self.address: str = writer.get_extra_info("sockname")[0]
        self.peer: str = writer.get_extra_info("peername")[0]
        self.behaviour = "accept" if ACCEPT_ALL.exists() else behaviours.get(self.address, "accept")
        self.name = f"mx{re.split('[.:]', self.address)[-1]}.sink.lab.test"
        self.sender, self.recipients, self.delay, self.secure = "", list[str](), 0, False

    async def say(self, text: str) -> None:
        self.writer.write(text.encode("latin-1", "replace") + b"\r\n")
        await self.writer.drain()

    async def run(self) -> None:
        if self.behaviour == "nobanner":
            await asyncio.sleep(900)
            return
        if self.behaviour == "busy":
            await self.say(BUSY)
            return
        if self.behaviour == "slow":
            await asyncio.sleep(2)
        await self.say(f"220 {self.name} ESMTP lab sink")
        while line := await asyncio.wait_for(self.reader.readline(), 600):
            command = line.decode("latin-1").strip()
            if not await self.answer(command[:4].upper(), command):
                return

    async def answer(self, verb: str, command: str) -> bool:
        """Answer one command; false when the connection is over."""
        if verb == "EHLO":
            words = ["PIPELINING", "SIZE 20480000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN"]
            if self.behaviour in ("accept", "tlsbroken") and not self.secure:
                words.append("STARTTLS")
            await self.say("\r\n".join([f"250-{self.name}", *(f"250-{w}" for w in words[:-1]), f"250 {words[-1]}"]))
        elif verb == "STAR":
            await self.say("220 2.0.0 Ready to start TLS")
            return await self.start_tls()
        elif verb == "MAIL":
            self.sender, self.recipients, self.delay = self.argument(command), [], 0
            blocked = f"554 5.7.1 Service unavailable; Client host [{self.peer}] blocked using dnsbl.test"
            await self.say(blocked if self.behaviour == "policy" else "250 2.1.0 Ok")
        elif verb == "RCPT":
            await self.recipient(self.argument(command))
        elif verb == "DATA":
            return await self.data()
        else:
            replies = {"HELO": "250 hello", "RSET": "250 2.0.0 Ok", "NOOP": "250 2.0.0 Ok", "QUIT": "221 2.0.0 Bye"}
            await self.say(replies.get(verb, "502 5.5.2 Error: command not recognized"))
            return verb != "QUIT"
        return True

    @staticmethod
    def argument(command: str) -> str:
        found = re.search("<(.*)>", command)
        return found.group(1) if found else ""

    async def start_tls(self) -> bool:
        if self.behaviour == "tlsbroken":
            self.writer.write(b"\x15\x03\x01\x00\x02\x02\x28 not tls at all\r\n")
            await self.writer.drain()
            return False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*TLS_FILES)
        await self.writer.start_tls(context)
        self.secure = True
        return True

    async def recipient(self, address: str) -> None:
        refusal = recipient_reply(self.behaviour, address, self.sender)
        if not refusal:
            self.recipients.append(address)
        if self.behaviour == "slow":
            asked = re.match(r"s(\d+)@", address)
            self.delay = max(self.delay, int(asked.group(1)) if asked else 30)
        await self.say(refusal or "250 2.1.5 Ok")

    async def data(self) -> bool:
        if not self.recipients:
            await self.say("554 5.5.1 Error: no valid recipients")
            return True
        await self.say("354 End data with <CR><LF>.<CR><LF>")
        if self.behaviour == "drop":
            await self.reader.read(500)
            self.writer.transport.abort()
            return False
        head, size, in_head = b"", 0, True
        while (line := await asyncio.wait_for(self.reader.readline(), 600)) != b".\r\n":
            if not line:
                return False
            size += len(line)
            in_head = in_head and line != b"\r\n" and len(head) < 65536
            head += line if in_head else b""
        await asyncio.sleep(self.delay)
        if self.behaviour == "tempdata":
            await self.say(FILTER_DOWN)
            return True
        self.note(head, size)
        await self.say(f"250 2.0.0 Ok: queued as {time.time_ns() // 1000 % 2**32:X}")
        return True

    def note(self, head: bytes, size: int) -> None:
        headers = email.message_from_bytes(head, policy=policy.compat32)
        record = {
            "at": round(time.time(), 1), "address": self.address, "peer": self.peer, "tls": self.secure,
            "from": self.sender, "to": self.recipients, "size": size,
            "subject": str(headers["Subject"]), "id": str(headers["Message-ID"]),
        }  # fmt: skip
        with ACCEPTED.open("a") as file:
            file.write(json.dumps(record) + "\n")


async def main() -> None:
    """Listen wherever the table says that something listens."""
    rows = [line.split() for line in Path(sys.argv[1]).read_text().splitlines() if line and not line.startswith("#")]
    behaviours = {f"{NET}{octet}": behaviour for octet, behaviour, *_ in rows}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Session(reader, writer, behaviours).run()
        except FAULTS:
            pass
        finally:
            writer.close()

    addresses = [address for address, behaviour in behaviours.items() if behaviour not in NOT_LISTENING]
    servers = [await asyncio.start_server(serve, address, 25, limit=2**22) for address in [*addresses, "fd77::50"]]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
