"""Diagnoses from numbers, by hand; the runs that provoke them are in test_run.py."""

from __future__ import annotations

import pytest

from tunesmith.errors import Alarm
from tunesmith.spec.checkpoint import CurvePoint
from tunesmith.train import alarms


def curve(*points: tuple[float, float | None]) -> list[CurvePoint]:
    return [CurvePoint(step=i + 1, epoch=0.0, train_loss=train, dev_loss=dev) for i, (train, dev) in enumerate(points)]


@pytest.mark.parametrize(("loss", "norm"), [(float("nan"), 1.0), (1.0, float("inf")), (float("inf"), float("nan"))])
def test_not_a_number(loss, norm):
    with pytest.raises(Alarm) as error:
        alarms.check_number(loss, norm, 7, 1e-3, "bfloat16")
    problem = error.value.problems[0]
    assert problem.message.startswith("not a number: the ")
    assert (problem.where, problem.got, problem.fix) == ("step 7", "lr 0.001, bfloat16", "train.optimiser.lr = 0.0001, or TUNESMITH_DTYPE=float32")
    alarms.check_number(1.0, 2.0, 7, 1e-3, "float32")


def test_divergence_needs_eight_bad_steps_in_a_row():
    fine = [3.0] * 20
    for losses in (fine, [*fine, 9.0, 9.0], [3.0] * 8 + [4.4] * 16, [0.1] * 8 + [0.9] * 16):
        alarms.check_divergence(losses, 24, 1e-3)
    with pytest.raises(Alarm, match=r"diverged: the training loss rose from 3\.00 to 9\.00"):
        alarms.check_divergence([3.0] * 16 + [9.0] * 8, 24, 1e-3)


def test_what_is_lost_with_the_first_updates_is_held_against_the_step_before_them():
    lost = [4.53, 29.57, 12.55, *[10.8] * 6]  # lr 100: from the fourth step on every token is as likely as any other
    alarms.check_divergence(lost[:8], 8, 100.0)
    with pytest.raises(Alarm, match=r"diverged: the training loss rose from 4\.53 to 1\d\.\d\d"):
        alarms.check_divergence(lost, 9, 100.0)
    alarms.check_divergence([0.3, *[3.0] * 40], 41, 1e-3)  # a first batch may be an easy one


def test_overfitting_is_dev_up_twice_while_train_falls():
    parting = curve((2.0, None), (1.8, 1.0), (1.5, None), (1.3, 1.1), (1.0, None), (0.8, 1.2))
    text = alarms.overfitting(parting)
    assert text is not None
    assert text.startswith("overfitting since step 2: dev loss rose from 1.000 to 1.200 while train loss fell from 1.900 to 0.900.")
    both_up = curve((1.0, 1.0), (1.2, 1.1), (1.4, 1.2))
    once = curve((2.0, 1.2), (1.5, 1.0), (1.0, 1.1))
    noise = curve((2.0, 1.0), (1.5, 1.001), (1.0, 1.002))
    for other in (both_up, once, noise, curve((2.0, 1.0), (1.0, 1.1))):
        assert alarms.overfitting(other) is None


def test_nothing_learnt_is_a_loss_that_stands_still():
    assert alarms.nothing_learnt([2.0] * 30, 1e-5) is not None
    assert alarms.nothing_learnt([2.0, 2.0, 1.9], 1e-5) is None
    assert alarms.nothing_learnt([2.0, 2.0], 1e-5) is None
    assert alarms.nothing_learnt([2.0 - 0.03 * i for i in range(30)], 1e-5) is None


def test_a_few_steps_are_too_few_to_say_that_nothing_was_learnt():
    assert alarms.nothing_learnt([2.0, 2.1, 2.0, 2.2], 1e-5) is None
    assert alarms.nothing_learnt([2.0] * 9, 1e-5) is None
    assert alarms.nothing_learnt([2.0] * 10, 1e-5) is not None


def test_what_got_better_on_dev_was_learnt():
    def read(*dev: tuple[float, float]) -> list[CurvePoint]:
        return [CurvePoint(step=6 * i, epoch=0.0, dev_loss=loss, dev_metric=metric) for i, (loss, metric) in enumerate(dev, 1)]

    flat = [2.0] * 12
    assert alarms.nothing_learnt(flat, 1e-5, read((1.0, 0.5), (0.9, 0.5))) is None
    assert alarms.nothing_learnt(flat, 1e-5, read((1.0, 0.5), (1.0, 0.6))) is None
    for same in (read((1.0, 0.5)), read((1.0, 0.5), (0.999, 0.5)), read((1.0, 0.5), (1.1, 0.4))):
        assert alarms.nothing_learnt(flat, 1e-5, same) is not None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] . DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_a_failed_allocation_is_known(error, expected):
    assert alarms.is_out_of_memory(error) is expected


def test_out_of_memory_halves_the_batch_but_not_below_its_least():
    assert alarms.out_of_memory(MemoryError(), 1024).problems[0].fix == "train.budget.tokens_per_batch = 512; the result stays the same"
    assert alarms.out_of_memory(MemoryError(), 20).problems[0].fix.startswith("train.budget.tokens_per_batch = 16;")


def test_out_of_memory_before_the_first_step_asks_for_no_other_batch():
    problem = alarms.out_of_memory(MemoryError(), None).problems[0]
    assert (problem.got, problem.fix) == ("before the first step", "end other programs, or choose a smaller model")
