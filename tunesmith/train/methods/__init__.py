"""How a row becomes examples, and examples a loss: one module per method. The loop knows none of them."""

from __future__ import annotations

from tunesmith.spec.recipe import Dpo, Kto, Sft
from tunesmith.train.methods.dpo import Preference
from tunesmith.train.methods.kto import Rating
from tunesmith.train.methods.objective import Objective
from tunesmith.train.methods.sft import Supervised


def objective_of(method: Sft | Dpo | Kto, *, tells: bool = False) -> Objective:
    """The objective that a recipe's method asks for; `tells`: with the share of right tokens, where the method has one."""
    match method:
        case Sft():
            return Supervised(tells=tells)
        case Dpo():
            return Preference(method)
        case Kto():
            return Rating(method)


__all__ = ["Objective", "objective_of"]
