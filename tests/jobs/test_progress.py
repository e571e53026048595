"""What a job says arrives in order, thinned and bounded, and asking whether to stop is cheap."""

from __future__ import annotations

import os

import pytest

from tests.waiting import computing
from tunesmith.jobs.progress import JobMonitor, events_since
from tunesmith.jobs.queue import holder
from tunesmith.spec.job import Note, Progress, Reading, StageFinished, StageStarted


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def job(queue):
    made = queue.enqueue("run", "router", {})
    queue.lease(made.id, holder(os.getpid()))
    return made.id


def said(queue, job):
    return [event for _, _, event in events_since(queue, job, 0)]


def test_events_come_back_as_they_were_in_order_with_numbers(queue, job):
    monitor = JobMonitor(queue, job)
    events = [
        StageStarted(stage="train", title="training"),
        Note(level="warning", text="odd"),
        Reading(step=1, values={"train_loss": float("nan")}),
        StageFinished(stage="train", title="training", artifact="checkpoint-1", reused=False, seconds=2.0, summary="s"),
    ]
    for event in events:
        monitor.emit(event)
    found = events_since(queue, job, 0)
    assert [seq for seq, _, _ in found] == [1, 2, 3, 4]
    assert [repr(event) for _, _, event in found] == [repr(event) for event in events]  # by repr: nan is not equal to itself
    assert [seq for seq, _, _ in events_since(queue, job, 3)] == [4]


def test_progress_is_thinned_by_label_and_the_last_one_is_kept(queue, job, clock):
    monitor = JobMonitor(queue, job, clock=clock)
    for n in range(1000):  # ten seconds at 100 a second
        clock.now = n / 100
        monitor.emit(Progress(label="reading", done=n, total=2000))
    monitor.emit(Progress(label="other", done=5, total=5))
    monitor.emit(Note(text="then"))
    monitor.close()
    events = said(queue, job)
    reading = [e.done for e in events if isinstance(e, Progress) and e.label == "reading"]
    assert 48 <= len(reading) <= 52
    assert reading[-1] == 999
    assert reading == sorted(reading)
    assert [type(e) for e in events[-2:]] == [Progress, Note]


def test_the_end_of_a_count_is_never_thinned(queue, job, clock):
    monitor = JobMonitor(queue, job, clock=clock)
    for n in (1, 2, 3):
        monitor.emit(Progress(label="rows", done=n, total=3))
    monitor.flush()
    assert [e.done for e in said(queue, job)] == [1, 3]


def test_beyond_the_bound_old_progress_goes_first_then_readings(queue, job, clock):
    monitor = JobMonitor(queue, job, kept=100, clock=clock)
    for n in range(300):
        clock.now += 1
        monitor.emit(Progress(label="p", done=n))
        if n % 4 == 0:
            monitor.emit(Reading(step=n, values={}))
        if n % 10 == 0:
            monitor.emit(Note(text=str(n)))
    monitor.close()
    events = said(queue, job)
    assert 90 <= len(events) <= 100
    assert [e.text for e in events if isinstance(e, Note)] == [str(n) for n in range(0, 300, 10)]
    steps = [e.step for e in events if isinstance(e, Reading)]
    assert steps == list(range(steps[0], 300, 4))
    assert len(steps) > 40


def test_the_next_child_goes_on_counting(queue, job):
    for text in ("first", "second"):
        monitor = JobMonitor(queue, job)
        monitor.emit(Note(text=text))
        monitor.close()
    assert [(seq, e.text) for seq, _, e in events_since(queue, job, 0)] == [(1, "first"), (2, "second")]


def test_stopping_asks_the_database_at_most_twice_a_second(queue, job, clock):
    monitor = JobMonitor(queue, job, clock=clock)
    assert not monitor.stopping()
    queue.interrupt(job)
    clock.now = 0.4
    assert not monitor.stopping()
    clock.now = 0.6
    assert monitor.stopping()
    clock.now = 0.7
    assert monitor.stopping()


def test_talking_is_cheap(queue, job):
    monitor = JobMonitor(queue, job)
    event = Progress(label="rows", done=1)
    with computing(4.0):  # a twentieth of a second on an idle machine; the database alone would take more than that
        for _ in range(20_000):
            monitor.emit(event)
            monitor.stopping()
