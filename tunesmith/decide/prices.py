"""This machine's speeds and what is in the store already → the price of every step, and of the proof at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tunesmith.decide.cost import seconds
from tunesmith.decide.steps import largest_base, proof
from tunesmith.spec.plan import Facts, Plan, PlannedStep, Speeds, Stored

REPORT_S = 8.0
"""To conclude and to write the report."""


@dataclass(frozen=True)
class Prices:
    """What steps cost."""

    speeds: Speeds
    stored: Stored = field(default_factory=Stored)
    probes: float = 1.0
    """So large a share of the probes that the project asks for is put to what is tuned."""

    @staticmethod
    def today(plan: Plan, speeds: Speeds) -> Prices:
        """Those of a plan by today's speeds, all its probes asked."""
        return Prices(speeds, plan.stored)

    def asking(self, probes: float) -> Prices:
        """The same with another share of the probes."""
        return replace(self, probes=probes)

    def of(self, step: PlannedStep) -> float:
        """The step's predicted seconds; 0 where the store holds all of it."""
        if self.stored.holds(step):
            return 0.0
        return seconds(step.parts, self.speeds) + (REPORT_S if step.kind == "test" else 0.0)

    def on(self, step: PlannedStep) -> PlannedStep:
        """The step with its price."""
        return step.model_copy(update={"seconds": self.of(step)})

    def proof(self, facts: Facts, steps: Sequence[PlannedStep]) -> PlannedStep:
        """The proof of these steps on the test split, with its price."""
        return self.on(proof(facts, largest_base(facts), steps, self.probes, self.stored))
