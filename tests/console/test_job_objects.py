"""The states of a job, in OpenAI's words."""

from __future__ import annotations

import pytest

from tunesmith.console.job_objects import status
from tunesmith.spec.job import Job


@pytest.mark.parametrize(
    ("kept", "phase", "stop", "said"),
    [
        ("queued", "validating", None, "validating_files"),
        ("running", "validating", None, "validating_files"),
        ("running", "waiting", None, "queued"),
        ("queued", "waiting", None, "queued"),
        ("running", "training", None, "running"),
        ("interrupted", "training", None, "queued"),
        ("running", "training", "pause", "paused"),
        ("succeeded", "training", None, "succeeded"),
    ],
)
def test_a_job_is_running_only_while_it_trains(kept, phase, stop, said):
    job = Job(id="ftjob-1", kind="finetune", title="a", payload={}, created_at=0.0, is_shared=True, status=kept, phase=phase, stop=stop)
    assert status(job) == said
