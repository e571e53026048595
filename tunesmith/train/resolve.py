"""A recipe as written, the rows and the model → the recipe as it runs, each automatic value with its reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tunesmith.model.load import LoadedModel
from tunesmith.model.memory import choose_batch, free_bytes
from tunesmith.spec.recipe import LONGEST_ROW, Choice, Full, Kto, Lora, Recipe
from tunesmith.train.batches import Order, packed_size, packed_tokens
from tunesmith.train.examples import Example, Rated
from tunesmith.train.loop import Plan
from tunesmith.train.rates import learning_rate, settled

SMALL_DATA = 1000
BACKWARD = {"lora": 2.0, "full": 3.0}
"""Cost of a training token against one that is only evaluated: adapters skip the weights' own gradients."""


def rating_weights(method: Kto, examples: list[Rated]) -> tuple[Kto, tuple[Choice, ...]]:
    """The weights of liked and disliked answers: the rarer kind counts more, so that both weigh the same in all.

    Source: Ethayarajh et al. 2024 §4.2 ask for a ratio of the weighted counts between 1 and 4/3.
    """
    liked = sum(example.is_desirable for example in examples)
    counts = {"desirable_weight": liked, "undesirable_weight": len(examples) - liked}
    found = {name: max(counts.values()) / count for name, count in counts.items() if getattr(method, name) is None}
    why = f"{liked} liked and {len(examples) - liked} disliked answers weigh the same in all"
    return method.model_copy(update=found), tuple(Choice(name=name, value=f"{value:.4g}", reason=why) for name, value in found.items())


def max_length(recipe: Recipe, context: int) -> Choice:
    """The longest row in tokens."""
    if recipe.budget.max_length is not None:
        return Choice(name="max_length", value=str(min(recipe.budget.max_length, context)), reason="as written, at most the model's context")
    return Choice(
        name="max_length",
        value=str(min(LONGEST_ROW, context)),
        reason=f"the model's context is {context}; longer rows than {LONGEST_ROW} must be asked for",
    )


def resolve(recipe: Recipe, model: LoadedModel, rows: list[Any], length: int, memory_limit: int | None) -> tuple[Recipe, tuple[Choice, ...]]:
    """The recipe without None, and the choices that were made.

    Raises: DoesNotFit if not even the longest row does.
    """
    recipe, found = settled(recipe, len(rows))
    choices: list[Choice] = [*found]
    weights = recipe.weights
    if isinstance(weights, Lora) and weights.dropout is None:
        small = len(rows) < SMALL_DATA
        choices.append(
            Choice(name="dropout", value="0.05" if small else "0", reason=f"{len(rows)} rows, {'under' if small else 'at least'} {SMALL_DATA}")
        )
        weights = weights.model_copy(update={"dropout": float(choices[-1].value)})
    optimiser = recipe.optimiser
    if optimiser.lr is None:
        choices.append(learning_rate(recipe, model.local.parameters))
        optimiser = optimiser.model_copy(update={"lr": float(choices[-1].value), "lr_multiplier": 1.0})
    if optimiser.weight_decay is None:
        decay = "0.01" if isinstance(weights, Full) else "0"
        choices.append(
            Choice(
                name="weight_decay", value=decay, reason="full fine-tuning" if isinstance(weights, Full) else "adapters start at zero and stay small"
            )
        )
        optimiser = optimiser.model_copy(update={"weight_decay": float(decay)})
    method = recipe.method
    if isinstance(method, Kto):
        method, weighed = rating_weights(method, rows)
        choices += weighed
    budget = recipe.budget
    free, longest = free_bytes(memory_limit, model.placement.device, whole=True), max(packed_size(row) for row in rows)
    batch, recompute = choose_batch(model.shape, weights, model.placement.dtype, free, longest, budget.recompute, budget.tokens_per_batch)
    choices += [batch, recompute]
    budget = budget.model_copy(update={"tokens_per_batch": int(batch.value), "recompute": recompute.value == "true", "max_length": length})
    resolved = recipe.model_copy(update={"method": method, "weights": weights, "optimiser": optimiser, "budget": budget})
    return resolved, tuple(choices)


def make_plan(recipe: Recipe, train: Sequence[Example], dev: Sequence[Example], shares: bool = True) -> tuple[Plan, Choice]:
    """How many steps, and after which of them dev is evaluated; the last one always is.

    Evaluations are thinned out until they cost at most `dev_time_share` of the training's work in tokens: counted, not timed, so that the
    same run always has the same plan.
    """
    budget = recipe.budget
    assert budget.tokens_per_batch is not None
    assert recipe.optimiser.lr is not None
    order = Order(len(train), budget.step_rows, recipe.seed)
    steps = min(order.steps(budget.passes), budget.max_steps or order.steps(budget.passes))
    sample = [packed_tokens([train[i] for i in order.step(s)], budget.tokens_per_batch, shares) for s in range(min(steps, 8))]
    work = sum(sample) / len(sample) * steps * BACKWARD[recipe.weights.kind]
    cost = packed_tokens(dev, budget.tokens_per_batch, shares) if dev else 1
    wanted = max(1, round(budget.evaluations_per_epoch * steps * budget.step_rows / len(train)))
    allowed = max(1, int(budget.dev_time_share * work / cost))
    count = min(wanted, allowed, steps)
    at = frozenset(round(steps * (i + 1) / count) for i in range(count))
    keep = frozenset(kept_steps(order, budget.passes, steps, budget.kept_epochs))
    why = (
        f"{count} of {wanted} wanted: each costs {cost / work:.1%} of the training, {budget.dev_time_share:.0%} are allowed"
        if count < wanted
        else "as wanted"
    )
    plan = Plan(steps, at | keep if dev else at, budget.tokens_per_batch, recipe.optimiser.lr, keep)
    return plan, Choice(name="evaluations", value=str(count), reason=why)


def kept_steps(order: Order, epochs: float, steps: int, wanted: int) -> list[int]:
    """Steps done at the ends of the last `wanted` epochs before the end of training.

    >>> kept_steps(Order(100, 1, 0), 3, 300, 2)
    [100, 200]
    """
    ends = [order.steps(epoch) for epoch in range(1, math.ceil(epochs))]
    return sorted({end for end in ends if end < steps})[-wanted:] if wanted else []
