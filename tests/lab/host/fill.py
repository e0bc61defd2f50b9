"""Realistic (and hostile) mail through a lab host's own MTA: `fill.py inside|outside HOST N`.

inside, run on the host: N messages by SMTP and a few by the sendmail command, to domains with every kind of outcome.
outside, run on another: N/20 rounds of attempts that HOST must refuse, defer, quarantine or authenticate.
The same N gives the same mail, from 100 on.
"""

import base64
import random
import smtplib
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

OUTCOMES = {
    "accept.test": 8, "partner.test": 4, "customer.test": 4, "news.test": 3, "xn--bcher-kva.test": 2, "v6only.test": 1,
    "twomx.test": 2, "refused.test": 12, "timeout.test": 7, "unreach.test": 4, "grey.test": 12, "full.test": 9,
    "busy.test": 6, "tempdata.test": 6, "drop.test": 4, "tlsbroken.test": 3, "nobanner.test": 1, "bogus.test": 3,
    "badmx.test": 2, "nosuch.test": 3, "nullmx.test": 1, "loop.test": 1, "reject.test": 4, "policy.test": 2,
    "hostile.test": 4, "slow.test": 1,
}  # fmt: skip
"""Domain to weight."""

NAMES = ["anna", "bob", "carla", "dmitri", "elena", "faruk", "grace", "hiro", "ines", "jonas", "kofi", "lena", "marek"]


def encoded(text: str, charset: str = "utf-8") -> str:
    """An encoded word."""
    return f"=?{charset}?B?{base64.b64encode(text.encode(charset)).decode()}?="


SUBJECTS = [
    "Invoice 2026-{0}", "Re: meeting on Thursday", "Your order #{0} has shipped", "Password reset", "Weekly report {0}",
    "[JIRA] (OPS-{0}) Disk almost full", "Fwd: Fwd: photos", "Newsletter {0}", "Backup finished on db{0}",
    encoded("Grüße aus München – Größe {0}"), encoded("日本語の件名です"), encoded("Счёт на оплату", "koi8-r"),
    "=?iso-8859-1?Q?R=E9union_de_l'=E9quipe?=", "=?utf-8?Q?=F0=9F=94=A5_Sale_ends_today!?=", encoded("שלום עולם"),
    "Raw 8-bit: Grüße", "",
]  # fmt: skip
HOSTILE_SUBJECTS = [
    "\x1b[2J\x1b[H\x1b[31mPWNED by escape", "\x1b]0;evil title\x07bell\x07\x07",
    "\x1b]52;c;cm0gLXJmIC8=\x07clipboard", "[bold red]markup[/bold red] [@click=app.quit]quit[/]",
    "[/] unbalanced [[[ [/bold] \\[x]", "`id` $(touch /tmp/pwned) ; rm -rf / | cat && echo",
    "=?utf-8?Q?=1B[31mencoded_escape=1B[0m_=E2=80=AEtxt.exe?=", "\x9b31mC1 CSI \x85 \x90dcs\x9c", "A" * 900,
    "x\r\n " * 30 + "folded", "tab\there\x00nul", "%s%n%x {} ${HOME}", "\u202egnp.exe RTL \u200b\u200bzero \ufeff",
    "=?utf-8?B?////?= =?x-unknown?Q?z?=", "Subject: nested\tSubject: x",
]  # fmt: skip
HOSTILE_LOCAL = [
    '"two words"', '"semi;colon"', '"$(touch /tmp/pwned)"', '"`id`"', '"a|b>c<d"', '"[bold red]x[/]"',
    '"quote\\"inside"', '"back\\\\slash"', "-flag", "--help", "user+tag", "o'brien", "a/b", "..", "x%y", "x!y",
    "{curly}", "*", "~root", "#hash", "$HOME", "&amp", "=eq", "a" * 64, "very.long." * 20 + "local",
    '"esc\x1b[31mred"', '"tab\there"', '"comma,inside"', '"at@inside"', '"(paren)"', "café", '"<angle>"', '"\\ "',
]  # fmt: skip
HOSTILE_DOMAIN = [
    "grey.test", "full.test", "refused.test", ".".join(["d" * 60] * 4) + ".test", "sub.grey.test",
    "xn--bcher-kva.test", "[10.77.0.62]", "[IPv6:fd77::62]",
]  # fmt: skip
LINE = "The quick brown fox jumps over the lazy dog. 0123456789 abcdefghijkl\r\n"

Envelope = tuple[str, list[str], str]
"""Sender, recipients, message."""


class Mail:
    """Makes messages; the same seed, the same mail."""

    def __init__(self, host: str, seed: str) -> None:
        self.host, self.random = f"{host}.lab.test", random.Random(seed)

    def user(self) -> str:
        return f"{self.random.choice(NAMES)}.{self.random.randint(1, 999)}"

    def anybody(self) -> str:
        return f"{self.user()}@{self.random.choices(list(OUTCOMES), list(OUTCOMES.values()))[0]}"

    def at(self, *domains: str) -> str:
        return f"{self.user()}@{self.random.choice(domains)}"

    def body(self) -> str:
        chance, between = self.random.random(), self.random.randint
        size = between(900, 20_000)
        if chance < 0.03:
            size = between(200_000, 900_000)
        elif chance < 0.15:
            size = between(20_000, 150_000)
        return (LINE * (size // len(LINE) + 1))[:size] + "\r\n"

    def message(self, number: int) -> Envelope:
        """One of the kinds that a queue holds, drawn by chance."""
        pick, chance = self.random, self.random.random()
        sender, extra, subject = f"{self.user()}@{self.host}", "", pick.choice(SUBJECTS).replace("{0}", str(number))
        recipients = [self.anybody()]
        if chance < 0.05:  # recipients that fare differently in one transaction
            kinds = ["ok", "full", "grey", "unknown", "defer"]
            recipients = [f"{k}{j}@mixed.test" for j in range(pick.randint(2, 9)) for k in pick.sample(kinds, 2)]
        elif chance < 0.10:
            recipients = [self.anybody() for _ in range(pick.randint(2, 30))]
        elif chance < 0.17:
            recipients, subject = [self.at("grey.test", "full.test", "tempdata.test")], pick.choice(HOSTILE_SUBJECTS)
        elif chance < 0.23:
            domains = HOSTILE_DOMAIN[:3] if pick.random() < 0.7 else HOSTILE_DOMAIN
            recipients = [f"{pick.choice(HOSTILE_LOCAL)}@{pick.choice(domains)}"]
        elif chance < 0.25:
            sender, recipients = f"{pick.choice(HOSTILE_LOCAL)}@grey.test", [self.at("refused.test")]
        elif chance < 0.29:
            extra = "X-Lab: quarantine\r\n"
        elif chance < 0.31:
            sender, recipients = self.at("quar.test"), [self.at("accept.test")]
        elif chance < 0.35:  # a bounce in the queue
            sender, recipients = "", [self.at("refused.test", "grey.test", "timeout.test")]
        elif chance < 0.39:  # it will bounce, and the bounce will stick
            sender, recipients = self.at("refused.test", "full.test"), [f"nobody{number}@reject.test"]
        elif chance < 0.42:
            recipients = [f"localuser@{self.host}"]
        return sender, recipients, self.text(number, sender, recipients, subject, extra)

    def text(self, number: int, sender: str, recipients: list[str], subject: str, extra: str) -> str:
        # bogus.test among other addresses: its SERVFAIL in a header would stop the delivery to all of them.
        to = ", ".join(f"<{r}>" for r in recipients[:20] if len(recipients) == 1 or "bogus" not in r)
        return (
            f"From: {encoded('Jörg ' + self.random.choice(NAMES))} <{sender or 'MAILER-DAEMON@' + self.host}>\r\n"
            f"To: {to}\r\nSubject: {subject}\r\nX-Mailtui: fill-{number}\r\n{extra}"
            f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S +0000', time.gmtime())}\r\n"
            f"Message-ID: <{number}.{self.random.randrange(10**9)}@{self.host}>\r\nMIME-Version: 1.0\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\n\r\n{self.body()}"
        )


def connect(host: str, hello: str = "client.partner.test", source: str = "") -> smtplib.SMTP:
    """A greeted connection that sends addresses as they are, whatever is in them."""
    smtp = smtplib.SMTP(host, 25, hello, timeout=120, source_address=(source, 0) if source else None)
    smtp.command_encoding = "utf-8"
    smtp.ehlo()
    return smtp


def send(smtp: smtplib.SMTP, sender: str, recipients: list[str], text: str) -> int:
    """One transaction; the code that decided it."""
    code, _ = smtp.docmd("MAIL", f"FROM:<{sender}>")
    if code < 300:
        codes = [smtp.docmd("RCPT", f"TO:<{address}>")[0] for address in recipients]
        if min(codes) < 300:
            return smtp.data(text.encode("utf-8"))[0]
        code = codes[0]
    smtp.docmd("RSET")
    return code


def inside(host: str, count: int) -> None:
    """Fill the queues of the host this runs on."""
    mail = Mail(host, f"{count}{time.time() if count < 100 else ''}")
    todo = [mail.message(number) for number in range(count)]

    def batch(messages: list[Envelope]) -> Counter[str]:
        tally, smtp = Counter[str](), None
        for message in messages:
            try:
                smtp = smtp or connect("127.0.0.1", "localhost")
                code = send(smtp, *message)
                tally[str(code)] += 1
                smtp = None if code == 421 else smtp  # too many refused recipients: Sendmail hangs up
            except (OSError, smtplib.SMTPException) as fault:
                smtp = None
                tally[type(fault).__name__] += 1
        if smtp:
            smtp.close()
        return tally

    with ThreadPoolExecutor(4) as pool:
        answers = sum(pool.map(batch, (todo[start::8] for start in range(8))), Counter[str]())
    # By the command. tempsender.test is refused for now by the MTA, so its mail stays in the client queue.
    for number in range(max(2, count // 100)):
        for sender, recipient in [
            (f"cron{number}@tempsender.test", mail.at("accept.test")),
            (mail.at(mail.host), mail.anybody()),
        ]:
            text = f"Subject: from the command {number}\nTo: {recipient}\n\nhello\n".encode()
            subprocess.run(["/usr/sbin/sendmail", "-i", "-f", sender, recipient], input=text, check=False, timeout=60)
    print(f"{count} messages offered to {host}, answers: {dict(answers)}")


class Outside:
    """What the world tries on a mail host; each attempt is a method or a line of `attempts`."""

    TEXT = "Subject: from outside\r\nFrom: a@partner.test\r\n\r\nhello\r\n"

    def __init__(self, host: str) -> None:
        self.address, self.name = socket.gethostbyname(f"{host}.lab.test"), f"{host}.lab.test"
        self.known = f"localuser@{self.name}"
        self.tls = ssl.create_default_context()
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE

    def send(
        self, sender: str, recipient: str, head: str = "", hello: str = "client.partner.test", source: str = ""
    ) -> int:
        return send(connect(self.address, hello, source), sender, [recipient], head + self.TEXT)

    def secure(self) -> smtplib.SMTP:
        smtp = connect(self.address)
        smtp.starttls(context=self.tls)
        smtp.ehlo()
        return smtp

    def authenticated(self, password: str) -> int:
        smtp = self.secure()
        token = base64.b64encode(f"\0labuser@{self.name}\0{password}".encode()).decode()
        code, _ = smtp.docmd("AUTH", f"PLAIN {token}")
        return send(smtp, f"labuser@{self.name}", ["x@grey.test"], self.TEXT) if code == 235 else code

    def lost(self) -> int:
        smtp = connect(self.address)
        for command in ("MAIL FROM:<a@partner.test>", f"RCPT TO:<{self.known}>", "DATA"):
            code, _ = smtp.docmd(command)
        smtp.send(b"Subject: cut\r\n\r\nhalf")
        smtp.close()
        return code

    def not_tls(self) -> int:
        smtp = connect(self.address)
        code, _ = smtp.docmd("STARTTLS")
        smtp.send(b"GET / HTTP/1.0\r\n\r\n")
        smtp.close()
        return code

    def command(self, *words: str) -> int:
        return connect(self.address).docmd(*words)[0]

    def attempts(self, number: int) -> dict[str, Callable[[], int]]:
        result: dict[str, Callable[[], int]] = {
            "relaying": lambda: self.send("a@partner.test", "x@accept.test"),
            "accepted": lambda: self.send("a@partner.test", self.known),
        }
        if number % 3:
            return result
        for domain in ("spammer.test", "evil.test", "tempsender.test", "nosuch.test", "bogus.test", "quar.test"):
            result[f"from {domain}"] = partial(self.send, f"x@{domain}", self.known)
        for verdict in ("reject", "tempfail", "discard", "quarantine"):
            result[f"milter {verdict}"] = partial(self.send, "a@partner.test", self.known, f"X-Lab: {verdict}\r\n")
        return result | {
            "from an escape": lambda: self.send("\x1b[31mesc[b]@partner.test", self.known),
            "accepted by TLS": lambda: send(self.secure(), "b@customer.test", [self.known], self.TEXT),
            "unknown user": lambda: self.send("a@partner.test", f"nouser{number}@{self.name}"),
            "blocked recipient": lambda: self.send("a@partner.test", "blocked@lab.test"),
            "on the block list": lambda: self.send("a@partner.test", self.known, source="10.77.0.9"),
            "wrong password": lambda: self.authenticated("wrong"),
            "right password": lambda: self.authenticated("labpass"),
            "too big": lambda: self.command("MAIL", "FROM:<a@partner.test> SIZE=99999999"),
            "connection lost": self.lost,
            "no TLS after STARTTLS": self.not_tls,
            "odd greeting": lambda: self.send("a@partner.test", self.known, hello="\x1b[31m[bold]hello"),
            "no command": lambda: self.command("GET", "/ HTTP/1.0"),
            "VRFY": lambda: self.command("VRFY", "root"),
            "ETRN": lambda: self.command("ETRN", "grey.test"),
        }


def outside(host: str, count: int) -> None:
    """Try everything that the host must not simply accept."""
    world, tally = Outside(host), dict[str, Counter[str]]()
    for number in range(max(1, count // 20)):
        for name, attempt in world.attempts(number).items():
            try:
                answer = str(attempt())
            except (OSError, smtplib.SMTPException) as fault:
                answer = type(fault).__name__
            tally.setdefault(name, Counter())[answer] += 1
    for name, answers in tally.items():
        print(f"  {name}: {dict(answers)}")


if __name__ == "__main__":
    {"inside": inside, "outside": outside}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
