"""Events on a terminal and elsewhere."""

from __future__ import annotations

import io
import unittest.mock

import pytest
from rich.console import Console

from tunesmith.cli.display import LiveDisplay, PlainDisplay, RateColumn, a_display, finished_line
from tunesmith.spec.job import Note, Progress, Reading, StageFinished, StageStarted

HOSTILE = "\x1b[2J[red]x[/red]"
DONE = StageFinished(stage="data", title="prepare", artifact="dataset-1", reused=False, seconds=2.1, summary=f"1,410 rows {HOSTILE}")


def a_console(terminal: bool, width: int = 80) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=terminal, markup=False, emoji=False, highlight=False, _environ={"TERM": "xterm"})


def text_of(console: Console) -> str:
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_a_pipe_gets_lines_without_control_codes():
    console = a_console(False)
    with a_display(console, "run x") as display:
        assert isinstance(display, PlainDisplay)
        display.show(StageStarted(stage="data", title="prepare"))
        display.show(Progress(label="reading", done=1, total=2))
        display.show(Reading(step=1, values={"train_loss": 1}))
        display.show(Note(level="warning", text=HOSTILE))
        display.show(Note(text="plain"))
        display.show(DONE)
        display.show(DONE.model_copy(update={"reused": True}))
    warning, note, done, again = text_of(console).splitlines()
    assert warning == "! \\x1b[2J[red]x[/red]"
    assert note == "· plain"
    assert done.split() == ["✓", "prepare", "2.1", "s", "1,410", "rows", "\\x1b[2J[red]x[/red]"]
    assert "from the store" in again


def test_a_dumb_terminal_is_no_terminal():
    console = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
    assert isinstance(a_display(console, "run x"), PlainDisplay)


@pytest.fixture
def live():
    now = [0.0]
    display = LiveDisplay(a_console(True), "run x", clock=lambda: now[0])
    return display, now


def region(display: LiveDisplay) -> str:
    with display.console.capture() as shown:
        display.console.print(display._region())
    return shown.get()


def test_a_bar_comes_after_a_second_and_goes_when_it_is_full(live):
    display, now = live
    display.show(StageStarted(stage="data", title="prepare the data"))
    display.show(Progress(label="reading bank.csv", done=100, total=1000))
    assert "prepare the data" in region(display)
    assert "reading" not in region(display)
    now[0] = 1.5
    display.show(Progress(label="reading bank.csv", done=400, total=1000))
    assert "reading bank.csv" in region(display)
    assert "400 / 1,000" in region(display)
    display.show(Progress(label="reading bank.csv", done=1000, total=1000))
    assert "reading" not in region(display)


def test_a_bar_that_another_has_overtaken_goes(live):
    display, now = live
    display.show(StageStarted(stage="train", title="fine-tune"))
    now[0] = 2.0
    display.show(Progress(label="tokenising", done=900, total=1000))
    display.show(Progress(label="training", done=1, total=9, unit="steps"))
    assert "tokenising" in region(display)
    now[0] = 6.0
    display.show(Progress(label="training", done=2, total=9, unit="steps"))
    assert "tokenising" not in region(display)
    assert "training" in region(display)
    display.show(Progress(label="tokenising", done=950, total=1000))
    assert "tokenising" in region(display)


def test_slow_steps_are_timed_and_fast_rows_are_counted(live):
    display, _ = live
    rate = RateColumn()
    display.bars.add_task("x", total=9, unit="steps")
    task = display.bars.tasks[0]
    for speed, text in ((None, ""), (0.2, "5.0 s a step"), (3.14, "3.1 steps/s"), (12345.6, "12,346 steps/s")):
        with unittest.mock.patch.object(type(task), "speed", speed):
            assert rate.render(task).plain == text


def test_hostile_labels_and_titles_move_nothing(live):
    display, now = live
    display.show(StageStarted(stage="data", title=HOSTILE))
    display.show(Progress(label=HOSTILE, done=1, total=9))
    now[0] = 2
    display.show(Progress(label=HOSTILE, done=2, total=9))
    assert "\x1b[2J" not in region(display)
    assert region(display).count("\\x1b[2J[red]x") == 2


def test_curves_are_drawn_while_it_trains_and_stay_as_one_line_each(live):
    display, now = live
    display.show(StageStarted(stage="train", title="fine-tune"))
    for step in range(10):
        now[0] = float(step)
        display.show(Progress(label="training", done=step, total=20, unit="steps"))
        display.show(Reading(step=step, values={"train_loss": 3.0 - step / 10}))
    assert "step 20" in region(display), "the chart is as wide as the plan"
    display.show(DONE)
    assert "train loss   3.000" in text_of(display.console)
    assert "run x" in region(display), "the job goes on, though no step does"
    display.show(StageStarted(stage="evaluate", title="evaluate"))
    assert "loss" not in region(display), "the next step starts with an empty chart"


def test_the_cursor_comes_back_after_an_error(live):
    display, _ = live
    with pytest.raises(KeyboardInterrupt):
        broken_off(display)
    assert text_of(display.console).rindex("\x1b[?25h") > text_of(display.console).rindex("\x1b[?25l")


def broken_off(display: LiveDisplay) -> None:
    with display:
        display.show(StageStarted(stage="data", title="x"))
        raise KeyboardInterrupt


@pytest.mark.parametrize("width", [80, 120])
def test_a_long_summary_is_wrapped_under_itself(width):
    event = DONE.model_copy(update={"summary": "many words " * 12})
    lines = finished_line(event, width).plain.splitlines()
    assert max(map(len, lines)) <= width
    assert {2 if width == 80 else lines[0].index("many")} == {len(line) - len(line.lstrip()) for line in lines[1:]}
