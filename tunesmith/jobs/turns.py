"""Jobs that wait and jobs that run → the one whose turn it is. Pure.

Training needs a device, and a device takes one job at a time; looking at a job's files needs none, so it may happen beside a training, one at a
time. Among those that fit, the highest priority goes first, then the owner with the fewest jobs running, then the one that waited longest: one
key's hundred jobs do not keep another key's only one waiting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tunesmith.spec.job import Job

LIGHT_AT_ONCE = 1


def is_light(job: Job) -> bool:
    """True for work that needs no device."""
    return job.phase == "validating" or job.kind in ("pull", "data", "check", "mend", "make")


def next_job(jobs: Sequence[Job], devices: int) -> Job | None:
    """The shared job of `jobs` (queued and running ones) that may start now, if there is one. Jobs of commands that run take their devices too."""
    running = [job for job in jobs if job.status == "running"]
    free = {True: LIGHT_AT_ONCE - sum(map(is_light, running)), False: devices - sum(not is_light(job) for job in running)}
    busy = Counter(job.owner for job in running)
    waiting = [job for job in jobs if job.status == "queued" and job.is_shared and free[is_light(job)] > 0]
    return min(waiting, key=lambda job: (-job.priority, busy[job.owner], job.created_at, job.id), default=None)
