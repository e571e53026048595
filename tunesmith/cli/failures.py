"""How a followed job ended → its result, or the error that the terminal shows."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from tunesmith.cli.screen import WorkerBug
from tunesmith.errors import Interrupted, TunesmithError, from_json
from tunesmith.spec.job import Job


def outcome(job: Job, command: Sequence[str]) -> dict[str, Any]:
    """The result of a job that succeeded; `command` is what goes on after an interruption.

    Raises: the error the worker met; Interrupted if it was stopped; WorkerBug if we made a mistake.
    """
    if job.status == "succeeded":
        return job.result or {}
    if job.status in ("interrupted", "cancelled"):
        raise stopped(command, job)
    raise failure(job.error or {"code": "internal", "message": f"job {job.id} is {job.status} without an error"})


def failure(body: dict[str, Any]) -> TunesmithError | WorkerBug:
    """What a job's error record stands for."""
    if body.get("code") == "internal" or "problems" not in body:
        return WorkerBug(str(body.get("traceback") or body.get("message") or body))
    return from_json(body)


def stopped(command: Sequence[str], job: Job | None = None) -> Interrupted:
    """The error after a stop that the user asked for, with the command that goes on."""
    what = "was cancelled from elsewhere" if job is not None and job.status == "cancelled" else "stopped; what was done so far is saved"
    return Interrupted(what, where=job.id if job else "", fix=f"to go on: {shlex.join(command)}")


def killed(command: Sequence[str]) -> Interrupted:
    """The error after a second Ctrl-C."""
    return Interrupted("killed; finished steps and the last saved state are kept", fix=f"to go on: {shlex.join(command)}")
