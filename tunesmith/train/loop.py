"""Examples, an objective and weights → trained weights. The only place where an optimiser steps.

What is trained (adapters or everything) is decided by which parameters require a gradient, how a row becomes a number by the objective, and where
it starts by what is loaded: none of it is known here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from tunesmith.errors import Interrupted
from tunesmith.model.load import LoadedModel
from tunesmith.spec.checkpoint import CurvePoint
from tunesmith.spec.job import Monitor, Note, Progress, Reading
from tunesmith.spec.recipe import Recipe
from tunesmith.train import alarms
from tunesmith.train.batches import Order, micro_batches, step_seed
from tunesmith.train.examples import Example
from tunesmith.train.methods import Objective
from tunesmith.train.schedule import rate
from tunesmith.train.state import RunState, Weights, save, seconds_before

SAVING_SHARE = 0.05
"""Saving the state may take this share of the time."""


@dataclass(frozen=True)
class Plan:
    """What is fixed before the first step."""

    steps: int
    evaluate_at: frozenset[int]
    """Numbers of steps done after which dev is evaluated."""
    tokens_per_batch: int
    lr: float
    keep_at: frozenset[int] = frozenset()
    """Numbers of steps done after which the weights are kept."""


@dataclass(frozen=True)
class Run:
    """One training run's fixed parts."""

    model: LoadedModel
    objective: Objective
    train: Sequence[Example]
    dev: Sequence[Example]
    recipe: Recipe
    plan: Plan
    weights: Weights
    folder: Path
    monitor: Monitor
    keep: Callable[[RunState], None] = lambda state: None
    """Makes a checkpoint of the weights as they are."""
    began: float = field(default_factory=time.monotonic)
    """When this process began with the training, by the monotonic clock."""


def run_loop(run: Run, state: RunState) -> RunState:
    """The state after the last step; the best weights lie in the run's folder.

    Raises: Interrupted when the monitor wants a stop (the state is saved), Alarm for what cannot go on.
    """
    order = Order(len(run.train), run.recipe.budget.step_rows, run.recipe.seed)
    saved_at, saving_s, earlier_s = time.monotonic(), 0.0, seconds_before(run.folder)
    while state.step < run.plan.steps and not state.stopped_early:
        before = state.best_step
        state = _step(run, order, state)
        better = False
        if run.dev and state.step in run.plan.evaluate_at:  # without dev rows the last weights are kept
            state = _evaluate(run, state)
            better = state.best_step != before and run.recipe.budget.keep == "best"
        if state.step in run.plan.keep_at:
            run.keep(state)
        run.monitor.emit(Progress(label="training", done=state.step, total=run.plan.steps, unit="steps"))
        stop = run.monitor.stopping()
        due = time.monotonic() - saved_at > max(run.recipe.budget.checkpoint_seconds, saving_s / SAVING_SHARE)
        if better or stop or due:
            started = time.monotonic()
            save(run.folder, state, run.weights, run.weights.values() if better else None, earlier_s + started - run.began)
            saved_at = time.monotonic()
            saving_s = saved_at - started
        if stop and state.step < run.plan.steps and not state.stopped_early:
            raise Interrupted(
                f"stopped after step {state.step} of {run.plan.steps}; everything is saved", where="training", fix="run the same command again"
            )
    return state


def _step(run: Run, order: Order, state: RunState) -> RunState:
    """One optimiser step over its micro-batches."""
    chosen = [run.train[i] for i in order.step(state.step)]
    units = max(1, sum(example.units for example in chosen))
    torch.manual_seed(step_seed(run.recipe.seed, state.step))
    before = run.objective.before(run.model, chosen, run.plan.tokens_per_batch)
    run.model.network.train()
    total, computed, hits = 0.0, 0, 0
    for group in micro_batches(chosen, run.plan.tokens_per_batch, run.model.shares_prefixes):
        loss = run.objective.loss(run.model, [chosen[i] for i in group], before)
        (loss.total / units).backward()  # type: ignore[no-untyped-call]
        run.weights.collect()
        total += float(loss.total.detach())
        computed += loss.computed
        hits += int(loss.hits) if loss.hits is not None else 0
    mean = total / units
    accuracy = hits / units if run.recipe.budget.token_accuracy and run.recipe.method.kind == "sft" else None
    norm = run.weights.clip(run.recipe.optimiser.clip)
    lr = run.plan.lr * rate(run.recipe.schedule, state.step, run.plan.steps)
    alarms.check_number(mean, norm, state.step + 1, lr, run.model.placement.facts()["dtype"])
    run.weights.step(lr)
    losses = (*state.losses, mean)
    alarms.check_divergence(losses, state.step + 1, run.plan.lr)
    done = state.step + 1
    epoch = done * order.rows_per_step / order.rows
    point = CurvePoint(step=done, epoch=epoch, train_loss=mean, train_accuracy=accuracy, lr=lr, grad_norm=norm)
    run.monitor.emit(training_reading(point))
    return state.model_copy(
        update={
            "step": done,
            "losses": losses,
            "curve": (*state.curve, point),
            "trained_rows": state.trained_rows + len(chosen),
            "trained_tokens": state.trained_tokens + sum(row.targets for example in chosen for row in example.sequences),
            "logical_tokens": state.logical_tokens + sum(len(row.ids) for example in chosen for row in example.sequences),
            "computed_tokens": state.computed_tokens + computed,
        }
    )


def _evaluate(run: Run, state: RunState) -> RunState:
    """The dev split's loss and share of right examples, and what follows: a new best, an alarm, or the end of patience."""
    loss, metric, accuracy = evaluate(run.model, run.objective, run.dev, run.plan.tokens_per_batch)
    read = state.curve[-1].model_copy(update={"dev_loss": loss, "dev_metric": metric, "dev_accuracy": accuracy})
    run.monitor.emit(dev_reading(read, run.objective))
    best = (
        state.best_dev_loss is None
        or state.best_dev_metric is None
        or _better(run.objective, (loss, metric), (state.best_dev_loss, state.best_dev_metric))
    )
    waited = 0 if best else state.evaluations_without_better + 1
    patience = run.recipe.budget.patience
    found = state.alarms
    curve = (*state.curve[:-1], read)
    warning = alarms.overfitting(curve)
    if warning is not None and not any(a.startswith("overfitting") for a in found):
        found = (*found, warning)
        run.monitor.emit(Note(level="warning", text=warning))
    update: dict[str, object] = {"curve": curve, "alarms": found, "evaluations_without_better": waited}
    update["stopped_early"] = bool(patience) and waited >= patience and state.step < run.plan.steps
    if best:
        update |= {"best_step": state.step, "best_dev_loss": loss, "best_dev_metric": metric}
    return state.model_copy(update=update)


def _better(objective: Objective, new: tuple[float, float], old: tuple[float, float]) -> bool:
    """Whether one (loss, metric) is better than another; what does not decide breaks ties."""
    keys = [(-loss, metric) if objective.by_loss else (metric, -loss) for loss, metric in (new, old)]
    return keys[0] > keys[1]


@torch.no_grad()
def evaluate(model: LoadedModel, objective: Objective, examples: Sequence[Example], tokens_per_batch: int) -> tuple[float, float, float | None]:
    """(mean loss per unit, share of examples that are right, share of trained tokens that are right where the method tells)."""
    was_training = model.network.training
    model.network.eval()
    before = objective.before(model, examples, tokens_per_batch)
    total, right, hits = 0.0, 0, None
    for group in micro_batches(examples, tokens_per_batch, model.shares_prefixes):
        loss = objective.loss(model, [examples[i] for i in group], before)
        total += float(loss.total)
        assert loss.right is not None
        right += int(loss.right.sum())
        if loss.hits is not None:
            hits = int(loss.hits) + (hits or 0)
    model.network.train(was_training)
    units = max(1, sum(example.units for example in examples))
    return total / units, right / len(examples), None if hits is None else hits / units


def training_reading(point: CurvePoint) -> Reading:
    """What a step says of itself."""
    values = {"train_loss": point.train_loss, "train_accuracy": point.train_accuracy, "lr": point.lr, "grad_norm": point.grad_norm}
    return Reading(step=point.step, values={name: value for name, value in values.items() if value is not None})


def dev_reading(point: CurvePoint, objective: Objective) -> Reading:
    """What an evaluation says."""
    values = {"dev_loss": point.dev_loss, objective.reading: point.dev_metric, "dev_accuracy": point.dev_accuracy}
    return Reading(step=point.step, values={name: value for name, value in values.items() if value is not None})
