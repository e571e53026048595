"""Grammars: whatever a model would like to say, it fits; what cannot be kept is refused."""

from __future__ import annotations

import json
import random

import pytest
import torch

from tests import tiny
from tunesmith.answer import grammar as module
from tunesmith.answer.grammar import Choosing, Grammar, calls, calls_or_answer, json_schema
from tunesmith.errors import Unsupported
from tunesmith.model.tool_words import HERMES, CallForm

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer"}, "kind": {"enum": ["a", "b"]}},
    "required": ["name", "age", "kind"],
    "additionalProperties": False,
}


def written(model, grammar: Grammar, seed: int, most: int = 400) -> tuple[str, bool]:
    """(what a random speaker says within the grammar, whether it came to an end): likes short tokens to be picked evenly."""
    draw, said = random.Random(seed), []
    while not grammar.is_complete and len(said) < most:
        allowed = torch.nonzero(grammar.allowed(len(tiny.TOKENS))).flatten().tolist()
        assert allowed
        token = next((t for t in allowed if t in model.template.stop_ids), None) or draw.choice(allowed)
        if token in model.template.stop_ids:
            return model.tokenizer.decode(said), True
        said.append(token)
        grammar.said(token)
    return model.tokenizer.decode(said), grammar.is_complete


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_said_fits_the_schema(model, seed):
    loaded = model("llama")
    text, ended = written(loaded, Grammar.of(json_schema(PERSON, "x"), loaded, "x"), seed)
    if ended:
        value = json.loads(text)
        assert set(value) == {"name", "age", "kind"}
        assert isinstance(value["age"], int)
        assert value["kind"] in ("a", "b")
        assert len(value["name"]) <= 8


def test_some_do_come_to_an_end(model):
    loaded = model("llama")
    assert sum(written(loaded, Grammar.of(json_schema(PERSON, "x"), loaded, "x"), seed)[1] for seed in range(8)) >= 3
    objects = [written(loaded, Grammar.of(json_schema({"type": "object"}, "x"), loaded, "x"), seed) for seed in range(20)]
    assert [isinstance(json.loads(text), dict) for text, ended in objects if ended].count(True) >= 2


def test_white_space_has_an_end(model):
    loaded = model("llama")
    grammar = Grammar.of(json_schema({"type": "object"}, "x"), loaded, "x")
    grammar.said(tiny.TOKENS.index("{"))
    space = tiny.TOKENS.index("Ġ")
    for _ in range(12):
        assert grammar.allowed(len(tiny.TOKENS))[space]
        grammar.said(space)
    assert not grammar.allowed(len(tiny.TOKENS))[space]


def test_a_copy_is_followed_apart(model):
    loaded = model("llama")
    grammar = Grammar.of(json_schema({"enum": ["ab", "cd"]}, "x"), loaded, "x")
    copy = grammar.copy()
    grammar.said(tiny.TOKENS.index('"'))
    grammar.said(tiny.TOKENS.index("a"))
    assert copy.allowed(len(tiny.TOKENS)).sum() == 1
    assert torch.nonzero(grammar.allowed(len(tiny.TOKENS))).flatten().tolist() == [tiny.TOKENS.index("b")]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"}, {"not": {"type": "string"}}, {"$ref": "#/nowhere"}, {"type": "string", "pattern": "(?=x)"}, {"uniqueItems": True},
        {"not": {}, "x-guidance": {"lenient": True}}, "text", 3, None, {"enum": ["x" * 300_000]},
    ],
    ids=lambda schema: str(schema)[:30],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused(model, schema):
    with pytest.raises(Unsupported) as error:
        Grammar.of(json_schema(schema, "format.schema"), model("llama"), "format.schema")
    assert error.value.problems[0].where == "format.schema"


def test_a_call_is_written_as_the_template_writes_it(model):
    loaded = model("llama")
    tools = [
        {"name": "add", "parameters": {"type": "object", "properties": {"x": {"enum": [1, 2]}}, "required": ["x"], "additionalProperties": False}}
    ]
    grammar = Grammar.of(calls("</call>", "arguments", [*tools, {"name": 'odd "name"'}]), loaded, "tools")
    for token in loaded.tokenizer.encode('{"name": "add", "arguments": {"x":2}}</call>', add_special_tokens=False):
        assert grammar.allowed(len(tiny.TOKENS))[token], tiny.TOKENS[token]
        grammar.said(token)
    assert grammar.is_complete


def takes(model, grammar: str, text: str) -> bool:
    """Whether the grammar lets this be the whole answer."""
    followed = Grammar.of(grammar, model, "tools")
    for token in model.tokenizer.encode(text, add_special_tokens=False):
        if followed.is_complete or not followed.matcher.consume_token(token):
            return False
    return followed.matcher.is_accepting()


ADD = {"name": "add", "parameters": {"type": "object", "properties": {"x": {"enum": [1, 2]}}, "required": ["x"], "additionalProperties": False}}
GOOD, BAD = (f'{{"name": "add", "arguments": {{"x":{x}}}}}' for x in (2, 3))


@pytest.mark.parametrize("form", [HERMES, CallForm("<call>", "</call>"), CallForm("<|im_start|>", "")], ids=["hermes", "own", "control token"])
def test_calls_that_may_be_made_fit_their_schemas(model, form):
    loaded = model("llama")
    grammar = calls_or_answer(loaded, form, [ADD, {"name": "find"}], True, None)
    good, bad, other = (form.opening + said + form.closing for said in (GOOD, BAD, '{"name": "find", "arguments": {"any":1}}'))
    for text in ("no call at all", good, "well: " + good, good + "\n" + other, other):
        assert takes(loaded, grammar, text), text
    for text in (bad, "well: " + bad, good + bad, form.opening + "nonsense"):
        assert not takes(loaded, grammar, text), text
    assert not takes(loaded, calls_or_answer(loaded, form, [ADD], False, None), good + good)


def test_a_form_without_a_mark_is_told_by_its_first_letter(model):
    loaded = model("llama")
    grammar = calls_or_answer(loaded, CallForm("", ""), [ADD], True, None)
    assert [takes(loaded, grammar, text) for text in ("well", GOOD, BAD, "{")] == [True, True, False, False]


def test_an_answer_in_json_or_a_call(model):
    loaded = model("llama")
    grammar = calls_or_answer(loaded, HERMES, [ADD], True, {"enum": ["yes"]})
    called = HERMES.opening + GOOD + HERMES.closing
    assert [takes(loaded, grammar, text) for text in ('"yes"', called, '"no"', "text", "text " + called)] == [True, True, False, False, False]


def test_the_tokenizer_is_read_once(model):
    loaded = model("llama")
    assert module.vocabulary(loaded) is module.vocabulary(loaded)
    assert module.vocabulary(loaded).decode_bytes([tiny.TOKENS.index("Ġw")]) == b" w"


def test_choices_are_walked_to_one_of_them(model):
    loaded = model("llama")
    choosing = Choosing(("north", "no", "no"), loaded)
    assert loaded.tokenizer.decode(choosing.start()) == "no"
    allowed = torch.nonzero(choosing.allowed(len(tiny.TOKENS))).flatten().tolist()
    assert sorted(allowed) == sorted([tiny.TOKENS.index("r"), loaded.template.end_id])
    assert not choosing.is_complete
    choosing.said(loaded.template.end_id)
    assert (choosing.is_complete, choosing.chosen) == (True, "no")
