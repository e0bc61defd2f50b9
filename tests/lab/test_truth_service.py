"""Only the runner of the client queue is killed: it is named, by the command and in the live store."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from mailtui.config import Host, load, resolve
from mailtui.fleet import Fleet
from tests.lab.harness import Lab, Process
from tests.lab.truth import answer

REFRESH = 1.0


@pytest.fixture
def host(lab: Lab) -> Iterator[Host]:
    """The host; its client queue has a runner before and after."""
    (found,) = resolve(load(lab.config_path), ["sm1-root"])
    restarted(lab)
    yield replace(found, refresh=REFRESH)
    restarted(lab)


def runner(lab: Lab) -> Process | None:
    return next((p for p in lab.processes("sm1") if "MSP: Queue runner" in p.command), None)


def restarted(lab: Lab) -> None:
    if runner(lab) is None:
        lab.exec("sm1", "/usr/sbin/sendmail-msp -Ac -L sm-msp-queue -q10m </dev/null >/dev/null 2>&1")
        lab.wait(lambda: runner(lab))


def killed(lab: Lab) -> None:
    victim = runner(lab)
    assert victim is not None
    lab.kill("sm1", victim)
    lab.wait(lambda: runner(lab) is None)


def states(lab: Lab, login: str) -> dict[str, str]:
    (found,) = answer(lab, "stats", "stats", login)["hosts"]
    assert found["service"]["daemon"] is True
    assert found["service"]["accepting"] == "yes"
    assert "0.0.0.0:25" in found["service"]["listening"]
    return {each["queue"]: each["state"] for each in found["service"]["queue_runners"]}


def test_named_by_the_command(lab: Lab, host: Host) -> None:
    assert states(lab, "sm1-root") == {"mqueue": "running", "mqueue-client": "running"}
    killed(lab)
    assert states(lab, "sm1-root") == {"mqueue": "running", "mqueue-client": "dead"}
    for login in ("sm1-oncall", "sm1-guest"):  # who may not see how the daemon itself was started
        seen = states(lab, login)
        assert seen["mqueue-client"] == "dead"
        assert seen["mqueue"] in ("running", "unknown")
    restarted(lab)
    assert states(lab, "sm1-root") == {"mqueue": "running", "mqueue-client": "running"}


async def test_named_within_two_refreshes_in_the_live_store(lab: Lab, host: Host) -> None:
    async with Fleet([host]) as fleet:

        async def shown(state: str, samples: int) -> int:
            """Wait until the client queue's runner is shown so; the samples that it took."""
            seen: list[float] = []
            async with asyncio.timeout(30):
                while True:
                    stats = fleet.store.host(host.name).stats
                    if stats is not None and stats.taken_at not in seen:
                        seen.append(stats.taken_at)
                        if {each.queue: str(each.state) for each in stats.service.queue_runners} == {
                            "mqueue": "running",
                            "mqueue-client": state,
                        }:
                            return len(seen)
                    assert len(seen) <= samples, (state, stats)
                    await asyncio.sleep(0.02)

        await shown("running", 5)
        await asyncio.to_thread(killed, lab)
        assert await shown("dead", 3) <= 3  # the one that was there already, and two refreshes
        await asyncio.to_thread(restarted, lab)
        await shown("running", 3)


def test_a_dead_daemon_is_no_dead_link(lab: Lab, host: Host) -> None:
    """The daemon itself: said to be down, by a host that answers."""
    daemon = next(p for p in lab.processes("sm1") if "accepting connections" in p.command)
    lab.kill("sm1", daemon)
    try:
        (found,) = answer(lab, "stats", "stats", "sm1-root")["hosts"]
        assert "error" not in found
        assert found["service"]["daemon"] is False
        assert found["service"]["accepting"] == "no"
        runners = {each["queue"]: each["state"] for each in found["service"]["queue_runners"]}
        assert runners == {"mqueue": "dead", "mqueue-client": "running"}
    finally:
        lab.exec("sm1", "/usr/sbin/sendmail-mta -Am -L sm-mta -bd -q10m </dev/null >/dev/null 2>&1")
        lab.wait(lambda: "accepting connections" in str(lab.processes("sm1")))
