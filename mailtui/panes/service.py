"""One host's mail server: daemon, listeners, queue runners, limits, rights of the login."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from mailtui.clock import SYSTEM, Clock
from mailtui.model import Accepting, Limit, QueueRunner, RunnerState, Stats
from mailtui.panes import units
from mailtui.panes.health import STYLES, link_trouble, runner_name, silent, stats_stale
from mailtui.panes.pane import Pane, cell
from mailtui.store import HostView, Store, Topic
from mailtui.text import show_line
from mailtui.widgets.fields import Field, Fields

RUNNER_STYLES = {RunnerState.RUNNING: "$success", RunnerState.DEAD: "bold $error", RunnerState.UNKNOWN: "$stale"}
ACCEPTING_STYLES = {Accepting.YES: "$success", Accepting.NO: "bold $error", Accepting.UNKNOWN: "$stale"}


def service_fields(stats: Stats, now: float) -> list[Field]:
    """Say how the mail server stands; pure."""
    service = stats.service
    daemon = {True: ("running", "$success"), False: ("NOT RUNNING", "bold $error"), None: ("could not tell", "$stale")}
    accepting = f"{service.accepting.value}" + (f": {service.why_not}" if service.why_not else "")
    fields = [
        Field("daemon", cell(*daemon[service.daemon])),
        Field("accepts mail", cell(accepting, ACCEPTING_STYLES[service.accepting])),
    ]
    fields += [
        Field(show_line(f"{runner_name(runner.queue)} runner"), _runner(runner, now))
        # a low pane shows few lines: what is dead must be among them
        for runner in sorted(service.queue_runners, key=lambda runner: runner.state is not RunnerState.DEAD)
    ]
    fields.append(Field("listening", cell(", ".join(service.listening) or "nowhere that we can see")))
    fields += [Field(show_line(limit.name), _limit(limit)) for limit in stats.limits]
    if stats.processes is not None:
        fields.append(Field("processes", cell(f"{stats.processes.mta} of the MTA, {stats.processes.total} in all")))
    rates = stats.rates
    if rates.received is not None or rates.delivered is not None:
        words = f"{units.rate(rates.received)} in, {units.rate(rates.delivered)} out a minute"
        fields.append(Field("messages", cell(words)))
    if stats.uptime is not None:
        fields.append(Field("host up", cell(units.age(stats.uptime))))
    return fields


def _runner(runner: QueueRunner, now: float) -> Content:
    words = runner.state.value if runner.state is not RunnerState.DEAD else "DEAD: nothing tries this queue"
    every = f", every {units.age(runner.interval)}" if runner.interval else ""
    last = f", last run {units.age(now - runner.last_run_at)} ago" if runner.last_run_at else ""
    return Content.assemble((words, RUNNER_STYLES[runner.state]), (every + last, "$muted"))


def _limit(limit: Limit) -> Content:
    near = limit.limit > 0 and limit.used >= 0.9 * limit.limit
    return cell(f"{limit.used:.3g} of {limit.limit:g}", "bold $warning" if near else "")


def rights_fields(view: HostView) -> list[Field]:
    """Say what the login may do here, and what would allow the rest; pure."""
    if view.identity is None:
        return []
    may = [right.name for right in view.capabilities if right.allowed]
    fields = [Field("Rights of this login"), Field("login", cell(view.identity.login))]
    if view.capabilities:
        fields.append(Field("may", cell(", ".join(may) or "nothing", "$success" if may else "$warning")))
    for name in ("list", "read", "logs", "stats"):
        right = next((right for right in view.capabilities if right.name == name), None)
        if right is not None and not right.allowed:
            fields.append(
                Field(f"no {name}", cell(f"{right.why}. {right.cure}" if right.cure else right.why, "$warning"))
            )
    return fields


def host_fields(view: HostView) -> list[Field]:
    """Say what the host is; pure."""
    identity = view.identity
    if identity is None:
        return []
    fields = [Field("Host"), Field("mail server", cell(f"{identity.mta} {identity.version}"))]
    for label, fact in (("system", "os"), ("configuration", "cf"), ("queue", "queue_directory")):
        value = identity.fact(fact)
        if value:
            fields.append(Field(label, cell(value)))
    if identity.clock_skew is not None and abs(identity.clock_skew) > 2:
        fields.append(Field("clock", cell(f"{identity.clock_skew:+.0f} s against ours", "$warning")))
    return fields


def faded(field: Field) -> Field:
    """Give a field whose value is known from before only: it promises nothing by its colour."""
    return field if field.value is None else Field(field.label, Content.styled(field.value.plain, "$stale"))


class ServicePane(Pane):
    """What the mail server does and what the login may."""

    topics = frozenset({Topic.STATS, Topic.LINK})
    evidence_topic = "rights"

    def __init__(self, store: Store, host: str, refresh: float, *, clock: Clock = SYSTEM) -> None:
        super().__init__(store, host, clock=clock, id="service")
        self._refresh = refresh

    def compose(self) -> ComposeResult:
        """Lay out the fields."""
        with VerticalScroll(can_focus=True):
            yield Fields(id="service-fields")

    def pull(self) -> None:
        """Show the newest sample."""
        view, now = self.store.host(self.host or ""), self.clock.wall()
        self.query_one(Fields).show_fields(self._fields(view, now))
        stats = view.stats
        stale = stats_stale(view, now, self._refresh)
        age = f" STALE {units.age(now - stats.taken_at)}" if stale and stats is not None else ""
        self.set_class(stale, "-stale")
        self.set_title(f"4 Service{age}")

    def tick(self) -> None:
        """Let times grow."""
        self.pull()

    def _fields(self, view: HostView, now: float) -> Sequence[Field]:
        fields: list[Field] = []
        trouble = link_trouble(view, now)
        if trouble is not None:
            fields.append(Field("link", cell(trouble.text.removeprefix("link: "), STYLES[trouble.rank])))
            if trouble.cure:
                fields.append(Field("what helps", cell(trouble.cure)))
        known = service_fields(view.stats, now) if view.stats is not None else []
        known += rights_fields(view)
        if silent(view, now) or stats_stale(view, now, self._refresh):
            known = [faded(field) for field in known]
        return [*fields, *known, *host_fields(view)]
