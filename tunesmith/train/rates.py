"""A recipe and the rows or the model's size → how often the rows are passed, how many make a step, and the peak learning rate, each with its reason.

No torch: what is planned before any training asks for these too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tunesmith.spec.recipe import Choice, Lora, Recipe, Sft

PREFERENCE_RATE = 0.1
"""Of the rate for answers: what a pair teaches is a difference, and a large step drives both of its answers away."""
USUAL_ROWS = 32
"""Of a step: what the rates below were found with."""
FEWEST_ROWS = 4
FEWEST_STEPS = 80
"""Below that a training on few rows has not begun to learn when it ends: docs/log.md, trainings on few rows."""
USUAL_EPOCHS = 3
PASSES: Mapping[bool, tuple[int, int]] = {True: (4_000, 10), False: (1_500, 5)}
"""Whether answers are labels → (rows that are passed at least, epochs at most for that). Labels: docs/log.md. Free text is learnt by heart sooner; at
most 5 epochs for under 500 rows are the field's advice."""


def settled(recipe: Recipe, rows: int, *, labels: bool = False) -> tuple[Recipe, tuple[Choice, ...]]:
    """The recipe with epochs and rows of a step, and what was chosen of them; as written where it says both. `labels`: whether answers are such.

    >>> [(r.budget.epochs, r.budget.rows_per_step) for r in (settled(Recipe(), n, labels=True)[0] for n in (40, 150, 400, 700, 10_000))]
    [(10.0, 4), (10.0, 16), (10.0, 32), (6.0, 32), (3.0, 32)]
    >>> [(r.budget.epochs, r.budget.rows_per_step) for r in (settled(Recipe(), n)[0] for n in (40, 150, 400, 700, 10_000))]
    [(5.0, 4), (5.0, 8), (4.0, 16), (3.0, 16), (3.0, 32)]
    """
    budget, choices = recipe.budget, []
    if budget.epochs is None:
        passed, most = PASSES[labels] if isinstance(recipe.method, Sft) else (0, USUAL_EPOCHS)  # pairs are learnt by heart sooner still
        epochs = max(USUAL_EPOCHS, min(most, round(passed / max(1, rows))))
        why = "the usual number" if epochs == USUAL_EPOCHS else f"few rows ({rows:,}) have to be passed more often; the best weights on dev are kept"
        choices.append(Choice(name="epochs", value=str(epochs), reason=why))
        budget = budget.model_copy(update={"epochs": float(epochs)})
    if budget.rows_per_step is None:
        size = USUAL_ROWS
        while size > FEWEST_ROWS and budget.passes * rows / size < FEWEST_STEPS:
            size //= 2
        why = (
            "the usual number"
            if size == USUAL_ROWS
            else f"{rows:,} rows would make only {round(budget.passes * rows / USUAL_ROWS)} steps of {USUAL_ROWS}"
        )
        choices.append(Choice(name="rows_per_step", value=str(size), reason=why))
        budget = budget.model_copy(update={"rows_per_step": size})
    return recipe.model_copy(update={"budget": budget}), tuple(choices)


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
    rows = recipe.budget.step_rows
    if rows < USUAL_ROWS:
        value, why = value * math.sqrt(rows / USUAL_ROWS), f"{why}; a step of {rows} rows instead of {USUAL_ROWS} is noisier"
    if recipe.optimiser.lr_multiplier != 1:
        value, why = value * recipe.optimiser.lr_multiplier, f"{why}; times {recipe.optimiser.lr_multiplier:g} as asked"
    return Choice(name="lr", value=f"{value:g}", reason=f"{why}; see docs/decisions")
