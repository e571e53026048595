"""Results, notes and errors → the terminal for a person, or exactly one JSON object on standard output for a machine.

Everything from rows, files and models is hostile: it passes through `clean` (control characters become visible escapes) and is printed as
Text on consoles that have rich's markup switched off, so that neither `\\x1b[2J` nor `[link=…]` does anything.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from tunesmith.errors import TunesmithError, visible

REPORT_HINT = "This is a mistake in Tunesmith, not in your input. Please report it with the lines above."
PIPE_WIDTH = 120


@dataclass(frozen=True)
class Screen:
    """Where a command prints."""

    machine: bool
    """`--json` was given: standard output carries one JSON object and nothing else."""
    console: Console
    """For people: standard output, or standard error when a machine reads standard output."""

    def say(self, text: str = "", style: str = "") -> None:
        """Print one piece of text for a person, hostile characters made visible."""
        self.console.print(clean(text, style))

    def result(self, value: dict[str, Any]) -> None:
        """Print the one JSON object, if a machine asked for it."""
        if self.machine:
            print(json.dumps(finite(value), indent=2, allow_nan=False), flush=True)


class WorkerBug(Exception):
    """A mistake of ours that happened in the worker; `trace` is its traceback."""

    def __init__(self, trace: str) -> None:
        super().__init__(trace)
        self.trace = trace


def open_screen(machine: bool) -> Screen:
    """The screen of one command."""
    return Screen(machine, a_console(stderr=machine))


def a_console(*, stderr: bool) -> Console:
    """A console that prints what it is given: no markup, no emoji codes, no guessed highlighting; in a pipe no line is wrapped."""
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    return console if console.is_terminal else Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=PIPE_WIDTH, soft_wrap=True)


def clean(text: str, style: str = "") -> Text:
    """`text` as it may be shown: control characters escaped, nothing interpreted."""
    return Text(visible(text), style=style)


def one_line(text: str, width: int = 100) -> str:
    """`text` on one line of at most `width` characters, control characters escaped.

    >>> one_line("a\\nb\\x1b[31m" + "c" * 9, 14)
    'a ⏎ b\\\\x1b[31m…'
    """
    flat = visible(" ⏎ ".join(text.strip().splitlines()))
    return flat if len(flat) <= width else flat[: width - 1] + "…"


_MEASURING = Console(width=200)  # wrapping a text asks a console for its tab size and nothing else


def hanging(line: Text, indent: int, width: int) -> Text:
    """`line` wrapped at `width`, later lines indented; as it is where there is no room for that."""
    if width - indent < 24 or line.cell_len <= width:
        return line
    head, rest = line[:indent], line[indent:]
    parts = rest.wrap(_MEASURING, width - indent)
    for part in parts:
        part.rstrip()
    return Text.assemble(head, *(part if i == 0 else Text.assemble("\n" + " " * indent, part) for i, part in enumerate(parts)))


def finite(value: Any) -> Any:
    """`value` with NaN and infinities as null: strict JSON has neither."""
    if isinstance(value, dict):
        return {key: finite(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def show_error(error: TunesmithError, machine: bool) -> None:
    """Print a user's mistake: one JSON object on standard output for a machine, lines on standard error for a person."""
    if machine:
        open_screen(machine).result({"error": error.to_json()})
        return
    console = a_console(stderr=True)
    head, *rest = str(error).split("\n")
    code, _, message = head.partition(" · ")
    console.print(Text.assemble((code, "bold red"), " · ", (message, "bold")), soft_wrap=True)
    for line in rest:
        style = "green" if line.startswith("  fix:") else "dim" if line.startswith("  ") else "bold"
        console.print(Text(line, style), soft_wrap=True)


def show_bug(trace: str, machine: bool) -> None:
    """Print a mistake of ours: the traceback on standard error, and for a machine one JSON object as well."""
    print(visible(trace.rstrip()), REPORT_HINT, sep="\n", file=sys.stderr)
    if machine:
        last = trace.strip().splitlines()[-1] if trace.strip() else "unknown"
        open_screen(machine).result({"error": {"code": "internal", "message": one_line(last, 300), "problems": []}})
