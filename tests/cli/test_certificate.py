"""`tunesmith certificate` and `tunesmith verify`: what they print and write, and how they end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from tests.cli.conftest import HOSTILE, SHOWN, keep, line_report
from tunesmith.cli import certificate as certificate_command
from tunesmith.cli import report as report_command
from tunesmith.cli import verify as verify_command
from tunesmith.errors import BadProject, NotFound
from tunesmith.spec.certificate import Certificate, Check, Code, Locked, Proof, Verification
from tunesmith.spec.verdict import Known, Measured
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.verify import result_of


def proof() -> Proof:
    report = line_report("dataset-0", "checkpoint-0")
    verdict = report.verdict
    return Proof(
        project=report.project, task=report.task, kind="route", kind_reason="the project says so", goal=report.goal, line="line-0", decision=verdict.decision, headline=verdict.headline, reasons=verdict.reasons,
        settle="", metric=verdict.metric, winner=verdict.winner, recommended="tuned", goal_met=True, tried=(), entrants=(), comparisons=verdict.comparisons,
        worse=(f"it lost {HOSTILE}",), locked=Locked(dataset="dataset-0", rows=600, clusters=None, sha256="ab" * 32, looks=2), bills=(), known=Known(), seeds=(0,),
        plan=None, pins=(), code=Code(version="0.1.0", commit=None, is_changed=None, packages={}, computing={}, machine="m"), project_toml="", rerun="tunesmith run p.toml",
    )  # fmt: skip


@pytest.fixture
def artifact(store: Store) -> Artifact:
    clock = Measured(costs={}, machine={}, started="a", finished="b")
    return keep(store, "report", "certificate", proof(), {"page.html": "<p>a page</p>"}, sidecar={"measured": clock.model_dump(mode="json")})


def call(app: typer.Typer, *words: object) -> int:
    return int(typer.main.get_command(app).main([str(word) for word in words], standalone_mode=False) or 0)


def test_it_is_shown_in_a_few_lines_and_hostile_text_is_inert(artifact: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(certificate_command.app) == 0
    shown = capsys.readouterr().out
    assert "\x1b[2J" not in shown
    for words in (artifact.name, "router: fine-tune", SHOWN, "600 locked rows of dataset-0, opened 2 times", f"tunesmith verify {artifact.name}"):
        assert words in shown


def test_it_is_written_as_a_file_that_can_be_read_and_as_a_page(artifact: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, page = tmp_path / "c.json", tmp_path / "c.html"
    assert call(certificate_command.app, "latest", "--write", file, "--html", page) == 0
    found = Certificate.model_validate_json(file.read_text())
    assert (found.proof, found.is_intact(), found.clock is not None) == (proof(), True, True)
    assert page.read_text() == "<p>a page</p>"
    with pytest.raises(BadProject, match="there is a file already"):
        call(certificate_command.app, "latest", "--write", file)
    assert call(certificate_command.app, "latest", "--write", file, "--force") == 0
    capsys.readouterr()


def test_a_project_means_its_newest_and_all_are_listed(artifact: Artifact, store: Store, line: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
    other = keep(store, "report", "certificate", proof().model_copy(update={"project": "faq", "decision": "use RAG"}), {"page.html": ""})
    for app, kind, newest in ((certificate_command.app, "certificates", other), (report_command.app, "reports", line)):
        for name in ("router", "latest", "nowhere"):
            if name == "nowhere":
                with pytest.raises(NotFound, match="--list"):
                    call(app, name)
                continue
            assert call(app, name) == 0
            assert (artifact.name if kind == "certificates" and name == "router" else newest.name) in capsys.readouterr().out
        assert call(app, "--list", "--json") == 0
        listed = json.loads(capsys.readouterr().out)[kind]
        assert [one["name"] for one in listed] == ([other.name, artifact.name] if kind == "certificates" else [line.name])
        assert call(app, "--list") == 0
        shown = capsys.readouterr().out
        assert all(one["name"] in shown and one["decision"] in shown for one in listed)


def test_machines_get_one_object(artifact: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(certificate_command.app, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["digest"]) == (artifact.name, proof().content_digest())


def test_without_any_certificate_it_says_so(store: Store) -> None:
    with pytest.raises(NotFound, match="there is no certificate yet"):
        call(certificate_command.app)


def verified(*outcomes: str, exact: bool = True) -> Verification:
    checks = tuple(Check(topic=f"topic {k} {HOSTILE}", outcome=outcome, detail="0.5 is stated, 0.6 was found") for k, outcome in enumerate(outcomes))
    return Verification(certificate="c.json", digest="ab", result=result_of(checks), is_exact=exact, checks=checks)


@pytest.fixture
def answering(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Verification], None]:
    """The worker's part is another test's: here it has found this."""

    def answer(found: Verification) -> None:
        monkeypatch.setattr(verify_command, "carry_out", lambda *_, **__: found.model_dump(mode="json"))

    return answer


def test_a_certificate_that_holds_ends_with_0(answering: Callable[[Verification], None], capsys: pytest.CaptureFixture[str]) -> None:
    answering(verified("holds", "holds"))
    assert call(verify_command.app, "c.json") == 0
    assert "The certificate holds, to the last digit." in capsys.readouterr().out


def test_one_that_could_not_be_checked_everywhere_ends_with_6_and_says_where(
    answering: Callable[[Verification], None], capsys: pytest.CaptureFixture[str]
) -> None:
    answering(verified("holds", "not checked"))
    assert call(verify_command.app, "c.json") == 6
    shown = capsys.readouterr().out
    assert f"The certificate holds in part, to the last digit. Not checked: topic 1 {SHOWN}." in shown
    assert f"topic 1 {SHOWN} not checked" in shown


def test_on_another_machine_the_tolerance_is_named(answering: Callable[[Verification], None], capsys: pytest.CaptureFixture[str]) -> None:
    answering(verified("holds", exact=False))
    assert call(verify_command.app, "c.json") == 0
    assert "within 0.01" in capsys.readouterr().out


def test_a_certificate_that_does_not_hold_ends_with_1_and_names_what_differs(
    answering: Callable[[Verification], None], capsys: pytest.CaptureFixture[str]
) -> None:
    answering(verified("holds", "differs"))
    assert call(verify_command.app, "c.json") == 1
    shown = capsys.readouterr().out
    assert "The certificate does not hold: 1 of 2 checks differ." in shown
    assert f"topic 1 {SHOWN} differs: 0.5 is stated, 0.6 was found" in shown
    answering(verified("differs"))
    assert call(verify_command.app, "c.json", "--json") == 1
    assert json.loads(capsys.readouterr().out)["result"] == "does not hold"
