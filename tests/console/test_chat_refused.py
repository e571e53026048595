"""Requests that cannot be honoured → 400 with OpenAI's words, code and parameter; nothing random ever gives a 5xx."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.console.conftest import Served
from tests.console.scripted_engine import ScriptedEngine, listening
from tests.console.test_chat import HI, TIME
from tunesmith.console.failures import ApiError
from tunesmith.console.parsing import read
from tunesmith.spec import hosted_only
from tunesmith.spec.wire_chat import ChatRequest
from tunesmith.spec.wire_completion import CompletionRequest, EmbeddingRequest
from tunesmith.spec.wire_responses import ResponseRequest

CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
NAMED = {"type": "function", "function": {"name": "g"}}
REFUSED: list[tuple[dict[str, Any], str | None, str | None, str]] = [
    ({"messages": None}, "messages", "invalid_type", "expected an array, but got null"),
    ({"messages": []}, "messages", "empty_array", "empty array"),
    ({"messages": "hi"}, "messages", "invalid_type", "but got a string instead"),
    ({"temperature": "1"}, "temperature", "invalid_type", "Invalid type for 'temperature': expected a decimal, but got a string instead."),
    ({"temperature": 2.5}, "temperature", "decimal_above_max_value", "Expected a value <= 2"),
    ({"temperature": -1}, "temperature", "decimal_below_min_value", "Expected a value >= 0"),
    ({"top_p": 1.1}, "top_p", "decimal_above_max_value", "<= 1"),
    ({"n": 200}, "n", "integer_above_max_value", "Invalid 'n': integer above maximum value. Expected a value <= 128, but got 200 instead."),
    ({"n": 0}, "n", "integer_below_min_value", ">= 1"),
    ({"n": 1.5}, "n", "invalid_type", "expected an integer"),
    ({"n": True}, "n", "invalid_type", "but got a boolean instead"),
    ({"max_tokens": 0}, "max_tokens", "integer_below_min_value", ">= 1"),
    ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens", "invalid_parameter_combination", "at the same time"),
    ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "array_above_max_length", "maximum length 4"),
    ({"stop": [""]}, "stop[0]", "string_below_min_length", "minimum length 1"),
    ({"stop": 5}, "stop", "invalid_type", "Invalid type for 'stop'"),
    ({"seed": 2**63}, "seed", "integer_above_max_value", "<= 9223372036854775807"),
    ({"seed": 2**64}, "seed", "invalid_value", "64 bits"),
    ({"top_logprobs": 3}, "top_logprobs", "invalid_parameter_combination", "'logprobs' is set to true"),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "integer_above_max_value", "<= 20"),
    ({"logit_bias": {"hello": 1}}, "logit_bias", "invalid_value", "Invalid key in 'logit_bias': 'hello'"),
    ({"logit_bias": {"1": 101}}, "logit_bias.1", "decimal_above_max_value", "<= 100"),
    ({"frequency_penalty": 3}, "frequency_penalty", "decimal_above_max_value", "<= 2"),
    ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value", "'text', 'json_object', and 'json_schema'"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "missing_required_parameter", "Missing required parameter"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}}},
        "response_format.json_schema.name",
        "invalid_value",
        "does not match pattern",
    ),
    ({"tool_choice": "auto"}, "tool_choice", "invalid_parameter_combination", "only allowed when 'tools' are specified"),
    ({"tools": [TIME], "tool_choice": "sometimes"}, "tool_choice", "invalid_value", "Supported values are: 'none', 'auto', and 'required'."),
    ({"tools": [TIME], "tool_choice": NAMED}, "tool_choice", "invalid_value", "Tool choice 'g' not found in 'tools' parameter."),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type", "invalid_value", "no built-in tools"),
    ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name", "invalid_value", "pattern"),
    ({"tools": [TIME, TIME]}, "tools", "invalid_value", "more than once"),
    ({"tools": [TIME] * 129}, "tools", "array_above_max_length", "maximum length 128"),
    ({"functions": [{"name": "f"}], "tools": [TIME]}, "functions", "invalid_parameter_combination", "deprecated"),
    ({"function_call": "auto"}, "function_call", "invalid_parameter_combination", "only allowed when"),
    ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_parameter_combination", "only allowed when 'stream' is enabled"),
    ({"metadata": {"k" * 65: "v"}}, None, "string_above_max_length", "maximum length 64"),
    ({"metadata": {"k": "v" * 513}}, "metadata.k", "string_above_max_length", "maximum length 512"),
    ({"modalities": ["text", "audio"]}, "modalities[1]", "invalid_value", "'text'"),
    ({"audio": {"voice": "x", "format": "mp3"}}, "audio", "unknown_parameter", "Unknown parameter: 'audio'."),
    ({"moderation": {"model": "x"}}, "moderation", "unknown_parameter", "Unknown parameter"),
    ({"temprature": 1}, "temprature", "unknown_parameter", "Unknown parameter: 'temprature'."),
    ({"tunesmith": {"choises": []}}, "tunesmith.choises", "unknown_parameter", "Unknown parameter"),
    ({"tunesmith": {"choices": ["a"]}, "tools": [TIME]}, "tunesmith.choices", "invalid_parameter_combination", "exclude one another"),
    ({"messages": [{"role": "bot", "content": "x"}]}, "messages[0].role", "invalid_value", "Invalid value: 'bot'. Supported values are:"),
    ({"messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter", "Missing required parameter: 'messages[0].role'."),
    ({"messages": [{"role": "user"}]}, "messages[0].content", "invalid_type", "expected a string, got null"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_type", "but got an integer instead"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        "messages[0].content[0].type",
        "unsupported_content_type",
        "image_url is only supported by certain models",
    ),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text", "missing_required_parameter", "text"),
    (
        {"messages": [*HI, {"role": "tool", "content": "x", "tool_call_id": "c"}]},
        "messages[1].role",
        None,
        "must be a response to a preceeding message",
    ),
    ({"messages": [*HI, {"role": "tool", "content": "x"}]}, "messages[1].tool_call_id", "missing_required_parameter", "tool_call_id"),
    ({"messages": [*HI, CALL, *HI]}, "messages[1].role", None, "did not have response messages: c1"),
    ({"messages": [{"role": "user", "content": "x", "refusal": "y"}]}, "messages[0].refusal", "invalid_value", "role 'assistant'"),
]


def refusal(body: dict[str, Any]) -> ApiError:
    """What is wrong with a request."""
    with pytest.raises(ApiError) as caught:
        read(ChatRequest, json.dumps(body).encode())
    return caught.value


@pytest.mark.parametrize(("given", "param", "code", "words"), REFUSED)
def test_a_request_that_cannot_be_honoured_says_why(given: dict[str, Any], param: str | None, code: str | None, words: str) -> None:
    error = refusal({"model": "tiny", "messages": HI, **given})
    assert (error.status_code, error.type) == (400, "invalid_request_error")
    assert words in error.message
    assert (param or error.param, code) == (error.param, error.code)


@pytest.mark.parametrize(
    "raw",
    [b"", b"nope", b'{"model": "tiny", "messages": [', b'{"a": "\\ud800"}', b"[" * 5000, b'{"temperature": NaN}', b"\xff\xfe"],
)
def test_what_is_no_json_is_called_so(raw: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        read(ChatRequest, raw)
    assert (caught.value.status_code, caught.value.code) == (400, None)
    assert "could not parse the JSON body" in caught.value.message


def test_numbers_that_json_cannot_carry_on_are_refused() -> None:
    for number in ("1e999", "9" * 5000):
        with pytest.raises(ApiError) as caught:
            read(ChatRequest, b'{"model": "m", "messages": [], "tools": [{"x": %s}]}' % number.encode())
        assert caught.value.status_code == 400


def test_every_hosted_only_field_is_accepted_with_any_value_and_no_other() -> None:
    for name in hosted_only.CHAT:
        assert (name,) == read(ChatRequest, json.dumps({"model": "m", "messages": HI, name: {"x": [1]}}).encode()).ignored
        assert read(ChatRequest, json.dumps({"model": "m", "messages": HI, name: None}).encode()).ignored == ()
    assert not set(hosted_only.CHAT) & set(ChatRequest.model_fields)
    assert not set(hosted_only.COMPLETIONS) & set(CompletionRequest.model_fields)
    assert not set(hosted_only.RESPONSES) & set(ResponseRequest.model_fields)


FIELDS = {
    "/v1/chat/completions": [*ChatRequest.model_fields, *hosted_only.CHAT],
    "/v1/completions": [*CompletionRequest.model_fields, *hosted_only.COMPLETIONS],
    "/v1/embeddings": [*EmbeddingRequest.model_fields, *hosted_only.EMBEDDINGS],
    "/v1/responses": [*ResponseRequest.model_fields, *hosted_only.RESPONSES],
}
LIKELY: dict[str, Any] = {
    "model": st.sampled_from(["tiny", "tiny-embed", "", "../tiny", "ft:x/y:z", "\u2028", "tiny\x00"]),
    "messages": st.just(HI),
    "prompt": st.sampled_from(["a", ["a", "b"], [1, 2], [[1], [2]], [], [[]], [True], ""]),
    "input": st.sampled_from(["a", ["a"], [1, 2], [[1]], "", [""], [{"role": "user", "content": "x"}], [{"type": "reasoning"}]]),
    "stream": st.booleans(),
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["auto", "none", "text", "function", "user"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "role", "content", "name", "function", "x", "id"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@pytest.fixture
def engine(served: Served) -> Iterator[ScriptedEngine]:
    with listening(ScriptedEngine(), served.console.engine_socket) as answering:
        yield answering


@pytest.mark.parametrize("path", list(FIELDS))
def test_no_random_request_makes_the_server_fail(served: Served, engine: ScriptedEngine, path: str) -> None:
    def replies(request: dict[str, Any]) -> list[Any]:
        rows = len(request.get("prompts", [0])) * request.get("sampling", {}).get("n", 1)
        ends = [{"finish": {"index": i, "reason": "stop"}} for i in range(rows)]
        vectors = {"vectors": [[0.5, 0.25]] * len(request.get("inputs", [])), "tokens": 3}
        start = {"start": {"prompt_tokens": 3, "cached_tokens": 0, "system_prompt": "own", "model": "tiny"}}
        return [vectors if request["op"] == "embed" else start, *ends, {"end": {"usage": {"prompt_tokens": 3, "completion_tokens": 0}}}]

    engine.reply = replies
    headers = {"authorization": f"Bearer {served.secret}"}
    with httpx2.Client(base_url=served.address, headers=headers, timeout=300) as client:

        @settings(max_examples=80)
        @given(st.fixed_dictionaries({}, optional={name: LIKELY.get(name, VALUES) | VALUES for name in FIELDS[path]}), st.booleans())
        def ask(body: dict[str, Any], is_sound: bool) -> None:
            body = {**body, **({"model": "tiny-embed" if "embed" in path else "tiny"} if is_sound else {})}
            reply = client.post(path, content=json.dumps(body, allow_nan=True))
            assert reply.status_code < 500, reply.text
            if reply.status_code != 200:
                assert {"message", "type", "param", "code"} == set(reply.json()["error"])

        ask()
