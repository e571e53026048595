"""Events in order, each once, whatever the pages they come in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.console.conftest import home, place, put_model, serve, served, shared  # noqa: F401  # fixtures
from tunesmith.client import JobFailed, follow
from tunesmith.console.state import Console
from tunesmith.jobs.progress import JobMonitor
from tunesmith.spec.job import Note


def say(console: Console, job: str, *texts: str) -> None:
    monitor = JobMonitor(console.queue, job)
    for text in texts:
        monitor.emit(Note(text=text))
    monitor.close()


@pytest.fixture
def job(served: Any) -> Any:  # noqa: F811
    """A job of the API that no worker does: the test speaks for it."""
    rows = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n' * 10
    with served.client() as client:
        file = client.files.create(file=("a.jsonl", rows), purpose="fine-tune")
        made = client.fine_tuning.jobs.create(model="tiny", training_file=file.id)
        yield SimpleNamespace(id=made.id, client=client, console=served.console)


def test_everything_is_told_once_and_in_order(job):
    rounds = [
        lambda: say(job.console, job.id, "one", "two"),
        lambda: None,
        lambda: say(job.console, job.id, *(f"many {n}" for n in range(250))),
        lambda: (say(job.console, job.id, "last"), job.console.queue.finish(job.id, {"model": "ft:tiny"})),
    ]
    told = [event.message for event in follow(job.client, job.id, sleep=lambda _: rounds.pop(0)())]
    assert told == [f"Created fine-tuning job: {job.id}", "one", "two", *(f"many {n}" for n in range(250)), "last"]


def test_a_paused_job_is_waited_for(job):
    job.client.fine_tuning.jobs.pause(job.id)
    rounds = [lambda: job.client.fine_tuning.jobs.resume(job.id), lambda: job.console.queue.finish(job.id, {"model": "ft:tiny"})]
    assert len(list(follow(job.client, job.id, sleep=lambda _: rounds.pop(0)()))) == 1


@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_how_a_job_without_success_ends(job, how):
    error = {"code": "bad_record", "message": "no rows", "problems": [{"message": "no rows", "where": "training_file"}]}
    end = job.client.fine_tuning.jobs.cancel if how == "cancelled" else lambda name: job.console.queue.fail(name, error)
    told: list[str] = []
    with pytest.raises(JobFailed) as caught:
        told.extend(event.message for event in follow(job.client, job.id, sleep=lambda _: end(job.id)))
    assert told[-1] == ("The job was cancelled" if how == "cancelled" else "no rows")
    assert caught.value.problems[0].got == how
    assert caught.value.problems[0].where == (job.id if how == "cancelled" else "training_file")
