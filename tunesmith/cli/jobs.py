"""`tunesmith jobs`: the work that was enqueued, its state and its log."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from tunesmith.cli.display import PlainDisplay
from tunesmith.cli.examples import examples
from tunesmith.cli.failures import failure
from tunesmith.cli.figures import clock, seconds
from tunesmith.cli.follow import open_store
from tunesmith.cli.listing import listing
from tunesmith.cli.options import Json
from tunesmith.cli.screen import WorkerBug, clean, open_screen
from tunesmith.jobs.progress import events_since
from tunesmith.jobs.queue import Queue
from tunesmith.spec.job import Job, JobStatus

app = typer.Typer(add_completion=False, no_args_is_help=True, help="List work, show it, read its log.")
JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of a job, or a unique beginning of it.")]
COLOURS: dict[JobStatus, str] = {
    "succeeded": "green",
    "failed": "red",
    "running": "cyan",
    "interrupted": "yellow",
    "cancelled": "yellow",
    "queued": "dim",
}


@app.command("list", epilog=examples(("tunesmith jobs list", "the newest 20"), ("tunesmith jobs list --status failed", "what went wrong")))
def list_(
    status: Annotated[JobStatus | None, typer.Option("--status", help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 20,
    json: Json = False,
) -> None:
    """List jobs, newest first."""
    screen = open_screen(json)
    found = Queue(open_store()).list(limit=limit, status=status)
    screen.result({"jobs": [job.model_dump(mode="json") for job in found]})
    if not json:
        rows = [(job.id, Text(job.status, COLOURS[job.status]), clock(job.created_at), took(job), job.title) for job in found]
        screen.console.print(listing(("id", "state", "enqueued", "took", "what"), rows, right=(3,), empty="no jobs yet"))


@app.command()
def show(job: JobId, json: Json = False) -> None:
    """Show one job: what was asked, how it ended, and its error if there was one."""
    screen = open_screen(json)
    found = Queue(open_store()).get(job)
    screen.result({"job": found.model_dump(mode="json")})
    if not json:
        facts = [
            ("job", found.id),
            ("what", found.title),
            ("state", found.status),
            ("enqueued", clock(found.created_at)),
            ("took", took(found)),
            ("holder", found.holder or "–"),
        ]
        facts += [(str(key), str(value)) for key, value in (found.result or {}).items()]
        screen.console.print(listing(("", ""), facts))
        if found.error:
            error = failure(found.error)
            screen.say(error.trace if isinstance(error, WorkerBug) else str(error), "red")


@app.command()
def logs(job: JobId, json: Json = False) -> None:
    """Print what a job said while it ran: finished steps, notes and warnings."""
    screen = open_screen(json)
    queue = Queue(open_store())
    found = queue.get(job)
    events = events_since(queue, found.id, 0)
    screen.result({"job": found.id, "events": [{"seq": seq, "at": at, **event.model_dump(mode="json")} for seq, at, event in events]})
    if not json:
        display = PlainDisplay(screen.console)
        for _, _, event in events:
            display.show(event)
        screen.console.print(clean(f"{found.status} after {took(found)}", COLOURS[found.status]))


def took(job: Job) -> str:
    """How long a job ran."""
    return seconds(job.finished_at - job.started_at) if job.started_at and job.finished_at else "–"
