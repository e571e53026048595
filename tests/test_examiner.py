"""What a candidate is examined with: the user's own columns and questions, the passages that were shown, and the lines that the user draws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cli.conftest import checkpoint
from tests.ears import Ears
from tests.evaluate.suites.scripted import OUTSIDE, answered, data, row
from tunesmith.data.sources.questions import question
from tunesmith.evaluate.answers import ANSWERS
from tunesmith.evaluate.suites.forgetting import Pair, Suite
from tunesmith.examiner import Examiner, own_columns
from tunesmith.probes.load import probes
from tunesmith.spec.candidate import Constant, Tuned
from tunesmith.spec.chat import Prompt
from tunesmith.spec.dataset import Dataset, Origin, Record, Source
from tunesmith.spec.forgetting import Forgetting, Taken
from tunesmith.spec.index import Document
from tunesmith.spec.job import Note
from tunesmith.spec.project import Project
from tunesmith.spec.report import Scored
from tunesmith.spec.suite import Examine
from tunesmith.store.artifacts import Store
from tunesmith.store.steps import Step, Steps

DEV = [row(k, f"How do I {verb} my card?", "card", columns={"region": "north"} if k else None) for k, verb in enumerate(("lock", "mend", "turn"))]
TEST = [row(10 + k, f"Where is my card {k}?", "card", columns={"region": "south", "shop": "a"}) for k in range(3)]
TRAIN = [row(20 + k, f"Please {verb} my card", "card") for k, verb in enumerate(("block", "find", "send", "stop"))]


def examiner(folder: Path, dataset: Dataset, unanswerable: Sequence[str] = (), **project: Any) -> Examiner:
    """One whose line has these rows, the right answers to them, and passages for two test rows."""
    for name, rows in (("dev", DEV), ("test", TEST)):
        said = [answered(one, "card", dataset).model_copy(update={"shown": ("p1", "p2") if one is not TEST[2] else ()}) for one in rows]
        (folder / name).mkdir()
        (folder / name / ANSWERS).write_text("".join(one.model_dump_json() + "\n" for one in said))
    splits: dict[str, list[Record]] = {"train": TRAIN, "dev": DEV, "test": TEST}
    sources = (Source(file="a.csv", columns=("region", "shop")), Source(file="b.csv", columns=("region", "plan")))
    line: Any = SimpleNamespace(
        dataset=(SimpleNamespace(name="dataset-x"), dataset),
        project=Project(name="a", **({"sources": sources} | project)),
        metric="exact_match",
        store=SimpleNamespace(get=lambda name, kind: SimpleNamespace(path=folder / name)),
        references=splits.__getitem__,
        unanswerable=[(Origin(file="no.txt", line=n + 1), question(text)) for n, text in enumerate(unanswerable)],
        monitor=Ears(),
    )
    return Examiner(line)


def texts(shown: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"text of {ident}" for ident in shown)


def test_a_small_training_has_seen_a_part_of_the_rows(tmp_path: Path) -> None:
    one = examiner(tmp_path, data())
    line: Any = one.line
    line.trainings = SimpleNamespace(rows=lambda share: TRAIN[: round(share * 4)])
    assert one.material("dev", "test", texts, 0.5).learnt == TRAIN[:2]
    assert one.material("dev", "test", texts).learnt is None


def test_what_was_shown_is_what_answers_may_rest_on(tmp_path: Path) -> None:
    made = examiner(tmp_path, data("answer", (), None), documents=(Document(file="docs"),)).material("dev", "test", texts)
    assert made.passages[TEST[0].id] == ("text of p1", "text of p2")
    assert made.passages[TEST[2].id] == ()
    assert made.has_documents
    assert [type(one) for one in made.answers] == [Scored] * 3


def test_a_candidate_that_is_shown_nothing_has_no_passages(tmp_path: Path) -> None:
    made = examiner(tmp_path, data()).material("dev", "test", lambda shown: None)
    assert (made.passages, made.has_documents) == ({}, False)


def test_columns_that_sources_name_become_slices(tmp_path: Path) -> None:
    made = examiner(tmp_path, data()).material("dev", "test", texts)
    assert made.columns == {
        "region": {DEV[1].id: "north", DEV[2].id: "north", **{one.id: "south" for one in TEST}},
        "shop": {one.id: "a" for one in TEST},
        "plan": {},
    }
    assert own_columns(TRAIN, ()) == {}


def test_the_user_s_own_unanswerable_questions_are_asked_instead_of_made_up_ones(tmp_path: Path) -> None:
    made = examiner(tmp_path, data(), ["Who will win?", "What is my name?"]).material("dev", "test", texts)
    assert [(one.origin.line, one.conversation.messages[0].content, one.conversation.answer()) for one in made.unanswerable] == [
        (1, "Who will win?", OUTSIDE),
        (2, "What is my name?", OUTSIDE),
    ]
    assert len({one.id for one in made.unanswerable}) == 2


def test_too_many_of_them_are_drawn_from_and_it_is_said(tmp_path: Path) -> None:
    asked = examiner(tmp_path, data("chat", (), OUTSIDE), [f"Who wins game {k}?" for k in range(80)])
    assert len(asked.given_unanswerable()) == 50
    ears = asked.line.monitor
    assert isinstance(ears, Ears)
    assert [note.text for note in ears.heard if isinstance(note, Note)] == ["of the 80 questions that nobody can answer 50 are asked, drawn by seed"]


@pytest.mark.parametrize(("task", "rows"), [("chat", 60), ("route", 200)])
def test_the_user_s_bounds_and_the_task_s_numbers(tmp_path: Path, task: Any, rows: int) -> None:
    bounds = Examine(risk=0.1, false_refusals=0.02, temperature=0.7, repeats=3, overfit_gap=0.2, slice_rows=9, slice_values=7)
    limits = examiner(tmp_path, data(task), examine=bounds).limits
    assert limits.train_rows == rows
    assert {name: getattr(limits, name) for name in Examine.model_fields if name != "unanswerable"} == bounds.model_dump(exclude={"unanswerable"})


def test_other_unanswerable_questions_are_another_examination(tmp_path: Path) -> None:
    def key(name: str, questions: Sequence[str]) -> str:
        (tmp_path / name).mkdir()
        one, steps = examiner(tmp_path / name, data(), questions), list[Step]()
        line: Any = one.line
        line.answering, line.measurement = lambda candidate: {}, SimpleNamespace(marks=dict)
        line.steps = SimpleNamespace(do=lambda step, make, words, noun: (steps.append(step), None))
        one.suites(Constant(name="majority", answer="card"), "dev", "test")
        return steps[0].key

    keys = [key("a", ()), key("b", ["Who will win?"]), key("c", ["Who will lose?"])]
    assert len(set(keys)) == 3
    assert key("d", ["Who will win?"]) == keys[1]


def test_what_a_base_makes_of_the_probes_is_asked_once_for_all_that_is_tuned_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, compared = list[int](), list[tuple[str, int | None]]()
    found = Taken(probes=probes().digest, questions=(), instructions=(), prose=())

    def take(self: Suite, engine: Any, name: str) -> Taken:
        taken.append(len(self.chosen_questions()))
        return found

    def run(self: Suite, pair: Pair) -> Any:
        assert pair.before == found
        compared.append((pair.tuned().model, self.limits.questions))
        none: dict[str, Any] = {"changes": (), "fluency": None, "divergence": (), "areas": {}, "lost": ()}
        made = Forgetting(probes=probes().digest, limits=self.limits, tolerance=self.tolerance, standing="kept", sentence="Nothing is lost.", **none)
        return SimpleNamespace(forgetting=made)

    monkeypatch.setattr(Suite, "take", take)
    monkeypatch.setattr(Suite, "run", run)
    monkeypatch.setattr("tunesmith.answer.engine.Engine", lambda model: SimpleNamespace(model=model))
    store = Store.open(tmp_path / "home")
    one = examiner(tmp_path, data())
    line: Any = one.line
    line.store = SimpleNamespace(get=lambda name, kind: SimpleNamespace(load=lambda noun: checkpoint("data")))
    line.bench = SimpleNamespace(model=lambda base, weights=None: weights or base)
    line.steps = Steps(store, Ears())
    every = [Tuned(name=name, checkpoint=name, prompt=Prompt(name="p")) for name in ("tuned", "tuned-seed-1")]
    whole = len(probes().choices)
    for candidate, share in ((every[0], 1.0), (every[1], 1.0), (every[0], 0.5), (every[1], 0.5), (every[0], 1.0)):
        one.forgetting(candidate, share)
    assert taken == [whole, round(whole / 2)]
    assert compared == [("tuned", None), ("tuned-seed-1", None), ("tuned", round(whole / 2)), ("tuned-seed-1", round(whole / 2))]
    store.close()
