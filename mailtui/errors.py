"""Everything that can go wrong, as one tree, each with its exit code and its cure.

    MailtuiError                      exit
    +- UsageError                     2     (ValueError)      a bad argument or expression
    +- ConfigError                    2     (ValueError)      the configuration has faults
    +- HostError                      3     what keeps a host from being read; `kind` is a host state of contract.md
    |  +- Unreachable                 3     (ConnectionError) no TCP, no DNS, no banner, link lost while reading
    |  |  +- Misconfigured            3     the SSH configuration of this host has faults; never retried by itself
    |  +- TimedOut                    3     (TimeoutError)    the host answered, but not within the limit
    |  |  +- NotBegun                 3     nothing was sent to the host: no channel of its connection was free
    |  +- AuthenticationFailed        4     (PermissionError) never retried by itself
    |  +- HostKeyRefused              4     (PermissionError) unknown, changed or revoked host key
    |  +- NeedsInput                  4     a question only a person can answer
    |  +- Refused                     5     (PermissionError) read-only, or the login may not
    |  +- RestrictedShell             5     the login shell runs no commands of ours
    |  +- NoMta                       1     no mail server that we know
    |  +- Unsupported                 1     a mail server or version without an adapter
    +- NotWritten                   1     (OSError)         the result could not be written
    +- OutcomeUnknown                 7     the link died while something was being changed
    +- Interrupted                    130   the user stopped it

Exceptions are for the inside; at the border (store, JSON) a host's failure is data.
"""

from __future__ import annotations

from typing import ClassVar, Final

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
AUTH: Final = 4
REFUSED: Final = 5
PARTLY: Final = 6
UNKNOWN: Final = 7
INTERRUPTED: Final = 130


class MailtuiError(Exception):
    """Anything mailtui says no to; `cure` is what the user can do about it."""

    exit_code: ClassVar[int] = FAILED

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure


class UsageError(MailtuiError, ValueError):
    """A bad argument, name or filter expression."""

    exit_code = USAGE


class ConfigError(MailtuiError, ValueError):
    """The configuration has faults; the message holds one `file:line:column` line for each."""

    exit_code = USAGE


class NotWritten(MailtuiError, OSError):
    """The result could not be written: standard output's disk is full, or its device broken."""


class HostError(MailtuiError):
    """What keeps a host from being read."""

    exit_code = UNREACHABLE
    kind: ClassVar[str] = "unreachable"


class Unreachable(HostError, ConnectionError):
    """No connection could be made, or it was lost."""


class Misconfigured(Unreachable):
    """The SSH configuration for this host has faults, so that no connection is tried."""


class TimedOut(HostError, TimeoutError):
    """The host did not answer within the limit."""


class NotBegun(TimedOut):
    """No channel to the host came free within the limit: it is certain that nothing was sent to it."""


class AuthenticationFailed(HostError, PermissionError):
    """The host refused the login; never retried by itself."""

    exit_code = AUTH
    kind = "auth"


class HostKeyRefused(HostError, PermissionError):
    """The host's key is unknown, has changed or is revoked."""

    exit_code = AUTH
    kind = "host-key"

    def __init__(self, message: str, cure: str = "", *, offered: str = "", known: tuple[str, ...] = ()) -> None:
        super().__init__(message, cure)
        self.offered = offered
        """SHA256 fingerprint of the key the host showed."""
        self.known = known
        """Fingerprints that are trusted for this host."""


class NeedsInput(HostError):
    """The host asks something that only a person can answer."""

    exit_code = AUTH
    kind = "needs-input"


class Refused(HostError, PermissionError):
    """Read-only mode, or the login may not; `cure` says what would allow it."""

    exit_code = REFUSED
    kind = "refused"


class RestrictedShell(HostError):
    """The login shell does not run commands of ours (rbash, nologin, ForceCommand)."""

    exit_code = REFUSED
    kind = "restricted-shell"


class NoMta(HostError):
    """No mail server that mailtui knows is installed on the host."""

    exit_code = FAILED
    kind = "no-mta"


class Unsupported(HostError):
    """The host's mail server has no adapter here, or lacks what is asked of it."""

    exit_code = FAILED
    kind = "unsupported"


class OutcomeUnknown(MailtuiError):
    """The link died in the act; only reading the host again tells what happened."""

    exit_code = UNKNOWN


class Interrupted(MailtuiError):
    """The user stopped it."""

    exit_code = INTERRUPTED
