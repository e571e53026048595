"""POST /v1/completions with the official client: parameters, scoring, streams."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import BadRequestError, OpenAI

from tests.console.conftest import Served
from tests.console.scripted_engine import START, ScriptedEngine, end, listening, says, token
from tunesmith.console.completions import Offsets


@pytest.fixture
def engine(served: Served) -> Iterator[ScriptedEngine]:
    with listening(ScriptedEngine(), served.console.engine_socket) as answering:
        yield answering


def test_the_engine_is_asked_with_the_defaults_of_the_api(client: OpenAI, engine: ScriptedEngine) -> None:
    found = client.completions.create(model="tiny", prompt="once")
    assert (found.object, found.choices[0].text, found.choices[0].finish_reason) == ("text_completion", "Hello.", "stop")
    assert found.id.startswith("cmpl-")
    assert found.usage is not None
    assert found.usage.total_tokens == 10
    asked = {name: engine.last[name] for name in ("op", "prompts", "echo", "best_of", "suffix")}
    assert asked == {"op": "complete", "prompts": ["once"], "echo": False, "best_of": 0, "suffix": None}
    assert (engine.last["sampling"]["max_tokens"], engine.last["sampling"]["logprobs"]) == (16, False)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"max_tokens": 3}, {"max_tokens": 3}),
        ({"temperature": 0.5}, {"temperature": 0.5}),
        ({"top_p": 0.5}, {"top_p": 0.5}),
        ({"stop": ["\n"]}, {"stop": ["\n"]}),
        ({"seed": 4}, {"seed": 4}),
        ({"presence_penalty": 1}, {"presence_penalty": 1}),
        ({"frequency_penalty": 1}, {"frequency_penalty": 1}),
        ({"logit_bias": {"3": 5}}, {"logit_bias": {"3": 5}}),
        ({"logprobs": 0}, {"logprobs": True, "top_logprobs": 0}),
        ({"logprobs": 5}, {"logprobs": True, "top_logprobs": 5}),
    ],
)
def test_a_parameter_of_sampling_reaches_the_engine(client: OpenAI, engine: ScriptedEngine, given: Any, expected: Any) -> None:
    client.completions.create(model="tiny", prompt="x", **given)
    assert expected == {name: engine.last["sampling"][name] for name in expected}


@pytest.mark.parametrize(
    ("prompt", "expected"), [("a", ["a"]), (["a", "b"], ["a", "b"]), ([1, 2], [[1, 2]]), ([[1], [2, 3]], [[1], [2, 3]]), (None, [""])]
)
def test_prompts_of_every_form(client: OpenAI, engine: ScriptedEngine, prompt: Any, expected: Any) -> None:
    engine.reply = lambda request: [START, *(line for i in range(len(request["prompts"])) for line in says(f"t{i}", index=i)), end()]
    found = client.completions.create(model="tiny", prompt=prompt, echo=True, best_of=1)
    assert (expected, True) == (engine.last["prompts"], engine.last["echo"])
    assert [f"t{i}" for i in range(len(expected))] == [choice.text for choice in found.choices]


def test_best_of_and_n(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says([START, *says("a"), *says("b", index=1), end()])
    found = client.completions.create(model="tiny", prompt="x", n=2, best_of=4)
    assert ([c.text for c in found.choices], engine.last["best_of"], engine.last["sampling"]["n"]) == (["a", "b"], 4, 2)


def test_a_text_is_scored(client: OpenAI, engine: ScriptedEngine) -> None:
    first = {**token("ab"), "logprob": None}
    engine.says(
        [START, {"delta": {"index": 0, "text": "abcü", "logprobs": [first, token("c", -1, (("d", -0.5),)), token("ü", -2)]}}, *says(), end(0)]
    )
    found = client.completions.create(model="tiny", prompt="abcü", logprobs=1, echo=True, max_tokens=0).choices[0].logprobs
    assert found is not None
    assert (found.tokens, found.token_logprobs, found.text_offset) == (["ab", "c", "ü"], [None, -1, -2], [0, 2, 3])
    assert found.top_logprobs == [None, {"d": -0.5, "c": -1}, {"ü": -2}]
    assert engine.last["sampling"]["max_tokens"] == 0


def test_a_letter_of_several_tokens_has_one_place() -> None:
    halves = [{"token": "\ufffd", "logprob": -1.0, "bytes": [byte], "top": []} for byte in "€".encode()]
    found = Offsets().logprobs([token("a"), *halves, token("b")], 1)
    assert found["text_offset"] == [0, 1, 1, 1, 2]
    assert found["tokens"] == ["a", "bytes:\\xe2", "bytes:\\x82", "bytes:\\xac", "b"]


def test_a_stream_is_the_answer_in_pieces(client: OpenAI, engine: ScriptedEngine) -> None:
    chunks = list(client.completions.create(model="tiny", prompt="x", stream=True, stream_options={"include_usage": True}))
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == "Hello."
    assert ([c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason], chunks[-1].usage and chunks[-1].usage.total_tokens) == (
        ["stop"],
        10,
    )
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_ends_with_done(served: Served, engine: ScriptedEngine) -> None:
    body = {"model": "tiny", "prompt": "x", "stream": True, "logprobs": 1}
    engine.says([START, {"delta": {"index": 0, "text": "a", "logprobs": [token("a")]}}, *says(), end()])
    first, *_, last, rest = served.ask("POST", "/v1/completions", json=body).text.split("\n\n")
    assert (last, rest) == ("data: [DONE]", "")
    assert json.loads(first.removeprefix("data: "))["choices"][0]["logprobs"]["tokens"] == ["a"]


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"suffix": "end"}, "suffix"),
        ({"logprobs": 6}, "logprobs"),
        ({"best_of": 21}, "best_of"),
        ({"best_of": 1, "n": 2}, "best_of"),
        ({"best_of": 2, "stream": True}, "best_of"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"prompt": ["a"] * 257}, "prompt"),
        ({"prompt": [-1]}, "prompt[0]"),
        ({"prompt": []}, "prompt"),
        ({"extra_body": {"echoo": True}}, "echoo"),
    ],
)
def test_what_cannot_be_honoured_is_refused(client: OpenAI, engine: ScriptedEngine, given: Any, param: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.completions.create(**{"model": "tiny", "prompt": "x", **given})
    assert param == caught.value.param
    assert not engine.heard


def test_the_user_is_named_as_ignored(client: OpenAI, engine: ScriptedEngine) -> None:
    assert client.completions.with_raw_response.create(model="tiny", prompt="x", user="u").headers["x-tunesmith-ignored"] == "user"
