"""Weights at the end of epochs, the last weights instead of the best, the share of right tokens, and a rate that is multiplied."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests import tiny
from tests.train.conftest import Bench
from tunesmith.errors import BadProject, Interrupted
from tunesmith.spec.job import Reading, Silent
from tunesmith.spec.project import parse_project
from tunesmith.train import loop
from tunesmith.train.methods.sft import Supervised
from tunesmith.train.run import tokenise

KEEPING = {"budget__kept_epochs": 2, "budget__keep": "last", "budget__evaluations_per_epoch": 1, "budget__token_accuracy": True}


def keeping(bench: Bench, recipe, kept, **more):
    """Inputs whose kept epochs land in `kept`: step → (the bytes of the weights, their description)."""

    def keep(step, write):
        folder = bench.folder / f"kept-{step}"
        folder.mkdir(exist_ok=True)
        described = write(folder)
        kept[step] = (next(folder.glob("*.safetensors")).read_bytes(), described)

    return replace(bench.inputs(recipe, **more), keep=keep)


@pytest.mark.invariant
def test_a_kept_epoch_is_what_a_run_of_so_many_epochs_leaves(bench, recipe):
    kept = {}
    constant = {"schedule": {"kind": "constant", "warmup": 0}}
    bench.train(recipe(**KEEPING), inputs=keeping(bench, recipe(**KEEPING, **constant), kept))
    assert sorted(kept) == [4, 8], "24 rows, 6 a step, 3 epochs: the ends of the first two"
    bench.train(recipe(**KEEPING, **constant, budget__epochs=1), "one epoch")
    assert kept[4][0] == bench.weights("one epoch")
    assert (kept[4][1].steps, kept[4][1].best_step, len(kept[4][1].curve)) == (4, 4, 4)


def test_the_last_weights_are_the_last_even_if_earlier_ones_were_better(bench, recipe):
    wild = recipe(**KEEPING, optimiser__lr=3.0)
    checkpoint = bench.train(wild, inputs=keeping(bench, wild, {}))
    assert checkpoint.best_step == checkpoint.steps == 12
    model = tiny.load(bench.model, adapter=bench.folder / "run")
    inputs = bench.inputs(wild)
    dev = tokenise(inputs.dev, inputs.prompt, model.template, Supervised(), 512, Silent(), "dev").rows
    assert loop.evaluate(model, Supervised(), dev, 64)[0] == pytest.approx(checkpoint.curve[-1].dev_loss, rel=1e-4)


def test_the_share_of_right_tokens_is_told_in_every_step(bench, recipe, log):
    heard = log()
    checkpoint = bench.train(recipe(**KEEPING, budget__epochs=12), monitor=heard)
    told = heard.readings("train_accuracy")
    assert len(told) == 48
    assert all(0 <= share <= 1 for share in told)
    assert sum(told[-4:]) > sum(told[:4])
    assert [point.train_accuracy for point in checkpoint.curve] == told
    assert heard.readings("dev_accuracy")[-1] == checkpoint.curve[-1].dev_accuracy
    quiet = log()
    bench.train(recipe(), "quiet", monitor=quiet)
    assert quiet.readings("train_accuracy") == quiet.readings("dev_accuracy") == []


@pytest.mark.invariant
def test_telling_changes_nothing(bench, recipe):
    bench.train(recipe(), "quiet")
    bench.train(recipe(budget__token_accuracy=True), "telling")
    assert bench.weights("quiet") == bench.weights("telling")


@pytest.mark.invariant
def test_stopped_and_resumed_every_step_is_heard_and_every_epoch_kept(bench, recipe, log):
    kept, again = {}, {}
    whole = log()
    bench.train(recipe(**KEEPING), "whole", monitor=whole, inputs=keeping(bench, recipe(**KEEPING), kept))
    first, second = log(stop_when=lambda n: n == 5), log()
    with pytest.raises(Interrupted):
        bench.train(recipe(**KEEPING), "parts", monitor=first, inputs=keeping(bench, recipe(**KEEPING), again))
    bench.train(recipe(**KEEPING), "parts", monitor=second, inputs=keeping(bench, recipe(**KEEPING), again))
    assert bench.weights("whole") == bench.weights("parts")
    assert {step: found[0] for step, found in kept.items()} == {step: found[0] for step, found in again.items()}
    wanted = [event for event in whole.events if isinstance(event, Reading)]
    assert [event for event in second.events if isinstance(event, Reading)] == wanted, "a reading that was lost with the process is said again"


def test_a_rate_is_smaller_for_smaller_steps_and_multiplied_as_asked(bench, recipe):
    rates = {}
    for name, changes in {
        "usual": {"budget__rows_per_step": 32},
        "two": {"budget__rows_per_step": 2},
        "times": {"budget__rows_per_step": 32},
    }.items():
        optimiser = {"lr_multiplier": 0.5} if name == "times" else {}
        found = bench.train(recipe(optimiser=optimiser, budget__max_steps=1, **changes), name)
        rates[name] = found.resolved.optimiser.lr
        assert "1e-3" not in next(choice for choice in found.choices if choice.name == "lr").reason
    assert rates["two"] == pytest.approx(rates["usual"] * math.sqrt(2 / 32), rel=1e-3)
    assert rates["times"] == pytest.approx(rates["usual"] / 2)


def test_a_rate_and_a_multiplier_exclude_each_other():
    text = 'name = "a"\n[[sources]]\nfile = "a.csv"\n[train.optimiser]\nlr = 1e-3\nlr_multiplier = 2.0\n'
    with pytest.raises(BadProject, match="exclude each other"):
        parse_project(text, "project.toml")
