"""Certificates of answers that are marked by a file, by a judge, or given elsewhere: what can be measured again is, and what cannot is said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.data.make.little_teacher import LittleTeacher, Told, say
from tests.line.tiny_project import READING, make
from tunesmith.pipeline import run_job
from tunesmith.settings import settings
from tunesmith.spec.candidate import Remote
from tunesmith.spec.certificate import Certificate, Proof, Verification
from tunesmith.spec.job import Job, Silent
from tunesmith.store.artifacts import Store
from tunesmith.store.ledger import Ledger
from tunesmith.verify import verify

pytestmark = pytest.mark.line
SCORER = "def near(answer, reference):\n    return len(set(answer) & set(reference)) / max(1, len(set(answer) | set(reference)))\n"
MARKED = (
    READING.replace('kind = "generate"', 'kind = "answer"')
    .replace("rag = 2", "rag = 2\nfine_tune_rag = false")
    .replace("few_shot_retrieved = 2", "few_shot_retrieved = 0")
)


def run(project: Path, store: Store) -> Certificate:
    """The certificate of a project's line."""
    job = Job(id="job-1", kind="run", status="running", title="run", payload={"project": str(project)}, created_at=0.0)
    while run_job(job, store, Silent()) is None:
        pass
    return Certificate.of(store.get("latest", "certificate").load(Proof), None)


def rule(body: dict[str, Any], number: int) -> Told:
    """A judge that gives everybody a 4, and a model that says one thing to everybody."""
    is_judge = "grade" in json.dumps(body)
    return say(json.dumps({"reason": "so", "grade": 4}) if is_judge else "at 7")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with projects and their store, in which two lines have run: `marked.json` and `elsewhere.json` are their certificates."""
    settings.cache_clear()
    folder = tmp_path_factory.mktemp("inspection")
    project = make(folder / "project")
    (project / "score.py").write_text(SCORER)
    (project / "marked.toml").write_text(MARKED + '[goal]\nscorer = "score.py:near"\n')
    store = Store.open(folder / "home")
    (folder / "marked.json").write_text(run(project / "marked.toml", store).to_text())
    with LittleTeacher(rule) as teacher:
        there = f'[rivals.remote]\nurl = "{teacher.url}"\nmodel = "large"\n'
        judge = f'[judge]\nmodel = {{ kind = "remote", base_url = "{teacher.url}", model = "judge", attempts = 1 }}\n'
        (project / "elsewhere.toml").write_text(MARKED + there + judge)
        (folder / "elsewhere.json").write_text(run(project / "elsewhere.toml", store).to_text())
    store.close()
    yield folder
    settings.cache_clear()


@pytest.fixture
def store(place: Path) -> Iterator[Store]:
    found = Store.open(place / "home")
    yield found
    found.close()


@pytest.fixture
def fresh(place: Path, tmp_path: Path) -> Iterator[Store]:
    """Another store with what was measured, which has issued nothing."""
    shutil.copytree(place / "home", tmp_path / "fresh", ignore=shutil.ignore_patterns("store.db*"))
    found = Store.open(tmp_path / "fresh")
    for artifact in found.artifacts("certificate"):
        shutil.rmtree(artifact.path)
    yield found
    found.close()


def verified(path: Path, store: Store, root: Path, **more: Any) -> Verification:
    return Verification.model_validate(verify({"certificate": str(path), "root": str(root), **more}, store, Silent()))


def left(found: Verification) -> set[str]:
    return {check.topic for check in found.checks if check.outcome == "not checked"}


def differing(found: Verification) -> set[str]:
    return {check.topic for check in found.checks if check.outcome == "differs"}


def test_answers_that_an_own_scorer_marks_are_measured_again(place: Path, store: Store) -> None:
    proof = Certificate.model_validate_json((place / "marked.json").read_text()).proof
    assert (proof.metric, [pin.name for pin in proof.pins if pin.kind == "scorer"]) == ("own_score", ["score.py"])
    found = verified(place / "marked.json", store, place / "project")
    assert (found.result, left(found), differing(found)) == ("holds", set(), set())


def test_what_answers_may_rest_on_is_said_by_the_project_and_not_by_who_stands_in_the_final(place: Path, store: Store, tmp_path: Path) -> None:
    raw = Certificate.model_validate_json((place / "marked.json").read_text()).proof.model_dump(mode="json")
    raw["entrants"] = [one for one in raw["entrants"] if one["candidate"]["kind"] != "retrieval"]
    (tmp_path / "c.json").write_text(Certificate.of(Proof.model_validate(raw), None).to_text())
    found = verified(tmp_path / "c.json", store, place / "project")
    (tuned,) = (one for one in raw["entrants"] if one["candidate"]["kind"] == "tuned")
    assert "supported_share" not in tuned["metrics"]  # it was shown no passage; without documents the question would count
    assert "tuned on the locked rows" not in left(found) | differing(found)
    assert {topic.partition(" ")[0] for topic in differing(found)} >= {"index", "document"}  # somebody was left out


def test_without_the_file_that_marks_it_holds_in_part(place: Path, store: Store, tmp_path: Path) -> None:
    found = verified(place / "marked.json", store, tmp_path)
    assert found.result == "holds in part"
    assert left(found) == {"scorer score.py", "the verdict from these answers", "what it says in words"}


def test_another_file_that_marks_is_found(place: Path, store: Store, tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text(SCORER.replace("near(answer, reference):", "near(answer, reference):\n    # kinder"))
    found = verified(place / "marked.json", store, tmp_path)
    assert (found.result, differing(found)) == ("does not hold", {"scorer score.py"})


def test_a_scorer_that_this_store_never_ran_is_not_run_unasked(place: Path, fresh: Store) -> None:
    assert "scorer score.py" in left(verified(place / "marked.json", fresh, place / "project"))
    allowed = verified(place / "marked.json", fresh, place / "project", runs_scorer=True)
    assert left(allowed) == {"the plan that was carried out"}


def test_a_model_elsewhere_and_a_judge_are_not_asked_again_and_the_rest_is_concluded(place: Path, store: Store) -> None:
    found = verified(place / "elsewhere.json", store, place / "project")
    assert (found.result, differing(found)) == ("holds in part", set())
    assert left(found) == {"remote on the locked rows", "the judge's grades"}
    checks = {check.topic: check.outcome for check in found.checks}
    assert (checks["tuned on the locked rows"], checks["the verdict from these answers"], checks["what it says in words"]) == (
        "holds",
        "holds",
        "holds",
    )


def edited(place: Path, to: Path, name: str, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Path:
    """The certificate after a finalist was edited, with a digest that fits; `change` is given the finalist elsewhere and the tuned one."""
    raw = Certificate.model_validate_json((place / name).read_text()).proof.model_dump(mode="json")
    by_kind = {one["candidate"]["kind"]: one for one in raw["entrants"]}
    change(by_kind.get("remote", {}), by_kind["tuned"])
    (to / name).write_text(Certificate.of(Proof.model_validate(raw), None).to_text())
    return to / name


def test_what_is_stated_of_a_model_elsewhere_is_held_against_the_answers_that_were_stored(
    place: Path, store: Store, fresh: Store, tmp_path: Path
) -> None:
    def better(remote: dict[str, Any], tuned: dict[str, Any]) -> None:
        remote["metrics"]["token_f1"]["value"] = 0.987

    path = edited(place, tmp_path, "elsewhere.json", better)
    for one in (store, fresh):
        assert "remote on the locked rows" in differing(verified(path, one, place / "project"))


def test_without_the_stored_answers_the_others_are_compared_all_the_same(place: Path, fresh: Store, tmp_path: Path) -> None:
    proof = Certificate.model_validate_json((place / "elsewhere.json").read_text()).proof
    (remote,) = (one for one in proof.entrants if isinstance(one.candidate, Remote))
    shutil.rmtree(fresh.get(remote.artifact).path)
    for artifact in fresh.artifacts("line"):
        shutil.rmtree(artifact.path)
    found = verified(place / "elsewhere.json", fresh, place / "project")
    assert (found.result, differing(found)) == ("holds in part", set())
    (verdict,) = (check for check in found.checks if check.topic == "the verdict from these answers")
    assert verdict.detail.startswith("not measured again: remote; ")

    def better(remote: dict[str, Any], tuned: dict[str, Any]) -> None:
        tuned["metrics"]["token_f1"]["value"] = 0.987

    assert "tuned on the locked rows" in differing(verified(edited(place, tmp_path, "elsewhere.json", better), fresh, place / "project"))


def test_a_file_that_marks_but_is_not_pinned_is_found(place: Path, store: Store, tmp_path: Path) -> None:
    raw = Certificate.model_validate_json((place / "marked.json").read_text()).proof.model_dump(mode="json")
    raw["pins"] = [pin for pin in raw["pins"] if pin["kind"] != "scorer"]
    (tmp_path / "c.json").write_text(Certificate.of(Proof.model_validate(raw), None).to_text())
    assert "scorer score.py" in differing(verified(tmp_path / "c.json", store, place / "project"))


def test_whoever_fell_silent_on_the_locked_rows_was_part_of_the_look(place: Path, store: Store, tmp_path: Path) -> None:
    raw = Certificate.model_validate_json((place / "elsewhere.json").read_text()).proof.model_dump(mode="json")
    (remote,) = (Remote.model_validate(one["candidate"]) for one in raw["entrants"] if one["candidate"]["kind"] == "remote")
    raw["entrants"] = [one for one in raw["entrants"] if one["candidate"]["kind"] != "remote"]
    for also, differs in (([], True), ([remote.content_digest()], False)):
        raw["locked"]["also_asked"] = also
        (tmp_path / "c.json").write_text(Certificate.of(Proof.model_validate(raw), None).to_text())
        assert ("looks at the locked rows" in differing(verified(tmp_path / "c.json", store, place / "project"))) == differs


def test_the_two_metrics_were_two_looks(place: Path, store: Store) -> None:
    proofs = [Certificate.model_validate_json((place / name).read_text()).proof for name in ("marked.json", "elsewhere.json")]
    assert [proof.locked.looks for proof in proofs] == [1, 2]
    assert len({entry.detail["judged_by"] for entry in Ledger(store).entries() if entry.action == "look" and entry.detail["by"] == "run"}) == 2
