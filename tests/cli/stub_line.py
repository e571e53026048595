"""A program with two uses: the command line whose workers run a stub line, and such a worker. Everything but the line itself is real.

python stub_line.py cli ARGUMENTS…        `tunesmith ARGUMENTS…`, followed jobs run in workers below
python stub_line.py worker ARGUMENTS…     what the supervisor starts
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from tunesmith.errors import Alarm, Busy, Interrupted
from tunesmith.jobs import child, supervisor
from tunesmith.spec.job import Job, Monitor, Note, Progress, Reading, StageFinished, StageStarted
from tunesmith.store.artifacts import Store

HOSTILE = "\x1b[2J[red]x[/red]"


class StubLine:
    """`run_job` does what the project's name says."""

    def run_job(self, job: Job, store: Store, monitor: Monitor) -> dict[str, Any] | None:
        what = job.title.split()[-1]
        monitor.emit(StageStarted(stage="train", title=f"fine-tune {what}"))
        monitor.emit(Note(level="warning", text=f"a row says {HOSTILE}"))
        match what:
            case "alarm":
                raise Alarm("the loss is not a number", where="step 3", fix="lower train.optimiser.lr")
            case "bug":
                raise ZeroDivisionError("ours")
            case "busy":
                raise Busy("somebody else is at it", where="run x", got=f"nowhere:1 since 2026-01-01 00:00:00, {HOSTILE}")
            case "deaf":
                time.sleep(600)
            case "slow":
                self.slow(monitor)
        monitor.emit(
            StageFinished(
                stage="train", title=f"fine-tune {what}", artifact="checkpoint-0", reused=what == "again", seconds=1.5, summary=f"best {HOSTILE}"
            )
        )
        return {
            "id": "tiny",
            "folder": "/f",
            "use": "chat",
            "architecture": "X",
            "parameters": 1,
            "context": 8,
            "licence": "MIT",
            "origin": HOSTILE,
        } | REST

    def slow(self, monitor: Monitor) -> None:
        """Works until somebody asks it to stop, for ten minutes at most."""
        for step in range(60_000):
            monitor.emit(Progress(label="training", done=step, total=60_000, unit="steps"))
            monitor.emit(Reading(step=step, values={"train_loss": 3 - step / 60_000, "dev_loss": 3.0, "dev_exact_match": step / 60_000}))
            if monitor.stopping():
                raise Interrupted("stopped after step", fix="go on")
            time.sleep(0.01)

    def chat(self, payload: dict[str, Any], store: Store, lines: Iterator[dict[str, Any]], emit: Callable[[dict[str, Any]], None]) -> None:
        """Repeats the question, twice as loud if it was told to be hot."""
        emit({"ready": {"model": payload["model"], "choices": 0}})
        for line in lines:
            text = f"{len(line['messages'])}: {line['messages'][-1]['content']}{'!' if payload['temperature'] > 0 else ''} {HOSTILE}"
            emit({"piece": text[:3]})
            emit({"piece": text[3:]})
            emit({"answer": {"text": text, "confidence": None, "finish": "stop"}})


REST = {"note": "", "files": {}, "digest": "0"}


def main() -> int:
    """Be a worker, or the command line."""
    role, *arguments = sys.argv[1:]
    if role == "worker":
        return child.main(arguments, StubLine())
    from tunesmith.cli import chat, follow, main  # the stub is put into these modules before they run

    command = (sys.executable, __file__, "worker")
    follow.follow = functools.partial(supervisor.follow, command=command)  # type: ignore[assignment]
    chat.converse = functools.partial(supervisor.converse, command=command)  # type: ignore[assignment]
    return main.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
