"""The breakdown of a step knows every part of the engine that it can meet."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass

import pytest
import torch

from bench import breakdown, ours_breakdown
from bench.ours_breakdown import OUTSIDE, PARTS, REST, part_of
from tunesmith import model


@dataclass
class Event:
    name: str
    cpu_parent: Event | None = None


def functions() -> list[str]:
    """Names of what has a backward pass written by hand."""
    modules = [importlib.import_module(f"tunesmith.model.{one.name}") for one in pkgutil.iter_modules(model.__path__)]
    of = {
        (value.__module__, name)
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, torch.autograd.Function)
    }
    return sorted(name for _, name in of)


def test_every_function_of_the_engine_is_a_part():
    assert len(functions()) >= 6
    assert [name for name in functions() if name not in PARTS] == []


@pytest.mark.parametrize(
    ("names", "part"),
    [
        (["aten::mm", "_WholeBackward"], "MLP with adapters"),
        (["aten::mm", "aten::linear", "Adapted"], "linear layers with adapters"),
        (["aten::mm", "autograd::engine::evaluate_function: MmBackward0"], "linear layers"),
        (["aten::mul_", ours_breakdown.UPDATE], ours_breakdown.UPDATE),
        (["aten::add", "autograd::engine::evaluate_function: AddBackward0"], REST),
    ],
)
def test_the_outermost_part_counts(names, part):
    event = None
    for name in reversed(names):
        event = Event(name, event)
    assert part_of(event) == part


def test_a_step_is_told_whole(capsys):
    parts = {"attention": {"product": [2.0, 8e11, 4.0], "copy": [1.0, 0.0, 2.0]}, OUTSIDE: {"arithmetic": [1.0, 0.0, 0.0]}}
    lines = list(breakdown.shares(parts, 2))
    breakdown.show(lines, 800.0)
    attention, outside, whole = (line.split() for line in capsys.readouterr().out.splitlines()[1:])
    assert attention == ["attention", "1.50", "75.0%", "1.00", "0.50", "0.00", "400", "50.0%"]
    assert outside[-5:] == ["0.50", "25.0%", "0.00", "0.00", "0.50"]
    assert whole == ["all", "2.00", "100.0%", "1.00", "0.50", "0.50", "400", "50.0%"]
