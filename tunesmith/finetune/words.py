"""What a training says ↔ what the hosted service's clients know: names of metrics, the table of results, names of models. Pure."""

from __future__ import annotations

import csv
import hashlib
import io
import string

from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.job import DEV_PREFERENCE, Monitor, Progress, Reading, Spoken

COLUMNS = ("step", "train_loss", "train_mean_token_accuracy", "valid_loss", "valid_mean_token_accuracy", "full_valid_loss", "full_valid_mean_token_accuracy")  # fmt: skip
ALNUM = string.digits + string.ascii_letters


class InTheirWords:
    """A monitor that passes a step's readings on as one, under the names that OpenAI's clients know."""

    NAMES = {
        "train_loss": "train_loss", "train_accuracy": "train_mean_token_accuracy", "dev_loss": "valid_loss",
        "dev_accuracy": "valid_mean_token_accuracy", DEV_PREFERENCE: "valid_preference_accuracy",
    }  # fmt: skip

    def __init__(self, monitor: Monitor, epochs: int) -> None:
        self._monitor = monitor
        self._epochs = epochs
        self._total = 0
        self._held: Reading | None = None

    def emit(self, event: Spoken) -> None:
        """Pass an event on; a step's reading once everything about the step is known."""
        if isinstance(event, Progress) and event.label == "training":
            self._total = int(event.total or 0)
        if isinstance(event, Reading) and self._held is not None and event.step == self._held.step:
            self._held = Reading(step=event.step, values=self._held.values | self._named(event))
            return
        self._release()
        if isinstance(event, Reading):
            self._held = Reading(step=event.step, values=self._named(event))
        else:
            self._monitor.emit(event)

    def _named(self, event: Reading) -> dict[str, float]:
        return {self.NAMES[name]: value for name, value in event.values.items() if name in self.NAMES}

    def _release(self) -> None:
        if self._held is not None:
            values = self._held.values | ({"total_steps": float(self._total)} if self._total else {})
            self._monitor.emit(Reading(step=self._held.step, values=with_full(values, self._held.step, self._total, self._epochs)))
            self._held = None

    def stopping(self) -> bool:
        """True once the user wants a stop."""
        return self._monitor.stopping()


def with_full(values: dict[str, float], step: int, total: int, epochs: int) -> dict[str, float]:
    """The values, with those of the validation file once more as `full_…` at the end of an epoch: our evaluations always take all of it."""
    ends = {round(total * epoch / epochs) for epoch in range(1, epochs + 1)}
    return values | ({f"full_{name}": values[name] for name in ("valid_loss", "valid_mean_token_accuracy") if name in values} if step in ends else {})


def metrics_at(checkpoint: Checkpoint, step: int) -> dict[str, float]:
    """What was read at a step, under OpenAI's names."""
    point = next((p for p in checkpoint.curve if p.step == step), None)
    if point is None:
        return {}
    held = {"valid_loss": point.dev_loss, "valid_mean_token_accuracy": point.dev_accuracy}
    named = {"train_loss": point.train_loss, "train_mean_token_accuracy": point.train_accuracy, **held, **{f"full_{k}": v for k, v in held.items()}}
    return {name: value for name, value in named.items() if value is not None}


def table(checkpoint: Checkpoint, epochs: int) -> str:
    """The metrics of every step as CSV; a cell is empty where nothing was measured."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    for point in checkpoint.curve:
        found = {name: value for name, value in metrics_at(checkpoint, point.step).items() if not name.startswith("full_")}
        row = with_full(found, point.step, checkpoint.planned_steps, epochs)
        writer.writerow({"step": point.step} | {name: f"{value:.5f}" for name, value in row.items() if name in COLUMNS})
    return out.getvalue()


def letters_of(text: str, count: int) -> str:
    """`count` letters and digits that always are the same for the same text.

    >>> len(letters_of("a", 8)), letters_of("a", 8) == letters_of("a", 8)
    (8, True)
    """
    number = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    found = []
    for _ in range(count):
        number, rest = divmod(number, len(ALNUM))
        found.append(ALNUM[rest])
    return "".join(found)
