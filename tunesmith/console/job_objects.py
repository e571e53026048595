"""A job of the queue → the fine-tuning job that OpenAI's clients know."""

from __future__ import annotations

from typing import Any

from tunesmith.console import job_events
from tunesmith.console.state import Console
from tunesmith.spec.job import Job
from tunesmith.spec.openai import DpoHyperparameters, Hyperparameters, JobError, JobObject, JobState

COMMON = tuple(Hyperparameters.model_fields)
PARAMS = frozenset({"training_file", "validation_file", "model", "suffix", "seed", "hyperparameters", "method", "metadata"})
INTERNAL = "The job failed because of a mistake in the server. Its log is on the server; nothing is wrong with your files."


def shown(console: Console, job: Job) -> JobObject:
    """The job as clients see it: numbers in place of `auto` as soon as they are known."""
    payload, result = job.payload, job.result or {}
    state = status(job)
    numbers = result.get("hyperparameters") or job_events.resolved(console, job.id)
    kind = payload["method"]["type"]
    block = dict(payload["method"][kind])
    known = DpoHyperparameters if kind == "dpo" else Hyperparameters
    hyperparameters = block.get("hyperparameters", {}) | {name: value for name, value in numbers.items() if name in known.model_fields}
    block["hyperparameters"] = hyperparameters
    has_ended = state in ("succeeded", "failed", "cancelled")
    return JobObject(
        id=job.id,
        created_at=int(job.created_at),
        finished_at=int(job.finished_at) if has_ended and job.finished_at is not None else None,
        model=payload["base"] if payload["start"] is None else payload["model"],
        fine_tuned_model=result.get("model") if state == "succeeded" else None,
        organization_id=payload["organization"],
        status=state,
        hyperparameters={name: value for name, value in hyperparameters.items() if name in COMMON},
        method={"type": kind, kind: block},
        training_file=payload["training_file"],
        validation_file=payload["validation_file"],
        result_files=[result["result_file"]] if result.get("result_file") else [],
        trained_tokens=result.get("trained_tokens") if state == "succeeded" else None,
        error=_error(job.error) if state == "failed" else None,
        seed=payload["seed"],
        estimated_finish=job_events.estimated_finish(console, job.id) if state == "running" else None,
        integrations=payload["integrations"],
        metadata=payload["metadata"],
        user_provided_suffix=payload["suffix"],
    )


def status(job: Job) -> JobState:
    """The state of a job in OpenAI's words. One that is saving itself for a pause is paused, and one that lost its worker waits for the next."""
    match job.status:
        case "succeeded" | "failed" | "cancelled" | "paused":
            return job.status
        case "running" if job.stop == "pause":
            return "paused"
        case "running" | "queued" | "interrupted" if job.phase == "validating":
            return "validating_files"
        case "running" if job.phase != "waiting":  # else whoever has looked at its files hands it on
            return "running"
        case _:
            return "queued"


def _error(error: dict[str, Any] | None) -> JobError:
    """Why the job failed, without what belongs in the log of the server."""
    error = error or {}
    problem = (error.get("problems") or [{}])[0]
    code = str(problem.get("code") or error.get("code") or "internal")
    where = str(problem.get("where") or "")
    message = INTERNAL if code == "internal" else str(error.get("message") or problem.get("message") or INTERNAL)
    return JobError(code=code, message=message, param=where if where in PARAMS else None)
