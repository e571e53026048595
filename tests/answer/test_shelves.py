"""Where rows stand: together with others of their length, in places that others left, and never in much more room than they need."""

from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.answer import shelves as module
from tunesmith.answer.shelves import ASIDE, SECTION, SLACK, STEP, Section, Shelves, grouped, rounded

WIDTH = 2


def numbered(shelves: Shelves, row: int, name: int, length: int) -> None:
    """Write what tells this row's tokens from all others into its place."""
    section, place = shelves.where()[row]
    own = (name * 1000.0 + torch.arange(length)).expand(WIDTH, length)[None].transpose(1, 2).contiguous()
    section.fill([place], [torch.arange(length)], {layer: (own + layer / 2, -own) for layer in range(2)})


def check(shelves: Shelves, names: list[int], lengths: list[int]) -> None:
    for row, (name, length) in enumerate(zip(names, lengths, strict=True)):
        kept = shelves.copy(row, length)
        for layer, (keys, values) in kept.layers.items():
            assert keys[0, :, 0].tolist() == [name * 1000 + i + layer / 2 for i in range(length)]
            assert values[0, :, 1].tolist() == [-name * 1000 - i for i in range(length)]


def plain(needs: list[int]) -> int:
    """What the best sections take, found by trying every way to cut the rows in order of length."""
    order = sorted(needs)
    if not order:
        return 0
    return min(size * rounded(order[size - 1]) + ASIDE + plain(order[size:]) for size in range(1, min(len(order), SECTION) + 1))


@given(st.lists(st.integers(1, 3000), max_size=9))
def test_groups_are_the_cheapest(needs):
    groups = grouped(needs)
    assert sorted(row for group in groups for row in group) == list(range(len(needs)))
    assert sum(len(group) * rounded(max(needs[row] for row in group)) + ASIDE for group in groups) == plain(needs)


def test_no_section_is_wider_than_the_cache_likes():
    assert [len(group) for group in grouped([10] * (2 * SECTION + 6))] == [6, SECTION, SECTION]


def test_a_section_grows_by_steps_and_keeps_what_it_has():
    shelves = Shelves()
    shelves.enter([5])
    numbered(shelves, 0, 7, 5)
    shelves.reserve([STEP + 1])
    assert [(section.tokens, section.layers[0][0].shape[2]) for section in shelves.sections] == [(2 * STEP, 2 * STEP)]
    check(shelves, [7], [5])


def test_who_comes_takes_the_smallest_free_place_with_room():
    shelves = Shelves()
    shelves.sections = [Section(256, [0, None]), Section(64, [1, None]), Section(96, [2, None])]
    shelves.needs = [250, 60, 90]
    shelves.enter([70, 65, 500])
    assert [section.rows for section in shelves.sections] == [[0, 4], [1, None], [2, 3], [5]]


def test_one_long_row_does_not_stretch_the_others():
    shelves = Shelves()
    shelves.enter([40] * 20)
    shelves.reserve([40] * 20)
    assert [(section.tokens, len(section.rows)) for section in shelves.sections] == [(64, 20)]
    shelves.reserve([8000] + [41] * 19)
    assert sorted((section.tokens, len(section.rows)) for section in shelves.sections) == [(64, 19), (8000, 1)]


def test_rows_move_together_once_too_many_places_are_free():
    shelves = Shelves()
    shelves.enter([900] * 8)
    for row in range(8):
        numbered(shelves, row, row, 10)
    shelves.reserve([900] * 8)
    [section] = shelves.sections
    shelves.keep(list(range(7)))
    shelves.reserve([900] * 7)
    assert shelves.sections == [section], "one free place waits for whoever comes"
    shelves.keep([6, 2, 5])
    shelves.reserve([900] * 3)
    assert [len(section.rows) for section in shelves.sections] == [3]
    check(shelves, [6, 2, 5], [10] * 3)


@given(seed=st.integers(0, 10**6))
def test_rows_stay_themselves_in_little_room(seed):
    draw = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SECTION", 4)
        patch.setattr(module, "ASIDE", 40)
        shelves, names, lengths = Shelves(), list[int](), list[int]()
        for turn in range(12):
            new = [draw.randrange(1, 150) for _ in range(draw.randrange(4))]
            shelves.enter(new)
            for length in new:
                names.append(100 * turn + len(names))
                lengths.append(length)
                numbered(shelves, len(names) - 1, names[-1], length)
            more = [draw.choice([1, 1, 40]) for _ in names]
            shelves.reserve([a + b for a, b in zip(lengths, more, strict=True)])
            lengths = [a + b for a, b in zip(lengths, more, strict=True)]
            for row, (name, length) in enumerate(zip(names, lengths, strict=True)):
                numbered(shelves, row, name, length)
            check(shelves, names, lengths)
            taken = sum(len(section.rows) * section.tokens + 40 for section in shelves.sections)
            groups = grouped(lengths)
            assert taken <= SLACK * sum(len(group) * rounded(max(lengths[row] for row in group)) + 40 for group in groups)
            assert shelves.room() == sum(len(group) * rounded(max(lengths[row] for row in group)) for group in groups)
            kept = draw.sample(range(len(names)), draw.randrange(len(names) + 1))
            shelves.keep(kept)
            names, lengths = [names[row] for row in kept], [lengths[row] for row in kept]
            check(shelves, names, lengths)
