"""A client of the openai package, a job → everything that the job says, oldest first, each thing once, until it has ended.

The API lists events newest first and in pages; a script that polls has to turn them round, to leave out what it saw and not to miss the last
ones. Nothing else is missing from the openai package, so nothing else is here. It works against the hosted service just as well.

    from tunesmith.client import follow

    for event in follow(client, job.id):
        print(event.message)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tunesmith.errors import TunesmithError

if TYPE_CHECKING:  # the caller brings his client: this module runs with any generation of the package, and without it
    from openai import OpenAI
    from openai.types.fine_tuning import FineTuningJobEvent

POLL_S = 1.0
PAGE = 100


class JobFailed(TunesmithError):
    """The job that was followed has failed, or was cancelled."""

    code = "job_failed"


def follow(client: OpenAI, job_id: str, *, poll_s: float = POLL_S, sleep: Callable[[float], None] = time.sleep) -> Iterator[FineTuningJobEvent]:
    """The events of a job as they come, until it has succeeded. A paused job is waited for.

    Raises: JobFailed once a job that failed or was cancelled has said everything; what the client raises.
    """
    seen: set[str] = set()
    while True:
        job = client.fine_tuning.jobs.retrieve(job_id)  # before its events: of a job that has ended they are complete
        fresh: list[FineTuningJobEvent] = []
        for event in client.fine_tuning.jobs.list_events(job_id, limit=PAGE):
            if event.id in seen:
                break
            fresh.append(event)
        seen.update(event.id for event in fresh)
        yield from reversed(fresh)
        if job.status == "succeeded":
            return
        if job.status in ("failed", "cancelled"):
            why = job.error.message if job.error is not None and job.error.message else f"the job was {job.status}"
            where = job.error.param or job_id if job.error is not None else job_id
            raise JobFailed(why, where=where, got=job.status, fix="its events say more")
        sleep(poll_s)
