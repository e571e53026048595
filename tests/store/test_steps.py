"""Steps: each done once ever, each stage in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ears import Ears
from tunesmith.errors import Busy, Interrupted
from tunesmith.spec.job import StageFinished, StageStarted
from tunesmith.spec.noun import Noun
from tunesmith.store.artifacts import Artifact, Store
from tunesmith.store.steps import Finding, NotMade, StageDone, Step, Steps, cost_of
from tunesmith.store.work import Work


class Number(Noun):
    value: int


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "home")
    yield opened
    opened.close()


def step(stage: str = "data", **inputs: Any) -> Step:
    return Step(stage, "count", "number", inputs, rows=10)


def do(steps: Steps, what: Step, make: Callable[[Work], Number] = lambda work: Number(value=1)) -> Number:
    return steps.do(what, make, lambda found: f"it is {found.value}", Number)[1]


def never(work: Work) -> Number:
    raise AssertionError("this was done before")


def test_a_step_is_done_once_and_then_found(store: Store) -> None:
    ears = Ears()
    assert do(Steps(store, ears), step(a=1)).value == 1
    assert do(Steps(store, ears), step(a=1), never).value == 1
    started, done, found = ears.heard
    assert isinstance(started, StageStarted)
    assert isinstance(done, StageFinished)
    assert isinstance(found, StageFinished)
    assert (done.reused, found.reused, found.summary) == (False, True, "it is 1")
    assert (done.artifact, done.seconds) == (found.artifact, found.seconds)  # what the clock said when it was made


@pytest.mark.parametrize(
    "other", [Step("data", "count", "number", {"a": 2}), Step("more", "count", "number", {"a": 1}), Step("data", "count", "x", {"a": 1})]
)
def test_another_input_stage_or_kind_is_another_step(other: Step) -> None:
    assert other.key != step(a=1).key


def test_titles_parents_and_rates_are_for_people() -> None:
    assert step(a=1).key == Step("data", "another title", "number", {"a": 1}, ("dataset-1",), 99).key


def test_a_process_does_one_stage_and_finds_the_others(store: Store) -> None:
    steps = Steps(store, Ears())
    do(steps, step("data", a=1))
    do(steps, step("data", a=2))
    with pytest.raises(StageDone):
        do(steps, step("train", a=1), never)
    fresh = Steps(store, Ears())
    do(fresh, step("data", a=1), never)
    do(fresh, step("train", a=1))
    do(fresh, step("data", a=2), never)  # found: that is no work for another stage
    with pytest.raises(StageDone):
        do(fresh, step("data", a=3), never)


def test_what_another_process_is_doing_is_not_done_twice(store: Store) -> None:
    with store.work(step(a=1).key, stage="data", title="count"), pytest.raises(Busy):
        do(Steps(store, Ears()), step(a=1), never)


def test_what_was_finished_while_we_waited_for_the_lease_is_taken(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    do(Steps(store, Ears()), step(a=1))
    looks: list[str] = []
    real = store.find

    def late(key: str) -> Any:
        looks.append(key)
        return None if len(looks) == 1 else real(key)  # at the first look the other one has not finished yet

    monkeypatch.setattr(store, "find", late)
    assert do(Steps(store, Ears()), step(a=1), never).value == 1
    assert len(looks) == 2


def test_an_interrupted_step_leaves_its_folder_and_nothing_to_see(store: Store) -> None:
    def stop(work: Work) -> Number:
        (work.scratch / "state").write_text("half")
        raise Interrupted("stopped", where="here", fix="again")

    def go_on(work: Work) -> Number:
        return Number(value=len((work.scratch / "state").read_text()))

    steps = Steps(store, Ears())
    with pytest.raises(Interrupted):
        do(steps, step(a=1), stop)
    assert store.artifacts() == []
    assert do(steps, step(a=1), go_on).value == 4


def test_the_cost_of_what_was_taken_up_is_that_of_all_its_processes(store: Store) -> None:
    def go_on(work: Work) -> Number:
        work.earlier_s = 5_000.0
        return Number(value=1)

    do(Steps(store, Ears()), step(a=1), go_on)
    cost = cost_of(store.artifacts()[0])
    assert 5_000 <= cost.seconds < 5_100
    assert cost.rows_per_s == 10 / cost.seconds


def test_one_more_key_leads_to_an_artifact(store: Store) -> None:
    do(Steps(store, Ears()), step(a=1))
    artifact = store.artifacts()[0]
    store.lead("f" * 64, artifact.name)
    store.lead("f" * 64, artifact.name)
    found = store.find("f" * 64)
    assert found is not None
    assert found.name == artifact.name
    assert [one.name for one in store.artifacts()] == [artifact.name]


def test_costs_are_kept_beside_the_artifact_by_title(store: Store) -> None:
    first = Steps(store, Ears())
    artifact, _ = first.do(step(a=1), lambda work: Number(value=1), str, Number, beside=lambda: {"more": 7})
    again = Steps(store, Ears())
    do(again, step(a=1), never)
    assert first.costs == again.costs
    cost = cost_of(artifact)
    assert cost.rows_per_s == pytest.approx(10 / cost.seconds)
    assert cost.peak_memory_bytes > 10 << 20
    assert artifact.sidecar()["more"] == 7


def test_whoever_only_looks_finds_what_was_done_and_does_nothing(store: Store) -> None:
    ears = Ears()
    do(Steps(store, Ears()), step(a=1), lambda work: Number(value=7))
    look = Finding(store, ears)
    assert do(look, step(a=1), never).value == 7
    with pytest.raises(NotMade, match="count"):
        do(look, step(a=2), never)
    assert ears.heard == []
    assert look.made == set()
    assert store.find(step(a=2).key) is None


def test_a_part_is_done_once_without_a_word_and_bears_no_cost_of_its_own(store: Store) -> None:
    ears, found = Ears(), list[tuple[Artifact, Number]]()

    def make(work: Work, steps: Steps) -> Number:
        found.append(steps.part(step(b=1), lambda work: Number(value=len(found) + 1), Number))
        return Number(value=found[-1][1].value * 10)

    first, again = Steps(store, ears), Steps(store, ears)
    assert do(first, step(a=1), lambda work: make(work, first)).value == 10
    assert do(again, step(a=2), lambda work: make(work, again)).value == 10
    (part, _), (same, _) = found
    assert part.name == same.name
    assert part.name in first.made
    assert part.name not in again.made
    assert {event.artifact for event in ears.heard if isinstance(event, StageFinished)} == (first.made | again.made) - {part.name}
    assert set(first.costs) == {step(a=1).title}
