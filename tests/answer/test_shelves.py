"""Rows that come, read in pieces, grow and go: each row's states are those of the model on that row alone."""

from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.answer import shelves as module
from tunesmith.answer.shelves import Kept, open_live


def alone(model, ids: list[int]) -> torch.Tensor:
    """The model's own hidden states of one row."""
    with torch.no_grad():
        states: torch.Tensor = model.network.get_decoder()(input_ids=torch.tensor([ids]), use_cache=False).last_hidden_state[0]
    return states


def tokens(draw: random.Random, count: int) -> list[int]:
    return [draw.randrange(3, 250) for _ in range(count)]


@pytest.mark.invariant
@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma2", "gemma3", "granite", "lfm2"])
def test_rows_do_not_notice_one_another(model, monkeypatch, kind):
    monkeypatch.setattr(module, "LEAST", 8)
    loaded, draw = model(kind), random.Random(1)
    session, rows = open_live(loaded), list[list[int]]()
    for _ in range(40):
        if len(rows) < 6 and draw.random() < 0.5:
            session.enter([None])
            rows.append([])
        if rows and draw.random() < 0.2:
            kept = draw.sample(range(len(rows)), draw.randrange(len(rows)) + 1)
            session.keep(kept)
            rows = [rows[i] for i in kept]
        steps = [tokens(draw, draw.choice([0, 1, 1, 1, 5, 20]) if row else draw.choice([1, 9, 30])) for row in rows]
        if not any(steps):
            continue
        hidden = session.extend(steps)
        rows = [row + step for row, step in zip(rows, steps, strict=True)]
        for place, (row, step) in enumerate(zip(rows, steps, strict=True)):
            if step:
                expected = alone(loaded, row)
                torch.testing.assert_close(hidden[place], expected[-1], atol=2e-4, rtol=2e-4)
                torch.testing.assert_close(session.states[place], expected[-len(step) :], atol=2e-4, rtol=2e-4)
        assert session.lengths == [len(row) for row in rows]


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_whatever_comes_and_goes(model, seed):
    loaded, draw = model("llama"), random.Random(seed)
    session, rows = open_live(loaded), list[list[int]]()
    for _ in range(10):
        new = draw.randrange(3)
        session.enter([None] * new)
        rows += [[] for _ in range(new)]
        steps = [tokens(draw, draw.choice([1, 1, 0, 70]) if row else draw.randrange(1, 80)) for row in rows]
        if any(steps):
            session.extend(steps)
        rows = [row + step for row, step in zip(rows, steps, strict=True)]
        kept = [i for i in range(len(rows)) if draw.random() < 0.8 and len(rows[i]) < 400]
        session.keep(kept)
        rows = [rows[i] for i in kept]
    if rows:
        final = session.extend([[7]] * len(rows))
        for state, row in zip(final, rows, strict=True):
            torch.testing.assert_close(state, alone(loaded, [*row, 7])[-1], atol=2e-4, rtol=2e-4)


def test_a_row_that_begins_with_what_another_read_goes_on_like_it(model):
    loaded, draw = model("llama"), random.Random(3)
    ids = tokens(draw, 150)
    session = open_live(loaded)
    session.enter([None])
    session.extend([ids])
    kept = session.copy(0, 140)
    assert isinstance(kept, Kept)
    assert kept.bytes == 140 * loaded.shape.cached(torch.float32)
    session.enter([Kept(130, kept.layers), None])
    hidden = session.extend([[], ids[130:], tokens(draw, 1)])
    torch.testing.assert_close(hidden[1], alone(loaded, ids)[-1], atol=2e-4, rtol=2e-4)


def test_memory_is_that_of_the_shelves_and_is_given_back(model):
    loaded = model("llama")
    per_token = loaded.shape.cached(torch.float32)
    session = open_live(loaded)
    session.enter([None] * 20)
    session.extend([tokens(random.Random(i), 30) for i in range(20)])
    assert session.bytes == 20 * 64 * per_token
    session.extend([tokens(random.Random(0), 400)] + [[5]] * 19)
    assert session.bytes == (19 * 64 + 512) * per_token
    session.keep([3, 4])
    assert session.bytes == 2 * 64 * per_token
    held = sum(x.numel() * 4 for shelf in session.shelves.values() for pair in shelf.layers.values() for x in pair)
    assert held <= 5 * 64 * per_token
    session.keep([])
    assert (session.bytes, session.shelves) == (0, {})


def test_models_with_a_state_keep_no_prefix(model):
    session = open_live(model("lfm2"))
    session.enter([None])
    session.extend([[5, 6, 7]])
    assert session.copy(0, 2) is None
    assert not session.reads_pieces
