"""Tokens as they come, and the pieces that are shown: joined they are the answer, and nothing is shown that is taken back."""

from __future__ import annotations

import random

import pytest

from tests import tiny
from tunesmith.answer.sample import cut_at_stop
from tunesmith.answer.telling import Heard, Telling
from tunesmith.answer.tools import HERMES, may_call
from tunesmith.model.load import LoadedModel


def pieces(model: LoadedModel, text: str, **options: object) -> tuple[list[str], Telling]:
    """The text, token by token, until a stop string ends it."""
    telling, found = Telling(model.tokenizer, **options), []  # type: ignore[arg-type]
    for number, token in enumerate(model.tokenizer.encode(text, add_special_tokens=False)):
        telling.add(token, Heard(token, -float(number)))
        if telling.is_stopped:
            break
        piece = telling.piece()
        if piece is not None:
            found.append(piece)
    rest = telling.rest()
    telling.heard_in_all = [h for p in [*found, *([rest] if rest else [])] for h in p.heard]  # type: ignore[attr-defined]
    return [p.text for p in found] + ([rest.text] if rest else []), telling


@pytest.mark.parametrize("text", ["aé😀 STO no STOP more", "  hello  world \n", "STOP", "", "  ", "é", "a STOPSTOP", "end STO"])
@pytest.mark.parametrize("strips", [True, False])
def test_joined_pieces_are_the_answer(model, text, strips):
    found, telling = pieces(model("llama"), text, stops=("STOP", "XY"), strips=strips)
    expected, stopped = cut_at_stop(text, ("STOP", "XY"))
    assert "".join(found) == (expected.strip() if strips else expected)
    assert telling.is_stopped == stopped
    assert all(found[:-1]), "only the last may bring nothing but log-probabilities"


def test_half_letters_and_half_stops_are_not_shown(model):
    found, _ = pieces(model("llama"), "a😀 STO b", stops=("STOP",))
    assert not any("\ufffd" in piece for piece in found)
    assert found == ["a", "😀", " STO", " b"]


def test_every_shown_token_is_heard_once_and_in_order(model):
    loaded = model("llama")
    text = "hello é there, STO all of it"
    _, telling = pieces(loaded, text, stops=("STOP",))
    assert [h.token for h in telling.heard_in_all] == loaded.tokenizer.encode(text, add_special_tokens=False)
    _, telling = pieces(loaded, "abSTOPcd", stops=("STOP",))
    assert [h.token for h in telling.heard_in_all] == loaded.tokenizer.encode("ab", add_special_tokens=False)


def test_a_call_is_held_back(model):
    found, _ = pieces(model("llama"), "Well <b> <tool_call>{}</tool_call>", held=lambda text: may_call(text, HERMES))
    assert "".join(found) == "Well <b> <tool_call>{}</tool_call>"
    assert found[-1].lstrip().startswith("<tool_call>")


def test_any_text_comes_through(model):
    loaded, draw = model("llama"), random.Random(0)
    for _ in range(50):
        text = "".join(draw.choice("ab é😀\n<X|") for _ in range(draw.randrange(30)))
        stops = tuple("".join(draw.choice("ab X<") for _ in range(draw.randrange(1, 4))) for _ in range(draw.randrange(3)))
        found, _ = pieces(loaded, text, stops=stops, strips=False)
        assert "".join(found) == cut_at_stop(text, stops)[0]


def test_random_bytes_are_the_text_that_the_tokenizer_makes_of_them(model):
    loaded, draw = model("llama"), random.Random(0)
    for _ in range(30):
        ids = [draw.randrange(3, len(tiny.TOKENS)) for _ in range(20)]
        telling, found = Telling(loaded.tokenizer, strips=False), []
        for token in ids:
            telling.add(token)
            found.append(telling.piece())
        found.append(telling.rest())
        assert "".join(p.text for p in found if p) == loaded.tokenizer.decode(ids)
