"""`/v1/fine_tuning/jobs`: create, follow, cancel, pause and resume fine-tuning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from tunesmith.console import job_events
from tunesmith.console.access import Caller, Reader, Trainer
from tunesmith.console.failures import ApiError, Reply
from tunesmith.console.idempotent import once, request_key
from tunesmith.console.ids import new_id
from tunesmith.console.job_objects import shown, status
from tunesmith.console.job_plans import drop_snapshot, plan, snapshot
from tunesmith.console.paging import After, cut, known, listing
from tunesmith.console.state import Console
from tunesmith.errors import Busy, NotFound
from tunesmith.jobs.progress import JobMonitor
from tunesmith.spec.job import Job, JobKind, Note
from tunesmith.spec.openai import CheckpointObject, EventObject, JobObject, JobRequest, Listing

router = APIRouter(prefix="/v1/fine_tuning/jobs", tags=["fine-tuning"])
KIND: JobKind = "finetune"


@router.post("", response_model=JobObject)
def create(request: Request, body: JobRequest, caller: Trainer) -> Response:
    """Create a job. Its files are looked at afterwards: what is wrong with them appears on the job."""
    console: Console = request.app.state.console
    headers: dict[str, str] = {}

    def make() -> dict[str, Any]:
        return shown(console, _enqueue(console, caller, body, headers)).model_dump(mode="json")

    answer = once(console, caller, request_key(request), "fine_tuning.jobs", body.model_dump(mode="json"), make)
    return Reply(answer, headers=headers)


def _enqueue(console: Console, caller: Caller, body: JobRequest, headers: dict[str, str]) -> Job:
    """The job; what its client should know of the choice of the model is put into `headers`."""
    name = new_id("ftjob-")
    payload, target = plan(console, caller, body, name)
    console.quotas.refuse_more_work(caller)
    try:
        snapshot(console, name, payload)
        said = [f"Created fine-tuning job: {name}"]
        headers |= target.headers()
        said += [target.note] if target.note is not None else []
        monitor = JobMonitor(console.queue, name)  # before the job is there: afterwards its worker alone says something
        for text in said:
            monitor.emit(Note(text=text))
        monitor.close()
        title = f"fine-tune {payload['base']}" + (f" · {body.suffix}" if body.suffix else "")
        with console.quotas.working(caller):
            return console.queue.enqueue(KIND, title, payload, name=name, owner=caller.key_id, phase="validating", shared=True)
    except BaseException:
        drop_snapshot(console, name)
        raise


@router.get("", response_model=Listing[JobObject])
def list_(request: Request, caller: Reader, after: After = None, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Response:
    """The jobs, newest first; `metadata[k]=v` keeps those with that pair, `metadata=null` those without any."""
    console: Console = request.app.state.console
    wanted = _metadata_filter(request)
    with known(after):
        if after is not None:
            _find(console, after, caller, NotFound)
        jobs, has_more = console.queue.page(KIND, after=after, limit=limit, where=lambda job: caller.sees(job.owner) and wanted(job))
    return listing([shown(console, job) for job in jobs], has_more)


def _metadata_filter(request: Request) -> Callable[[Job], bool]:
    pairs: dict[str, str] = {}
    only_without = False
    for name, value in request.query_params.multi_items():
        if name.startswith("metadata[") and name.endswith("]"):
            pairs[name[len("metadata[") : -1]] = value
        elif name == "metadata":
            if value != "null":
                raise ApiError(400, "Invalid 'metadata': expected metadata[key]=value, or metadata=null.", param="metadata", code="invalid_value")
            only_without = True

    def is_wanted(job: Job) -> bool:
        has = job.payload.get("metadata") or {}
        return not (only_without and has) and all(has.get(name) == value for name, value in pairs.items())

    return is_wanted


@router.get("/{job_id}", response_model=JobObject)
def retrieve(request: Request, job_id: str, caller: Reader) -> Response:
    """One job."""
    console: Console = request.app.state.console
    return _answer(console, _find(console, job_id, caller))


@router.post("/{job_id}/cancel", response_model=JobObject)
def cancel(request: Request, job_id: str, caller: Trainer) -> Response:
    """End a job now; checkpoints that it made stay."""
    return _change(request, job_id, caller, lambda console: console.queue.cancel)


@router.post("/{job_id}/pause", response_model=JobObject)
def pause(request: Request, job_id: str, caller: Trainer) -> Response:
    """Stop a job until it is resumed; nothing of its work is lost."""
    return _change(request, job_id, caller, lambda console: console.queue.pause)


@router.post("/{job_id}/resume", response_model=JobObject)
def resume(request: Request, job_id: str, caller: Trainer) -> Response:
    """Let a paused job go on."""
    console: Console = request.app.state.console
    job = _find(console, job_id, caller)
    if status(job) != "paused":
        raise ApiError(400, f"Job is {status(job)}, not paused: {job.id}", param="fine_tune_id", code="invalid_job_state")
    try:
        return _answer(console, console.queue.resume(job.id))
    except Busy:  # it went on, or ended, between the two looks
        raise ApiError(400, f"Job is not paused: {job.id}", param="fine_tune_id", code="invalid_job_state") from None


@router.get("/{job_id}/events", response_model=Listing[EventObject])
def events(request: Request, job_id: str, caller: Reader, after: After = None, limit: Annotated[int, Query(ge=1, le=1000)] = 20) -> Response:
    """What the job said, newest first."""
    console: Console = request.app.state.console
    found, has_more = job_events.events(console, _find(console, job_id, caller), after, limit)
    return listing(found, has_more)


@router.get("/{job_id}/checkpoints", response_model=Listing[CheckpointObject])
def checkpoints(request: Request, job_id: str, caller: Reader, after: After = None, limit: Annotated[int, Query(ge=1, le=100)] = 10) -> Response:
    """The models that the job left on its way, highest step first."""
    console: Console = request.app.state.console
    every = job_events.checkpoints(console, _find(console, job_id, caller))
    found, has_more = cut(every, lambda one: one.id, after, limit)
    return listing(found, has_more)


def _change(request: Request, job_id: str, caller: Caller, how: Callable[[Console], Callable[[str], Job]]) -> Response:
    console: Console = request.app.state.console
    job = _find(console, job_id, caller)
    try:
        return _answer(console, how(console)(job.id))
    except Busy:  # a permanent state: 409 would be sent again by every client
        raise ApiError(400, f"Job has already completed: {job.id}", param="fine_tune_id", code="invalid_job_state") from None


def _answer(console: Console, job: Job) -> Response:
    return Reply(shown(console, job).model_dump(mode="json"))


def _find(console: Console, job_id: str, caller: Caller, missing: type[NotFound] | None = None) -> Job:
    """The job with exactly this id. Raises: ApiError 404, or `missing`."""
    try:
        job = console.queue.get(job_id)
    except NotFound:
        job = None
    if job is None or job.id != job_id or job.kind != KIND or not caller.sees(job.owner):
        if missing is not None:
            raise missing("there is no such job", where=job_id[:120])
        raise ApiError(404, f"Could not find fine tune: {job_id[:120]}", param="fine_tune_id", code="fine_tune_not_found")
    return job
