"""Training against TRL and LitGPT: the same rows in the same order, in turns, medians of the rounds.

    python -m bench.train gsm8k --sweep           # or banking77, gsm8k-full, gsm8k-dpo: the peers' settings, one by one → bench/sweeps.csv
    python -m bench.train gsm8k --rounds 3        # ours, the peer's defaults and its best recorded settings → bench/results.csv

Steps of 32 rows; the first step of each run warms up and is not counted. All sides take the same steps in a round: `--steps` in the first one, whose
losses are compared step by step (bench/trajectory.py), `--later-steps` in the others. A side whose losses part from ours is void and not recorded; where
the steps could not have told, nothing is. Run nothing beside it: spinning threads ruin both sides.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from bench.facts import append, conditions, measured_peak
from bench.flops import Step
from bench.outcome import Outcome, Work, figures
from bench.peers import DoesNotRun, python, told
from bench.sweep import DEFAULTS, SETTINGS, Setting, best, in_float32, sweep, tried
from bench.trajectory import LEAST_STEPS, Check, TooShort, gap
from bench.work import ROOT, ROWS_PER_STEP, SEED, base, write_pairs, write_rows
from tunesmith.model.memory import Shape
from tunesmith.settings import worker_environment

RATES = {"gsm8k": 1e-3, "banking77": 1e-3, "gsm8k-full": 5e-5, "gsm8k-dpo": 3e-4}
"""Work → learning rate of both sides: such that the loss moves within the steps that are compared."""
OURS = "tunesmith"
SWEEP_STEPS = 2
SCRIPTS = {"trl": "trl_sft.py", "litgpt": "litgpt_full.py"}


def main() -> int:
    """Run the comparison; 1 when a side is void or does not run, 2 when nothing can be concluded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=RATES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4, help="of the first round: the losses of these are compared")
    parser.add_argument("--later-steps", type=int, default=2, help="of the other rounds")
    parser.add_argument("--sweep", action="store_true", help="measure those of the peers' settings that have no line in bench/sweeps.csv yet")
    parser.add_argument("--again", action="store_true", help="with --sweep: those that have one as well")
    parser.add_argument("--only", default="", help="with --sweep: settings with this in their name")
    parser.add_argument("--best", action="append", help="a recorded setting to compare with instead of the quickest of each peer; may be repeated")
    parser.add_argument("--dry", action="store_true", help="append nothing")
    parser.add_argument("--rows-per-step", type=int, default=ROWS_PER_STEP, help="with --dry: fewer rows, to see whether it runs")
    asked = parser.parse_args()
    if not asked.dry and (asked.rows_per_step != ROWS_PER_STEP or asked.later_steps < 2 or asked.steps < 2):
        parser.error("what is recorded takes 32 rows a step and at least 2 steps a round: try others with --dry")
    contest = Contest.on(asked.work, max(asked.steps, asked.later_steps, SWEEP_STEPS), asked.rows_per_step)
    if asked.sweep:
        known = {} if asked.again else tried(asked.work)
        wanted = [name for name in SETTINGS[asked.work] if asked.only in name and name not in known]
        sweep(asked.work, wanted, contest.attempt, asked.dry)
        return 0
    rivals = chosen(asked.work, asked.best, asked.dry)
    return contest.held([asked.steps] + [asked.later_steps] * (asked.rounds - 1), [DEFAULTS, *rivals], asked.dry)


def chosen(work: str, named: list[str] | None, dry: bool) -> list[str]:
    """The settings that we are compared with beside the defaults.

    Raises: SystemExit for one that is unknown, or has no line in the record.
    """
    if not named:
        return best(work)
    known = SETTINGS[work] if dry else tried(work)
    for name in named:
        if name not in known:
            raise SystemExit(f"{name!r} is not recorded for {work} on this machine: python -m bench.train {work} --sweep")
    return named


class Contest:
    """The sides of one work, and the rows that all of them take."""

    is_stopped = False
    """Somebody wants no more rounds."""

    def __init__(
        self, work: Work, rows: Path, folder: str, lr: float, ours: list[str], environment: dict[str, str] | None, peer: str = "trl"
    ) -> None:
        self.work, self.rows, self.folder, self.lr, self.peer = work, rows, folder, lr, peer
        self.ours, self.environment = ours, environment

    @classmethod
    def on(cls, name: str, steps: int, rows_per_step: int) -> Contest:
        """The work of this name on the benchmarks' base."""
        full, dpo = name.endswith("-full"), name.endswith("-dpo")
        rows = write_pairs(steps, rows_per_step) if dpo else write_rows(name.removesuffix("-full"), steps, rows_per_step)
        work = Work(name, shape_of(base().folder), steps_of(rows, rows_per_step), rows_per_step, full, dpo)
        return cls(work, rows, base().folder, RATES[name], [sys.executable, "-m", "bench.ours_train"], worker_environment())

    def told_of(self, steps: int, lr: float) -> dict[str, Any]:
        """What every script is told."""
        one = self.work
        return {
            "rows": str(self.rows), "rows_per_step": one.rows_per_step, "base": self.folder, "steps": steps, "lr": lr, "full": one.full, "dpo": one.dpo,
        }  # fmt: skip

    def run(self, steps: int, *, seed: int = SEED, dtype: str | None = None, rate: float = 1.0) -> Outcome:
        """Our side, in the environment that a worker gets. Raises: DoesNotRun."""
        environment = self.environment if dtype is None else {**(self.environment or os.environ), "TUNESMITH_DTYPE": dtype}
        return Outcome.of(told(self.ours, self.told_of(steps, self.lr * rate) | {"seed": seed}, environment), self.work.rows_per_step)

    def attempt(self, setting: Setting, steps: int = SWEEP_STEPS, bounded: bool = True) -> Outcome | str:
        """The peer's side; where it does not run, the last line of what it said."""
        script = "trl_dpo.py" if self.work.dpo else SCRIPTS[setting.peer]
        environment = os.environ | {"OMP_NUM_THREADS": str(setting.threads)} if setting.threads else None
        interpreter = python(self.peer if setting.peer == "trl" else setting.peer)
        command = [str(interpreter), str(ROOT / "bench" / "peers" / script)]
        try:
            found = told(command, self.told_of(steps, self.lr) | setting.work(), environment, bounded)
        except DoesNotRun as error:
            return str(error).splitlines()[-1][:200]
        return Outcome.of(found, self.work.rows_per_step)

    def check(self, steps: int) -> Check:
        """What the peers' losses of `steps` steps are held to. Raises: DoesNotRun, TooShort."""
        runs = [self.run(steps).losses, self.run(steps, seed=SEED + 1).losses, self.run(steps, dtype="float32").losses]
        found = Check.of(runs, self.run(steps, rate=0.5).losses)
        print(f"ours, another seed and float32: {[[round(x, 4) for x in one] for one in runs]}")
        print(f"noise allows {found.tolerance:.2%} at a step; half the learning rate would be {found.at_half_rate:.2%} away", flush=True)
        return found

    def held(self, rounds: list[int], rivals: list[str], dry: bool) -> int:
        """Run the rounds (steps of each), and tell and record what came of them; 1 when a side is void or fails, 2 when nothing can be concluded."""
        conditions()  # read before anything is measured
        try:
            check = self.check(rounds[0])
        except (TooShort, DoesNotRun) as error:
            print(f"nothing is recorded: {str(error).splitlines()[-1]}", flush=True)
            check = None
        told_apart = check is not None and check.tells
        if check is not None and not check.tells:
            print("nothing is recorded: so few steps do not tell half the learning rate from the whole; take more --steps", flush=True)
        if not told_apart and not dry:
            return 2
        before = measured_peak()
        taken: dict[str, list[Outcome]] = {name: [] for name in (OURS, *rivals)}
        failed = self._rounds(rounds, taken)
        after = measured_peak()
        if not taken[OURS]:
            print("our side has not run")
            return 2
        ran = {name: runs for name, runs in taken.items() if runs}
        in_float32 = self.in_float32(rounds[0], ran, check) if check is not None else {}
        void = show(self.work, ran, (before, after), check, in_float32, record=told_apart and not dry)
        return 2 if not told_apart else int(void or bool(failed))

    def in_float32(self, steps: int, ran: dict[str, list[Outcome]], check: Check) -> dict[str, list[float]]:
        """Side → its losses in float32, for the peers' sides that are further away than noise allows; none after a stop."""
        said: dict[str, list[float]] = {}
        with contextlib.suppress(KeyboardInterrupt):
            for name, runs in ran.items():
                losses = longest(runs).losses
                if name == OURS or self.is_stopped or len(losses) <= LEAST_STEPS or check.holds(losses):
                    continue
                one = self.attempt(in_float32(self.settings(name)), steps, bounded=False)
                if isinstance(one, str):
                    print(f"{name} in float32 does not run: {one}", flush=True)
                    continue
                said[name] = one.losses
                print(f"{name} in float32: losses {[round(x, 4) for x in one.losses]}", flush=True)
        return said

    def _rounds(self, rounds: list[int], taken: dict[str, list[Outcome]]) -> set[str]:
        """Fill `taken` in turns; the sides that did not run in some round. Those go on in the next one, and what was taken stays."""
        failed: set[str] = set()
        try:
            for turn, steps in enumerate(rounds):
                for name, runs in taken.items():
                    one = self._turn(name, steps)
                    if one is None:
                        failed.add(name)
                        continue
                    runs.append(one)
                    losses = [round(x, 4) for x in one.losses]
                    print(f"round {turn + 1}  {name:<56} {one.rows_per_s:6.2f} rows/s  losses {losses}", flush=True)
        except KeyboardInterrupt:
            self.is_stopped = True
            print("stopped: what follows is of the rounds so far")
        return failed

    def _turn(self, name: str, steps: int) -> Outcome | None:
        """One run of one side; None where it does not run, said."""
        try:
            one: Outcome | str = self.run(steps) if name == OURS else self.attempt(self.settings(name), steps, bounded=False)
        except DoesNotRun as error:
            one = str(error).splitlines()[-1]
        if isinstance(one, str):
            print(f"{name} does not run: {one}", file=sys.stderr, flush=True)
            return None
        return one

    def settings(self, name: str) -> Setting:
        """The setting of this name."""
        return SETTINGS[self.work.name][name]


def longest(runs: Sequence[Outcome]) -> Outcome:
    """The run with the most steps: the one whose losses are compared."""
    return max(runs, key=lambda one: len(one.losses))


def show(
    work: Work,
    taken: dict[str, list[Outcome]],
    peaks: tuple[float, float],
    check: Check | None,
    in_float32: dict[str, list[float]],
    record: bool,
) -> bool:
    """Print the table, and with `record` append the sides that are not void; whether any is. `in_float32`: side → the losses of its peer in float32."""
    rows = sum(step.tokens for step in work.steps) / len(work.steps) / work.rows_per_step
    print(f"\n{work.name}: {rows:.0f} tokens a row, bf16 matrix-product peak {peaks[0] / 1e9:.0f} GFLOP/s before, {peaks[1] / 1e9:.0f} after")
    print(f"{'':<56} {'rows/s':>7} {'tokens/s':>9} {'ratio':>6} {'peak GB':>8} {'of peak':>8} {'mean loss':>10} {'off':>7}")
    ours = figures(work, taken[OURS], 1.0, peaks)["rows_per_s"]
    void = False
    for name, runs in taken.items():
        found = figures(work, runs, ours, peaks)
        apart: float | None = None
        exact: float | None = None
        if check is not None:
            try:
                apart = gap(check.ours, longest(runs).losses)
                exact = gap(check.ours, in_float32[name]) if name in in_float32 else None
            except TooShort as short:
                print(f"{name}: {short}")
        is_rounded = check is not None and exact is not None and check.holds(in_float32[name])
        parts = check is not None and (apart is None or (apart > check.tolerance and not is_rounded))
        void |= parts
        said = "  VOID: not the same training" if parts else f"  by rounding: in float32 {exact:.2%}" if is_rounded else ""
        print(
            f"{name:<56} {found['rows_per_s']:7.2f} {found['tokens_per_s']:9.0f} {found['slower_than_ours']:6.2f} {found['peak_gb']:8.2f} "
            f"{found['share_of_peak']:8.1%} {found['mean_loss']:10.4f} {'' if apart is None else f'{apart:7.2%}'}{said}"
        )
        if record and check is not None and not parts:
            append({"side": name, "trajectory_gap": apart, "tolerance": check.tolerance} | ({"float32_gap": exact} if is_rounded else {}) | found)
    return void


def steps_of(rows: Path, rows_per_step: int) -> list[Step]:
    """The steps that a file of rows holds."""
    lines = [json.loads(line) for line in rows.read_text().splitlines()]
    return [Step.of(lines[first : first + rows_per_step]) for first in range(0, len(lines), rows_per_step)]


def shape_of(folder: str) -> Shape:
    """The sizes of the model in a folder, as its configuration tells them; no weights are read and none are counted."""
    return Shape.of(AutoConfig.from_pretrained(folder, local_files_only=True), 0)


if __name__ == "__main__":
    sys.exit(main())
