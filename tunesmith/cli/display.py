"""Events of a job → a live display on a terminal, or plain lines elsewhere.

On a terminal a finished step becomes one line that stays; below it the running step, its bars and its curves are redrawn in place.
Anywhere else (a pipe, a log file, TERM=dumb) finished steps, notes and warnings are printed as lines: no bars and no control codes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, assert_never

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.spinner import Spinner
from rich.text import Text

from tunesmith.cli.curves import Curves
from tunesmith.cli.figures import seconds, whole
from tunesmith.cli.screen import clean, hanging, one_line
from tunesmith.spec.job import Event, Note, Progress, Reading, Resolved, Saved, StageFinished, StageStarted

BAR_AFTER_S = 1.0
SILENT_S = 3.0
TITLE_WIDTH = 32
LABEL_WIDTH = 24
COLUMNS_FROM = 110


class Display(Protocol):
    """What a followed job is shown on. A context manager, so that the cursor comes back whatever happens."""

    def __enter__(self) -> Display: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def show(self, event: Event) -> None:
        """Take in one event."""

    def say(self, text: str, style: str = "") -> None:
        """Print one line for a person."""


def a_display(console: Console, title: str) -> Display:
    """The display that suits the console; `title` says what goes on between steps."""
    return LiveDisplay(console, title) if console.is_terminal and not console.is_dumb_terminal else PlainDisplay(console)


def finished_line(event: StageFinished, width: int) -> Text:
    """One line for a finished step: ✓, what, how long or that it was in the store, and what it found; in columns where there is room."""
    title = one_line(event.title, TITLE_WIDTH)
    took = "from the store" if event.reused else seconds(event.seconds)
    if width >= COLUMNS_FROM:
        title, took = f"{title:<{TITLE_WIDTH}}", f"{took:>14}"
    line = Text.assemble(("✓ ", "green"), (title, "bold"), (f"  {took}  ", "dim cyan" if event.reused else "cyan"))
    indent = line.cell_len if width >= COLUMNS_FROM else 2
    line.append(one_line(event.summary, 400), "dim" if event.reused else "")
    return hanging(line, indent, width)


def note_line(event: Note) -> Text:
    """A note, or a warning with its sign."""
    return (
        Text.assemble(("! ", "bold yellow"), clean(event.text, "yellow"))
        if event.level == "warning"
        else Text.assemble(("· ", "dim"), clean(event.text, "dim"))
    )


@dataclass
class PlainDisplay:
    """Lines only."""

    console: Console

    def __enter__(self) -> Display:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Nothing to put back."""

    def show(self, event: Event) -> None:
        """Print finished steps and notes; bars and curves are for eyes that watch."""
        if isinstance(event, StageFinished):
            self.console.print(finished_line(event, 10_000), soft_wrap=True)
        elif isinstance(event, Note):
            self.console.print(note_line(event), soft_wrap=True)

    def say(self, text: str, style: str = "") -> None:
        """Print one line for a person."""
        self.console.print(clean(text), soft_wrap=True)


class RateColumn(ProgressColumn):
    """How fast it goes."""

    def render(self, task: Task) -> Text:
        speed = task.speed or 0.0
        if not speed:
            return Text("")
        if speed < 1:
            return Text(f"{seconds(1 / speed)} a {task.fields['unit'].removesuffix('s')}", "cyan")
        return Text(f"{speed:,.0f} {task.fields['unit']}/s" if speed >= 10 else f"{speed:.1f} {task.fields['unit']}/s", "cyan")


class CountColumn(ProgressColumn):
    """How far it is."""

    def render(self, task: Task) -> Text:
        return Text(f"{whole(task.completed)} / {whole(task.total)}" if task.total else f"{whole(task.completed)} {task.fields['unit']}")


class LeftColumn(ProgressColumn):
    """How long it will still take."""

    def render(self, task: Task) -> Text:
        left = task.time_remaining
        return Text("") if left is None else Text(f"{seconds(left)} left" if left >= 1 else "nearly done", "dim")


@dataclass
class LiveDisplay:
    """Lines that stay above a region that is redrawn in place."""

    console: Console
    title: str
    clock: Callable[[], float] = time.monotonic
    curves: Curves = field(default_factory=Curves)
    stage: StageStarted | None = None
    stage_since: float = 0.0
    tasks: dict[str, TaskID] = field(default_factory=dict)
    first_seen: dict[str, float] = field(default_factory=dict)
    last_seen: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bars = Bars(
            TextColumn("  {task.description}", markup=False),
            BarColumn(bar_width=None),
            CountColumn(),
            RateColumn(),
            LeftColumn(),
            console=self.console,
            auto_refresh=False,
            expand=True,
        )
        self.spinner = Spinner("dots", style="cyan")
        self.live = Live(console=self.console, get_renderable=self._region, refresh_per_second=8, transient=True)

    def __enter__(self) -> Display:
        self.stage_since = self.clock()
        self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.live.stop()

    def say(self, text: str, style: str = "") -> None:
        """Print one line above the region."""
        self.console.print(clean(text, style))

    def show(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case StageStarted():
                self._forget_stage()
                self.stage, self.stage_since = event, self.clock()
            case StageFinished():
                self._finish(event)
            case Note():
                self.console.print(hanging(note_line(event), 2, self.console.width))
            case Progress():
                self._progress(event)
            case Reading():
                self.curves.add(event)
            case Resolved() | Saved():
                return
            case _:
                assert_never(event)

    def _finish(self, event: StageFinished) -> None:
        self.console.print(finished_line(event, self.console.width))
        if not self.curves.is_empty():
            for line in self.curves.summary():
                self.console.print(Text("  " + line, "dim"))
        self._forget_stage()

    def _forget_stage(self) -> None:
        for task in self.tasks.values():
            self.bars.remove_task(task)
        self.tasks.clear()
        self.first_seen.clear()
        self.last_seen.clear()
        self.curves = Curves()
        self.stage, self.stage_since = None, self.clock()

    def _progress(self, event: Progress) -> None:
        now = self.last_seen[event.label] = self.clock()
        since = self.first_seen.setdefault(event.label, self.stage_since)
        if event.unit == "steps":
            self.curves.total_steps = event.total
        if event.label in self.tasks:
            self.bars.update(
                self.tasks[event.label], completed=event.done, total=event.total, visible=event.total is None or event.done < event.total
            )
            self._hide_silent(now)
        elif now - since >= BAR_AFTER_S and (event.total is None or event.done < event.total):
            task = self.bars.add_task(one_line(event.label, LABEL_WIDTH), total=event.total, unit=event.unit)
            self.bars.update(task, completed=event.done)
            self.tasks[event.label] = task

    def _hide_silent(self, now: float) -> None:
        """Take away bars that something else has overtaken; they come back when they are heard of again."""
        for label, task in self.tasks.items():
            if now - self.last_seen[label] >= SILENT_S:
                self.bars.update(task, visible=False)

    def _region(self) -> RenderableType:
        parts: list[RenderableType] = [self._spinner(self.stage.title if self.stage else self.title)]
        if any(task.visible for task in self.bars.tasks):
            parts.append(self.bars.get_renderable())
        if not self.curves.is_empty():
            parts += [Text(""), self.curves.charts(min(self.console.width, 140) - 2)]
        return Group(*parts)

    def _spinner(self, title: str) -> RenderableType:
        text = Text.assemble((one_line(title, self.console.width - 20), "bold"), (f"  {seconds(self.clock() - self.stage_since)}", "dim"))
        self.spinner.update(text=text)
        return self.spinner
