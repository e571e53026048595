"""Whose turn it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tunesmith.jobs.turns import is_light, next_job
from tunesmith.spec.job import Job


def a_job(name, **more):
    values = {"kind": "finetune", "status": "queued", "title": name, "payload": {}, "created_at": 0.0, "is_shared": True, "phase": "training"}
    return Job(id=name, **(values | more))


def test_first_come_first_served():
    jobs = [a_job("late", created_at=2.0), a_job("early", created_at=1.0)]
    assert next_job(jobs, 1).id == "early"


def test_priority_goes_before_age():
    jobs = [a_job("early"), a_job("urgent", created_at=5.0, priority=1)]
    assert next_job(jobs, 1).id == "urgent"


def test_an_owner_without_a_running_job_goes_before_one_with_many():
    running = [a_job("running", status="running", owner="greedy")]
    waiting = [a_job("second", owner="greedy", created_at=1.0), a_job("modest", owner="modest", created_at=2.0)]
    assert next_job(running + waiting, 2).id == "modest"
    assert next_job(running + waiting[:1], 2).id == "second"


def test_the_jobs_of_commands_take_devices_but_are_nobody_elses_to_run():
    command = a_job("command", is_shared=False, status="running")
    assert next_job([command, a_job("waiting")], 1) is None
    assert next_job([a_job("command", is_shared=False)], 1) is None


def test_looking_at_files_goes_on_beside_a_training_one_at_a_time():
    training = a_job("training", status="running")
    looks = [a_job("look", phase="validating", created_at=1.0), a_job("another look", phase="validating", created_at=2.0)]
    assert next_job([training, *looks], 1).id == "look"
    assert next_job([training, a_job("looking", phase="validating", status="running"), *looks], 1) is None
    assert is_light(a_job("pull", kind="pull", phase=None))


@given(
    st.lists(
        st.tuples(st.sampled_from(["queued", "running", "paused"]), st.booleans(), st.sampled_from(["validating", "training"]), st.integers(-1, 1)),
        max_size=8,
    ),
    st.integers(1, 3),
)
def test_a_device_never_has_two_jobs(states, devices):
    jobs = [
        a_job(str(i), status=status, is_shared=shared, phase=phase, priority=priority) for i, (status, shared, phase, priority) in enumerate(states)
    ]
    chosen = next_job(jobs, devices)
    if chosen is not None:
        assert (chosen.status, chosen.is_shared) == ("queued", True)
        beside = [job for job in jobs if job.status == "running" and is_light(job) == is_light(chosen)]
        assert len(beside) < (1 if is_light(chosen) else devices)
