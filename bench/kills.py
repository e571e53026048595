"""`kill -9` at random moments of `tunesmith run` on a tiny project → one line per kill, and whether the end is the same as without.

    python bench/kills.py --kills 20 [--seed 0]

Dropout, two threads, bf16, a state written at every opportunity. A moment is drawn as: so many seconds after the start · so long after training
has begun (steps, dev evaluations, checkpoint writes) · the instant an artifact appears (between the rename and its row in the database).
What is killed is drawn as well: the command, its worker, or both. After each kill the store is opened: every artifact it lists must be whole.
Then the same command runs again, until it ends by itself; checkpoint and report must be those of an undisturbed run.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.line.tiny_project import Home, make
from tunesmith.store.lease import is_held, read_note

KILLS_PER_RUN = 5
POLL_S = 0.002
ARTIFACTS = 15
"""About so many stand in the store at the end of a run."""


@dataclass(frozen=True)
class Kill:
    """One kill and what it left."""

    number: int
    moment: str
    at_s: float
    """After the command was started."""
    victim: str
    running: str
    found: str
    """What was wrong with the store; empty: nothing."""

    def line(self) -> str:
        """For people."""
        return f"kill {self.number:>2}  {self.at_s:5.1f} s  {self.moment:<34} {self.victim:<8} {self.running:<58} {self.found or 'store sound'}"


def running(home: Home) -> str:
    """What stands in the work folder: the step that is being done, and how far training has saved."""
    found = []
    for lock in sorted((home.path / "work").glob("*.lock")):
        note = read_note(lock) if is_held(lock) else None
        if note is not None:
            states = sorted(p.name.removeprefix("state-").lstrip("0") for p in lock.with_suffix("").glob(".scratch/state-*"))
            title = "fine-tune" if note.title.startswith("fine-tune") else note.title
            found.append(f"{note.stage}: {title}" + (f", state {states[-1]} saved" if states else ""))
    return "; ".join(found) or "between two steps"


def training(home: Home) -> bool:
    """True while somebody trains: the plan is frozen, and its folder has a living owner."""
    return any(is_held(plan.parents[1].with_suffix(".lock")) for plan in (home.path / "work").glob("*/.scratch/plan.json"))


def artifacts(home: Home) -> int:
    """Folders under artifacts/, entered or not."""
    with suppress(FileNotFoundError):
        return sum(1 for _ in os.scandir(home.path / "artifacts"))
    return 0


def wait(process: subprocess.Popen[bytes], until: Callable[[], bool]) -> bool:
    """True when `until()`; False if the command ended before."""
    while not until():
        if process.poll() is not None:
            return False
        time.sleep(POLL_S)
    return process.poll() is None


def moment(draw: random.Random, home: Home, process: subprocess.Popen[bytes], whole_s: float) -> tuple[bool, str]:
    """(the command still runs, the moment in words) at a drawn moment."""
    kind = draw.choice(["clock", "training", "training", "artifact"])
    if kind == "clock":
        seconds = draw.uniform(0, whole_s)
        end = time.monotonic() + seconds
        return wait(process, lambda: time.monotonic() > end), f"{seconds:.1f} s after the start"
    if kind == "artifact":
        wanted = artifacts(home) + draw.randint(1, max(1, (ARTIFACTS - artifacts(home)) // 2))
        return wait(process, lambda: artifacts(home) >= wanted), f"artifact {wanted} appears"
    delay = draw.uniform(0, 2.5)
    alive = wait(process, lambda: training(home))
    end = time.monotonic() + delay
    return alive and wait(process, lambda: time.monotonic() > end), f"{delay:.2f} s into training"


def shoot(process: subprocess.Popen[bytes], wanted: str) -> str:
    """SIGKILL to the command, the process that its workers are forked from, its worker, or all; who was hit.

    None outlives the one that started it by more than a moment: the kernel sees to it.
    """
    with suppress(psutil.NoSuchProcess):
        nursery = psutil.Process(process.pid).children()
        workers = [child.pid for one in nursery for child in one.children()]
        victim = wanted if workers else "command"  # between two workers there is nobody else
        family = {"command": [process.pid], "nursery": [one.pid for one in nursery], "worker": workers}
        for pid in family.get(victim, [process.pid, *family["nursery"], *workers]):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return victim
    return "nobody"


def faults(home: Home) -> str:
    """What is half-visible in the store; empty: nothing."""
    store = home.store()
    found = []
    known = store.artifacts()
    for artifact in known:
        try:
            artifact.verify()
            artifact.sidecar()
        except Exception as error:  # whatever it is, it is the finding
            found.append(f"{artifact.name}: {error}")
    store.close()
    return "; ".join(found)


def until_done(home: Home, draw: random.Random, kills: int, whole_s: float, first: int) -> Iterator[Kill]:
    """Up to `kills` kills of one run, which is then left to end; raises AssertionError if it does not end well."""
    number = first
    command = home.start("run", home.project(), "--json")
    started = time.monotonic()
    while number < first + kills:
        alive, words = moment(draw, home, command.process, whole_s)
        if not alive:
            break
        wanted = draw.choice(["command", "nursery", "worker", "all"])
        seen = running(home)
        victim = shoot(command.process, wanted)
        at = time.monotonic() - started
        if victim in ("command", "all"):
            command.end()
            yield Kill(number, words, at, victim, seen, faults(home))
            command, started = home.start("run", home.project(), "--json"), time.monotonic()
        else:
            yield Kill(number, words, at, victim, seen, faults(home))
        number += 1
    ran = command.end()
    assert "Traceback" not in ran.err, ran.err
    if ran.status != 0:  # a worker that was shot three times within one step: the command gave up, and said how to go on
        home.run("run", home.project(), "--json")


def campaign(
    folder: Path,
    project: Path,
    kills: int,
    seed: int,
    say: Callable[[str], None],
    expected: tuple[str, str, str] | None = None,
    whole_s: float = 30.0,
) -> bool:
    """True if every run of `project` that was killed ended as an undisturbed one, which is run first where nobody says what is `expected`."""
    if expected is None:
        home = Home(folder / "undisturbed", project)
        started = time.monotonic()
        home.run("run", home.project(), "--json")
        whole_s = time.monotonic() - started
        expected = home.report()
        say(f"undisturbed: {whole_s:.0f} s, {expected[0]}")
    draw, done, runs, good = random.Random(seed), 0, 0, True
    while done < kills:
        runs += 1
        home = Home(folder / f"killed-{runs}", project)
        for kill in until_done(home, draw, min(KILLS_PER_RUN, kills - done), whole_s, done + 1):
            done = kill.number
            good = good and not kill.found
            say(kill.line())
        got = home.report()
        same = got == expected
        good = good and same and not faults(home)
        say(f"run {runs}: ended with {got[0]}, {'the same checkpoint and report' if same else 'NOT the same as undisturbed'}")
    say(f"verdict: {done} kills in {runs} runs, {'all as undisturbed' if good else 'NOT all as undisturbed'}")
    return good


def main() -> int:
    """Exit status 0 if all ended as undisturbed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return 0 if campaign(Path(folder), make(Path(folder) / "project"), asked.kills, asked.seed, lambda text: print(text, flush=True)) else 1


if __name__ == "__main__":
    sys.exit(main())
