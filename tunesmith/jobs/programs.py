"""A module of ours with a `main` → the command that runs it as one of the service's processes, whose log tells at once what it says and where it broke."""

from __future__ import annotations

from tunesmith.store import programs


def program(module: str) -> tuple[str, ...]:
    """The command; its arguments go behind it."""
    return programs.program(module, "-u", "-X", "faulthandler")
