"""POST /v1/chat/completions with the official client: what reaches the engine, and what comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from openai import (
    APIError,
    BadRequestError,
    InternalServerError,
    LengthFinishReasonError,
    NotFoundError,
    OpenAI,
    RateLimitError,
    pydantic_function_tool,
)
from pydantic import BaseModel

from tests.console.conftest import Served
from tests.console.scripted_engine import FOR_EVER, START, ScriptedEngine, calls, end, error, listening, says, token, whole

HI: list[Any] = [{"role": "user", "content": "hi"}]
WEATHER: dict[str, Any] = {"type": "function", "function": {"name": "weather", "description": "d", "parameters": {"type": "object"}}}
TIME: dict[str, Any] = {"type": "function", "function": {"name": "time"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}


@pytest.fixture
def engine(served: Served) -> Iterator[ScriptedEngine]:
    with listening(ScriptedEngine(), served.console.engine_socket) as answering:
        yield answering


def test_an_answer_has_everything_the_contract_names(client: OpenAI, engine: ScriptedEngine) -> None:
    before = int(time.time())
    raw = client.chat.completions.with_raw_response.create(model="tiny", messages=HI)
    body = json.loads(raw.content)
    assert body["id"].startswith("chatcmpl-")
    assert before <= body["created"] <= time.time()
    assert body["system_fingerprint"].startswith("fp_")
    assert (body["object"], body["model"], body["service_tier"]) == ("chat.completion", "tiny", "default")
    message = {"role": "assistant", "content": "Hello.", "refusal": None, "annotations": []}
    assert [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}] == body["choices"]
    assert body["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "total_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
    }
    assert raw.headers["x-tunesmith-prompt"] == "none"
    assert "x-tunesmith-ignored" not in raw.headers


def test_the_engine_is_asked_with_the_defaults_of_the_api(client: OpenAI, engine: ScriptedEngine, served: Served) -> None:
    client.chat.completions.create(model="tiny", messages=HI)
    assert {
        "op": "chat",
        "owner": served.console.keys.find(served.secret).id,  # type: ignore[union-attr]
        "deadline_s": 600.0,
        "target": {"base": "tiny", "checkpoint": None},
        "messages": [{"role": "user", "content": "hi"}],
        "tools": None,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "sampling": {
            "max_tokens": None, "temperature": 1.0, "top_p": 1.0, "n": 1, "stop": [], "seed": None, "frequency_penalty": 0.0, "presence_penalty": 0.0,
            "logit_bias": {}, "logprobs": False, "top_logprobs": 0, "format": {"kind": "text"},
        },
    } == engine.last  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_completion_tokens": 6}, {"max_tokens": 6}),
        ({"temperature": 0}, {"temperature": 0}),
        ({"temperature": 1.5}, {"temperature": 1.5}),
        ({"top_p": 0.25}, {"top_p": 0.25}),
        ({"n": 1}, {"n": 1}),
        ({"stop": "x"}, {"stop": ["x"]}),
        ({"stop": ["x", "\n"]}, {"stop": ["x", "\n"]}),
        ({"seed": -3}, {"seed": -3}),
        ({"frequency_penalty": 0.5}, {"frequency_penalty": 0.5}),
        ({"presence_penalty": -2}, {"presence_penalty": -2}),
        ({"logit_bias": {"17": -100}}, {"logit_bias": {"17": -100}}),
        ({"logprobs": True}, {"logprobs": True}),
        ({"logprobs": True, "top_logprobs": 4}, {"logprobs": True, "top_logprobs": 4}),
        ({"response_format": {"type": "json_object"}}, {"format": {"kind": "json_object"}}),
        ({"response_format": {"type": "text"}}, {"format": {"kind": "text"}}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}},
            {"format": {"kind": "json_schema", "schema": SCHEMA}},
        ),
        ({"temperature": None, "stop": None, "n": None}, {"temperature": 1.0, "stop": [], "n": 1}),
    ],
)
def test_a_parameter_of_sampling_reaches_the_engine(client: OpenAI, engine: ScriptedEngine, given: Any, expected: Any) -> None:
    client.chat.completions.create(model="tiny", messages=HI, **given)
    assert expected == {name: engine.last["sampling"][name] for name in expected}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"tools": [WEATHER]}, {"tools": [WEATHER], "tool_choice": "auto"}),
        ({"tools": [WEATHER], "tool_choice": "none"}, {"tool_choice": "none"}),
        ({"tools": [WEATHER], "tool_choice": "required"}, {"tool_choice": "required"}),
        ({"tools": [WEATHER, TIME], "tool_choice": {"type": "function", "function": {"name": "time"}}}, {"tool_choice": {"name": "time"}}),
        (
            {
                "tools": [WEATHER, TIME],
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "time"}}]},
                },
            },
            {"tools": [TIME], "tool_choice": "required"},
        ),
        ({"tools": [WEATHER], "parallel_tool_calls": False}, {"parallel_tool_calls": False}),
        ({"functions": [TIME["function"]]}, {"tools": [TIME], "tool_choice": "auto", "parallel_tool_calls": False}),
        ({"functions": [TIME["function"]], "function_call": "none"}, {"tool_choice": "none"}),
        ({"functions": [TIME["function"]], "function_call": {"name": "time"}}, {"tool_choice": {"name": "time"}}),
        ({"extra_body": {"tunesmith": {"choices": ["yes", "no"]}}}, {"choices": ["yes", "no"]}),
        ({"extra_body": {"tunesmith": {"no_prompt": True}}}, {"no_prompt": True}),
    ],
)
def test_tools_and_our_own_extensions_reach_the_engine(client: OpenAI, engine: ScriptedEngine, given: Any, expected: Any) -> None:
    client.chat.completions.create(model="tiny", messages=HI, **given)
    assert expected == {name: engine.last[name] for name in expected}


def test_messages_of_every_role_and_form_become_one_form(client: OpenAI, engine: ScriptedEngine) -> None:
    messages: list[Any] = [
        {"role": "developer", "content": "be brief"},
        {"role": "system", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "user", "content": "q", "name": "Ann"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "42"}]},
        {"role": "assistant", "content": None, "function_call": {"name": "g", "arguments": "{}"}},
        {"role": "function", "name": "g", "content": "43"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "never"}]},
        {"role": "assistant", "refusal": "no", "annotations": [], "audio": None, "function_call": None},
        {"role": "user", "content": "and?"},
    ]
    client.chat.completions.create(model="tiny", messages=messages)
    assert engine.last["messages"] == [
        {"role": "developer", "content": "be brief"},
        {"role": "system", "content": "ab"},
        {"role": "user", "content": "q", "name": "Ann"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "call_5", "type": "function", "function": {"name": "g", "arguments": "{}"}}]},
        {"role": "tool", "content": "43", "name": "g", "tool_call_id": "call_5"},
        {"role": "assistant", "content": "never"},
        {"role": "assistant", "content": "no"},
        {"role": "user", "content": "and?"},
    ]


def test_an_answer_can_be_sent_back_as_it_came(client: OpenAI, engine: ScriptedEngine) -> None:
    said = client.chat.completions.create(model="tiny", messages=HI).choices[0].message
    client.chat.completions.create(model="tiny", messages=[*HI, said, {"role": "user", "content": "again"}])
    assert engine.last["messages"][1] == {"role": "assistant", "content": "Hello."}


def test_several_answers_keep_their_places(client: OpenAI, engine: ScriptedEngine) -> None:
    pieces = [{"delta": {"index": i, "text": t, "logprobs": None}} for i, t in ((1, "b"), (0, "a"), (2, "c"), (0, "A"))]
    ends = [{"finish": {"index": i, "reason": r}} for i, r in ((2, "length"), (0, "stop"), (1, "stop"))]
    engine.says([START, *pieces, *ends, end()])
    choices = client.chat.completions.create(model="tiny", messages=HI, n=3).choices
    assert [(c.index, c.message.content, c.finish_reason) for c in choices] == [(0, "aA", "stop"), (1, "b", "stop"), (2, "c", "length")]


def test_logprobs_have_bytes_and_the_most_probable_others(client: OpenAI, engine: ScriptedEngine) -> None:
    heard = [token("ü", -0.25, (("ü", -0.25), ("x", float("-inf"))))]
    engine.says([START, {"delta": {"index": 0, "text": "ü", "logprobs": heard}}, *says(), end(1)])
    found = client.chat.completions.create(model="tiny", messages=HI, logprobs=True, top_logprobs=2).choices[0].logprobs
    assert found is not None
    assert found.content is not None
    one = found.content[0]
    assert (one.token, one.logprob, one.bytes) == ("ü", -0.25, [195, 188])
    assert [(other.token, other.logprob) for other in one.top_logprobs] == [("ü", -0.25), ("x", -9999.0)]


def test_calls_of_tools(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says([START, *calls(("weather", '{"city":"Bern"}'), ("time", "{}")), end()])
    choice = client.chat.completions.create(model="tiny", messages=HI, tools=[WEATHER, TIME]).choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls or [] if call.type == "function"] == [
        ("call_0abc", "weather", '{"city":"Bern"}'),
        ("call_1abc", "time", "{}"),
    ]


def test_a_call_asked_for_in_the_old_way_is_answered_in_the_old_way(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says([START, *calls(("time", "{}")), end()])
    choice = client.chat.completions.create(model="tiny", messages=HI, functions=[TIME["function"]]).choices[0]
    assert (choice.finish_reason, choice.message.tool_calls) == ("function_call", None)
    assert choice.message.function_call is not None
    assert (choice.message.function_call.name, choice.message.function_call.arguments) == ("time", "{}")


def test_what_only_a_hosted_service_can_honour_is_named(client: OpenAI, engine: ScriptedEngine) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="tiny", messages=HI, user="u", service_tier="auto", reasoning_effort="low", verbosity="low", safety_identifier="s", prompt_cache_key="k",
        prediction={"type": "content", "content": "x"}, web_search_options={}, metadata={"a": "b"}, modalities=["text"],
    )  # fmt: skip
    named = set(raw.headers["x-tunesmith-ignored"].split(", "))
    hosted = {"user", "service_tier", "reasoning_effort", "verbosity", "safety_identifier", "prompt_cache_key", "prediction", "web_search_options"}
    assert {*hosted, "metadata"} == named


def test_an_alias_answers_and_says_so(client: OpenAI, engine: ScriptedEngine) -> None:
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o-mini-2024-07-18", messages=HI)
    assert "tiny" in raw.headers["x-tunesmith-note"]
    assert engine.last["target"] == {"base": "tiny", "checkpoint": None}


def test_the_prompt_that_a_model_was_tuned_with_is_announced(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says([{"start": {**START["start"], "system_prompt": "applied"}}, *says("x"), end()])
    assert client.chat.completions.with_raw_response.create(model="tiny", messages=HI).headers["x-tunesmith-prompt"] == "applied"


class Answer(BaseModel):
    """For `.parse()`."""

    number: int


def test_parse_gives_the_object_and_tells_when_it_was_cut(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says(whole('{"number"', ":5}"))
    found = client.chat.completions.parse(model="tiny", messages=HI, response_format=Answer).choices[0].message.parsed
    assert Answer(number=5) == found
    assert engine.last["sampling"]["format"]["schema"]["additionalProperties"] is False
    engine.says([START, *says('{"num', reason="length"), end()])
    with pytest.raises(LengthFinishReasonError):
        client.chat.completions.parse(model="tiny", messages=HI, response_format=Answer)


def test_parse_reads_the_arguments_of_a_strict_tool(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says([START, *calls(("Answer", '{"number":6}')), end()])
    made = client.chat.completions.parse(model="tiny", messages=HI, tools=[pydantic_function_tool(Answer)])
    called = (made.choices[0].message.tool_calls or [])[0]
    assert Answer(number=6) == called.function.parsed_arguments
    assert engine.last["tools"][0]["function"]["strict"] is True


def test_more_than_the_context_holds_is_told_with_both_numbers(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says(error("does_not_fit", got="9,000 tokens", expected="at most 63"))
    with pytest.raises(BadRequestError) as caught:
        client.chat.completions.create(model="tiny", messages=HI)
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")
    said = "This model's maximum context length is 64 tokens. However, your messages resulted in 9000 tokens."
    assert said in caught.value.message


def test_failures_of_the_engine_have_their_status(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says(error("overloaded"))
    with pytest.raises(RateLimitError) as busy:
        client.chat.completions.create(model="tiny", messages=HI)
    assert (busy.value.response.headers["retry-after"], busy.value.code) == ("1", "rate_limit_exceeded")
    engine.says(error("not_found"))
    with pytest.raises(NotFoundError) as gone:
        client.chat.completions.create(model="tiny", messages=HI)
    assert gone.value.code == "model_not_found"
    engine.says(error("unsupported", "no recursive schemas", where="response_format", fix="write it flat"))
    with pytest.raises(BadRequestError) as refused:
        client.chat.completions.create(model="tiny", messages=HI)
    assert (refused.value.param, refused.value.body["message"]) == ("response_format", "no recursive schemas; write it flat")  # type: ignore[index]
    engine.says([START, *says("a")[:1], None])
    with pytest.raises(InternalServerError) as stopped:
        client.chat.completions.create(model="tiny", messages=HI)
    assert (stopped.value.status_code, stopped.value.response.headers["retry-after"]) == (503, "2")


def test_a_request_that_waited_in_vain_is_asked_again_by_the_client_itself(served: Served, engine: ScriptedEngine) -> None:
    late = error("timeout")
    late[0]["error"]["has_begun"] = False
    tries = iter([late, late])
    engine.reply = lambda request: next(tries, whole("at last"))
    with served.client(max_retries=2) as patient:
        assert patient.chat.completions.create(model="tiny", messages=HI).choices[0].message.content == "at last"
    assert len(engine.heard) == 3


def test_an_answer_that_took_too_long_is_not_asked_for_again(served: Served, engine: ScriptedEngine) -> None:
    late = error("timeout")
    late[0]["error"]["has_begun"] = True
    engine.says([START, *says("much")[:1], *late])
    with served.client(max_retries=2) as client:
        with pytest.raises(InternalServerError) as caught:
            client.chat.completions.create(model="tiny", messages=HI)
        assert (caught.value.status_code, caught.value.code, caught.value.type) == (504, "timeout", "server_error")
        assert len(engine.heard) == 1
        with pytest.raises(APIError) as broken:
            list(client.chat.completions.create(model="tiny", messages=HI, stream=True))
        assert broken.value.code == "timeout"


def test_without_an_engine_the_client_is_told_when_to_come_again(client: OpenAI) -> None:
    with pytest.raises(InternalServerError) as caught:
        client.chat.completions.create(model="tiny", messages=HI)
    assert (caught.value.status_code, caught.value.response.headers["retry-after"], caught.value.type) == (503, "2", "server_error")


def test_models_that_are_not_there_or_cannot_talk(client: OpenAI, engine: ScriptedEngine) -> None:
    with pytest.raises(NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-99", messages=HI)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(NotFoundError) as wrong:
        client.chat.completions.create(model="tiny-embed", messages=HI)
    assert "Did you mean to use v1/embeddings?" in wrong.value.message


def test_a_key_that_has_used_up_its_tokens_waits(served: Served, engine: ScriptedEngine) -> None:
    with served.client(served.key("serve", tokens_per_minute=5)) as client:
        client.chat.completions.create(model="tiny", messages=HI)
        with pytest.raises(RateLimitError) as caught:
            client.chat.completions.create(model="tiny", messages=HI)
    assert caught.value.type == "tokens"


def test_a_key_without_the_scope_may_not_ask(served: Served, engine: ScriptedEngine) -> None:
    assert served.ask("POST", "/v1/chat/completions", served.key("read"), json={"model": "tiny", "messages": HI}).status_code == 403


def test_a_client_that_goes_away_ends_the_work(served: Served, engine: ScriptedEngine) -> None:
    engine.says([START, FOR_EVER, *says("late"), end()])
    while not engine.heard:  # where this machine is so busy that the client left before the engine was asked, another one comes
        with served.client(timeout=0.3) as impatient, pytest.raises(Exception, match="timed out"):
            impatient.chat.completions.create(model="tiny", messages=HI)
    assert engine.wait_for_break()
