"""Rows, a loss and weights → trained weights. The only place where an optimiser steps.

What is trained (adapters or everything) is decided by which parameters require a gradient, how a row becomes a number by `loss`, and where
it starts by what is loaded: none of it is known here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tunesmith.errors import Interrupted
from tunesmith.model.likelihood import Loss
from tunesmith.model.load import LoadedModel
from tunesmith.spec.checkpoint import CurvePoint
from tunesmith.spec.job import DEV_MATCH, Monitor, Note, Progress, Reading
from tunesmith.spec.recipe import Recipe
from tunesmith.train import alarms
from tunesmith.train.batches import Order, TokenRow, micro_batches, step_seed
from tunesmith.train.schedule import rate
from tunesmith.train.state import RunState, Weights, save

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


@dataclass(frozen=True)
class Run:
    """One training run's fixed parts."""

    model: LoadedModel
    loss: Callable[[LoadedModel, list[TokenRow]], Loss]
    train: Sequence[TokenRow]
    dev: Sequence[TokenRow]
    recipe: Recipe
    plan: Plan
    weights: Weights
    folder: Path
    monitor: Monitor


def run_loop(run: Run, state: RunState) -> RunState:
    """The state after the last step; the best weights lie in the run's folder.

    Raises: Interrupted when the monitor wants a stop (the state is saved), Alarm for what cannot go on.
    """
    order = Order(len(run.train), run.recipe.budget.rows_per_step, run.recipe.seed)
    saved_at, saving_s = time.monotonic(), 0.0
    while state.step < run.plan.steps and not state.stopped_early:
        before = state.best_step
        state = _step(run, order, state)
        better = False
        if state.step in run.plan.evaluate_at:
            state = _evaluate(run, state)
            better = state.best_step != before
        run.monitor.emit(Progress(label="training", done=state.step, total=run.plan.steps, unit="steps"))
        stop = run.monitor.stopping()
        due = time.monotonic() - saved_at > max(run.recipe.budget.checkpoint_seconds, saving_s / SAVING_SHARE)
        if better or stop or due:
            started = time.monotonic()
            save(run.folder, state, run.weights, run.weights.values() if better else None)
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
    targets = sum(row.targets for row in chosen)
    torch.manual_seed(step_seed(run.recipe.seed, state.step))
    run.model.network.train()
    total, computed = 0.0, 0
    for group in micro_batches(chosen, run.plan.tokens_per_batch, run.model.shares_prefixes):
        rows = [chosen[i] for i in group]
        loss = run.loss(run.model, rows)
        (loss.total / max(1, targets)).backward()  # type: ignore[no-untyped-call]
        run.weights.collect()
        total += float(loss.total.detach())
        computed += loss.computed
    mean = total / max(1, targets)
    norm = run.weights.clip(run.recipe.optimiser.clip)
    lr = run.plan.lr * rate(run.recipe.schedule, state.step, run.plan.steps)
    alarms.check_number(mean, norm, state.step + 1, lr, run.model.placement.facts()["dtype"])
    run.weights.step(lr)
    losses = (*state.losses, mean)
    alarms.check_divergence(losses, state.step + 1, run.plan.lr)
    run.monitor.emit(Reading(step=state.step + 1, values={"train_loss": mean, "lr": lr, "grad_norm": norm}))
    done = state.step + 1
    point = CurvePoint(step=done, epoch=done * order.rows_per_step / order.rows, train_loss=mean, lr=lr, grad_norm=norm)
    return state.model_copy(
        update={
            "step": done,
            "losses": losses,
            "curve": (*state.curve, point),
            "trained_rows": state.trained_rows + len(chosen),
            "trained_tokens": state.trained_tokens + targets,
            "logical_tokens": state.logical_tokens + sum(len(row.ids) for row in chosen),
            "computed_tokens": state.computed_tokens + computed,
        }
    )


def _evaluate(run: Run, state: RunState) -> RunState:
    """The dev split's loss and exact match, and what follows: a new best, an alarm, or the end of patience."""
    if not run.dev:
        return state.model_copy(update={"best_step": state.step})
    loss, metric = evaluate_rows(run.model, run.loss, run.dev, run.plan.tokens_per_batch)
    run.monitor.emit(Reading(step=state.step, values={"dev_loss": loss, DEV_MATCH: metric}))
    read = state.curve[-1].model_copy(update={"dev_loss": loss, "dev_metric": metric})
    best = state.best_dev_loss is None or state.best_dev_metric is None or (metric, -loss) > (state.best_dev_metric, -state.best_dev_loss)
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


@torch.no_grad()
def evaluate_rows(
    model: LoadedModel, loss: Callable[[LoadedModel, list[TokenRow]], Loss], rows: Sequence[TokenRow], tokens_per_batch: int
) -> tuple[float, float]:
    """(mean loss per trained token, share of rows answered exactly).

    Under greedy decoding an answer equals its reference exactly when, fed the reference, every argmax along it is the reference's next
    token: one forward pass instead of generation.
    """
    was_training = model.network.training
    model.network.eval()
    total, exact = 0.0, 0
    for group in micro_batches(rows, tokens_per_batch, model.shares_prefixes):
        result = loss(model, [rows[i] for i in group])
        total += float(result.total)
        assert result.correct is not None
        wrong: Tensor = result.rows[~result.correct]
        exact += len(group) - len(set(wrong.tolist()))
    model.network.train(was_training)
    return total / max(1, sum(row.targets for row in rows)), exact / len(rows)
