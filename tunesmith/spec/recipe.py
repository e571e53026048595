"""How weights are changed: method × weights × optimiser × budget. Defaults and their evidence: docs/decisions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from tunesmith.spec.noun import Noun

LONGEST_ROW = 2048
"""Tokens of a training row where nothing else was asked for."""
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Sft(Noun):
    """Supervised fine-tuning: cross-entropy on the assistant's tokens only."""

    kind: Literal["sft"] = "sft"


class Dpo(Noun):
    """Direct preference optimisation on pairs: the better answer gains on the worse one (Rafailov et al. 2023)."""

    kind: Literal["dpo"] = "dpo"
    beta: Annotated[float, Field(gt=0, le=2)] = 0.1
    """How strongly the model is held to where it began: the higher, the more."""
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """Share of pairs that are taken to be the wrong way round."""


class Kto(Noun):
    """Kahneman-Tversky optimisation on answers that were liked or not (Ethayarajh et al. 2024). A pair counts as one of each."""

    kind: Literal["kto"] = "kto"
    beta: Annotated[float, Field(gt=0, le=2)] = 0.1
    desirable_weight: Positive | None = None
    """Of liked answers' loss. None: so that both kinds weigh the same in all."""
    undesirable_weight: Positive | None = None
    """Of disliked answers' loss. None: so that both kinds weigh the same in all."""


class Lora(Noun):
    """Low-rank adapters on linear layers; the base stays as it is."""

    kind: Literal["lora"] = "lora"
    r: Annotated[int, Field(ge=1, le=1024)] = 16
    alpha: Positive = 32.0
    """The adapter's output is scaled by alpha / r, or alpha / √r with `rslora`."""
    rslora: bool = False
    """Rank-stabilised scaling (Kalajdzievski 2023): for ranks far above 16, whose outputs alpha / r would make vanish."""
    dora: bool = False
    """Weight-decomposed adaptation (Liu et al. 2024): the length of each weight row is trained beside its direction. Slower."""
    dropout: Share | None = None
    """On the adapter's input. None: 0.05 under 1,000 rows, else 0."""
    targets: tuple[str, ...] = ("all-linear",)
    """Names of linear layers (`q_proj` …), or `all-linear`: every one in the decoder layers."""


class Full(Noun):
    """Every weight is trained. Under 300 M parameters this tends to forget: a warning says so."""

    kind: Literal["full"] = "full"


class AdamW(Noun):
    """Decoupled weight decay. Biases and norms are not decayed."""

    lr: Positive | None = None
    """Peak learning rate. None: chosen for the weights, the model's size and the rows of a step, with its reason."""
    lr_multiplier: Positive = 1.0
    """Times the rate that is chosen; for one that is given, write the product."""
    beta1: Share = 0.9
    beta2: Share = 0.999
    eps: Positive = 1e-8
    weight_decay: Annotated[float, Field(ge=0, le=1)] | None = None
    """None: 0 for adapters, 0.01 for full fine-tuning."""
    clip: Positive = 1.0
    """Largest global norm of the gradient."""

    @model_validator(mode="after")
    def _one_way(self) -> AdamW:
        if self.lr is not None and self.lr_multiplier != 1:
            raise ValueError("`lr` and `lr_multiplier` exclude each other: write the product into `lr`")
        return self


class Schedule(Noun):
    """Learning rate over the run."""

    kind: Literal["linear", "cosine", "constant"] = "linear"
    warmup: Share = 0.03
    """Share of the steps (at least 5, at most half of them) during which the rate climbs from 0."""


class Budget(Noun):
    """How long, how wide, and when to stop."""

    epochs: Annotated[float, Field(gt=0, le=100)] | None = None
    """Passes over the rows. None: 3, and more where the rows are few."""
    max_steps: Annotated[int, Field(ge=1)] | None = None
    """Stops earlier than `epochs` would."""
    rows_per_step: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Of an optimiser step. None: 32, and fewer where the rows are so few that they would make a handful of steps."""
    tokens_per_batch: Annotated[int, Field(ge=16)] | None = None
    """Cuts a step into micro-batches; changes memory and speed, not the result beyond rounding. None: from the memory estimate."""
    recompute: bool | None = None
    """Compute activations again in the backward pass (gradient checkpointing): less memory, a third more time. None: only where the longest row would not fit otherwise."""
    max_length: Annotated[int, Field(ge=8)] | None = None
    """In tokens; longer rows are cut at the front of the question and counted. None: the model's context, at most 2,048."""
    evaluations_per_epoch: Annotated[int, Field(ge=1, le=100)] = 4
    """Of the dev split: loss and task metric."""
    dev_rows: Annotated[int, Field(ge=1)] = 512
    """At most so many dev rows are used during training (a fixed random sample)."""
    dev_time_share: Annotated[float, Field(gt=0, le=1)] = 0.15
    """Evaluations are thinned out so that they take at most this share of the training work, counted in tokens."""
    patience: Annotated[int, Field(ge=0), BeforeValidator(lambda value: 0 if value is None else value)] = 3
    """Stop after so many evaluations without a better one. 0: never early (TOML has no word for None)."""
    keep: Literal["best", "last"] = "best"
    """Which weights the run ends with: those of the best evaluation (the last ones where there are no dev rows), or the last ones."""
    kept_epochs: Annotated[int, Field(ge=0, le=100)] = 0
    """The weights at the end of so many epochs before the last one become checkpoints of their own."""
    token_accuracy: bool = False
    """Report which share of the trained tokens is the most probable one, in every step. Costs about one percent of the time."""
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 30.0
    """Save the state at least so often; changes nothing else."""

    @property
    def passes(self) -> float:
        """`epochs`, once they are chosen."""
        assert self.epochs is not None
        return self.epochs

    @property
    def step_rows(self) -> int:
        """`rows_per_step`, once they are chosen."""
        assert self.rows_per_step is not None
        return self.rows_per_step


class Recipe(Noun):
    """All that decides how training goes, beside the data and the start."""

    method: Annotated[Sft | Dpo | Kto, Field(discriminator="kind")] = Sft()
    weights: Annotated[Lora | Full, Field(discriminator="kind")] = Lora()
    optimiser: AdamW = AdamW()
    schedule: Schedule = Schedule()
    budget: Budget = Budget()
    seed: Annotated[int, Field(ge=0)] = 0


class Choice(Noun):
    """A value that was chosen for the user, and why."""

    name: str
    value: str
    reason: str
