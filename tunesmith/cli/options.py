"""Arguments and options that several commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output; progress goes to standard error.")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Lay a value over the project file: --set train.optimiser.lr=3e-4. May be given often."),
]
ProjectPath = Annotated[Path, typer.Argument(metavar="PROJECT", help="The project file (TOML).")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Give up at once (exit code 4) if another process holds a step that is needed.")]
Detach = Annotated[
    bool, typer.Option("--detach", help="Leave the work to the background and print its job's id: `tunesmith jobs` shows how it goes.")
]
