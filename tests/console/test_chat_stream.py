"""A chat completion as a stream: its frames, the official client's helpers, and how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import httpx2
import pytest
from openai import APIError, BadRequestError, OpenAI

from tests.console.conftest import Served
from tests.console.scripted_engine import FOR_EVER, START, ScriptedEngine, calls, end, error, listening, says, token, whole
from tests.console.test_chat import HI, TIME, WEATHER, Answer
from tunesmith.console.asking import PING, with_pings


@pytest.fixture
def engine(served: Served) -> Iterator[ScriptedEngine]:
    with listening(ScriptedEngine(), served.console.engine_socket) as answering:
        yield answering


def frames(served: Served, **body: Any) -> list[Any]:
    """The raw frames of a stream, parsed; the last one is the text `[DONE]`."""
    reply = served.ask("POST", "/v1/chat/completions", json={"model": "tiny", "messages": HI, "stream": True, **body})
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.text.endswith("\n\n")
    found = [frame.removeprefix("data: ") for frame in reply.text.split("\n\n")[:-1]]
    return [frame if frame == "[DONE]" else json.loads(frame) for frame in found]


def test_role_first_then_pieces_then_the_reason_then_done(served: Served, engine: ScriptedEngine) -> None:
    *chunks, last = frames(served)
    assert last == "[DONE]"
    assert [c["choices"][0]["delta"] for c in chunks] == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "Hel"},
        {"content": "lo."},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    assert {"chat.completion.chunk"} == {chunk["object"] for chunk in chunks}
    assert [len({chunk[name] for chunk in chunks}) for name in ("id", "created", "system_fingerprint")] == [1, 1, 1]
    assert not any("usage" in chunk for chunk in chunks)


def test_usage_comes_last_and_only_where_it_was_asked_for(served: Served, engine: ScriptedEngine) -> None:
    *chunks, final, _ = frames(served, stream_options={"include_usage": True})
    assert all(chunk["usage"] is None for chunk in chunks)
    assert (final["choices"], final["usage"]["total_tokens"]) == ([], 10)


def test_obfuscation_makes_every_text_equally_long(served: Served, engine: ScriptedEngine) -> None:
    chunks = frames(served, stream_options={"include_obfuscation": True})[:-1]
    assert {64} == {len(chunk["obfuscation"]) + len(chunk["choices"][0]["delta"].get("content") or "") for chunk in chunks}


def test_characters_that_some_clients_take_for_line_ends_are_escaped(served: Served, engine: ScriptedEngine) -> None:
    engine.says(whole("a\u2028b\r\n\x85c"))
    assert frames(served)[1]["choices"][0]["delta"] == {"content": "a\u2028b\r\n\x85c"}


def test_streamed_is_not_streamed(client: OpenAI, engine: ScriptedEngine) -> None:
    heard = [token("Hel", -0.1, (("Hel", -0.1),))]
    pieces = [{"delta": {"index": i, "text": t, "logprobs": heard}} for i, t in ((0, "Hel"), (1, "x"), (0, "lo"))]
    engine.says([START, *pieces, *says(index=0), *says(index=1, reason="length"), end()])
    options: dict[str, Any] = {"model": "tiny", "messages": HI, "n": 2, "logprobs": True, "top_logprobs": 1}
    plain = client.chat.completions.create(**options)
    texts, reasons, tokens = ["", ""], ["", ""], [0, 0]
    for chunk in client.chat.completions.create(**options, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            reasons[choice.index] = choice.finish_reason or ""
            tokens[choice.index] += len(choice.logprobs.content or []) if choice.logprobs else 0
    assert [(c.message.content, c.finish_reason) for c in plain.choices] == list(zip(texts, reasons, strict=True))
    assert [len(c.logprobs.content or []) for c in plain.choices if c.logprobs] == tokens


def test_calls_come_with_their_name_first_and_their_arguments_after(served: Served, engine: ScriptedEngine) -> None:
    engine.says([START, *says("Let me see.")[:1], *calls(("weather", '{"a":1}'), ("time", "{}")), end()])
    deltas = [chunk["choices"][0]["delta"] for chunk in frames(served, tools=[WEATHER, TIME])[2:-2]]
    assert deltas == [
        {"tool_calls": [{"index": 0, "id": "call_0abc", "type": "function", "function": {"name": "weather", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]},
        {"tool_calls": [{"index": 1, "id": "call_1abc", "type": "function", "function": {"name": "time", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
    ]


def test_a_call_asked_for_in_the_old_way_streams_in_the_old_way(served: Served, engine: ScriptedEngine) -> None:
    engine.says([START, *calls(("time", "{}")), end()])
    *_, name, arguments, last, _done = frames(served, functions=[TIME["function"]])
    assert [chunk["choices"][0]["delta"] for chunk in (name, arguments)] == [
        {"function_call": {"name": "time", "arguments": ""}},
        {"function_call": {"arguments": "{}"}},
    ]
    assert last["choices"][0]["finish_reason"] == "function_call"


def test_the_streaming_helper_collects_the_answer(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says(whole('{"num', 'ber":7}'))
    with client.chat.completions.stream(model="tiny", messages=HI, response_format=Answer) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert Answer(number=7) == final.choices[0].message.parsed
    assert {"chunk", "content.delta", "content.done"} <= set(kinds)


def test_the_streaming_helper_collects_calls(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says([START, *calls(("weather", '{"city":"Bern"}')), end()])
    with client.chat.completions.stream(model="tiny", messages=HI, tools=[WEATHER]) as stream:
        called = (stream.get_final_completion().choices[0].message.tool_calls or [])[0]
    assert (called.function.name, called.function.arguments) == ("weather", '{"city":"Bern"}')


def test_what_fails_before_the_first_word_has_a_status(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.says(error("does_not_fit", got="9 tokens", expected="at most 5"))
    with pytest.raises(BadRequestError):
        client.chat.completions.create(model="tiny", messages=HI, stream=True)


@pytest.mark.parametrize("ending", [error("unsupported", "it went wrong"), [None]])
def test_what_fails_later_is_told_inside_the_stream(client: OpenAI, engine: ScriptedEngine, ending: list[Any]) -> None:
    engine.says([START, *says("Hel")[:1], *ending])
    chunks = iter(client.chat.completions.create(model="tiny", messages=HI, stream=True))
    assert [next(chunks).choices[0].delta.content for _ in range(2)] == ["", "Hel"]
    with pytest.raises(APIError) as caught:
        next(chunks)
    assert caught.value.message


def test_a_client_that_leaves_ends_the_work(served: Served, engine: ScriptedEngine) -> None:
    engine.says([START, *[line for _ in range(200) for line in ({"delta": {"index": 0, "text": "x", "logprobs": None}}, 0.05)], FOR_EVER, end()])
    with httpx2.stream(
        "POST", f"{served.address}/v1/chat/completions", json={"model": "tiny", "messages": HI, "stream": True}, headers={"authorization": f"Bearer {served.secret}"}, timeout=300,
    ) as reply:  # fmt: skip
        assert next(reply.iter_lines())
    assert engine.wait_for_break()


def test_a_client_that_leaves_during_a_silence_ends_the_work(served: Served, engine: ScriptedEngine) -> None:
    engine.says([START, FOR_EVER, end()])
    with httpx2.stream(
        "POST", f"{served.address}/v1/chat/completions", json={"model": "tiny", "messages": HI, "stream": True}, headers={"authorization": f"Bearer {served.secret}"}, timeout=300,
    ) as reply:  # fmt: skip
        assert next(reply.iter_lines())
    assert engine.wait_for_break()


def test_a_long_silence_is_filled_with_comments() -> None:
    async def slow(is_over: asyncio.Event) -> AsyncGenerator[str]:
        yield "a"
        await is_over.wait()
        yield "b"

    async def heard() -> list[str]:
        found, is_over = [], asyncio.Event()
        async for frame in with_pings(slow(is_over), every_s=0.05):
            found.append(frame)
            if found.count(PING) == 2:
                is_over.set()
        return found

    first, *pings, last = asyncio.run(heard())
    assert (first, last) == ("a", "b")
    assert len(pings) >= 2
    assert {PING} == set(pings)
    assert PING == ": ping\n\n"
