"""What training leaves behind."""

from __future__ import annotations

from typing import Literal

from tunesmith.spec.chat import Prompt
from tunesmith.spec.noun import Noun
from tunesmith.spec.recipe import Choice, Recipe


class CurvePoint(Noun):
    """One reading during training; absent values were not measured at this step."""

    step: int
    epoch: float
    train_loss: float | None = None
    """Mean loss of the step: cross-entropy (nats) per trained token, or the method's own per pair or rated answer."""
    dev_loss: float | None = None
    dev_metric: float | None = None
    """Share of right dev rows: exact match under greedy decoding, by teacher forcing; for preferences, pairs and ratings that come out right."""
    train_accuracy: float | None = None
    """Share of the step's trained tokens that were the most probable ones."""
    dev_accuracy: float | None = None
    """The same on dev."""
    lr: float | None = None
    grad_norm: float | None = None


class Checkpoint(Noun):
    """The manifest of a checkpoint artifact; the weights stand beside it as safetensors."""

    base: str
    """Catalogue id, folder or hub id of the base model at the root of the lineage."""
    base_digest: str
    """Digest of the base's weight files."""
    parent: str | None
    """Name of the checkpoint it continued from; None: it started from the base."""
    dataset: str
    """Name of the data set artifact."""
    prompt: Prompt
    """The prompt that every training row was rendered with; serving applies it."""
    template_digest: str
    """sha256 of the chat template that rendered the rows."""
    passed: Recipe
    """As the user wrote it."""
    resolved: Recipe
    """As it ran: no None left."""
    choices: tuple[Choice, ...]
    """Every value that was chosen automatically, with its reason."""
    kind: Literal["lora", "full"]
    files: dict[str, str]
    """Weight file → sha256."""
    best_step: int
    steps: int
    planned_steps: int
    stopped: Literal["finished", "early"]
    stop_reason: str
    best_dev_loss: float | None
    best_dev_metric: float | None
    curve: tuple[CurvePoint, ...]
    truncated_rows: int
    trained_rows: int
    """Rows seen, repeats included."""
    trained_tokens: int
    """Tokens with a loss on them."""
    logical_tokens: int
    """Tokens of all rendered rows, as a trainer without sharing would count them."""
    computed_tokens: int
    """Tokens that went through the model: shared trunks counted once."""
    alarms: tuple[str, ...]
    """Warnings raised on the way (overfitting …), in plain words."""
    versions: dict[str, str]
    """Package → version, and the machine's facts that results depend on (threads, dtype, device)."""

    def dev_metric_name(self, is_exact: bool) -> str | None:
        """What the share of right dev rows is called; None where it says nothing: `is_exact` is whether exact answers decide the task."""
        if self.resolved.method.kind != "sft":
            return "preference"
        return "exact match" if is_exact else None
