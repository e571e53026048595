"""A real line on a tiny model, its certificate, and everything that can be done to either: each is found."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.line.tiny_project import make, rows, write_csv
from tunesmith import verify as verification
from tunesmith.errors import BadData, NotFound
from tunesmith.evaluate.certificate import read
from tunesmith.pins import code, code_digest, pins_of
from tunesmith.pipeline import run_job
from tunesmith.settings import settings
from tunesmith.spec.certificate import Certificate, Check, Proof, Verification
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.job import Job, Silent
from tunesmith.spec.plan import Decide, Plan
from tunesmith.spec.verdict import LineReport, Measured
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.ledger import Ledger
from tunesmith.store.steps import Steps
from tunesmith.verify import Inspection, issue, verify

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
    issue(store, Steps(store, Silent()), store.get("latest", "line"), plan=PLAN)
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
    return {check.topic: check.outcome for check in Inspection(certificate, store, Silent()).checks()}


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
    looks = Ledger(store).looks(certificate.proof.locked.dataset, "test")
    found = Verification.model_validate(verify({"certificate": "certificate.json", "root": str(tmp_path)}, store, Silent()))
    assert (found.holds, found.is_exact, found.digest) == (True, True, certificate.digest)
    assert {check.outcome for check in found.checks} == {"holds"}, [check for check in found.checks if check.outcome != "holds"]
    topics = [check.topic for check in found.checks]
    assert {"the certificate's digest", "code", "looks at the locked rows", "tuned on the locked rows", "the verdict from these answers"} <= set(
        topics
    )
    entries = Ledger(store).entries(certificate.proof.locked.dataset)
    assert (entries[-1].action, entries[-1].detail["holds"], entries[-1].detail["digest"]) == ("verify", True, certificate.digest)
    assert looks == Ledger(store).looks(certificate.proof.locked.dataset, "test")  # the same finalists: the same look


def test_it_can_be_named_as_the_store_does(store: Store, artifact: Artifact, tmp_path: Path) -> None:
    for name in ("latest", artifact.name):
        assert verify({"certificate": name, "root": str(tmp_path)}, store, Silent())["holds"]


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


def test_issuing_it_again_changes_nothing(store: Store, artifact: Artifact) -> None:
    again = issue(store, Steps(store, Silent()), store.get("latest", "line"), plan=PLAN)
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
    monkeypatch.setattr(verification, "code_digest", lambda: "0" * 64)
    inspection = Inspection(certificate, store, Silent())
    assert (inspection.is_exact, inspection.tolerance) == (False, certificate.proof.tolerance)
    checks = {check.topic: check for check in inspection.checks()}
    assert {check.outcome for check in checks.values()} <= {"holds", "not checked"}
    assert "within 0.01" in checks["tuned on the locked rows"].detail
    assert "tuned on the locked rows" in differs(edited(certificate, better), store)


def test_another_machine_is_told_by_its_packages(certificate: Certificate, store: Store) -> None:
    found = edited(certificate, lambda raw: raw["code"]["packages"].update(torch="1.0"))
    assert not Inspection(found, store, Silent()).is_exact


def test_what_cannot_be_repeated_is_not_checked(certificate: Certificate, store: Store) -> None:
    found = edited(certificate, lambda raw: [one.update(can_be_repeated=False) for one in raw["entrants"]] and None)
    checks = outcomes(found, store)
    assert (checks["tuned on the locked rows"], checks["the verdict from these answers"]) == ("not checked", "not checked")


def test_a_verification_in_which_nothing_could_be_checked_does_not_hold(
    certificate: Certificate, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Inspection, "checks", lambda self: iter([Check(topic="rows", outcome="not checked", detail="")]))
    (tmp_path / "c.json").write_text(certificate.to_text())
    assert not verify({"certificate": "c.json", "root": str(tmp_path)}, store, Silent())["holds"]


def test_names_and_files_that_are_none_are_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"proof": {}}')
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    for name in ("other.json", "bytes.json"):
        with pytest.raises(BadData):
            verify({"certificate": name, "root": str(tmp_path)}, store, Silent())
    with pytest.raises(NotFound):
        verify({"certificate": "nowhere", "root": str(tmp_path)}, store, Silent())


def test_a_file_reads_back_to_the_same_certificate(certificate: Certificate) -> None:
    assert read(certificate.to_text(), "certificate.json") == certificate


def test_hashes_are_taken_from_the_files_and_not_from_what_was_recorded(certificate: Certificate, copied: Store) -> None:
    name = certificate.proof.locked.dataset
    before = pins_of(copied, name, [])
    damage(copied.get(name).path / "dev.jsonl", lambda content: content + b"\n")
    after = pins_of(copied, name, [])
    assert [one.name for one, other in zip(before, after, strict=True) if one != other] == [f"{name}/dev.jsonl"]
    assert {pin.name for pin in after if pin.kind == "source"} == set(copied.get(name).load(Dataset).sources)


def test_the_code_has_one_digest() -> None:
    assert (code_digest(), len(code_digest())) == (code_digest(), 64)
    assert code().packages["tunesmith"] == code().version
