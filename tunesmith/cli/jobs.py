"""`tunesmith jobs`: the work that was enqueued, its state and its log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from rich.text import Text

from tunesmith.cli.display import PlainDisplay
from tunesmith.cli.examples import examples
from tunesmith.cli.failures import failure, outcome
from tunesmith.cli.figures import clock, seconds
from tunesmith.cli.follow import open_store, watch
from tunesmith.cli.listing import listing
from tunesmith.cli.options import Json
from tunesmith.cli.screen import WorkerBug, clean, open_screen
from tunesmith.errors import Unsupported
from tunesmith.jobs.progress import events_since
from tunesmith.jobs.queue import Queue
from tunesmith.jobs.service import ensure
from tunesmith.spec.job import Job, JobStatus

app = typer.Typer(add_completion=False, no_args_is_help=True, help="List work, show it, follow it, stop it, let it go on.")
JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of a job, or a unique beginning of it.")]
COLOURS: dict[JobStatus, str] = {
    "succeeded": "green",
    "failed": "red",
    "running": "cyan",
    "interrupted": "yellow",
    "cancelled": "yellow",
    "paused": "yellow",
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
    found = Queue(open_store()).newest(limit=limit, status=status)
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


@app.command()
def follow(job: JobId, json: Json = False) -> None:
    """Watch a job of the background until it ends; Ctrl-C pauses it."""
    screen = open_screen(json)
    queue = Queue(open_store())
    found = queue.get(job)
    if not found.is_shared:
        raise Unsupported("belongs to the command that began it and is followed there", where=found.id, fix=f"tunesmith jobs logs {found.id}")
    screen.result({"job": found.id, "result": outcome(watch(screen, queue, found), ("tunesmith", "jobs", "resume", found.id))})
    screen.say(f"{found.id} succeeded", "green")


@app.command()
def cancel(job: JobId, json: Json = False) -> None:
    """End a job now. What its finished steps left stays in the store."""
    show_change(json, job, lambda queue: queue.cancel)


@app.command()
def pause(job: JobId, json: Json = False) -> None:
    """Let a job of the background save what it has and stop, until `resume`."""
    show_change(json, job, lambda queue: queue.pause)


@app.command()
def resume(job: JobId, json: Json = False) -> None:
    """Let a paused job go on from what it saved."""
    show_change(json, job, lambda queue: queue.resume)
    ensure(open_store().home)


def show_change(json: bool, name: str, how: Callable[[Queue], Callable[[str], Job]]) -> None:
    """Change a job's state and show it."""
    screen = open_screen(json)
    queue = Queue(open_store())
    found = queue.get(name)
    if not found.is_shared and how(queue) != queue.cancel:
        fix = "press Ctrl-C where it runs, and run its command again; or begin it with --detach"
        raise Unsupported("belongs to the command that began it", where=found.id, expected="a job of the background", fix=fix)
    changed = how(queue)(found.id)
    screen.result({"job": changed.model_dump(mode="json")})
    words = {"pause": "will pause once it has saved", "resume": "goes on"}
    screen.say(f"{changed.id} {words.get(changed.stop or '', f'is {changed.status}')}", COLOURS[changed.status])


def took(job: Job) -> str:
    """How long a job ran."""
    return seconds(job.finished_at - job.started_at) if job.started_at and job.finished_at else "–"
