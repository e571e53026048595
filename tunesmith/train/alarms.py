"""Losses and gradients → a named diagnosis in plain words, with what to do about it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tunesmith.errors import Alarm
from tunesmith.spec.checkpoint import CurvePoint

WINDOW = 8
"""Steps that are averaged before a trend is believed."""
FEWEST_STEPS = 10
"""With fewer, a loss that stands still says nothing: batches differ by more than a few steps can gain."""


def check_number(loss: float, norm: float, step: int, lr: float, dtype: str) -> None:
    """Raises: Alarm `not a number` if the loss or the gradient's norm is not finite."""
    if math.isfinite(loss) and math.isfinite(norm):
        return
    what = "the loss" if not math.isfinite(loss) else "the gradient"
    fix = f"train.optimiser.lr = {lr / 10:.1g}" + (", or TUNESMITH_DTYPE=float32" if dtype != "float32" else "")
    raise Alarm(
        f"not a number: {what} is {loss if what == 'the loss' else norm} in step {step}", where=f"step {step}", got=f"lr {lr:.2g}, {dtype}", fix=fix
    )


def check_divergence(losses: Sequence[float], step: int, lr: float) -> None:
    """Raises: Alarm `diverged` once the mean loss of 8 steps is half again (and at least 1 nat) above that of the first 8, or half again (and 3 nats) above that of
    the first one, which no update has touched yet: where the first updates go wrong, the mean of the first 8 is lost itself.
    """
    if len(losses) <= WINDOW:
        return
    first, last = losses[0], sum(losses[-WINDOW:]) / WINDOW
    is_lost = last > first * 1.5 and last > first + 3.0
    if not is_lost and len(losses) >= 3 * WINDOW:
        first = sum(losses[:WINDOW]) / WINDOW
        is_lost = last > first * 1.5 and last > first + 1.0
    if is_lost:
        raise Alarm(
            f"diverged: the training loss rose from {first:.2f} to {last:.2f}", where=f"step {step}", got=f"peak lr {lr:.2g}",
            expected="a falling loss", fix=f"train.optimiser.lr = {lr / 3:.1g}, or a smaller train.optimiser.clip",
        )  # fmt: skip


def overfitting(curve: Sequence[CurvePoint]) -> str | None:
    """A warning if dev loss rose in the last two evaluations, by 1 % in all, while train loss fell as much.

    Train loss is the mean of the steps since the evaluation before. Less than 1 % is noise.
    """
    places = [i for i, p in enumerate(curve) if p.dev_loss is not None]
    if len(places) < 3:
        return None
    dev = [curve[i].dev_loss or 0.0 for i in places[-3:]]
    starts = [places[-4] + 1 if len(places) > 3 else 0, places[-2] + 1]
    train = []
    for start, end in zip(starts, (places[-3], places[-1]), strict=True):
        losses = [p.train_loss for p in curve[start : end + 1] if p.train_loss is not None]
        train.append(sum(losses) / max(1, len(losses)))
    if dev[0] < dev[1] < dev[2] and dev[2] > 1.01 * dev[0] and train[1] < 0.99 * train[0]:
        return (
            f"overfitting since step {curve[places[-3]].step}: dev loss rose from {dev[0]:.3f} to {dev[2]:.3f} while train loss fell from "
            f"{train[0]:.3f} to {train[1]:.3f}. The best checkpoint is kept. Fix: fewer train.budget.epochs, more rows, or dropout"
        )
    return None


def nothing_learnt(losses: Sequence[float], lr: float, curve: Sequence[CurvePoint] = ()) -> str | None:
    """A warning if the loss at the end is that of the beginning; silent on fewer than 10 steps, and where the dev rows of `curve` got better.

    A continued model begins where another one ended: its training loss has little room to fall, and batches differ by more than that.
    """
    if len(losses) < FEWEST_STEPS or _is_better_on_dev(curve):
        return None
    part = max(1, min(WINDOW, len(losses) // 3))
    first, last = sum(losses[:part]) / part, sum(losses[-part:]) / part
    if last > 0.98 * first:
        return (
            f"nothing learnt: the training loss went from {first:.3f} to {last:.3f} in {len(losses)} steps. "
            f"Fix: a higher train.optimiser.lr (it was {lr:.2g}), more steps, or look whether answers follow from questions at all"
        )
    return None


def _is_better_on_dev(curve: Sequence[CurvePoint]) -> bool:
    """True if some dev reading is better than the first one, by 1 % of the loss or in answers exactly right; False with fewer than two."""
    losses = [point.dev_loss for point in curve if point.dev_loss is not None]
    matches = [point.dev_metric for point in curve if point.dev_metric is not None]
    return (len(losses) > 1 and min(losses) < 0.99 * losses[0]) or (len(matches) > 1 and max(matches) > matches[0])


def out_of_memory(error: BaseException, tokens: int | None) -> Alarm:
    """The diagnosis for an allocation that failed with so many tokens in a micro-batch; None: before the size of one was chosen."""
    message = f"out of memory: {str(error).splitlines()[0][:160] if str(error) else type(error).__name__}"
    if tokens is None:
        return Alarm(
            message, where="training", got="before the first step", expected="a model that fits beside what else is running",
            fix="end other programs, or choose a smaller model",
        )  # fmt: skip
    return Alarm(
        message, where="training", got=f"{tokens} tokens per micro-batch", expected="a step that fits beside what else is running",
        fix=f"train.budget.tokens_per_batch = {max(16, tokens // 2)}; the result stays the same",
    )  # fmt: skip


def is_out_of_memory(error: BaseException) -> bool:
    """True for a failed allocation, on any device."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(said in str(error) for said in ("can't allocate memory", "not enough memory", "out of memory"))
    )
