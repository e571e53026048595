"""POST /v1/embeddings and /v1/moderations with the official client."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from tests.console.conftest import Served
from tests.console.scripted_engine import ScriptedEngine, listening


@pytest.fixture
def engine(served: Served) -> Iterator[ScriptedEngine]:
    reply = ScriptedEngine(lambda request: [{"vectors": [[0.5, -0.25, i] for i in range(len(request["inputs"]))], "tokens": 9}, {"end": {}}])
    with listening(reply, served.console.engine_socket) as answering:
        yield answering


@pytest.mark.parametrize(("given", "expected"), [("a", ["a"]), (["a", "b"], ["a", "b"]), ([1, 2], [[1, 2]]), ([[1], [2]], [[1], [2]])])
def test_inputs_of_every_form(client: OpenAI, engine: ScriptedEngine, given: Any, expected: Any) -> None:
    found = client.embeddings.create(model="tiny-embed", input=given)
    assert (expected, "tiny-embed", "embed") == (engine.last["inputs"], engine.last["model"], engine.last["op"])
    assert [[0.5, -0.25, float(i)] for i in range(len(expected))] == [one.embedding for one in found.data]
    assert list(range(len(expected))) == [one.index for one in found.data]
    assert (found.usage.prompt_tokens, found.usage.total_tokens) == (9, 9)


def test_numbers_or_base64_of_little_endian_floats(served: Served, engine: ScriptedEngine) -> None:
    body = {"model": "tiny-embed", "input": "a"}
    plain = served.ask("POST", "/v1/embeddings", json=body).json()["data"][0]["embedding"]
    packed = served.ask("POST", "/v1/embeddings", json={**body, "encoding_format": "base64"}).json()["data"][0]["embedding"]
    assert [0.5, -0.25, 0] == plain == list(struct.unpack("<3f", base64.b64decode(packed)))


def test_dimensions_are_those_of_the_model(client: OpenAI, engine: ScriptedEngine) -> None:
    assert len(client.embeddings.create(model="tiny-embed", input="a", dimensions=3).data[0].embedding) == 3
    with pytest.raises(BadRequestError) as caught:
        client.embeddings.create(model="tiny-embed", input="a", dimensions=2)
    assert caught.value.param == "dimensions"


def test_inputs_that_were_cut_are_named(served: Served, engine: ScriptedEngine) -> None:
    engine.says([{"vectors": [[1.0]] * 3, "tokens": 5, "truncated": [0, 2]}, {"end": {}}])
    reply = served.ask("POST", "/v1/embeddings", json={"model": "tiny-embed", "input": ["a", "b", "c"]})
    assert reply.headers["x-tunesmith-truncated"] == "0, 2"


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": [[]]}, "input[0]"),
        ({"input": 5}, "input"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"dimensions": 0}, "dimensions"),
    ],
)
def test_what_cannot_be_embedded_is_refused(client: OpenAI, engine: ScriptedEngine, given: Any, param: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.embeddings.create(**{"model": "tiny-embed", "input": "a", **given})
    assert param == caught.value.param
    assert not engine.heard


def test_a_chat_model_does_not_embed(client: OpenAI, engine: ScriptedEngine) -> None:
    with pytest.raises(NotFoundError) as caught:
        client.embeddings.create(model="tiny", input="a")
    assert "Did you mean to use v1/chat/completions?" in caught.value.message


def test_moderations_are_honest(client: OpenAI) -> None:
    with pytest.raises(NotFoundError) as caught:
        client.moderations.create(input="x")
    assert caught.value.code == "model_not_found"
    with pytest.raises(NotFoundError, match="text-moderation-7"):
        client.moderations.create(input="x", model="text-moderation-7")
