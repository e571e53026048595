"""Shares, quotas and turns add up whatever there is."""

from __future__ import annotations

import doctest
import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.make import outside_choice
from tunesmith.data.make.outside_choice import in_turn, quotas, rows_wanted
from tunesmith.spec.making_teacher import OUTSIDE_KINDS, OutsideWishes

KINDS = st.lists(st.sampled_from(OUTSIDE_KINDS), min_size=1, unique=True).map(tuple)
THERE = st.fixed_dictionaries({kind: st.integers(0, 60) for kind in OUTSIDE_KINDS})


def test_examples():
    assert doctest.testmod(outside_choice).failed == 0


@given(st.integers(20, 100_000), st.integers(0, 3_000), st.floats(0.05, 0.15))
def test_the_share_is_that_of_the_resulting_data(inside, outside, share):
    made = rows_wanted(inside, outside, share)
    total = inside + outside + made
    reached = (outside + made) / total
    assert reached >= share - 1 / total
    assert made == 0 or reached <= share + 1 / total


@given(st.integers(0, 200), KINDS, THERE, st.floats(0, 1))
def test_as_many_as_are_wanted_and_there(wanted, kinds, there, near_share):
    found = quotas(wanted, OutsideWishes(refusal="no", kinds=kinds, near_share=near_share), there)
    assert set(found) == set(kinds)
    assert sum(found.values()) == min(wanted, sum(there[kind] for kind in kinds))
    assert all(0 <= found[kind] <= there[kind] for kind in kinds)


@given(st.integers(1, 60), st.floats(0, 1))
def test_with_plenty_of_all_the_shares_hold(wanted, near_share):
    found = quotas(wanted, OutsideWishes(refusal="no", near_share=near_share), dict.fromkeys(OUTSIDE_KINDS, 100))
    near = wanted - found["far"]
    assert near == round(wanted * near_share)
    assert max(found[kind] for kind in OUTSIDE_KINDS[1:]) - min(found[kind] for kind in OUTSIDE_KINDS[1:]) <= 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 99)), max_size=20), st.integers(0, 9))
def test_each_key_comes_before_any_comes_again(items, seed):
    found = in_turn(items, lambda item: item[0], random.Random(seed))
    assert Counter(items) == Counter(found)
    rounds = Counter()
    heights = []
    for key, _ in found:
        rounds[key] += 1
        heights.append(rounds[key])
    assert heights == sorted(heights)
    assert found == in_turn(items, lambda item: item[0], random.Random(seed))
