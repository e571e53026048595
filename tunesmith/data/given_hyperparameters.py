"""How many examples there are → the hyperparameters that `auto` stands for, each with its reason. Pure.

Source of the epochs: OpenAI's cookbook, "Data preparation and analysis for chat model fine-tuning", section "Cost estimation".
"""

from __future__ import annotations

from typing import NamedTuple

from tunesmith.data.given_words import Method

TARGET_EPOCHS = 3
LEAST_EXAMPLES = 100
MOST_EXAMPLES = 25_000
MOST_EPOCHS = 25
STEPS_IN_EPOCH = 6
MOST_IN_BATCH = 32
BETA = 0.1


class Auto(NamedTuple):
    """A chosen value and why it was chosen."""

    value: int | float
    reason: str


def auto_hyperparameters(n_rows: int, method: Method) -> dict[str, Auto]:
    """The values of `auto`, by name.

    >>> {name: auto.value for name, auto in auto_hyperparameters(10, "supervised").items()}
    {'n_epochs': 10, 'batch_size': 1, 'learning_rate_multiplier': 1.0}
    """
    found = {
        "n_epochs": epochs(n_rows),
        "batch_size": batch_size(n_rows),
        "learning_rate_multiplier": Auto(1.0, "the learning rate that is our default for this base model and method, as it stands"),
    }
    if method == "dpo":
        found["beta"] = Auto(BETA, f"{BETA:g}: the usual distance that the tuned model may keep from its start")
    return found


def epochs(n_rows: int) -> Auto:
    """How often every example is seen.

    >>> [epochs(n).value for n in (10, 33, 34, 100, 8_333, 8_334, 30_000)]
    [10, 3, 3, 3, 3, 2, 1]
    """
    seen = n_rows * TARGET_EPOCHS
    if seen < LEAST_EXAMPLES:
        value = min(MOST_EPOCHS, LEAST_EXAMPLES // max(1, n_rows))
        return Auto(value, f"{n_rows:,} examples: about {LEAST_EXAMPLES} are to be seen in all, at most {MOST_EPOCHS} times each")
    if seen > MOST_EXAMPLES:
        value = max(1, MOST_EXAMPLES // n_rows)
        return Auto(value, f"{n_rows:,} examples: at most about {MOST_EXAMPLES:,} are to be seen in all, each at least once")
    return Auto(TARGET_EPOCHS, f"{n_rows:,} examples: {TARGET_EPOCHS} epochs, as long as 100 to 25,000 examples are seen in all")


def batch_size(n_rows: int) -> Auto:
    """Examples in a step: a power of two.

    >>> [batch_size(n).value for n in (10, 12, 100, 1_000, 1_000_000)]
    [1, 2, 16, 32, 32]
    """
    value = min(MOST_IN_BATCH, 1 << max(0, (n_rows // STEPS_IN_EPOCH).bit_length() - 1))
    return Auto(value, f"{n_rows:,} examples: at least about {STEPS_IN_EPOCH} steps in an epoch, at most {MOST_IN_BATCH} examples in a step")
