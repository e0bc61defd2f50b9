"""What the screen of one message asks of its host: all headers, and its lines in current and rotated logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mailtui import logsearch
from mailtui.errors import HostError, MailtuiError, Unreachable
from mailtui.mta.contract import LogQuery
from mailtui.screens.message import LINES

if TYPE_CHECKING:
    from mailtui.fleet import Fleet
    from mailtui.screens.message import MessageScreen

SECONDS: Final = 60.0
"""How long a host may search its logs for a message that is only looked at."""


async def headers(fleet: Fleet, screen: MessageScreen) -> None:
    """Read the message anew with its headers, and show them or why there are none."""
    try:
        newer = await fleet.show(screen.host, screen.message.key)
    except HostError as error:
        screen.say_no_headers(error.message)
        return
    screen.show_message(newer)


async def log_lines(fleet: Fleet, screen: MessageScreen) -> None:
    """Search the host's logs for the message, and show what stands there or why it is not known."""
    try:
        link = fleet.link(screen.host)
        if link is None:
            raise Unreachable("there is no link to the host now")
        found = await logsearch.look(link, LogQuery(id=screen.message.id, last=LINES), SECONDS)
    except MailtuiError as error:
        screen.say_not_searched(error.message)
        return
    screen.show_log(found.records, found.missing)
