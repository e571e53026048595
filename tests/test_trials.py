"""Trials that come to nothing: trainings that diverge or do not fit, a model elsewhere that falls silent, and what is no failure of a trial."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import doubles
from tests.doubles import SEARCHING, Many, heard, open_line, processes
from tests.ears import Ears
from tunesmith import settings as settings_module
from tunesmith.conclusion import Conclusion
from tunesmith.errors import Alarm, BadProject, Busy, DoesNotFit, Interrupted, Overloaded, TunesmithError
from tunesmith.pipeline import train_only, walk
from tunesmith.planning import Planning
from tunesmith.spec.noun import Noun
from tunesmith.store.artifacts import Store
from tunesmith.store.steps import Step, cost_of
from tunesmith.store.work import Work as Folder

DIVERGED = Alarm("diverged: the training loss rose from 1.00 to 9.00", where="step 30", fix="train.optimiser.lr = 0.001")


@pytest.fixture
def folder(slowly: None, folder: Path) -> Path:
    (folder / "project.toml").write_text(SEARCHING)
    return folder


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Lets the trainings with these titles raise an error, all of them where none is named; gives the titles of those that began."""

    def break_(*broken: str, error: TunesmithError = DIVERGED) -> list[str]:
        real, begun = doubles.made_up, list[str]()

        def made_up(step: Step, work: Folder, count: int) -> Noun:
            if step.kind == "checkpoint":
                begun.append(step.title)
                if not broken or step.title in broken:
                    raise error
            return real(step, work, count)

        monkeypatch.setattr(doubles, "made_up", made_up)
        return begun

    return break_


def test_settings_that_diverge_are_stored_and_told_and_the_run_goes_on(
    store: Store, folder: Path, breaking: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Conclusion] = []
    monkeypatch.setattr(Conclusion, "keep", lambda self: kept.append(self) or {})
    begun = breaking("fine-tune pilot-25", "fine-tune ladder-1-100")
    processes(folder, store, steps=Many)
    assert {"fine-tune pilot-25", "fine-tune ladder-1-100", "fine-tune ladder-2-100", "fine-tune tuned-seed-1"} <= set(begun)
    assert len(begun) == len(set(begun))  # each of them once, in however many processes
    assert len(store.artifacts("failure")) == 2
    failed = [trial.candidate.name for trial in kept[-1].history if trial.failure is not None]
    assert failed == ["pilot-25", "ladder-1-100"]
    assert kept[-1].finding_tokens() > 0
    assert not {one.candidate.name for one in kept[-1].finalists} & set(failed)
    line, ears = open_line(folder, store, steps=Many), Ears()
    line.monitor = ears
    walk(line, Planning(line, since=time.time()))
    assert f"pilot-25 failed and is left out: {DIVERGED.message}. Fix: train.optimiser.lr = 0.001" in heard(ears)


def test_what_does_not_fit_into_memory_is_tried_again_with_more_of_it(
    store: Store, folder: Path, breaking: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = breaking("fine-tune pilot-25", error=DoesNotFit("needs 9 GB", where="base"))
    processes(folder, store, steps=Many)
    assert begun.count("fine-tune pilot-25") == 1
    monkeypatch.setenv("TUNESMITH_MEMORY_BYTES", "900000000000")
    settings_module.settings.cache_clear()
    processes(folder, store, steps=Many)
    assert begun.count("fine-tune pilot-25") == 2


def test_where_nothing_can_be_trained_the_verdict_is_among_the_others_and_says_why(
    store: Store, folder: Path, breaking: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Conclusion] = []
    monkeypatch.setattr(Conclusion, "keep", lambda self: kept.append(self) or {})
    monkeypatch.setattr("tunesmith.decide.run.limited", lambda *_: ())
    breaking()
    processes(folder, store, steps=Many)
    assert kept[-1].finalists
    assert {one.remedy for one in kept[-1].finalists} <= {"majority", "prompt", "few-shot"}
    (said,) = kept[-1].known({}).failed
    assert said == f"The full training for fine-tuning failed ({DIVERGED.message}), so nothing is said about what it would reach."


THERE = ("rivals.remote.url='http://127.0.0.1:9/v1'", "rivals.remote.model=large", "rivals.remote.allow_private=true")


@pytest.fixture
def silenced(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Iterator[Conclusion]]:
    """Lets the step of this title find nobody who answers; gives what two jobs conclude, each of which has asked once in however many processes."""
    kept, real = list[Conclusion](), doubles.made_up
    monkeypatch.setattr(Conclusion, "keep", lambda self: kept.append(self) or {})
    monkeypatch.setattr("tunesmith.decide.run.limited", lambda *_: ())

    def run_twice(title: str, message: str) -> Iterator[Conclusion]:
        asked: list[str] = []

        def made_up(step: Step, work: Folder, count: int) -> Noun:
            if step.title == title:
                asked.append(step.title)
                raise Overloaded(message, where="remote")
            return real(step, work, count)

        monkeypatch.setattr(doubles, "made_up", made_up)
        for runs in (1, 2):
            processes(folder, store, *THERE, steps=Many, since=time.time())
            assert len(asked) == runs
            yield kept[-1]

    return run_twice


def test_a_yardstick_that_does_not_answer_is_a_failed_trial_and_is_asked_again_by_the_next_run(silenced: Callable[..., Iterator[Conclusion]]) -> None:
    for found in silenced("dev remote", "the endpoint does not answer"):
        assert "remote" not in {one.remedy for one in found.finalists}
        assert found.known({}).failed == ("The model elsewhere was not measured: the endpoint does not answer.",)


def test_a_yardstick_that_falls_silent_on_the_locked_rows_ends_no_run(silenced: Callable[..., Iterator[Conclusion]]) -> None:
    for found in silenced("test remote", "the endpoint answers no more"):
        assert found.finalists
        assert "remote" not in {one.remedy for one in (*found.finalists, *found.end.trials)}
        (trial,) = [one for one in found.history if one.remedy == "remote"]
        assert trial.report is not None
        assert trial.failure is not None
        assert found.known({}).failed == ("The model elsewhere was measured on dev alone: the endpoint answers no more.",)


def test_without_a_rival_a_training_that_fails_fails_the_run(store: Store, folder: Path, breaking: Callable[..., list[str]]) -> None:
    breaking()
    bare = ("rivals.prompts=false", "rivals.few_shot=0", "rivals.majority=false", "decide.pilots=[]", "decide.search=0", "decide.seeds=1")
    with pytest.raises(Alarm, match="diverged"):
        processes(folder, store, *bare, steps=Many)


@pytest.mark.parametrize("error", [Interrupted("stopped after step 3"), BadProject("no such prompt"), Busy("held")])
def test_a_stop_and_mistakes_of_the_users_are_no_failed_trials(
    store: Store, folder: Path, breaking: Callable[..., list[str]], error: TunesmithError
) -> None:
    breaking(error=error)
    with pytest.raises(type(error)):
        processes(folder, store, steps=Many)
    assert store.artifacts("failure") == []


def test_a_trained_model_that_has_no_room_to_answer_is_no_failed_trial(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = doubles.made_up

    def made_up(step: Step, work: Folder, count: int) -> Noun:
        if step.title == "dev pilot-25":
            raise DoesNotFit("no room", where="base")
        return real(step, work, count)

    monkeypatch.setattr(doubles, "made_up", made_up)
    with pytest.raises(DoesNotFit):
        processes(folder, store, steps=Many)
    assert store.artifacts("failure") == []


def test_what_a_failed_training_took_counts_as_spent(store: Store, folder: Path, breaking: Callable[..., list[str]]) -> None:
    breaking("fine-tune pilot-25")
    processes(folder, store, "decide.budget=1000", steps=Many)
    (failure,) = store.artifacts("failure")
    line = open_line(folder, store, "decide.budget=1000", steps=Many)
    planning = Planning(line, since=time.time() + 1, worked=lambda: 0.0)
    history, _, _ = walk(line, planning)
    without = [trial for trial in history if trial.failure is None]
    assert planning.spent(history) - planning.spent(without) == pytest.approx(cost_of(failure).seconds)
    assert cost_of(failure).seconds > 0


def test_a_training_alone_fails_with_its_alarm(store: Store, folder: Path, breaking: Callable[..., list[str]]) -> None:
    breaking()
    with pytest.raises(Alarm, match="diverged"):
        train_only(open_line(folder, store, steps=Many))
    assert store.artifacts("failure") == []
