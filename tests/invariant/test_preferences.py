"""Preference tuning on the forest is what its papers write, computed plainly; at the start it is ln 2, and one half."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.functional import logsigmoid

from tests import tiny
from tunesmith.model import lora
from tunesmith.model.device import Placement
from tunesmith.model.load import LoadedModel
from tunesmith.spec.job import Silent
from tunesmith.spec.recipe import Dpo, Kto, Lora
from tunesmith.train.batches import Order, micro_batches
from tunesmith.train.examples import Pair, Rated, TokenRow
from tunesmith.train.methods import Objective, objective_of
from tunesmith.train.reference import with_reference

pytestmark = pytest.mark.invariant
BUDGET = 80


def answered(question: list[int], answer: list[int]) -> TokenRow:
    return TokenRow([*question, *answer], [False] * len(question) + [True] * len(answer))


QUESTIONS = [[11, *range(20 + 9 * i, 36 + 9 * i + i)] for i in range(5)]
PAIRS = [Pair(answered(q, [101, 102 + i, 103]), answered(q, [101, *range(120, 121 + i)])) for i, q in enumerate(QUESTIONS)]
RATED = [Rated(answered(q, [101 + i, 102, 103][: 1 + i % 3]), i % 2 == 0) for i, q in enumerate(QUESTIONS)]
METHODS = {
    "dpo": (Dpo(beta=0.3), PAIRS),
    "smoothed dpo": (Dpo(beta=0.3, label_smoothing=0.2), PAIRS),
    "kto": (Kto(beta=0.3, desirable_weight=1.0, undesirable_weight=1.5), RATED),
}


@pytest.fixture(params=METHODS)
def method(request):
    return METHODS[request.param]


@pytest.fixture(scope="module")
def exact(tmp_path_factory) -> LoadedModel:
    """A tiny model in float64."""
    model = tiny.load(tiny.save(tmp_path_factory.mktemp("model") / "llama"))
    model.network.to(torch.float64)
    model.placement = Placement(torch.device("cpu"), torch.float64, 2, ())
    return model


def begin(model: LoadedModel, objective: Objective, examples: list, folder) -> tuple[LoadedModel, list]:
    """A copy with fresh adapters, and the examples with what it thinks of them."""
    model = copy.deepcopy(model)
    lora.inject(model.network, Lora(r=4), 0.0, seed=0)
    model.network.to(torch.float64)
    examples = objective.complete(list(examples), 512)
    return model, with_reference(model, objective, examples, [range(len(examples))], BUDGET, folder / "reference.safetensors", Silent(), "train")


def disturb(model: LoadedModel) -> None:
    torch.manual_seed(1)
    for _, layer in lora.adapters(model.network):
        layer.lora_B.data.normal_(std=0.05)


def plain(network, row: TokenRow) -> torch.Tensor:
    """log p of the trained tokens by the library's own logits."""
    chances = network(input_ids=torch.tensor([row.ids]), use_cache=False).logits[0].log_softmax(-1)
    return sum(chances[i - 1, row.ids[i]] for i in range(1, len(row.ids)) if row.trained[i])


def plain_loss(network, start, method: Dpo | Kto, examples: list) -> torch.Tensor:
    if isinstance(method, Dpo):
        margins = []
        for pair in examples:
            better, worse = (plain(network, row) - plain(start, row).detach() for row in pair.sequences)
            margins.append(method.beta * (better - worse))
        return sum(-(1 - method.label_smoothing) * logsigmoid(m) - method.label_smoothing * logsigmoid(-m) for m in margins)
    gains = [[plain(network, row) - plain(start, row).detach() for row in example.scored] for example in examples]
    z = max(0.0, sum(float(other.detach()) for _, other in gains) / len(gains))
    total = torch.zeros((), dtype=torch.float64)
    for example, (gain, _) in zip(examples, gains, strict=True):
        if example.is_desirable:
            total = total + method.desirable_weight * (1 - torch.sigmoid(method.beta * (gain - z)))
        else:
            total = total + method.undesirable_weight * (1 - torch.sigmoid(method.beta * (z - gain)))
    return total


def in_parts(model, objective: Objective, examples: list, budget: int) -> tuple[float, dict[str, torch.Tensor], torch.Tensor]:
    """(loss, gradients, which are right) over micro-batches."""
    before = objective.before(model, examples, budget)
    total = 0.0
    right = torch.zeros(len(examples), dtype=torch.bool)
    for group in micro_batches(examples, budget):
        loss = objective.loss(model, [examples[i] for i in group], before)
        loss.total.backward()
        total += float(loss.total.detach())
        right[group] = loss.right
    grads = {n: p.grad.clone() for n, p in model.network.named_parameters() if p.grad is not None}
    model.network.zero_grad(set_to_none=True)
    return total, grads, right


def test_at_the_start_nothing_is_preferred(exact, method, tmp_path):
    spec, examples = method
    objective = objective_of(spec)
    model, examples = begin(exact, objective, examples, tmp_path)
    total, _, _ = in_parts(model, objective, examples, BUDGET)
    expected = len(examples) * math.log(2)
    if isinstance(spec, Kto):
        expected = sum(0.5 * (spec.desirable_weight if example.is_desirable else spec.undesirable_weight) for example in examples)
    assert total == pytest.approx(expected, rel=1e-9)


def test_at_the_start_nothing_is_preferred_in_bfloat16_either(exact, method, tmp_path):
    """The reference is computed in the micro-batches of its step: in others the products round otherwise, and a model that has not moved seems to."""
    spec, few = method
    objective = objective_of(spec)
    model = copy.deepcopy(exact)
    lora.inject(model.network, Lora(r=4), 0.0, seed=0)
    model.network.to(torch.bfloat16)
    model.placement = Placement(torch.device("cpu"), torch.bfloat16, 2, ())
    examples = objective.complete([longer(example, n) for n in range(4) for example in few], 512)
    order = Order(len(examples), 6, 0)
    steps = [order.step(step) for step in range(len(examples) // 6)]
    begun = with_reference(model, objective, examples, steps, BUDGET, tmp_path / "reference.safetensors", Silent(), "train")
    for step in steps:
        chosen = [begun[i] for i in step]
        total, _, _ = in_parts(model, objective, chosen, BUDGET)
        expected = len(chosen) * math.log(2)
        if isinstance(spec, Kto):
            expected = sum(0.5 * (spec.desirable_weight if one.is_desirable else spec.undesirable_weight) for one in chosen)
        assert total == pytest.approx(expected, rel=1e-6)


def longer(example: Any, n: int) -> Any:
    """The example with more in front of its question, so that products are of different shapes."""
    more = [20 + n, *range(30, 30 + 7 * n)]

    def row(one: TokenRow) -> TokenRow:
        return TokenRow([*more, *one.ids], [False] * len(more) + one.trained)

    return (
        replace(example, row=row(example.row))
        if isinstance(example, Rated)
        else replace(example, chosen=row(example.chosen), rejected=row(example.rejected))
    )


@pytest.mark.parametrize("budget", [30, 10_000])
def test_it_is_the_plain_computation(exact, method, tmp_path, budget):
    spec, examples = method
    objective = objective_of(spec)
    model, examples = begin(exact, objective, examples, tmp_path)
    start = copy.deepcopy(model.network)
    disturb(model)
    expected = plain_loss(model.network, start, spec, examples)
    expected.backward()
    theirs = {n: p.grad.clone() for n, p in model.network.named_parameters() if p.grad is not None}
    model.network.zero_grad(set_to_none=True)
    total, ours, right = in_parts(model, objective, examples, budget)
    assert total == pytest.approx(float(expected.detach()), rel=1e-10)
    assert ours.keys() == theirs.keys()
    for name, grad in theirs.items():
        assert float((ours[name] - grad).norm()) <= 1e-9 * max(float(grad.norm()), 1e-3), name
    assert len(set(right.tolist())) == 2, "or this test says nothing about which are right"


def test_the_question_of_a_pair_is_computed_once(exact, tmp_path):
    objective = objective_of(Dpo())
    model, [pair, *_] = begin(exact, objective, PAIRS[-1:], tmp_path)
    loss = objective.loss(model, [pair], None)
    assert loss.computed == len(QUESTIONS[-1]) + 1 + 1 + 4, "both answers begin with the same token, and their last one is predicted and never read"


def test_only_what_is_used_is_asked_of_the_reference(exact, tmp_path):
    file = tmp_path / "reference.safetensors"
    found = with_reference(exact, objective_of(Dpo()), PAIRS, [[1, 3]], BUDGET, file, Silent(), "train")
    assert [math.isnan(pair.reference[0]) for pair in found] == [True, False, True, False, True]
    again = with_reference(exact, objective_of(Dpo()), PAIRS, [[3], [4]], BUDGET, file, Silent(), "train")
    assert again[3].reference == found[3].reference
    assert again[4].reference[0] == pytest.approx(float(plain(exact.network, PAIRS[4].chosen).detach()), rel=1e-10)
    assert again[4].reference[1] == pytest.approx(float(plain(exact.network, PAIRS[4].rejected).detach()), rel=1e-10)


def test_the_other_answer_is_the_next_rows(exact):
    examples = objective_of(Kto()).complete([RATED[0], replace(RATED[1], row=answered(QUESTIONS[1], RATED[0].row.ids[-1:])), *RATED[2:]], 512)
    assert examples[0].other == answered(QUESTIONS[0], examples[2].row.ids[len(QUESTIONS[2]) :]), "the next one says the same"
    assert examples[-1].other == answered(QUESTIONS[-1], examples[0].row.ids[len(QUESTIONS[0]) :])
