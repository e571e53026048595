"""A real line on a tiny model, its certificate, and everything that can be done to either: each is found."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.line.tiny_project import make, rows, write_csv
from tunesmith import inspection
from tunesmith.errors import BadData, NotFound
from tunesmith.evaluate.certificate import read
from tunesmith.inspection import Inspection
from tunesmith.pins import code, code_digest, file_pins, pins_of
from tunesmith.pipeline import run_job
from tunesmith.settings import settings
from tunesmith.spec.certificate import TOLERANCE, Certificate, Check, Proof, Verification
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.job import Job, Silent
from tunesmith.spec.plan import Decide, Plan
from tunesmith.spec.project import parse_project
from tunesmith.spec.verdict import LineReport, Measured
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.ledger import Ledger
from tunesmith.store.steps import Steps
from tunesmith.verify import checks_of, issue, verify

pytestmark = pytest.mark.line
PLAN = {"frozen": Plan(decide=Decide(), steps=()).model_dump(mode="json"), "passed_over": []}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home in which the line has run and its certificate was issued; tests that change it copy it."""
    settings.cache_clear()
    place = tmp_path_factory.mktemp("verify")
    make(place / "project")
    write_csv(place / "project" / "rows.csv", rows(90))
    store = Store.open(place / "home")
    payload = {"project": str(place / "project" / "project.toml"), "overrides": ["rivals.few_shot_retrieved=0"]}
    job = Job(id="job-1", kind="run", status="running", title="run tiny", payload=payload, created_at=0.0)
    while run_job(job, store, Silent()) is None:
        pass
    issue(store, Steps(store, Silent()), store.get("latest", "line"), place / "project", plan=PLAN)
    store.close()
    yield place / "home"
    settings.cache_clear()


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    found = Store.open(home)
    yield found
    found.close()


@pytest.fixture
def copied(home: Path, tmp_path: Path) -> Iterator[Store]:
    """A store of its own with the same content, which a test may damage."""
    shutil.copytree(home, tmp_path / "home")
    found = Store.open(tmp_path / "home")
    yield found
    found.close()


@pytest.fixture
def artifact(store: Store) -> Artifact:
    return store.get("latest", "certificate")


@pytest.fixture
def certificate(artifact: Artifact) -> Certificate:
    return Certificate.of(artifact.load(Proof), Measured.model_validate(artifact.sidecar()["measured"]))


def edited(certificate: Certificate, change: Callable[[dict[str, Any]], None], *, signed: bool = True) -> Certificate:
    """The certificate after somebody wrote something else into it; `signed`: he mended the digest too."""
    raw = certificate.proof.model_dump(mode="json")
    change(raw)
    proof = Proof.model_validate(raw)
    return Certificate.of(proof, certificate.clock) if signed else certificate.model_copy(update={"proof": proof})


def outcomes(certificate: Certificate, store: Store) -> dict[str, str]:
    return {check.topic: check.outcome for check in checks_of(Inspection(certificate, store, Silent()))}


def differs(certificate: Certificate, store: Store) -> set[str]:
    return {topic for topic, outcome in outcomes(certificate, store).items() if outcome == "differs"}


def damage(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Overwrite a file of the store, which protects its files against accidents only."""
    path.chmod(0o644)
    path.write_bytes(change(path.read_bytes()))


def other_byte(content: bytes) -> bytes:
    """The same but for its last byte."""
    return content[:-1] + bytes([content[-1] ^ 1])


def test_a_certificate_that_nobody_touched_holds_to_the_last_digit(certificate: Certificate, store: Store, tmp_path: Path) -> None:
    (tmp_path / "certificate.json").write_text(certificate.to_text())
    found = Verification.model_validate(verify({"certificate": "certificate.json", "root": str(tmp_path)}, store, Silent()))
    assert (found.result, found.is_exact, found.digest) == ("holds", True, certificate.digest)
    assert {check.outcome for check in found.checks} == {"holds"}, [check for check in found.checks if check.outcome != "holds"]
    topics = [check.topic for check in found.checks]
    assert {"the certificate's digest", "code", "looks at the locked rows", "tuned on the locked rows", "the verdict from these answers"} <= set(
        topics
    )
    entries = Ledger(store).entries(certificate.proof.locked.dataset)
    assert (entries[-1].action, entries[-1].detail["result"], entries[-1].detail["digest"]) == ("verify", "holds", certificate.digest)
    assert [(entry.detail["by"], entry.detail["candidates"]) for entry in entries if entry.action == "look"] == [
        (by, sorted(entrant.candidate.content_digest() for entrant in certificate.proof.entrants)) for by in ("run", "verify")
    ]


def test_it_can_be_named_as_the_store_does(store: Store, artifact: Artifact, tmp_path: Path) -> None:
    for name in ("latest", artifact.name):
        assert verify({"certificate": name, "root": str(tmp_path)}, store, Silent())["result"] == "holds"


def test_what_it_says_is_what_the_line_found(certificate: Certificate, store: Store) -> None:
    line = store.get("latest", "line")
    report, proof = line.load(LineReport), certificate.proof
    assert (proof.line, proof.decision, proof.headline, proof.comparisons) == (
        line.name,
        report.verdict.decision,
        report.verdict.headline,
        report.verdict.comparisons,
    )
    assert [entrant.candidate for entrant in proof.entrants] == [finalist.candidate for finalist in report.finalists]
    assert [one.candidate for one in proof.tried] == [trial.candidate.name for trial in report.trials]
    assert (proof.locked.rows, proof.locked.looks) == (report.dataset.rows["test"], report.verdict.looks)
    assert (proof.plan, proof.rerun) == (PLAN, "tunesmith run project.toml --set rivals.few_shot_retrieved=0")
    assert {"code", "rows", "source", "base", "weights", "template", "prompt"} <= {pin.kind for pin in proof.pins}
    assert (certificate.clock is not None, "peak_memory_bytes" in proof.model_dump_json()) == (True, False)


def test_issuing_it_again_changes_nothing(store: Store, home: Path, artifact: Artifact) -> None:
    again = issue(store, Steps(store, Silent()), store.get("latest", "line"), home.parent / "project", plan=PLAN)
    assert (again.name, again.digest) == (artifact.name, artifact.digest)
    page = (artifact.path / "page.html").read_text()
    assert "Tunesmith certificate" in page
    assert Certificate.of(artifact.load(Proof), None).digest in page


def better(raw: dict[str, Any]) -> None:
    metric = raw["entrants"][0]["metrics"]["exact_match"]
    metric["value"] = metric["high"] = 1.0 if metric["value"] < 1 else 0.5


def test_an_edited_number_is_found_by_the_digest(certificate: Certificate, store: Store) -> None:
    found = edited(certificate, better, signed=False)
    assert not found.is_intact()
    assert "the certificate's digest" in differs(found, store)


def test_an_edited_number_with_a_mended_digest_is_found_by_measuring_again(certificate: Certificate, store: Store, copied: Store) -> None:
    found = edited(certificate, better)
    assert found.is_intact()
    assert {"statements against the stored report", "tuned on the locked rows"} <= differs(found, store)
    shutil.rmtree(copied.get("latest", "line").path)  # where the report is gone, measuring is enough
    assert outcomes(found, copied)["statements against the stored report"] == "not checked"
    assert "tuned on the locked rows" in differs(found, copied)


def test_an_edited_decision_is_found_by_concluding_again(certificate: Certificate, store: Store) -> None:
    other = "prompting is enough" if certificate.proof.decision != "prompting is enough" else "fine-tune"
    found = edited(certificate, lambda raw: raw.update(decision=other))
    assert {"statements against the stored report", "the verdict from these answers"} <= differs(found, store)


def test_an_edited_number_of_looks_is_found_in_the_ledger(certificate: Certificate, store: Store) -> None:
    found = edited(certificate, lambda raw: raw["locked"].update(looks=certificate.proof.locked.looks + 1))
    assert "looks at the locked rows" in differs(found, store)


def test_another_prompt_is_found(certificate: Certificate, store: Store) -> None:
    def reworded(raw: dict[str, Any]) -> None:
        raw["entrants"][0]["candidate"]["prompt"]["system"] = "Say anything."

    assert {"prompt of tuned", "looks at the locked rows"} & differs(edited(certificate, reworded), store) >= {"prompt of tuned"}


def test_other_rows_are_found(certificate: Certificate, copied: Store) -> None:
    dataset = copied.get(certificate.proof.locked.dataset, "dataset")
    rows = dataset.path / "test.jsonl"
    damage(rows, lambda content: content.replace(b"now", b"not", 1) if b"now" in content else content.replace(b"ok", b"no", 1))
    found = differs(certificate, copied)
    assert {f"rows of {dataset.name}", "tuned on the locked rows", "majority on the locked rows"} <= found


def test_rows_that_went_away_are_found(certificate: Certificate, copied: Store) -> None:
    copied.erase([certificate.proof.locked.dataset], reason="asked to")
    assert f"rows of {certificate.proof.locked.dataset}" in differs(certificate, copied)


def test_other_weights_are_found(certificate: Certificate, copied: Store) -> None:
    (pin,) = (pin for pin in certificate.proof.pins if pin.kind == "weights" and pin.name.endswith(".safetensors"))
    name, _, file = pin.name.partition("/")
    damage(copied.get(name).path / file, other_byte)
    found = differs(certificate, copied)
    assert {f"weights {name}", "tuned on the locked rows"} <= found
    assert "majority on the locked rows" not in found


def test_another_base_model_is_found(certificate: Certificate, store: Store) -> None:
    (pin,) = (pin for pin in certificate.proof.pins if pin.kind == "base")
    weights = Path(pin.name) / "model.safetensors"
    before = weights.read_bytes()
    try:
        weights.write_bytes(other_byte(before))
        assert any(topic.startswith(("base ", "weights ")) for topic in differs(certificate, store))
    finally:
        weights.write_bytes(before)
    assert differs(certificate, store) == set()


def test_other_code_is_told_and_numbers_may_differ_by_the_tolerance_only(
    certificate: Certificate, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "code_digest", lambda: "0" * 64)
    found = Inspection(certificate, store, Silent())
    assert (found.is_exact, found.tolerance) == (False, TOLERANCE)
    checks = {check.topic: check for check in checks_of(found)}
    assert {check.outcome for check in checks.values()} == {"holds"}  # what computed it, this store has certified itself
    assert "within 0.01" in checks["tuned on the locked rows"].detail
    assert "numbers may differ by 0.01" in checks["code"].detail
    assert "tuned on the locked rows" in differs(edited(certificate, better), store)


def test_another_machine_is_told_by_its_packages(certificate: Certificate, store: Store) -> None:
    found = edited(certificate, lambda raw: raw["code"]["packages"].update(torch="1.0"))
    assert not Inspection(found, store, Silent()).is_exact


def test_a_verification_in_which_nothing_could_be_checked_does_not_hold(
    certificate: Certificate, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunesmith.verify.checks_of", lambda inspection: iter([Check(topic="rows", outcome="not checked", detail="")]))
    (tmp_path / "c.json").write_text(certificate.to_text())
    assert verify({"certificate": "c.json", "root": str(tmp_path)}, store, Silent())["result"] == "does not hold"


def result(certificate: Certificate, store: Store) -> str:
    (store.home / "c.json").write_text(certificate.to_text())
    return str(verify({"certificate": "c.json", "root": str(store.home)}, store, Silent())["result"])


@pytest.fixture
def fresh(home: Path, tmp_path: Path) -> Iterator[Store]:
    """Another store with the same artifacts, whose ledger begins here."""
    shutil.copytree(home, tmp_path / "fresh", ignore=shutil.ignore_patterns("store.db*"))
    found = Store.open(tmp_path / "fresh")
    yield found
    found.close()


@pytest.fixture
def bare(fresh: Store) -> Store:
    """One that has what was measured, and neither the line's report nor any certificate."""
    for kind in ("line", "certificate"):
        for artifact in fresh.artifacts(kind):
            shutil.rmtree(artifact.path)
    return fresh


def test_an_honest_certificate_holds_wherever_its_artifacts_are(certificate: Certificate, store: Store, copied: Store, fresh: Store) -> None:
    assert [result(certificate, one) for one in (store, copied, fresh, fresh)] == ["holds"] * 4
    (look,) = [entry.detail["by"] for entry in Ledger(fresh).entries() if entry.action == "look"]
    assert look == "verify"


def test_without_its_report_it_holds_in_part_and_says_what_is_only_stated(certificate: Certificate, bare: Store) -> None:
    assert result(certificate, bare) == "holds in part"
    left = {topic for topic, outcome in outcomes(certificate, bare).items() if outcome == "not checked"}
    assert left == {"statements against the stored report", "the plan that was carried out", "looks at the locked rows"}


def elsewhere(raw: dict[str, Any]) -> None:
    raw["code"]["machine"] = "another processor"


def other_packages(raw: dict[str, Any]) -> None:
    raw["code"]["packages"]["torch"] = "1.0"


def a_little_better_elsewhere(raw: dict[str, Any]) -> None:
    elsewhere(raw)
    metric = raw["entrants"][0]["metrics"]["exact_match"]
    metric["value"] -= 0.009


def one_rival_less(raw: dict[str, Any]) -> None:
    raw["entrants"] = [one for one in raw["entrants"] if one["remedy"] != "prompt"]


def the_tuned_one_less(raw: dict[str, Any]) -> None:
    """With everything that is pinned of it."""
    raw["entrants"] = [one for one in raw["entrants"] if one["remedy"] != "fine-tune"]
    raw["pins"] = [pin for pin in raw["pins"] if pin["kind"] not in ("weights", "template") and pin["name"] != "tuned"]


def other_comparison(raw: dict[str, Any]) -> None:
    found = raw["comparisons"][0]
    found["outcome"] = "better" if found["outcome"] != "better" else "worse"


def other_interval(raw: dict[str, Any]) -> None:
    raw["comparisons"][0]["difference"]["low"] += 0.001


def unlikely(raw: dict[str, Any]) -> None:
    raw["comparisons"][0]["p_adjusted"] = 1e-9


def of_no_line(raw: dict[str, Any]) -> None:
    raw["line"] = "line-000000000000"


def cheaper(raw: dict[str, Any]) -> None:
    raw["bills"][0]["prompt_tokens"] /= 2


def easier(raw: dict[str, Any]) -> None:
    raw["goal"]["at_least"] = 0.01
    raw["goal_met"] = True


def other_dev(raw: dict[str, Any]) -> None:
    raw["entrants"][0]["on_dev"] = 0.123


def reworded(raw: dict[str, Any]) -> None:
    raw["headline"] = "A triumph."


def reworded_elsewhere(raw: dict[str, Any]) -> None:
    elsewhere(raw)
    reworded(raw)


CONTENT: list[Callable[[dict[str, Any]], object]] = [
    better, reworded, the_tuned_one_less, one_rival_less, other_comparison, other_interval, unlikely, cheaper, easier,
    lambda raw: raw["reasons"].append("And everybody is happy."), lambda raw: raw.update(reasons=raw["reasons"][1:]), lambda raw: raw.update(settle="Nothing."),
    lambda raw: raw["worse"].append("Nothing much."), lambda raw: raw["locked"].update(rows=1000), lambda raw: raw["locked"].update(clusters=3),
    lambda raw: raw["locked"].update(sha256="0" * 64), lambda raw: raw.update(recommended="majority"), lambda raw: raw.update(winner="majority"),
    lambda raw: raw["known"].update(may_leave=True), lambda raw: raw.update(kind="extract"),
]  # fmt: skip
"""Whoever changes one of these says something that measuring and concluding again gives the lie to, in any store that has what was measured."""
STATED: list[Callable[[dict[str, Any]], object]] = [
    elsewhere, other_packages, a_little_better_elsewhere, reworded_elsewhere, of_no_line, other_dev,
    lambda raw: raw["locked"].update(looks=raw["locked"]["looks"] + 1), lambda raw: raw.update(seeds=[7, 8]), lambda raw: raw.update(tried=raw["tried"][1:]),
    lambda raw: raw.update(plan=None), lambda raw: raw.update(rerun="tunesmith run other.toml"), lambda raw: raw["known"].update(sides=[]),
    lambda raw: raw["code"].update(commit="0" * 40), lambda raw: raw.update(line="line"),
]  # fmt: skip
"""Statements that only the store that issued it can check: elsewhere they are listed as not checked."""


@pytest.mark.parametrize("change", [*CONTENT, *STATED])
def test_what_was_forged_does_not_hold(certificate: Certificate, store: Store, change: Callable[[dict[str, Any]], None]) -> None:
    found = edited(certificate, change)
    assert found != certificate
    assert result(found, store) != "holds"


@pytest.mark.parametrize("change", CONTENT)
def test_what_is_measured_or_concluded_again_does_not_need_the_report(
    certificate: Certificate, bare: Store, change: Callable[[dict[str, Any]], None]
) -> None:
    assert result(edited(certificate, change), bare) == "does not hold"


@pytest.mark.parametrize("change", STATED)
def test_what_nobody_can_check_is_never_said_to_hold(certificate: Certificate, bare: Store, change: Callable[[dict[str, Any]], None]) -> None:
    assert result(edited(certificate, change), bare) != "holds"


def test_nobody_chooses_how_strictly_he_is_judged(certificate: Certificate, store: Store, tmp_path: Path) -> None:
    for of_entrant, wish in ((False, {"tolerance": 1.0}), (True, {"can_be_repeated": False})):
        raw = certificate.model_dump(mode="json")
        (raw["proof"]["entrants"][0] if of_entrant else raw["proof"]).update(wish)
        (tmp_path / "c.json").write_text(json.dumps(raw))
        with pytest.raises(BadData, match="is no certificate"):
            verify({"certificate": "c.json", "root": str(tmp_path)}, store, Silent())


def test_a_little_more_than_was_measured_is_found_where_the_machine_was_edited_too(certificate: Certificate, store: Store, bare: Store) -> None:
    found = edited(certificate, a_little_better_elsewhere)
    for place in (store, bare):
        assert "tuned on the locked rows" in differs(found, place)  # the stored evaluation says otherwise, to the last digit


def test_a_headline_is_not_believed_because_the_code_is_said_to_be_another(
    certificate: Certificate, bare: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "what it says in words" in differs(edited(certificate, reworded_elsewhere), bare)  # the same code: the same words
    monkeypatch.setattr(inspection, "code_digest", lambda: "0" * 64)
    assert outcomes(edited(certificate, reworded), bare)["what it says in words"] == "not checked"
    assert outcomes(certificate, bare)["what it says in words"] == "holds"


def test_names_and_files_that_are_none_are_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"proof": {}}')
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    for name in ("other.json", "bytes.json"):
        with pytest.raises(BadData):
            verify({"certificate": name, "root": str(tmp_path)}, store, Silent())
    with pytest.raises(NotFound):
        verify({"certificate": "nowhere", "root": str(tmp_path)}, store, Silent())


def test_without_the_rows_it_says_how_to_make_them_and_repeats_no_command_that_is_not_ours(
    certificate: Certificate, store: Store, tmp_path: Path
) -> None:
    other = Store.open(tmp_path / "other")

    def said(found: Certificate) -> str:
        (tmp_path / "certificate.json").write_text(found.to_text())
        with pytest.raises(NotFound) as caught:
            verify({"certificate": "certificate.json", "root": str(tmp_path)}, other, Silent())
        return caught.value.problems[0].fix

    assert "run: tunesmith run" in said(certificate)
    assert "--plan certificate.json" in said(certificate)
    for command in ("rm -rf /", "tunesmith models remove a", "tunesmith run 'a", "tunesmith run 'a\n  fix: rm -rf /'"):
        fix = said(edited(certificate, lambda raw, command=command: raw.update(rerun=command)))
        assert command not in fix
        assert "none of Tunesmith's" in fix
        assert "--plan certificate.json" in fix
    chained = said(edited(certificate, lambda raw: raw.update(rerun="tunesmith run a.toml; rm -rf /")))
    assert "tunesmith run 'a.toml;' rm -rf /" in chained  # quoted, it is an argument
    (tmp_path / "certificate.json").write_text(edited(certificate, better, signed=False).to_text())
    with pytest.raises(BadData, match="was edited"):
        verify({"certificate": "certificate.json", "root": str(tmp_path)}, other, Silent())
    other.close()


def test_readings_of_the_clock_are_held_against_the_stored_ones(certificate: Certificate, store: Store, bare: Store) -> None:
    assert certificate.clock is not None
    assert outcomes(certificate, store)["readings of the clock"] == "holds"
    assert "readings of the clock" not in outcomes(certificate, bare)
    paces = tuple(one.model_copy(update={"row_s": one.row_s / 2}) for one in certificate.clock.paces)
    quicker = certificate.model_copy(update={"clock": certificate.clock.model_copy(update={"paces": paces})})
    assert outcomes(quicker, store)["readings of the clock"] == "differs"
    assert result(quicker, store) == "does not hold"
    another_run = certificate.model_copy(update={"clock": certificate.clock.model_copy(update={"started": "yesterday"})})
    assert "readings of the clock" not in outcomes(another_run, store)
    assert result(another_run, store) == "holds"


def test_a_file_reads_back_to_the_same_certificate(certificate: Certificate) -> None:
    assert read(certificate.to_text(), "certificate.json") == certificate


def test_hashes_are_taken_from_the_files_and_not_from_what_was_recorded(certificate: Certificate, copied: Store) -> None:
    name = certificate.proof.locked.dataset
    project, root = parse_project(certificate.proof.project_toml, "p"), copied.home
    before = pins_of(copied, name, [], project, root)
    damage(copied.get(name).path / "dev.jsonl", lambda content: content + b"\n")
    after = pins_of(copied, name, [], project, root)
    assert [one.name for one, other in zip(before, after, strict=True) if one != other] == [f"{name}/dev.jsonl"]
    assert {pin.name for pin in after if pin.kind == "source"} == set(copied.get(name).load(Dataset).sources)


def test_every_file_that_marks_answers_is_pinned(tmp_path: Path) -> None:
    text = 'name = "a"\n[[sources]]\nfile = "a.csv"\n'
    judge = '[judge]\nsample = "mine.jsonl"\nmodel = { kind = "remote", base_url = "http://127.0.0.1:1/v1", model = "m" }\n'
    wishes: dict[str, list[tuple[str, str]]] = {
        '[task]\njson_schema = "s.json"\n[goal]\nscorer = "a/b.py:f"\n': [("schema", "s.json"), ("scorer", "a/b.py")],
        '[task]\ndatabase = "d.sqlite"\n' + judge: [("database", "d.sqlite"), ("labels", "mine.jsonl")],
        '[task]\ntests = "t.py"\n': [("tests", "t.py")],
        "": [],
    }
    for wish, named in wishes.items():
        project = parse_project(text + wish, "p")
        for _, name in named:
            with pytest.raises(NotFound, match="cannot be read"):
                file_pins(project, tmp_path / "nowhere")
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(name)
        found = [(pin.kind, pin.name, pin.sha256) for pin in file_pins(project, tmp_path)]
        assert found == [(kind, name, hashlib.sha256(name.encode()).hexdigest()) for kind, name in named]


def test_the_code_has_one_digest() -> None:
    assert (code_digest(), len(code_digest())) == (code_digest(), 64)
    assert code().packages["tunesmith"] == code().version


def test_where_the_rows_are_not_nothing_is_said_for_or_against_a_certificate(certificate: Certificate, tmp_path: Path) -> None:
    empty = Store.open(tmp_path / "other")
    (tmp_path / "c.json").write_text(certificate.to_text())
    with pytest.raises(NotFound, match="rows are not in this store") as caught:
        verify({"certificate": "c.json", "root": str(tmp_path)}, empty, Silent())
    assert f"{certificate.proof.rerun} --plan c.json" in caught.value.problems[0].fix
    with pytest.raises(NotFound, match="no such file") as caught:
        verify({"certificate": "lost.json", "root": str(tmp_path)}, empty, Silent())
    assert "tunesmith certificate latest --write" in caught.value.problems[0].fix
    empty.close()
