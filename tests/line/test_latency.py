"""A limit on how long an answer may take, through the real command line: readings of the clock, the verdict that rests on them, and a replay that takes them over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.line.tiny_project import Home
from tunesmith.evaluate.certificate import differing
from tunesmith.spec.certificate import CLOCK, Certificate
from tunesmith.spec.report import Answering
from tunesmith.spec.verdict import LineReport, Measured

pytestmark = [pytest.mark.line, pytest.mark.long]
NEVER, ALWAYS = ("--set", "decide.at_most_ms=0.001"), ("--set", "decide.at_most_ms=600000")
OF_MODELS = {"fine-tune", "prompt", "few-shot"}


@pytest.fixture(scope="module")
def limited(folder: Path) -> Home:
    """A home in which the project was run with a limit that no model can keep."""
    home = Home(folder.parent / "limited", folder)
    home.run("run", home.project(), *NEVER, "--json")
    home.run("certificate", "--write", str(certificate_of(home)))
    return home


def certificate_of(home: Home) -> Path:
    """Where the certificate of the first run lies."""
    return home.path.parent / "limited.json"


def latest(home: Home) -> tuple[LineReport, Measured]:
    store = home.store()
    artifact = store.get("latest", "line")
    found = artifact.load(LineReport), Measured.model_validate(artifact.sidecar()["measured"])
    store.close()
    return found


def test_every_finalist_has_a_latency_of_its_own_beside_what_a_row_takes_in_a_batch(limited: Home) -> None:
    report, measured = latest(limited)
    assert {pace.candidate for pace in measured.paces} == {one.candidate.name for one in report.finalists}
    store = limited.store()
    for finalist, pace in zip(report.finalists, measured.paces, strict=True):
        found = Answering.model_validate(store.get(finalist.artifact).sidecar()["answering"])
        assert pace.wait == finalist.wait  # what the verdict rests on: the fastest reading
        assert found.wait is not None
        assert pace.wait is not None
        assert pace.wait.p90_s <= found.wait.p90_s
        assert 1 <= pace.wait.n <= 20
        assert 0 < pace.wait.median_s <= pace.wait.p90_s
        assert pace.row_s == found.seconds / finalist.report.rows
        assert found.seconds < store.get(finalist.artifact).sidecar()["cost"]["seconds"]
    store.close()


def test_the_readings_on_dev_make_the_next_price_nearer(limited: Home) -> None:
    speeds = json.loads((limited.path / "speeds.json").read_text())
    [known] = speeds.values()
    single = [timed["work"] for timed in known["timed"] if timed["work"]["activity"] == "single"]
    assert single
    assert {work["rows"] for work in single} <= {1, 2, 3, 4, 5}


def test_what_no_model_can_keep_bars_every_model_and_what_all_keep_bars_none(limited: Home) -> None:
    slow, _ = latest(limited)
    verdict = slow.verdict
    assert (verdict.decision, verdict.recommended, verdict.goal_met) == ("nothing is fast enough", None, False)
    assert sum("is too slow: it takes up to" in reason and "0.001 ms are allowed" in reason for reason in verdict.reasons) == len(OF_MODELS)
    ran = limited.run("run", limited.project(), *ALWAYS, "--json")
    quick, _ = latest(limited)
    assert not any(title.startswith(("test ", "fine-tune")) for title in ran.done())  # a limit repeats no measurement
    limited.run("run", limited.project(), "--json")
    free, _ = latest(limited)
    assert all(one.wait is not None for one in quick.finalists)
    assert all(one.wait is None for one in free.finalists)
    assert quick.verdict.model_copy(update={"reasons": ()}) == free.verdict.model_copy(update={"reasons": ()})


def test_a_replay_takes_the_readings_from_its_plan_and_proves_the_same_to_the_digit(limited: Home, tmp_path: Path) -> None:
    first = certificate_of(limited)
    stated = Certificate.model_validate_json(first.read_text())
    assert stated.proof.plan is not None
    assert {name.partition(" ")[0] for name in stated.proof.plan["frozen"]["waits"]} == {"dev", "test"}
    checked = limited.run("verify", str(first), "--json")
    assert checked.json()["result"] == "holds"  # a reading is told, and nothing has to agree with it
    assert "few-shot, asked one question after another: nine of ten within" in " ".join(checked.err.split())
    other = Home(tmp_path / "home", limited.folder)
    other.run("run", other.project(), *NEVER, "--plan", str(first), "--json")
    again = tmp_path / "again.json"
    other.run("certificate", "--write", str(again))
    found = Certificate.model_validate_json(again.read_text())
    assert differing(stated.proof.model_dump(mode="json"), found.proof.model_dump(mode="json"), 0.0) == []
    assert stated.clock is not None
    assert found.clock is not None
    assert [pace.wait for pace in stated.clock.paces] == [pace.wait for pace in found.clock.paces]  # what the verdict rests on is the plan's
    assert [pace.row_s for pace in stated.clock.paces] != [pace.row_s for pace in found.clock.paces]  # the clock was read again
    held = other.run("verify", str(first), "--json").json()
    assert held["result"] == "holds"  # in the store of a replay too, where the clock was another run's
    assert CLOCK not in [check["topic"] for check in held["checks"]]
