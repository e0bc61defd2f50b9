"""`mailtui hosts`: list, test and trust."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailtui.cli import hosting, records, say
from mailtui.cli.options import Parser, examples
from mailtui.cli.output import Document, send, write
from mailtui.cli.ping import ping
from mailtui.cli.table import Column
from mailtui.cli.times import seconds
from mailtui.text import show_line

if TYPE_CHECKING:
    from mailtui.model import Capability, Identity
    from mailtui.session import Answer, Link


def add(parser: Parser) -> None:
    """Describe `mailtui hosts`."""
    from mailtui.cli import trust

    verb = parser.verbs()
    listing = verb(
        "list",
        help="all hosts",
        description="List the hosts of the configuration; none is connected to.",
        epilog=examples("mailtui hosts list", "mailtui hosts list --names"),
    )
    listing.add_argument("--names", action="store_true", help="only the names, one a line")
    listing.set_defaults(run=run_list)
    testing = verb(
        "test",
        help="what works on them",
        description="Connect to hosts and find what the login may do.",
        epilog=examples("mailtui hosts test", "mailtui hosts test mx1 --json"),
    )
    hosting.add_hosts(testing, some=False)
    testing.set_defaults(run=run_test)
    trust.add(verb)


def run_list(args: Namespace) -> int:
    """Run `mailtui hosts list`."""
    if args.names and args.output == "table":
        send(f"{show_line(name)}\n" for name in hosting.names(args))
        return 0
    config = hosting.configuration(args)
    rows = [records.host(host) for host in config.hosts]
    if not rows:
        say.remark("no host is configured")
    write(args, Document("host-list", {"hosts": rows}, lambda: rows, LIST_COLUMNS, record="host"))
    return 0


LIST_COLUMNS = (
    Column("NAME", "name"),
    Column("ADDRESS", "address"),
    Column("USER", "user"),
    Column("PORT", "port", right=True),
    Column("MTA", "mta"),
    Column("MODE", "mode"),
    Column("TAGS", "tags", form=" ".join),
    Column("GROUPS", "groups", form=" ".join),
)


# --- test -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tested:
    """What a host that answered is."""

    identity: Identity
    capabilities: tuple[Capability, ...]
    latency: float | None


async def probe(link: Link) -> Tested:
    """Find what a login may do on a host and how far away it is."""
    capabilities = (await link.capabilities()).value
    return Tested(link.identity, capabilities, await ping(link))


def run_test(args: Namespace) -> int:
    """Run `mailtui hosts test`."""
    answers = hosting.ask(args, hosting.hosts_of(args, args.hosts), probe)
    rows = [tested(answer) for answer in answers]
    write(args, Document("hosts", {"hosts": rows}, lambda: rows, TEST_COLUMNS, record="tested"))
    return hosting.settle(answers)


def tested(answer: Answer[Tested]) -> records.Object:
    """Give a host's object of `hosts test`."""
    found = answer.value
    if found is None or answer.error is not None:
        state = answer.error.kind if answer.error is not None else "unreachable"
        nothing = dict.fromkeys(("mta", "mta_version", "instances", "latency", "clock_skew", "capabilities"))
        row: records.Object = {"name": answer.host.name, "state": state, **nothing}
        return row if answer.error is None else {**row, "error": records.error(answer.error)}
    return {
        "name": answer.host.name,
        "state": "ok",
        "mta": found.identity.mta,
        "mta_version": found.identity.version,
        "instances": list(found.identity.instances),
        "latency": seconds(found.latency),
        "clock_skew": seconds(found.identity.clock_skew),
        "capabilities": records.capabilities(found.capabilities),
    }


def may(capabilities: records.Object | None) -> str:
    """Write which capabilities are allowed."""
    if capabilities is None:
        return "-"
    return " ".join(name for name, right in capabilities.items() if right["allowed"]) or "nothing"


def milliseconds(value: float | None) -> str:
    """Write a latency."""
    return "-" if value is None else f"{value * 1000:.0f} ms"


def skew(value: float | None) -> str:
    """Write a clock's difference from ours."""
    return "-" if value is None else f"{value:+.1f} s"


TEST_COLUMNS = (
    Column("NAME", "name"),
    Column("STATE", "state", style=lambda state: "ok" if state == "ok" else "bad"),
    Column("MTA", "mta"),
    Column("VERSION", "mta_version"),
    Column("LATENCY", "latency", form=milliseconds, right=True),
    Column("CLOCK", "clock_skew", form=skew, right=True),
    Column("THE LOGIN MAY", "capabilities", form=may),
)
