"""What one side's script said of its run → rates of the steps that count, and the line of bench/results.csv."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench import flops
from tunesmith.model.memory import Shape

WARM_UP = 1
"""Steps of every run that are left out on every side."""


@dataclass(frozen=True)
class Work:
    """What the sides train on, step by step."""

    name: str
    shape: Shape
    steps: Sequence[flops.Step]
    rows_per_step: int
    full: bool
    dpo: bool


@dataclass(frozen=True)
class Outcome:
    """One run of one side."""

    seconds: list[float]
    losses: list[float]
    rows: list[int]
    """That went into each step."""
    peak_bytes: int
    computed: float
    """Tokens that went through the layers, over those of the rows: less than 1 where beginnings are shared."""
    threads: int
    versions: str

    @classmethod
    def of(cls, told: dict[str, Any], rows_per_step: int) -> Outcome:
        """What a script said; every step took `rows_per_step` rows where it does not say otherwise."""
        rows = told.get("rows") or [rows_per_step] * len(told["seconds"])
        computed = told["computed_tokens"] / told["logical_tokens"] if "computed_tokens" in told else 1.0
        versions = "; ".join(f"{name} {version}" for name, version in told.get("versions", {}).items())
        peak = told.get("device_peak_bytes") or told["peak_bytes"]
        return cls(told["seconds"], told["losses"], rows, peak, computed, told.get("threads", 0), versions)

    @property
    def warm_up(self) -> int:
        """Steps that are left out: none where there is only one, which then is a trial and no measurement."""
        return WARM_UP if len(self.seconds) > WARM_UP else 0

    @property
    def step(self) -> float:
        """Median seconds of the steps that count."""
        return statistics.median(self.seconds[self.warm_up :])

    @property
    def rows_per_s(self) -> float:
        """Median over the steps that count."""
        return statistics.median(rows / taken for rows, taken in zip(self.rows[self.warm_up :], self.seconds[self.warm_up :], strict=True))

    def tokens_per_s(self, work: Work) -> float:
        """As a trainer without sharing counts them."""
        return self.rows_per_s * statistics.mean(step.tokens for step in self._steps(work)) / work.rows_per_step

    def flops_per_s(self, work: Work) -> float:
        """Useful operations a second."""
        each = (flops.of_step(work.shape, step, step.tokens * self.computed, full=work.full, dpo=work.dpo) for step in self._steps(work))
        return self.rows_per_s * statistics.mean(each) / work.rows_per_step

    def _steps(self, work: Work) -> Sequence[flops.Step]:
        return work.steps[self.warm_up : len(self.seconds)]


def figures(work: Work, runs: Sequence[Outcome], ours: float, peaks: tuple[float, float]) -> dict[str, Any]:
    """A side's columns: medians of its rounds. `ours`: our rows a second; `peaks`: FLOP/s of matrix products before and after."""
    rate = statistics.median(one.rows_per_s for one in runs)
    useful = statistics.median(one.flops_per_s(work) for one in runs)
    common = min(len(one.losses) for one in runs)
    return {
        "work": work.name,
        "rows_per_s": rate,
        "tokens_per_s": statistics.median(one.tokens_per_s(work) for one in runs),
        "slower_than_ours": ours / rate,
        "peak_gb": statistics.median(one.peak_bytes for one in runs) / 1e9,
        "mean_loss": statistics.mean(loss for one in runs for loss in one.losses[:common]),
        "rounds": len(runs),
        "rows": sum(runs[0].rows),
        "steps": " ".join(str(len(one.seconds)) for one in runs),
        "counted": sum(len(one.seconds) - one.warm_up for one in runs),
        "warm_up": runs[0].warm_up,
        "threads": runs[0].threads,
        "matmul_gflops_before": peaks[0] / 1e9,
        "matmul_gflops": peaks[1] / 1e9,
        "gflops": useful / 1e9,
        "share_of_peak": useful / statistics.mean(peaks),
        "versions": runs[0].versions,
    }
