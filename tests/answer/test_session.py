"""Rows that come, are read at once or in pieces, grow and go: each row's states are those of the model on that row alone."""

from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.answer import session as module
from tunesmith.answer import shelves
from tunesmith.answer.session import SharedSession, open_session
from tunesmith.answer.shelves import Kept

KINDS = ["llama", "qwen3", "gemma2", "gemma3", "granite", "lfm2"]


def alone(model, ids: list[int]) -> torch.Tensor:
    """The model's own hidden states of one row."""
    with torch.no_grad():
        states: torch.Tensor = model.network.get_decoder()(input_ids=torch.tensor([ids]), use_cache=False).last_hidden_state[0]
    return states


def extended(session, loaded, rows, steps):
    """The rows with their steps, once the session has read these: every state is that of the row alone."""
    hidden = session.extend(steps)
    rows = [row + step for row, step in zip(rows, steps, strict=True)]
    for place, (row, step) in enumerate(zip(rows, steps, strict=True)):
        if step:
            expected = alone(loaded, row)
            same(hidden[place], expected[-1])
            same(session.states(place), expected[-len(step) :])
    return rows


def tokens(draw: random.Random, count: int) -> list[int]:
    return [draw.randrange(3, 250) for _ in range(count)]


def same(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=2e-4)


@pytest.fixture
def narrow(monkeypatch):
    """Sections so small and so short of patience that rows move all the time."""
    monkeypatch.setattr(shelves, "SECTION", 3)
    monkeypatch.setattr(shelves, "STEP", 8)
    monkeypatch.setattr(shelves, "ASIDE", 20)
    monkeypatch.setattr(module, "FEW", 3)


@pytest.mark.invariant
@pytest.mark.parametrize("trunk", [0, 5, 70, 200])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_read_at_once_do_not_notice_one_another(model, narrow, kind, trunk):
    loaded, draw = model(kind), random.Random(1)
    common = tokens(draw, trunk)
    session, rows = open_session(loaded, trunk), list[list[int]]()
    for turn in range(16):
        if turn % 3 == 0:
            new = [common + tokens(draw, draw.choice([1, 4, 30])) for _ in range(draw.choice([1, 2, 5]))]
            for state, row in zip(session.add(new), new, strict=True):
                same(state, alone(loaded, row)[-1])
            rows += new
        if len(rows) > 4 and draw.random() < 0.5:
            kept = sorted(draw.sample(range(len(rows)), draw.randrange(1, len(rows))))
            session.keep(kept)
            rows = [rows[i] for i in kept]
        steps = [tokens(draw, draw.choice(choices)) for choices in ([[1]] if turn % 2 else [[0, 1, 1, 3]]) for _ in rows]
        if not any(steps):
            continue
        rows = extended(session, loaded, rows, steps)


@pytest.mark.invariant
@pytest.mark.parametrize("kind", KINDS)
def test_rows_read_in_pieces_do_not_notice_one_another(model, narrow, kind):
    loaded, draw = model(kind), random.Random(1)
    session, rows = open_session(loaded), list[list[int]]()
    for _ in range(40):
        if len(rows) < 6 and draw.random() < 0.5:
            session.enter([None], [draw.choice([1, 40])])
            rows.append([])
        if rows and draw.random() < 0.2:
            kept = draw.sample(range(len(rows)), draw.randrange(len(rows)) + 1)
            session.keep(kept)
            rows = [rows[i] for i in kept]
        steps = [tokens(draw, draw.choice([0, 1, 1, 1, 5, 20]) if row else draw.choice([1, 9, 30])) for row in rows]
        if not any(steps):
            continue
        rows = extended(session, loaded, rows, steps)
        assert session.lengths == [len(row) for row in rows]


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_whatever_comes_and_goes(model, seed):
    loaded, draw = model("llama"), random.Random(seed)
    session, rows = open_session(loaded), list[list[int]]()
    for _ in range(10):
        new = draw.randrange(3)
        session.enter([None] * new, [draw.randrange(1, 80) for _ in range(new)])
        rows += [[] for _ in range(new)]
        steps = [tokens(draw, draw.choice([1, 1, 0, 70]) if row else draw.randrange(1, 80)) for row in rows]
        if any(steps):
            session.extend(steps)
        rows = [row + step for row, step in zip(rows, steps, strict=True)]
        if draw.random() < 0.4:
            more = [tokens(draw, draw.randrange(1, 200)) for _ in range(draw.randrange(1, 3))]
            session.add(more)
            rows += more
        kept = [i for i in range(len(rows)) if draw.random() < 0.8 and len(rows[i]) < 400]
        session.keep(kept)
        rows = [rows[i] for i in kept]
    if rows:
        final = session.extend([[7]] * len(rows))
        for state, row in zip(final, rows, strict=True):
            same(state, alone(loaded, [*row, 7])[-1])


def test_a_row_that_begins_with_what_another_read_goes_on_like_it(model):
    loaded, draw = model("llama"), random.Random(3)
    ids = tokens(draw, 150)
    session = open_session(loaded)
    session.enter([None], [150])
    session.extend([ids])
    kept = session.copy(0, 140)
    assert isinstance(kept, Kept)
    assert kept.bytes == 140 * loaded.shape.cached(torch.float32)
    session.enter([Kept(130, kept.layers), None], [150, 2])
    assert session.lengths == [150, 130, 0]
    hidden = session.extend([[], ids[130:], tokens(draw, 1)])
    same(hidden[1], alone(loaded, ids)[-1])


def test_a_free_place_is_taken_and_what_stood_there_is_not_seen(model):
    loaded, draw = model("llama"), random.Random(5)
    session = SharedSession(loaded)
    session.add([tokens(draw, 90) for _ in range(4)])
    [section] = session.shelves.sections
    keys = section.layers[0][0]
    session.keep([0, 1, 3])
    session.enter([None], [20])
    new = tokens(draw, 20)
    hidden = session.extend([[7], [7], [7], new])
    assert section.rows == [0, 1, 3, 2]
    assert section.layers[0][0] is keys, "nobody moved"
    same(hidden[3], alone(loaded, new)[-1])


def test_many_new_tokens_attend_apart_and_few_beside_the_others(model):
    session, draw = SharedSession(model("llama")), random.Random(6)
    session.add([tokens(draw, 20) for _ in range(6)])
    session.extend([[7], [7], [7, 8], [], [7], [7] * 9])
    assert [(turn.span, turn.seen) for turn in session.turns] == [(slice(0, 6), 32), (slice(5, 6), 29)]
    session.extend([[7] * 9] * 6)
    assert [turn.span for turn in session.turns] == [slice(0, 6)], "the same for all: one product"


def test_memory_is_what_rows_need_and_is_given_back(model):
    loaded = model("llama")
    per_token = loaded.shape.cached(torch.float32)
    session = SharedSession(loaded)
    session.enter([None] * 40, [31] * 40)
    assert session.bytes() == 40 * 32 * per_token, "before anything was read"
    session.extend([tokens(random.Random(i), 30) for i in range(40)])
    assert session.bytes(40, 2000) == (40 * 32 + 64 + 2016) * per_token
    session.extend([tokens(random.Random(0), 400)] + [[5]] * 39)
    assert session.bytes() == (39 * 32 + 448) * per_token
    session.keep([3, 4])
    session.extend([[5]] * 2)
    held = sum(x.numel() * 4 for section in session.shelves.sections for pair in section.layers.values() for x in pair)
    assert held == session.bytes() == 2 * 32 * per_token
    session.keep([])
    assert (session.bytes(), session.shelves.sections) == (0, [])


def test_models_with_a_state_keep_no_prefix(model):
    session = open_session(model("lfm2"))
    session.enter([None], [3])
    session.extend([[5, 6, 7]])
    assert session.copy(0, 2) is None
    assert not session.reads_pieces
