"""Picking tokens, by hand."""

import pytest
import torch

from tunesmith.answer.sample import cut_at_stop, nucleus, pick


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
