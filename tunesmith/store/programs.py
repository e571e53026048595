"""A module of ours with a `main` → the command that runs it in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import tunesmith


def program(module: str, *flags: str) -> tuple[str, ...]:
    """The command, with the interpreter's `flags`; the arguments of `main` go behind it.

    `-P` and the appended path, not `-m`: the user's folder must not be searched for modules (a `data.py` there would shadow ours or Python's).
    """
    root = str(Path(tunesmith.__file__).parents[1])
    boot = f"import sys; sys.path.append({root!r}); from {module} import main; sys.exit(main(sys.argv[1:]))"
    return (sys.executable, "-P", *flags, "-c", boot)
