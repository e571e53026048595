"""A recipe and a model's size → the peak learning rate, with its reason. No torch: what is planned before any training asks for it too."""

from __future__ import annotations

import math

from tunesmith.spec.recipe import Choice, Lora, Recipe, Sft

PREFERENCE_RATE = 0.1
"""Of the rate for answers: what a pair teaches is a difference, and a large step drives both of its answers away."""
USUAL_ROWS = 32
"""Of a step: what the rates below were found with."""


def learning_rate(recipe: Recipe, parameters: int) -> Choice:
    """The peak rate: ten times as high for adapters as for full fine-tuning, falling with the model's size and with fewer rows in a step.

    Sources: Malladi et al. 2022 (arXiv 2205.10287) for the square root of the rows under Adam; LoRA Without Regret (Schulman et al. 2025) for the ratio; our own sweep on the router example (docs/log.md) for the level.
    """
    small = parameters < 700e6
    if isinstance(recipe.weights, Lora):
        value, why = (1e-3, "adapters on a model under 700 M parameters") if small else (3e-4, "adapters on a model of 700 M parameters or more")
    else:
        value, why = (
            (5e-5, "all weights of a model under 700 M parameters") if small else (1e-5, "all weights of a model of 700 M parameters or more")
        )
    if not isinstance(recipe.method, Sft):
        value, why = value * PREFERENCE_RATE, f"{why}; preferences need a smaller rate than answers"
    rows = recipe.budget.rows_per_step
    if rows < USUAL_ROWS:
        value, why = value * math.sqrt(rows / USUAL_ROWS), f"{why}; a step of {rows} rows instead of {USUAL_ROWS} is noisier"
    if recipe.optimiser.lr_multiplier != 1:
        value, why = value * recipe.optimiser.lr_multiplier, f"{why}; times {recipe.optimiser.lr_multiplier:g} as asked"
    return Choice(name="lr", value=f"{value:g}", reason=f"{why}; see docs/decisions")
