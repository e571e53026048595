"""`/v1/responses` with the official client: requests, items, streams, stored conversations, the background."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI
from pydantic import BaseModel

from tests.console.conftest import Served
from tests.console.scripted_engine import FOR_EVER, START, ScriptedEngine, calls, end, error, listening, says, token, whole
from tests.waiting import until
from tunesmith.console.responses import RUNNING

TOOL: Any = {"type": "function", "name": "weather", "description": "d", "parameters": {"type": "object"}, "strict": True}
OTHER: Any = {"type": "function", "name": "time", "parameters": None, "strict": None}
ORDER = ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added", "response.output_text.delta",
    "response.output_text.delta", "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed"]  # fmt: skip


@pytest.fixture
def engine(served: Served) -> Iterator[ScriptedEngine]:
    with listening(ScriptedEngine(), served.console.engine_socket) as answering:
        yield answering


def test_a_response_has_everything_the_contract_names(served: Served, engine: ScriptedEngine) -> None:
    body = served.ask("POST", "/v1/responses", json={"model": "tiny", "input": "hi"}).json()
    needed = {"id", "object", "created_at", "model", "output", "parallel_tool_calls", "tool_choice", "tools", "temperature", "top_p", "metadata",
        "error", "incomplete_details", "instructions", "status", "usage"}  # fmt: skip
    assert needed <= set(body)
    assert (body["object"], body["status"], body["model"]) == ("response", "completed", "tiny")
    [item] = body["output"]
    assert (item["type"], item["role"], item["status"]) == ("message", "assistant", "completed")
    assert item["content"] == [{"type": "output_text", "text": "Hello.", "annotations": [], "logprobs": []}]
    assert body["usage"]["input_tokens_details"] == {"cached_tokens": 2, "cache_write_tokens": 0}
    assert (body["usage"]["input_tokens"], body["usage"]["output_tokens"], body["usage"]["total_tokens"]) == (7, 3, 10)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"max_output_tokens": 16}, {"max_tokens": 16}),
        ({"temperature": 0.5}, {"temperature": 0.5}),
        ({"top_p": 0.5}, {"top_p": 0.5}),
        ({"include": ["message.output_text.logprobs"], "top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
        ({"include": ["reasoning.encrypted_content"]}, {"logprobs": False}),
        ({"text": {"format": {"type": "json_object"}}}, {"format": {"kind": "json_object"}}),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}}},
            {"format": {"kind": "json_schema", "schema": {"type": "object"}}},
        ),
    ],
)
def test_a_parameter_of_sampling_reaches_the_engine(client: OpenAI, engine: ScriptedEngine, given: Any, expected: Any) -> None:
    client.responses.create(model="tiny", input="hi", **given)
    assert expected == {name: engine.last["sampling"][name] for name in expected}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"instructions": "be brief"}, {"messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]}),
        ({"tools": [TOOL]}, {"tools": [{"type": "function", "function": {k: v for k, v in TOOL.items() if k != "type"}}], "tool_choice": "auto"}),
        ({"tools": [TOOL], "tool_choice": "required"}, {"tool_choice": "required"}),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "weather"}}, {"tool_choice": {"name": "weather"}}),
        (
            {"tools": [TOOL, OTHER], "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "time"}]}},
            {"tools": [{"type": "function", "function": {"name": "time"}}], "tool_choice": "auto"},
        ),
        ({"tools": [TOOL], "parallel_tool_calls": False}, {"parallel_tool_calls": False}),
        ({"extra_body": {"tunesmith": {"choices": ["a", "b"], "no_prompt": True}}}, {"choices": ["a", "b"], "no_prompt": True}),
    ],
)
def test_everything_else_reaches_the_engine_too(client: OpenAI, engine: ScriptedEngine, given: Any, expected: Any) -> None:
    client.responses.create(model="tiny", input="hi", **given)
    assert expected == {name: engine.last[name] for name in expected}


def test_items_become_messages(client: OpenAI, engine: ScriptedEngine) -> None:
    items: Any = [
        {"role": "developer", "content": "d"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": "let me see", "annotations": []}],
            "type": "message",
            "id": "msg_1",
            "status": "completed",
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c2", "output": "2"},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "1"}]},
    ]
    client.responses.create(model="tiny", input=items)
    called = [{"id": i, "type": "function", "function": {"name": n, "arguments": "{}"}} for i, n in (("c1", "f"), ("c2", "g"))]
    assert engine.last["messages"] == [
        {"role": "developer", "content": "d"},
        {"role": "user", "content": "ab"},
        {"role": "assistant", "content": "let me see", "tool_calls": called},
        {"role": "tool", "tool_call_id": "c2", "content": "2"},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
    ]


def test_the_stream_keeps_the_order_of_the_contract(served: Served, engine: ScriptedEngine) -> None:
    reply = served.ask("POST", "/v1/responses", json={"model": "tiny", "input": "hi", "stream": True})
    heard = [dict(line.split(": ", 1) for line in frame.split("\n")) for frame in reply.text.split("\n\n")[:-1]]
    events = [json.loads(frame["data"]) for frame in heard]
    assert [frame["event"] for frame in heard] == [event["type"] for event in events] == ORDER
    assert [event["sequence_number"] for event in events] == list(range(len(ORDER)))
    final = events[-1]["response"]
    assert (final["output"][0]["content"][0]["text"], final["output"][0]["id"]) == ("Hello.", events[2]["item"]["id"])
    assert served.ask("GET", f"/v1/responses/{final['id']}").json() == final


def test_streamed_is_not_streamed(client: OpenAI, engine: ScriptedEngine) -> None:
    heard = [token("x", -0.5, (("x", -0.5),))]
    lines = [START, {"delta": {"index": 0, "text": "x", "logprobs": heard}}, *calls(("weather", '{"a":1}'), ("time", "{}")), end()]
    engine.says(lines)
    options: Any = {"model": "tiny", "input": "hi", "tools": [TOOL, OTHER], "include": ["message.output_text.logprobs"]}
    plain = client.responses.create(**options)
    with client.responses.stream(**options) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds.count("response.function_call_arguments.done") == 2

    def told(response: Any) -> Any:
        return [{k: v for k, v in item.model_dump(exclude_none=True).items() if k not in ("id", "parsed_arguments")} for item in response.output]

    streamed = json.loads(json.dumps(told(final)).replace('"parsed": null, ', ""))
    assert [item["type"] for item in told(plain)] == ["message", "function_call", "function_call"]
    assert told(plain) == streamed


class Answer(BaseModel):
    """For `.parse()`."""

    number: int


def test_parse_gives_the_object(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says(whole('{"number":5}'))
    assert Answer(number=5) == client.responses.parse(model="tiny", input="hi", text_format=Answer).output_parsed


def test_an_answer_that_was_cut_is_incomplete(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says([START, *says("Hel", reason="length"), end()])
    found = client.responses.create(model="tiny", input="hi")
    assert found.incomplete_details is not None
    assert (found.status, found.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert [event.type for event in client.responses.create(model="tiny", input="hi", stream=True)][-1] == "response.incomplete"


def test_what_fails_inside_a_stream_is_told_there(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says([START, *says("Hel")[:1], None])
    *_, fault, last = client.responses.create(model="tiny", input="hi", stream=True)
    assert (fault.type, last.type) == ("error", "response.failed")


def test_a_conversation_goes_on_from_a_stored_response(client: OpenAI, engine: ScriptedEngine) -> None:
    first = client.responses.create(model="tiny", input="one", instructions="only now")
    engine.says([START, *calls(("weather", "{}")), end()])
    second = client.responses.create(model="tiny", input="two", previous_response_id=first.id, tools=[TOOL])
    engine.says(whole("sunny"))
    output: Any = [{"type": "function_call_output", "call_id": "call_0abc", "output": "sun"}]
    third = client.responses.create(model="tiny", input=output, previous_response_id=second.id)
    assert engine.last["messages"] == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "two"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_0abc", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "call_0abc", "content": "sun"},
    ]
    items = list(client.responses.input_items.list(third.id, limit=2, order="asc"))
    assert [item.type for item in items] == ["message", "message", "message", "function_call", "function_call_output"]


def test_what_must_not_be_stored_is_not(client: OpenAI, engine: ScriptedEngine) -> None:
    kept, dropped = client.responses.create(model="tiny", input="hi"), client.responses.create(model="tiny", input="hi", store=False)
    assert client.responses.retrieve(kept.id).output_text == "Hello."
    for name in (dropped.id, "resp_none"):
        with pytest.raises(NotFoundError):
            client.responses.retrieve(name)
    client.responses.delete(kept.id)
    with pytest.raises(NotFoundError):
        client.responses.retrieve(kept.id)
    with pytest.raises(BadRequestError) as caught:
        client.responses.create(model="tiny", input="hi", previous_response_id=kept.id)
    assert caught.value.param == "previous_response_id"


def pending_until(client: OpenAI, name: str, status: str) -> Any:
    """The response, once it has this status."""
    return until(lambda: found if (found := client.responses.retrieve(name)).status == status else None)


def test_the_background_works_on_and_can_be_stopped(client: OpenAI, engine: ScriptedEngine) -> None:
    begun = client.responses.create(model="tiny", input="hi", background=True)
    assert (begun.status, begun.background) == ("in_progress", True)
    assert pending_until(client, begun.id, "completed").output_text == "Hello."
    assert client.responses.cancel(begun.id).status == "completed"
    engine.says([START, FOR_EVER, end()])
    slow = client.responses.create(model="tiny", input="hi", background=True)
    until(lambda: len(engine.heard) == 2)
    assert client.responses.cancel(slow.id).status == "cancelled"
    assert engine.wait_for_break()
    engine.says(error("unsupported", "no"))
    failed = pending_until(client, client.responses.create(model="tiny", input="hi", background=True).id, "failed")
    assert failed.error.message == "no"
    until(lambda: not RUNNING)


def test_a_response_whose_process_died_is_failed_and_not_pending(client: OpenAI, engine: ScriptedEngine, served: Served) -> None:
    kept = client.responses.create(model="tiny", input="hi")
    served.console.objects.change("response", kept.id, lambda old: {**old, "response": {**old["response"], "status": "in_progress"}})
    assert client.responses.retrieve(kept.id).status == "failed"


def test_only_the_background_can_be_cancelled(client: OpenAI, engine: ScriptedEngine) -> None:
    with pytest.raises(BadRequestError):
        client.responses.cancel(client.responses.create(model="tiny", input="hi").id)


def test_the_oldest_turns_go_where_truncation_is_allowed(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.reply = lambda request: whole("ok") if len(request["messages"]) <= 2 else error("does_not_fit", got="9 tokens", expected="at most 5")
    turns: Any = [{"role": "system", "content": "s"}, *({"role": r, "content": f"{r}{i}"} for i in range(3) for r in ("user", "assistant"))][:-1]
    client.responses.create(model="tiny", input=turns, truncation="auto")
    assert engine.last["messages"] == [{"role": "system", "content": "s"}, {"role": "user", "content": "user2"}]
    with pytest.raises(BadRequestError) as caught:
        client.responses.create(model="tiny", input=turns)
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "input")


def test_tokens_are_counted(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says([{"prompt_tokens": 11}, {"end": {}}])
    assert client.responses.input_tokens.count(model="tiny", input="hi", tools=[OTHER]).input_tokens == 11
    assert (engine.last["op"], engine.last["tools"][0]["function"]["name"]) == ("count", "time")


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"input": []}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, "input[0].content[0].type"),
        ({"input": [{"type": "reasoning", "summary": []}]}, "input[0].type"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, "input"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]}, "input"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"max_output_tokens": 15}, "max_output_tokens"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "x"}}, "tool_choice"),
        ({"include": ["everything"]}, "include[0]"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"background": True, "stream": True}, "background"),
        ({"background": True, "store": False}, "store"),
        ({"extra_body": {"conversation": "conv_1"}}, "conversation"),
        ({"previous_response_id": "resp_none"}, "previous_response_id"),
    ],
)
def test_what_cannot_be_honoured_is_refused(client: OpenAI, engine: ScriptedEngine, given: Any, param: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.responses.create(**{"model": "tiny", "input": "hi", **given})
    assert caught.value.param == param
    assert not engine.heard


def test_what_only_a_hosted_service_can_honour_is_named(client: OpenAI, engine: ScriptedEngine) -> None:
    raw = client.responses.with_raw_response.create(model="tiny", input="hi", reasoning={"effort": "low"}, text={"verbosity": "low"}, user="u")
    assert set(raw.headers["x-tunesmith-ignored"].split(", ")) == {"reasoning", "text.verbosity", "user"}
