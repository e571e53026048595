"""What is asked once: answers that other marks take up, readings of the clock taken later, evaluations that were killed; a real line on a tiny model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ears import Ears
from tests.line.tiny_project import make
from tunesmith.answer import alone
from tunesmith.errors import BadProject
from tunesmith.evaluate import run as evaluating
from tunesmith.evaluate.answers import PREDICTIONS
from tunesmith.examiner import Examiner
from tunesmith.line import Line
from tunesmith.measurement import answering_of, answers_of, asked_before
from tunesmith.pipeline import opened
from tunesmith.spec.candidate import Constant, Prompted
from tunesmith.spec.chat import Prompt
from tunesmith.spec.job import Event, Progress, StageFinished
from tunesmith.spec.report import Predictions, Wait
from tunesmith.spec.suite import Suites
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.steps import Finding, Step, cost_of

PROMPT = Prompt(name="plain", system="Answer.")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("measured"))


@pytest.fixture
def store(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("TUNESMITH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TUNESMITH_THREADS", "1")
    monkeypatch.setenv("TUNESMITH_DEVICE", "cpu")
    found = Store.open(tmp_path / "home")
    yield found
    found.close()


class Killed(BaseException):
    """A process ends here."""


class Killer(Ears):
    """Kills once so many rows of what has such a label were answered."""

    def __init__(self, label: str, rows: int) -> None:
        super().__init__()
        self.label = label
        self.rows = rows

    def emit(self, event: Event) -> None:
        super().emit(event)
        if isinstance(event, Progress) and event.label == self.label and event.done >= self.rows:
            raise Killed


def line_of(folder: Path, store: Store, *overrides: str, file: str = "chat", ears: Ears | None = None) -> Line:
    """The project's line in a process of its own, which has its data."""
    ears = ears or Ears()
    _ = opened({"project": str(folder / f"{file}.toml"), "overrides": overrides}, store, ears).dataset
    return opened({"project": str(folder / f"{file}.toml"), "overrides": overrides}, store, ears)


def candidate(folder: Path) -> Prompted:
    return Prompted(name="prompt-plain", model=str(folder / "base"), prompt=PROMPT)


def asked(line: Line) -> list[tuple[int, int | None]]:
    """What was said of answers to dev: how many of how many."""
    assert isinstance(line.monitor, Ears)
    return [(event.done, event.total) for event in line.monitor.heard if isinstance(event, Progress) and event.label == "prompt-plain on dev"]


def examined(line: Line, folder: Path) -> tuple[Artifact, Suites]:
    """The suites of the candidate, which is measured on dev first."""
    evaluation, _ = line.measure(candidate(folder), "dev", "measure")
    return Examiner(line).suites(candidate(folder), evaluation.name, None)


def examining(line: Line) -> set[str]:
    """What was asked for the suites."""
    assert isinstance(line.monitor, Ears)
    return {event.label for event in line.monitor.heard if isinstance(event, Progress) and event.label.startswith("prompt-plain: ")}


def made(line: Line) -> list[str]:
    """Titles of the steps that this process did."""
    assert isinstance(line.monitor, Ears)
    return [event.title for event in line.monitor.heard if isinstance(event, StageFinished) and not event.reused and event.stage != "data"]


def test_another_confidence_and_another_scorer_mark_the_stored_answers_and_load_no_model(folder: Path, store: Store) -> None:
    first = line_of(folder, store)
    before, report = first.measure(candidate(folder), "dev", "measure")
    assert asked(first)[-1] == (6, 6)
    (folder / "score.py").write_text("def score(question, answer, reference):\n    return 1.0\n")
    for wishes in (("goal.confidence=0.8",), ("goal.scorer='score.py:score'",)):
        line = line_of(folder, store, *wishes)
        after, marked = line.measure(candidate(folder), "dev", "measure")
        assert made(line) == ["dev prompt-plain"]
        assert (asked(line), "bench" in line.__dict__) == ([], False)
        assert after.name != before.name
        assert marked.metrics["perplexity"].value == report.metrics["perplexity"].value
        answers = answers_of(after, store)
        assert answers is not None
        assert asked_before(after, store) == [answers]  # its cost is without theirs
        assert answers == answers_of(before, store)
    assert asked_before(before, store) == []
    assert marked.metrics["own_score"].value == 1.0
    assert len(store.artifacts("predictions")) == 1
    again = line_of(folder, store)
    assert again.measure(candidate(folder), "dev", "evaluate")[1] == report  # `tunesmith evaluate` asks nobody either
    assert asked(again) == []


def test_a_killed_evaluation_goes_on_behind_its_last_block_to_the_same_answers(folder: Path, store: Store, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(evaluating, "BLOCK", 2)
    other = Store.open(tmp_path / "other")
    undisturbed, report = line_of(folder, other).measure(candidate(folder), "dev", "measure")
    with pytest.raises(Killed):
        line_of(folder, store, ears=Killer("prompt-plain on dev", 5)).measure(candidate(folder), "dev", "measure")
    line = line_of(folder, store)
    artifact, found = line.measure(candidate(folder), "dev", "measure")
    assert asked(line)[0] == (4, 6)
    assert found == report
    mine, theirs = answers_of(artifact, store), answers_of(undisturbed, other)
    assert mine is not None
    assert theirs is not None
    assert mine.load(Predictions) == theirs.load(Predictions)
    assert (mine.path / PREDICTIONS).read_bytes() == (theirs.path / PREDICTIONS).read_bytes()
    assert not (mine.path / ".scratch").exists()
    answering, earlier_s = answering_of(artifact), mine.sidecar()["earlier_s"]
    assert answering is not None
    assert 0 < earlier_s < cost_of(mine).seconds <= cost_of(artifact).seconds  # the budget counts what the killed process gave
    other.close()


def test_an_examination_with_another_confidence_asks_nobody(folder: Path, store: Store) -> None:
    first = line_of(folder, store)
    artifact, suites = examined(first, folder)
    assert examining(first)
    line = line_of(folder, store, "goal.confidence=0.8")
    other, found = examined(line, folder)
    assert other.name != artifact.name
    assert made(line) == ["dev prompt-plain", "examine prompt-plain"]
    assert (examining(line), "bench" in line.__dict__) == (set(), False)
    counts = ("asked", "prompt_tokens", "completion_tokens", "computed_tokens")
    assert [getattr(found, name) for name in counts] == [getattr(suites, name) for name in counts]
    assert found.prompt_tokens > 0
    assert found.consistency is not None
    assert suites.consistency is not None
    assert found.confidence == 0.8


def test_a_killed_examination_asks_the_rest(folder: Path, store: Store, tmp_path: Path) -> None:
    other = Store.open(tmp_path / "other")
    whole = line_of(folder, other)
    _, suites = examined(whole, folder)
    label = "prompt-plain: the same question in other words"
    with pytest.raises(Killed):
        examined(line_of(folder, store, ears=Killer(label, 1)), folder)
    line = line_of(folder, store)
    assert examined(line, folder)[1] == suites
    assert label in examining(line) < examining(whole)
    other.close()


def test_suites_of_answers_know_whether_there_are_documents(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = set()
    for wishes in ((), ("documents=[{file='docs'}]",)):
        line = line_of(folder, store, "task.kind='answer'", *wishes)
        assert line.dataset[1].kind == "answer"
        asked: list[Step] = []
        monkeypatch.setattr(line.steps, "do", lambda step, *rest, asked=asked, **more: (asked.append(step), None))
        Examiner(line).suites(candidate(folder), "dev", None)
        keys.add(asked[0].key)
    assert len(keys) == 2


def test_a_scorer_that_fails_leaves_the_answers(folder: Path, store: Store) -> None:
    (folder / "poor.py").write_text("def score(question, answer, reference):\n    raise ValueError('no')\n")
    with pytest.raises(BadProject, match="poor"):
        line_of(folder, store, "goal.scorer='poor.py:score'").measure(candidate(folder), "dev", "measure")
    line = line_of(folder, store)
    line.measure(candidate(folder), "dev", "measure")
    assert asked(line) == []


def test_a_limit_that_is_set_later_times_single_questions_and_answers_nothing_again(folder: Path, store: Store) -> None:
    one = candidate(folder)
    free = line_of(folder, store)
    evaluation, _ = free.measure(one, "dev", "measure")
    assert free.wait(one, "dev", evaluation) is None
    look = line_of(folder, store, "decide.at_most_ms=600000")
    look.steps = Finding(store, look.monitor)
    assert look.wait(one, "dev", evaluation) is None  # who only looks finds no reading, and takes none
    line = line_of(folder, store, "decide.at_most_ms=600000")
    assert line.measure(one, "dev", "measure")[0] == evaluation
    wait = line.wait(one, "dev", evaluation)
    assert wait is not None
    assert (wait.n, wait.at_most_s) == (5, 600.0)
    assert made(line) == ["ask prompt-plain one dev question after another"]
    assert asked(line) == []
    again = line_of(folder, store, "decide.at_most_ms=0.000001")
    found = again.wait(one, "dev", evaluation)
    assert found is not None
    assert (found.p90_s, found.at_most_s) == (wait.p90_s, pytest.approx(1e-9))
    assert made(again) == []


def test_whoever_would_miss_a_limit_is_timed_once_more_and_the_faster_reading_stands(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that was busy while the questions were timed bars nobody for good."""
    readings = [Wait(n=5, median_s=p90, p90_s=p90, p90_least_s=p90) for p90 in (0.5, 0.1, 0.3, 0.2)]
    monkeypatch.setattr(alone, "waited", lambda *_, **__: readings.pop(0))
    one = candidate(folder)
    evaluation, _ = line_of(folder, store).measure(one, "dev", "measure")
    title = "ask prompt-plain one dev question after another"
    seen = []
    for job, limit in ((1.0, 600), (2.0, 200), (2.0, 200), (3.0, 80), (3.0, 80), (3.0, 9), (4.0, 80)):
        line = line_of(folder, store, f"decide.at_most_ms={limit}")
        line.since = job
        wait = line.wait(one, "dev", evaluation)
        assert wait is not None
        seen.append((wait.p90_s, wait.is_too_long, made(line)))
    once_more = [f"{title}, once more"]
    assert seen[0] == (0.5, False, [title])
    assert seen[1:3] == [(0.1, False, once_more), (0.1, False, [])]  # in time by what is stored: no later job asks
    assert seen[3:5] == [(0.1, True, once_more), (0.1, True, [])]  # a job asks once
    assert seen[5] == (0.1, True, [])  # so much no other work explains
    assert seen[6] == (0.1, True, once_more)


def test_where_questions_are_answered_the_marks_know_whether_there_are_documents(folder: Path, store: Store) -> None:
    one, answers = candidate(folder), "task.kind='answer'"
    alone, without = line_of(folder, store, answers).measure(one, "dev", "measure")
    line = line_of(folder, store, answers, "documents=[{file='docs'}]")
    beside, with_documents = line.measure(one, "dev", "measure")
    assert alone.name != beside.name
    assert "supported_share" in without.metrics
    assert "supported_share" not in with_documents.metrics  # it was shown none of them
    assert asked(line) == []


def test_the_guessed_kind_of_task_hangs_on_the_documents(folder: Path, store: Store) -> None:
    (folder / "asking.toml").write_text((folder / "reading.toml").read_text().replace('kind = "generate"\n', ""))
    kinds = [line_of(folder, store, *wishes, file="asking").dataset[1].kind for wishes in ((), ("documents=[]",))]
    assert kinds == ["answer", "generate"]


def test_forgetting_a_row_erases_what_was_said_to_it(folder: Path, store: Store) -> None:
    line = line_of(folder, store)
    artifact, _ = line.measure(candidate(folder), "dev", "measure")
    answers = answers_of(artifact, store)
    assert answers is not None
    [row, *_] = line.references("dev")
    done = store.forget(line.dataset[0].name, [row.id], reason="asked for")
    assert answers.name in done.erased
    assert not (answers.path / PREDICTIONS).exists()
    assert store.find(answers.key) is None


def test_whoever_declines_in_other_words_has_declined(folder: Path, store: Store) -> None:
    said = "I am sorry, I don't have any information about that."
    texts = [(f"what about card {k}{k}", f"card {k} is in the drawer number {k}") for k in range(40)]
    others = ["dog", "sun", "sea", "moon", "star", "tree", "lake", "bird", "wolf", "rain", "snow", "wind", "hill", "rock", "salt", "corn"]
    texts += [(" ".join((one, other) * 2), "Ask me about cards.") for one, other in zip(others, reversed(others), strict=True)]
    rows = "".join(json.dumps({"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}) + "\n" for q, a in texts)
    (folder / "declining.jsonl").write_text(rows)
    text = (folder / "chat.toml").read_text().replace("chat.jsonl", "declining.jsonl").replace('columns = ["region"]\n', "")
    (folder / "declining.toml").write_text(text.replace('kind = "generate"', 'kind = "generate"\nout_of_scope = "Ask me about cards."'))
    line = line_of(folder, store, "split.dev_out_of_scope=4", file="declining")
    shares = []
    for answer in ("Ask me about cards!", said, "Somebody won it."):
        _, report = line.measure(Constant(name="always", answer=answer), "dev", "measure")
        shares.append((report.metrics["out_of_scope_recall"].value, report.metrics["false_refusal_rate"].value))
    assert shares == [(1, 1), (1, 1), (0, 0)]
