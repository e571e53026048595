"""What was decided, on its way into words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from tunesmith.spec.verdict import Decision


@dataclass(frozen=True)
class Outcome:
    """A decision and what it rests on."""

    decision: Decision
    chosen: str
    """The arm that it speaks for; while it is open, the one to serve meanwhile."""
    pair: tuple[str, str] | None = None
    """The two arms between which it is open; None where it is not, or nothing could be compared."""
    alone: bool = False
    """It is open because nothing was measured that needs more than a prompt."""
    by_goal: bool = False
    """The pair is open, and the goal decides: what is chosen reaches it beyond doubt."""
    goal_met: bool | None = None
    beneath: Decision | None = None
    """What would be decided if more rows were not worth more."""
    more: int | None = None
    """Rows more that would change it; None: no realistic number."""
    rows: int = 0
    """Training rows now, where more of them are advised."""
    more_rests_on: Literal["curve", "flat curve", "rule"] = "curve"
    """What that number of training rows rests on: the learning curve, or a rule of thumb, with a curve that names no number or without any."""
    labels: tuple[str, ...] = ()
    """The classes that need them most; empty: all alike, or the task has none."""

    @property
    def is_hopeless(self) -> bool:
        """Nothing helps: nothing is recommended and nobody wins."""
        return "nothing helps" in (self.decision, self.beneath)

    def but(self, **changes: Any) -> Outcome:
        """The same with some fields changed."""
        return replace(self, **changes)
