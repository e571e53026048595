"""The name of an optional package → the package, or the command that installs it."""

from __future__ import annotations

import importlib
from typing import Any

from tunesmith.errors import MissingDependency


def package(name: str, pip: str, reads: str) -> Any:
    """The module `name`; `pip` is what the package is called there, `reads` what it is needed for.

    Raises: MissingDependency.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        fix = f"pip install {pip}"
        raise MissingDependency(f"{reads} needs the package {pip}, which is not installed", got=str(error), expected=pip, fix=fix) from None
