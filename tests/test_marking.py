"""A project's judge: asked over real HTTP on loopback, held against the user's labels, and no evidence where it does not agree with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import tiny
from tests.data.make.little_teacher import LittleTeacher, say
from tests.ears import Ears
from tests.evaluate.test_judge import parts, row
from tunesmith.answer import remote
from tunesmith.answer.candidate import ConstantAnswerer
from tunesmith.errors import BadData, BadProject, NotFound
from tunesmith.evaluate.judge import Judging
from tunesmith.evaluate.page_words import judge_words
from tunesmith.evaluate.run import How, Questions, evaluate
from tunesmith.marking import VERDICTS, Marking
from tunesmith.measure.scorers import deciding_metric
from tunesmith.spec.candidate import Constant, Decoding
from tunesmith.spec.dataset import Dataset, Origin
from tunesmith.spec.job import Note, Progress, Silent
from tunesmith.spec.project import Project, parse_project, to_toml
from tunesmith.store.artifacts import Store

QUIET: dict[str, Any] = {"done": lambda n: None, "stop": lambda: False}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "FIRST_WAIT_S", 0.02)
    monkeypatch.setattr(remote, "LOOK_S", 0.01)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    opened = Store.open(tmp_path / "home")
    yield opened
    opened.close()


def honest(body: dict[str, Any], number: int) -> Any:
    """A judge that gives a 5 to answers with a `good` in them, else a 1; of two, it prefers that one."""
    said = parts(body)
    if "A" in said:
        return say(
            json.dumps({"reason": "so", "better": "tie" if ("good" in said["A"]) == ("good" in said["B"]) else "A" if "good" in said["A"] else "B"})
        )
    return say(json.dumps({"reason": "so", "grade": 5 if "good" in said["answer"] else 1}))


def project(url: str, metric: str | None = None, **judge: Any) -> Project:
    goal = f'[goal]\nmetric = "{metric}"\n' if metric else ""
    wishes = "".join(f"{name} = {json.dumps(value)}\n" for name, value in judge.items())
    text = f'name = "a"\n[[sources]]\nfile = "a.csv"\n{goal}[judge]\n{wishes}model = {{ kind = "remote", base_url = "{url}", model = "judge", attempts = 1 }}\n'
    return parse_project(text, "project.toml")


def labels(path: Path, count: int, wrong: int = 0) -> None:
    """The user's labels: the judge gives another grade to `wrong` of them."""
    lines = []
    for i in range(count):
        is_good = (i % 2 == 0) != (i < wrong)
        lines.append({"question": f"q{i}", "answer": f"{'good' if i % 2 == 0 else 'poor'} {i}", "grade": 5 if is_good else 1})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_judge_that_agrees_is_evidence_and_may_decide(tmp_path: Path, store: Store) -> None:
    labels(tmp_path / "mine.jsonl", 100, wrong=4)
    with LittleTeacher(honest) as teacher:
        ears = Ears()
        marking = Marking(project(teacher.url, "judge_score", sample="mine.jsonl"), tmp_path, store, ears)
        marking.check()
        trust = marking.trust
        assert trust is not None
        assert (trust.is_evidence, trust.labels) == (True, 100)
        assert trust.agreement is not None
        assert trust.agreement.value == pytest.approx(0.92)
        assert [event.done for event in ears.heard if isinstance(event, Progress)][-1] == 100
        [judging] = marking.scorers
        assert isinstance(judging, Judging)
        assert judging.scores([row(0, "a good one"), row(1, "poor")], **QUIET) == [{"judge_score": 1.0}, {"judge_score": 0.0}]
        assert marking.identity()["scorers"] == [judging.identity]
        asked = len(teacher.heard)
        again = Marking(marking.project, tmp_path, store)
        again.check()
        assert again.trust == trust
        assert len(teacher.heard) == asked  # what was paid for is kept
    assert (store.home / VERDICTS).is_file()
    assert deciding_metric("generate", marking.project.goal, marking.project.given()) == "judge_score"
    assert judge_words(trust) == f"{trust.judge}: {trust.reason}"


@pytest.mark.parametrize(
    ("count", "wrong", "reason"), [(100, 60, "prove nothing"), (60, 0, "on 60 different labels only"), (0, 0, "no labels of yours")]
)
def test_one_that_is_no_evidence_is_shown_with_the_reason_and_cannot_decide(
    tmp_path: Path, store: Store, count: int, wrong: int, reason: str
) -> None:
    given = {}
    if count:
        labels(tmp_path / "mine.jsonl", count, wrong)
        given = {"sample": "mine.jsonl"}
    with LittleTeacher(honest) as teacher:
        shown = Marking(project(teacher.url, **given), tmp_path, store)
        shown.check()
        assert not teacher.heard  # nobody is asked before there is something to show
        assert shown.trust is not None
        assert not shown.trust.is_evidence
        assert reason in shown.trust.reason
        assert shown.trust.reason in judge_words(shown.trust)
        with pytest.raises(BadProject) as caught:
            Marking(project(teacher.url, "judge_score", **given), tmp_path, store).check()
    problem = caught.value.problems[0]
    assert (problem.where, problem.got) == ("goal.metric", shown.trust.reason)


def test_an_evaluation_has_the_judges_score_beside_the_metrics(tmp_path: Path, store: Store) -> None:
    rows = [tiny.record(i, f"question {i}", "reference") for i in range(4)]
    dataset = Dataset.model_construct(task="generate", labels=(), out_of_scope=None)
    candidate = Constant(name="always", answer="a good one")
    with LittleTeacher(honest) as teacher:
        marking = Marking(project(teacher.url), tmp_path, store)
        questions, how = Questions(rows, dataset, "dataset-0", "dev", 0.95), How(Decoding(), marking.scorers)
        report = evaluate(candidate, ConstantAnswerer("a good one"), questions, how, tmp_path, Silent())
    assert (report.metrics["judge_score"].value, report.metrics["judge_score"].n) == (1.0, 4)
    assert report.metrics["exact_match"].value == 0


def test_pairs_are_asked_in_both_orders(tmp_path: Path, store: Store) -> None:
    pairs = [{"question": f"q{i}", "first": f"good {i}", "second": f"poor {i}", "better": "first"} for i in range(50)]
    pairs += [{"question": f"r{i}", "first": f"poor {i}", "second": f"good {i}", "better": "second"} for i in range(50)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    with LittleTeacher(honest) as teacher:
        trust = Marking(project(teacher.url, mode="pairwise", sample="pairs.jsonl"), tmp_path, store).trust
        assert len(teacher.heard) == 200
    assert trust is not None
    assert (trust.is_evidence, trust.mode) == (True, "pairwise")
    assert trust.position is not None
    assert trust.position.changed.value == 0


def test_a_judge_that_likes_the_first_place_is_told_of(tmp_path: Path, store: Store) -> None:
    pairs = [{"question": f"q{i}", "first": f"a {i}", "second": f"b {i}", "better": "first" if i % 2 else "second"} for i in range(10)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    with LittleTeacher(lambda body, number: say('{"reason": "r", "better": "A"}')) as teacher:
        trust = Marking(project(teacher.url, mode="pairwise", sample="pairs.jsonl"), tmp_path, store).trust
    assert trust is not None
    assert not trust.is_evidence
    assert (trust.position is not None and trust.position.toward_first, "The order of two answers changed 100" in judge_words(trust)) == (10, True)


def test_what_cannot_be_used_is_told_before_any_work(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with pytest.raises(NotFound, match=r"judge\.sample"):
        Marking(project("http://127.0.0.1:9/v1", sample="nowhere.jsonl"), tmp_path, store).check()
    (tmp_path / "bad.jsonl").write_text('{"question": "q", "answer": "a", "grade": 9}\n')
    with pytest.raises(BadData, match="`grade` is 9"):
        Marking(project("http://127.0.0.1:9/v1", sample="bad.jsonl"), tmp_path, store).check()
    keyed = project("http://127.0.0.1:9/v1")
    assert keyed.judge is not None
    keyed = keyed.model_copy(
        update={"judge": keyed.judge.model_copy(update={"model": keyed.judge.model.model_copy(update={"key_variable": "JUDGE_KEY"})})}
    )
    with pytest.raises(BadProject, match="JUDGE_KEY"):
        Marking(keyed, tmp_path, store).check()
    with pytest.raises(BadProject, match="cannot be measured alone"):
        deciding_metric("generate", project("http://127.0.0.1:9/v1", "judge_score").goal, ())


def test_a_judge_of_the_store_is_loaded_while_it_is_asked(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNESMITH_DTYPE", "float32")
    monkeypatch.setenv("TUNESMITH_DEVICE", "cpu")
    model = tiny.save(tmp_path / "judge", max_position_embeddings=2048)
    text = f'name = "a"\n[[sources]]\nfile = "a.csv"\n[judge]\ngrades = 2\nrubric = "Short."\nmodel = {{ kind = "local", model = {json.dumps(str(model))} }}\n'
    judging = Marking(parse_project(text, "p"), tmp_path, store).judging
    assert judging is not None
    grades = judging.grades([("q", "a", None), ("q", "b", "r")], **QUIET)
    assert len(grades) == 2
    assert set(grades) <= {1, 2, None}


def test_the_table_is_written_out_and_read_back(tmp_path: Path) -> None:
    one = project("http://127.0.0.1:9/v1", rubric="Kind.", sample="mine.jsonl")
    assert parse_project(to_toml(one), "written") == one
    assert (one.given(), Project(name="a", sources=one.sources).given()) == (("judge",), ())


@pytest.mark.parametrize(("body", "warned"), [("return 0.7", True), ("return float(answer == reference)", False)])
def test_an_own_function_that_prefers_nothing_is_warned_of(tmp_path: Path, store: Store, body: str, warned: bool) -> None:
    (tmp_path / "mine.py").write_text(f"def score(answer, reference):\n    {body}\n")
    toml = 'name = "own"\n[task]\nkind = "generate"\n[[sources]]\nfile = "rows.jsonl"\n[goal]\nscorer = "mine.py:score"\n'
    ears = Ears()
    rows = [(Origin(file="rows.jsonl", line=k), f"q{k}", f"a{k}") for k in (1, 2)]
    Marking(parse_project(toml, "project.toml"), tmp_path, store, ears).rehearse(rows)
    notes = [event for event in ears.heard if isinstance(event, Note)]
    assert [note.level for note in notes] == ["warning"] * warned
    assert all("mine.py:score" in note.text and "2 dev rows" in note.text for note in notes)
