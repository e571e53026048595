"""Picking tokens, by hand."""

import pytest
import torch

from tunesmith.answer import sample as module
from tunesmith.answer.asked import Sampling
from tunesmith.answer.sample import cut_at_stop, draw, likeliest, nucleus, pick, seeded, steer, unfinished


def test_greedy_takes_the_first_of_equals_and_reports_its_probability():
    tokens, chances = pick(torch.tensor([[0.0, 2.0, 2.0], [1.0, 0.0, 0.0]]), 0.0, 1.0, [])
    assert tokens.tolist() == [1, 0]
    expected = torch.tensor([[0.0, 2.0, 2.0], [1.0, 0.0, 0.0]]).softmax(-1)
    torch.testing.assert_close(chances, torch.stack([expected[0, 1], expected[1, 0]]))


@pytest.mark.parametrize(
    ("top_p", "kept"), [(1.0, [0.1, 0.5, 0.15, 0.25]), (0.76, [0.0, 0.5, 0.15, 0.25]), (0.74, [0.0, 0.5, 0.0, 0.25]), (0.01, [0.0, 0.5, 0.0, 0.0])]
)
def test_the_nucleus_is_the_smallest_set_that_reaches_its_mass(top_p, kept):
    torch.testing.assert_close(nucleus(torch.tensor([[0.1, 0.5, 0.15, 0.25]]), top_p), torch.tensor([kept]))


def test_a_row_s_generator_alone_decides_its_draw():
    def draw(rows: int) -> list[int]:
        generators = [torch.Generator().manual_seed(9 + r) for r in range(rows)]
        return pick(torch.zeros(rows, 50), 1.0, 1.0, generators)[0].tolist()

    assert draw(4)[:2] == draw(2)
    assert len(set(draw(8))) > 3


@pytest.mark.parametrize(
    ("text", "stops", "expected"),
    [
        ("a.b", (".",), ("a", True)),
        ("ab", (".",), ("ab", False)),
        ("a,b.c", (".", ","), ("a", True)),
        ("abc", ("",), ("abc", False)),
        ("x", ("x",), ("", True)),
    ],
)
def test_the_earliest_stop_cuts(text, stops, expected):
    assert cut_at_stop(text, stops) == expected


@pytest.mark.parametrize("few", [4, 512])
@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.5, 1.0), (1.0, 0.6), (2.0, 0.9), (1.0, 0.0), (0.0, 1.0)])
def test_drawing_follows_the_same_distribution_as_picking(monkeypatch, few, temperature, top_p):
    monkeypatch.setattr(module, "FEW", few)
    torch.manual_seed(0)
    logits, generator, count = torch.randn(40) * 2, seeded(1, 2), 4000
    drawn = torch.tensor([draw(logits, temperature, top_p, generator) for _ in range(count)]).bincount(minlength=40) / count
    expected = torch.zeros(40).index_fill(0, logits.argmax(), 1.0)
    if temperature and top_p:
        expected = nucleus((logits / temperature).softmax(-1)[None], top_p)[0]
        expected = expected / expected.sum()
    assert (drawn > 0).sum() <= (expected > 0).sum()
    assert not (drawn[expected == 0] > 0).any()
    torch.testing.assert_close(drawn, expected, atol=0.035, rtol=0)


def test_what_is_impossible_is_never_drawn():
    logits = torch.full((30,), float("-inf"))
    logits[[3, 29]] = 0.0
    assert {draw(logits, 1.0, 1.0, seeded(0, n)) for n in range(50)} == {3, 29}


def test_what_was_said_often_loses_in_proportion_and_what_was_said_at_all_once():
    steered = steer(torch.zeros(4), Sampling(frequency_penalty=0.5, presence_penalty=0.25), {1: 3, 2: 1}, None)
    assert steered.tolist() == [0.0, -1.75, -0.75, 0.0]


def test_biases_are_added_and_what_is_not_allowed_is_impossible():
    steered = steer(torch.zeros(3), Sampling(logit_bias={1: 4.0}), {}, torch.tensor([True, True, False]))
    assert steered.tolist() == [0.0, 4.0, float("-inf")]


def test_the_likeliest_come_in_order():
    assert likeliest(torch.tensor([-1.0, -0.25, -3.0]), 2) == [(1, -0.25), (0, -1.0)]
    assert likeliest(torch.tensor([-1.0, -0.25]), 5) == [(1, -0.25), (0, -1.0)]
    assert likeliest(torch.tensor([-1.0]), 0) == []


@pytest.mark.parametrize(("text", "expected"), [("abST", 2), ("abSTO", 3), ("ab", 0), ("", 0), ("abT", 0), ("S", 1)])
def test_the_beginning_of_a_mark_is_unfinished(text, expected):
    assert unfinished(text, ("STOP", "X")) == expected
