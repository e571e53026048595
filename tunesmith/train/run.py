"""Dataset rows, a prompt and a recipe → a checkpoint: adapter or full weights with everything needed to serve them or to go on."""

from __future__ import annotations

import hashlib
import platform
import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import safetensors
import torch
import transformers

from tunesmith.errors import StoreUnusable
from tunesmith.model import accelerated, lora
from tunesmith.model.device import Placement, apply, keep_freed_memory
from tunesmith.model.load import LoadedModel, load
from tunesmith.model.memory import gigabytes, to_train
from tunesmith.model.tensors import write
from tunesmith.spec.chat import Prompt
from tunesmith.spec.checkpoint import Checkpoint, CurvePoint
from tunesmith.spec.dataset import Record
from tunesmith.spec.job import Monitor, Note, Progress
from tunesmith.spec.model import LocalModel
from tunesmith.spec.recipe import Choice, Full, Lora, Recipe
from tunesmith.store.disk import disk_faults
from tunesmith.train import alarms, state
from tunesmith.train.batches import Order
from tunesmith.train.kept_rows import kept
from tunesmith.train.loop import Plan, Run, dev_reading, run_loop, training_reading
from tunesmith.train.methods import objective_of
from tunesmith.train.reference import with_reference
from tunesmith.train.resolve import make_plan, max_length, resolve
from tunesmith.train.rows import Tokenised, check_method, tokenise
from tunesmith.train.state import RunState, Weights

WEIGHTS = "model.safetensors"
SMALL_MODEL = 300_000_000
CURVE_POINTS = 2000
HELD_AT_ONCE = 64
"""Dev examples that the reference is asked about between two looks at whether to stop."""


@dataclass(frozen=True)
class Start:
    """Where training begins."""

    base: LocalModel
    parent: str | None = None
    """Name of the checkpoint that is continued."""
    adapter: Path | None = None
    """Folder of the parent's adapter."""
    weights: Path | None = None
    """File of the parent's full weights."""


@dataclass(frozen=True)
class Inputs:
    """What one checkpoint is made of."""

    train: Sequence[Record]
    dev: Sequence[Record]
    dataset: str
    prompt: Prompt
    recipe: Recipe
    start: Start
    chosen: tuple[Choice, ...] = ()
    """What stands in the recipe because it was chosen for the user."""
    keep: Callable[[int, Callable[[Path], Checkpoint]], None] | None = None
    """Called at the end of an epoch whose weights are kept, with the step and with what writes them into a folder and describes them."""


def train(inputs: Inputs, folder: Path, scratch: Path, placement: Placement, monitor: Monitor, memory_limit: int | None = None) -> Checkpoint:
    """The checkpoint; its files lie in `folder`. `scratch` holds the running state: an unfinished run of the same inputs is taken up from there.

    Raises: Alarm for what training found wrong with itself, Interrupted after saving, DoesNotFit, NotEnoughData, StoreUnusable.
    """
    try:
        return _train(inputs, folder, scratch, placement, monitor, memory_limit)
    except (MemoryError, RuntimeError) as error:  # in loading, in the reference's pass, in a step or in writing the result
        if alarms.is_out_of_memory(error):
            frozen = state.read_plan(scratch)
            raise alarms.out_of_memory(error, frozen["plan"]["tokens_per_batch"] if frozen else None) from None
        raise


def _train(inputs: Inputs, folder: Path, scratch: Path, placement: Placement, monitor: Monitor, memory_limit: int | None) -> Checkpoint:
    """As `train`, with failed allocations as the machine tells them."""
    began, frozen = time.monotonic(), state.read_plan(scratch)
    placement = _same_machine(placement, frozen, monitor)
    apply(placement)
    allocator = keep_freed_memory()
    start = inputs.start
    model = load(start.base, placement, adapter=start.adapter, weights=start.weights, memory_limit=memory_limit)
    if not model.shares_prefixes:
        monitor.emit(Note(text=f"{start.base.id} takes every row alone, padded: {model.sharing_reason}"))
    length = max_length(inputs.recipe, model.context)
    rows, dev = _tokenised(inputs, model, int(length.value), scratch, monitor)
    if frozen is None:
        recipe, choices = resolve(inputs.recipe, model, rows.rows, int(length.value), memory_limit)
        plan, evaluations = make_plan(recipe, rows.rows, dev.rows, model.shares_prefixes)
        choices = (
            *placement.choices,
            allocator,
            Choice(name="sharing", value=str(model.shares_prefixes).lower(), reason=model.sharing_reason),
            length,
            *inputs.chosen,
            *choices,
            evaluations,
        )
        frozen = {
            "recipe": recipe.model_dump(mode="json"),
            "choices": [c.model_dump() for c in choices],
            "facts": placement.facts(),
            "torch": torch.__version__,
        }
        frozen["plan"] = {
            "steps": plan.steps,
            "evaluate_at": sorted(plan.evaluate_at),
            "tokens_per_batch": plan.tokens_per_batch,
            "lr": plan.lr,
            "keep_at": sorted(plan.keep_at),
        }
        _check_disk(model, recipe, scratch)
        with disk_faults(scratch, only_full=True):
            state.write_plan(scratch, frozen)
    recipe = Recipe.model_validate(frozen["recipe"])
    choices = tuple(Choice.model_validate(c) for c in frozen["choices"])
    raw = frozen["plan"]
    plan = Plan(raw["steps"], frozenset(raw["evaluate_at"]), raw["tokens_per_batch"], raw["lr"], frozenset(raw["keep_at"]))
    _tell(inputs, rows, choices, model, monitor)
    _prepare(model, recipe, start)
    with disk_faults(scratch, only_full=True):
        run = replace(_run_of(model, recipe, plan, rows, dev, scratch, monitor), began=began)
        described = Description(inputs, run, choices, rows.truncated)
        if inputs.keep is not None:
            run = replace(run, keep=lambda now: described.keep(now))
        final = _run(run)
        for reason in accelerated.REFUSED.values():  # which a backward pass may have found out
            monitor.emit(Note(level="warning", text=f"attention took a slower way: {reason}"))
        run.weights.set_values(state.read_best(run.folder, final) if run.dev and recipe.budget.keep == "best" else run.weights.values())
        warning = alarms.nothing_learnt(final.losses, plan.lr, final.curve)
        if warning is not None:
            monitor.emit(Note(level="warning", text=warning))
        return described.write(final, folder, warning)


def _tokenised(inputs: Inputs, model: LoadedModel, length: int, scratch: Path, monitor: Monitor) -> tuple[Tokenised, Tokenised]:
    """The training rows and the part of the dev rows that is looked at.

    Raises: NotEnoughData, Interrupted, BadProject for a method that these rows are not for.
    """
    objective = objective_of(inputs.recipe.method)
    check_method(inputs.train, inputs.recipe.method)
    made_of = {
        "dataset": inputs.dataset,
        "prompt": inputs.prompt.model_dump(mode="json"),
        "model": inputs.start.base.digest,
        "template": model.template.digest,
        "length": length,
        "method": inputs.recipe.method.kind,
    }

    def rows_of(name: str, records: Sequence[Record]) -> Tokenised:
        found = made_of | {"rows": [record.id for record in records]}
        return kept(scratch, name, found, lambda: tokenise(records, inputs.prompt, model.template, objective, length, monitor, name))

    with disk_faults(scratch, only_full=True):
        rows = rows_of("train", inputs.train)
        return rows, rows_of("dev", _sample(inputs.dev, inputs.recipe)) if inputs.dev else Tokenised([], 0, 0)


def _run_of(model: LoadedModel, recipe: Recipe, plan: Plan, rows: Tokenised, dev: Tokenised, scratch: Path, monitor: Monitor) -> Run:
    """Everything the loop needs; the weights are still those that training begins with."""
    objective = objective_of(recipe.method, tells=recipe.budget.token_accuracy)
    train, held = rows.rows, dev.rows
    if objective.has_reference:
        order = Order(len(train), recipe.budget.step_rows, recipe.seed)
        steps = (order.step(step) for step in range(plan.steps))
        parts = (range(first, min(first + HELD_AT_ONCE, len(held))) for first in range(0, len(held), HELD_AT_ONCE))
        train = with_reference(model, objective, train, steps, plan.tokens_per_batch, scratch / "reference-train.safetensors", monitor, "train")
        held = with_reference(model, objective, held, parts, plan.tokens_per_batch, scratch / "reference-dev.safetensors", monitor, "dev")
    return Run(model, objective, train, held, recipe, plan, _weights(model, recipe), scratch, monitor)


def _run(run: Run) -> RunState:
    """The loop, from the last saved state or from the beginning."""
    begun = state.restore(run.folder, run.weights) or RunState()
    run.monitor.emit(Progress(label="training", done=begun.step, total=run.plan.steps, unit="steps"))
    if begun.step:
        run.monitor.emit(Note(text=f"going on after step {begun.step} of {run.plan.steps}"))
        for point in begun.curve:  # what was said in the moment before a crash may not have been heard
            run.monitor.emit(training_reading(point))
            if point.dev_loss is not None:
                run.monitor.emit(dev_reading(point, run.objective))
    return run_loop(run, begun)


def _prepare(model: LoadedModel, recipe: Recipe, start: Start) -> None:
    """Make trainable what the recipe trains."""
    if isinstance(recipe.weights, Lora):
        if start.adapter is None:
            lora.inject(model.network, recipe.weights, recipe.weights.dropout or 0.0, recipe.seed)
        else:
            for _, layer in lora.adapters(model.network):
                layer.dropout = recipe.weights.dropout or 0.0
    else:
        model.network.requires_grad_(True)
    if recipe.budget.recompute:
        model.network.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})


def _weights(model: LoadedModel, recipe: Recipe) -> Weights:
    optimiser = recipe.optimiser
    assert optimiser.lr is not None
    assert optimiser.weight_decay is not None
    return Weights(model.network, optimiser.lr, (optimiser.beta1, optimiser.beta2), optimiser.eps, optimiser.weight_decay)


@dataclass(frozen=True)
class Description:
    """Everything that is said of the weights of one run, whenever they are written."""

    inputs: Inputs
    run: Run
    choices: tuple[Choice, ...]
    truncated: int

    def keep(self, now: RunState) -> None:
        """Hand the weights as they are to whoever keeps them."""
        assert self.inputs.keep is not None
        self.inputs.keep(now.step, lambda folder: self.write(now, folder, None))

    def write(self, now: RunState, folder: Path, warning: str | None) -> Checkpoint:
        """Write the weights that are in the model, and describe them."""
        inputs, run = self.inputs, self.run
        start = inputs.start
        if isinstance(run.recipe.weights, Lora):
            lora.save(run.model.network, run.recipe.weights, run.recipe.weights.dropout or 0.0, folder, start.base.id)
            files = [lora.WEIGHTS, lora.CONFIG]
        else:
            tied = _tied(run.model.network)
            write({n: t.detach() for n, t in run.model.network.state_dict().items() if n not in tied}, folder / WEIGHTS)
            files = [WEIGHTS]
        is_last = not run.dev or run.recipe.budget.keep == "last"
        stop = (
            f"no better evaluation in {run.recipe.budget.patience}" if now.stopped_early else f"{now.step} of {run.plan.steps} planned steps are done"
        )
        return Checkpoint(
            base=start.base.id,
            base_digest=start.base.digest,
            parent=start.parent,
            dataset=inputs.dataset,
            prompt=inputs.prompt,
            template_digest=run.model.template.digest,
            passed=inputs.recipe,
            resolved=run.recipe,
            choices=self.choices,
            kind=run.recipe.weights.kind,
            files={name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files},
            best_step=now.step if is_last else now.best_step,
            steps=now.step,
            planned_steps=run.plan.steps,
            stopped="early" if now.stopped_early else "finished",
            stop_reason=stop,
            best_dev_loss=now.best_dev_loss,
            best_dev_metric=now.best_dev_metric,
            curve=_thinned(now.curve),
            truncated_rows=self.truncated,
            trained_rows=now.trained_rows,
            trained_tokens=now.trained_tokens,
            logical_tokens=now.logical_tokens,
            computed_tokens=now.computed_tokens,
            alarms=(*now.alarms, *([warning] if warning else [])),
            versions=_versions(run.model.placement),
        )


def _thinned(curve: tuple[CurvePoint, ...]) -> tuple[CurvePoint, ...]:
    """Every evaluation, and of the other steps so many that a plot needs no more."""
    every = max(1, len(curve) // CURVE_POINTS)
    return tuple(p for i, p in enumerate(curve) if p.dev_loss is not None or i % every == 0)


def _tied(network: Any) -> set[str]:
    """Names of tensors that are the same memory as another one: safetensors stores each once."""
    return set(getattr(network, "_tied_weights_keys", None) or ()) if network.config.get_text_config().tie_word_embeddings else set()


def _versions(placement: Placement) -> dict[str, str]:
    packages = {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "safetensors": safetensors.__version__,
        "python": platform.python_version(),
    }
    return packages | placement.facts()


def _same_machine(placement: Placement, frozen: dict[str, Any] | None, monitor: Monitor) -> Placement:
    """The placement an unfinished run began with, as far as this machine has it; what differs is said, since the bits then will too."""
    if frozen is None:
        return placement
    kept = Placement(placement.device, getattr(torch, frozen["facts"]["dtype"]), int(frozen["facts"]["threads"]), placement.choices)
    now = kept.facts() | {"torch": torch.__version__}
    other = [f"{name} was {value}, is {now[name]}" for name, value in (frozen["facts"] | {"torch": frozen["torch"]}).items() if now[name] != value]
    if other:
        monitor.emit(Note(level="warning", text=f"this run goes on under other conditions and will not give the same bits: {'; '.join(other)}"))
    return kept


def _check_disk(model: LoadedModel, recipe: Recipe, folder: Path) -> None:
    """Raises: StoreUnusable if the disk cannot take two states and the result."""
    need = 3 * to_train(model.shape, recipe.weights, model.placement.dtype, 0).parts["optimiser"]
    free = shutil.disk_usage(folder).free
    if free < need:
        raise StoreUnusable(
            "the disk has too little room for this run's checkpoints", where=str(folder), got=f"{gigabytes(free)} free", expected=f"about {gigabytes(need)}",
            fix="free some space, or set TUNESMITH_HOME to another disk",
        )  # fmt: skip


def _sample(records: Sequence[Record], recipe: Recipe) -> list[Record]:
    """A fixed random part of the dev rows, in their order, where there are more than training looks at."""
    if len(records) <= recipe.budget.dev_rows:
        return list(records)
    chosen = sorted(random.Random(recipe.seed).sample(range(len(records)), recipe.budget.dev_rows))
    return [records[i] for i in chosen]


def _tell(inputs: Inputs, rows: Tokenised, choices: tuple[Choice, ...], model: LoadedModel, monitor: Monitor) -> None:
    """Say what was chosen and what is unusual."""
    for choice in choices:
        monitor.emit(Note(text=f"{choice.name} = {choice.value}: {choice.reason}"))
    if rows.truncated:
        limit = int(next(c.value for c in choices if c.name == "max_length"))
        fix = "raise train.budget.max_length" if limit < model.context else "choose a model with a longer context, or shorten the prompt or the rows"
        text = f"{rows.truncated} of {len(rows.rows)} training rows are longer than {limit} tokens and were cut at the front of the question; {fix}"
        monitor.emit(Note(level="warning", text=text))
    if rows.dropped:
        monitor.emit(Note(level="warning", text=f"{rows.dropped} training rows hold nothing to learn and were left out"))
    if isinstance(inputs.recipe.weights, Full) and model.local.parameters < SMALL_MODEL:
        monitor.emit(
            Note(level="warning", text="full fine-tuning of a model this small tends to forget more than it learns; LoRA is the default for a reason")
        )


__all__ = ["Inputs", "Start", "train"]
