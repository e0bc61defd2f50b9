"""Whatever shell a login has and whatever that prints: the answers are right, or one line says why there are none."""

import pytest

from tests.lab.harness import Lab
from tests.lab.truth import answer, filled, run

WORK = ("bash", "dash", "zsh", "tcsh", "fish", "mksh", "ash", "noisy")


@pytest.mark.parametrize("shell", WORK)
def test_shells_that_work_fully(lab: Lab, shell: str) -> None:
    filled(lab, "sm1", 150)
    login = f"sm1-sh-{shell}"

    def counted() -> bool:
        before = len(lab.queue_files("sm1"))
        (found,) = answer(lab, "count", "queue", "count", login)["hosts"]
        assert found["states"]["held"] > 0
        return bool(before == found["total"] == len(lab.queue_files("sm1")))

    lab.wait(counted, 90, f"{login} counting what is there")
    (tested,) = answer(lab, "hosts", "hosts", "test", login)["hosts"]
    assert (tested["state"], tested["mta"], tested["mta_version"][:5]) == ("ok", "sendmail", "8.17.")
    assert tested["capabilities"]["list"]["allowed"]
    assert abs(tested["clock_skew"]) < 1
    assert tested["latency"] < 2


def test_noise_is_nowhere_in_the_answers(lab: Lab) -> None:
    for words in (("queue", "list"), ("stats",), ("doctor",)):
        done = run(lab, *words, "sm1-sh-noisy", "--json")
        assert done.code == 0, done.err
        for noise in ("news item", "ready>", "Welcome", "AUTHORISED", "cd is not what you think"):
            assert noise not in done.out + done.err


@pytest.mark.parametrize(
    ("shell", "said"), [("rbash", "exec: restricted"), ("nologin", "This account is currently not available.")]
)
def test_shells_that_run_nothing_are_explained_in_one_line(lab: Lab, shell: str, said: str) -> None:
    login = f"sm1-sh-{shell}"
    (found,) = answer(lab, "count", "queue", "count", login, code=5)["hosts"]
    assert found["error"]["kind"] == "restricted-shell"
    assert found["error"]["message"].startswith("the login shell does not run /bin/sh for us: ")
    assert found["error"]["message"].endswith(said)
    assert "\n" not in found["error"]["message"]
    (tested,) = answer(lab, "hosts", "hosts", "test", login, code=5)["hosts"]
    assert tested["state"] == "restricted-shell"
    done = run(lab, "queue", "count", login)
    line, cure = done.err.splitlines()
    assert line == f"{login}: {found['error']['message']}"
    assert cure == f"  {found['error']['cure']}" != "  "
