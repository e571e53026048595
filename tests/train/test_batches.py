"""Which rows meet in a step, and how a step is cut."""

from __future__ import annotations

import random
from itertools import chain

import pytest

from tunesmith.train.batches import Order, micro_batches, packed_tokens, step_seed
from tunesmith.train.examples import TokenRow

TRUNK = list(range(50))


LAST = 9
"""The last trained token: it is predicted and never read."""


def row(own: int, trunk: list[int] = TRUNK) -> TokenRow:
    ids = [*trunk, 100 + own, *range(200, 199 + own), LAST]
    return TokenRow(ids, [False] * len(trunk) + [True] * (own + 1))


def test_every_row_is_seen_once_per_pass_and_no_step_is_short():
    order = Order(rows=10, rows_per_step=4, seed=0)
    steps = [order.step(n) for n in range(order.steps(2.0))]
    assert [len(step) for step in steps] == [4] * 5
    seen = list(chain(*steps))
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:] != list(range(10))


def test_the_order_is_the_seed_s_alone():
    assert Order(100, 8, 1).step(20) == Order(100, 8, 1).step(20) != Order(100, 8, 2).step(20)
    whole = [i for n in range(6) for i in Order(12, 2, 5).step(n)]
    assert whole == [i for n in range(3) for i in Order(12, 4, 5).step(n)], "cut elsewhere, the same order"
    assert Order(4, 2, 0).step(0) == [2, 0], "numpy's PCG64 permutation, frozen here"


def test_more_rows_per_step_than_rows_takes_the_next_pass():
    assert sorted(Order(3, 7, 0).step(0)) == sorted([0, 1, 2] * 2 + [Order(3, 7, 0).step(0)[6]])


@pytest.mark.parametrize(("rows", "per_step", "epochs", "expected"), [(660, 32, 3.0, 62), (5, 32, 1.0, 1), (100, 10, 0.5, 5), (100, 10, 0.01, 1)])
def test_steps_by_hand(rows, per_step, epochs, expected):
    assert Order(rows, per_step, 0).steps(epochs) == expected


def test_shared_tokens_count_once_in_a_micro_batch():
    assert micro_batches([row(10)] * 4, 60) == [[0, 1, 2, 3]], "equal rows are computed once"
    rows = [TokenRow([*TRUNK, 100 + i, *range(200, 200 + n - 1), LAST], [True] * (len(TRUNK) + n + 1)) for i, n in enumerate([10, 10, 10, 10, 30])]
    assert [len(g) for g in micro_batches(rows, len(TRUNK) + 40)] == [4, 1]
    assert [len(g) for g in micro_batches(rows, len(TRUNK) + 39)] == [3, 1, 1]
    assert packed_tokens(rows, 1000) == len(TRUNK) + 4 * 10 + 30
    assert packed_tokens(rows, len(TRUNK) + 40) == 2 * len(TRUNK) + 4 * 10 + 30


def test_rows_of_one_question_stay_together_and_share_it():
    """Preference pairs: two answers of different lengths to each question."""
    rows = []
    for question in range(4):
        start = [*TRUNK, *range(1000 * question + 100, 1000 * question + 130)]
        rows += [TokenRow([*start, *own, LAST], [True] * (len(start) + len(own) + 1)) for own in ([1, 2], [*range(3, 43)])]
    groups = micro_batches(rows, len(TRUNK) + 2 * (30 + 2 + 40))
    assert sorted(sorted(g) for g in groups) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert packed_tokens(rows, 10_000) == len(TRUNK) + 4 * (30 + 2 + 40)


def test_a_model_that_cannot_share_pays_for_every_row_and_its_padding():
    rows = [row(10), row(10), row(30)]
    assert micro_batches(rows, 240, shares=False) == [[0, 1, 2]]
    assert micro_batches(rows, 239, shares=False) == [[0, 1], [2]]
    assert packed_tokens(rows, 240, shares=False) == 3 * 80
    assert packed_tokens(rows, 239, shares=False) == 2 * 60 + 80


@pytest.mark.parametrize("shares", [True, False])
@pytest.mark.parametrize("budget", [16, 70, 200, 10_000])
@pytest.mark.parametrize("seed", range(8))
def test_every_row_is_in_one_micro_batch_within_the_budget(shares, budget, seed):
    draw = random.Random(seed)
    beginnings = [TRUNK[: draw.randrange(50)] + [draw.randrange(9) for _ in range(draw.randrange(40))] for _ in range(5)]
    rows = [row(1 + draw.randrange(40), draw.choice(beginnings)) for _ in range(33)]
    groups = micro_batches(rows, budget, shares)
    assert sorted(chain(*groups)) == list(range(33))
    assert all(len(g) == 1 or packed_tokens([rows[i] for i in g], 10**9, shares) <= budget for g in groups)


def test_targets_leave_out_a_first_token_that_nothing_predicts():
    assert TokenRow([1, 2, 3], [True, True, False]).targets == 1


def test_steps_have_seeds_of_their_own():
    seeds = {step_seed(seed, step) for seed in range(20) for step in range(50)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**63 for seed in seeds)
