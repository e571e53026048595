"""This process → the facts that stand beside an artifact, unhashed: when, where, which versions, which commit."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import time
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import tunesmith

PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "numpy",
    "scikit-learn",
    "scipy",
    "rensa",
    "ftfy",
    "sacrebleu",
    "pydantic",
    "sqlalchemy",
)
CHECKOUT = Path(tunesmith.__file__).parents[1]
GIT_WAIT_S = 10.0


def provenance() -> dict[str, Any]:
    """Time, host, versions and, where the code runs from a checkout, its commit and whether it was changed since."""
    return {"finished_at": time.time(), "host": socket.gethostname(), "pid": os.getpid(), **_fixed()}


@cache
def _fixed() -> dict[str, Any]:
    return {"python": platform.python_version(), "platform": platform.platform(), "versions": versions(), **checkout(CHECKOUT)}


def versions() -> dict[str, str]:
    """Package → installed version, for those that results can depend on."""
    found = {"tunesmith": tunesmith.__version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def checkout(folder: Path) -> dict[str, Any]:
    """`commit` and `dirty` of the checkout at `folder`; both None where it is none, or git is not there to ask."""
    nothing = {"commit": None, "dirty": None}
    if not (folder / ".git").exists():
        return nothing
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain", "--", "tunesmith"))}
    except (OSError, subprocess.SubprocessError):
        return nothing


def _git(folder: Path, *arguments: str) -> str:
    asked = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=GIT_WAIT_S, check=True, stdin=subprocess.DEVNULL
    )
    return asked.stdout.strip()
