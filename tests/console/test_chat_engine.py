"""The official client, the server and a real engine process on a tiny random model: every parameter changes the answer, or the answer shows it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from openai import BadRequestError, InternalServerError, OpenAI
from pydantic import BaseModel

from tests import tiny
from tests.console.conftest import Served, serving
from tests.waiting import until
from tunesmith.catalogue.pull import pull
from tunesmith.console import chat_request
from tunesmith.console.configuration import Configuration
from tunesmith.console.engine_client import single
from tunesmith.jobs.programs import program
from tunesmith.spec.job import Silent

ASK: Any = [{"role": "user", "content": "hello there"}]
CLOSED = {"type": "object", "properties": {"n": {"type": "boolean"}}, "required": ["n"], "additionalProperties": False}
TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": CLOSED}}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose engine is the real one."""
    place = tmp_path_factory.mktemp("real")
    home = place / "home"
    pull(str(tiny.save(place / "tiny")), home / "models", Silent(), offline=True)
    with serving(home, Configuration()) as served:
        socket = served.console.engine_socket
        command = [*program("tunesmith.serve.run"), str(home), "--socket", str(socket), "--parent", str(os.getpid())]
        exact = os.environ | {"TUNESMITH_DTYPE": "float32"}  # in bf16 the same question rounds otherwise once its beginning is kept
        with (place / "engine.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log, env=exact) as engine:
            until(lambda: "engine ready" in (place / "engine.log").read_text() or engine.poll() is not None)
            yield served
            engine.terminate()


@pytest.fixture(scope="module")
def asker(real: Served) -> Iterator[OpenAI]:
    with real.client(timeout=300) as opened:
        yield opened


def said(asker: OpenAI, **options: Any) -> str:
    """The answer's text; greedy unless a temperature is given."""
    given = {"model": "tiny", "messages": ASK, "max_tokens": 12, "temperature": 0, **options}
    return asker.chat.completions.create(**given).choices[0].message.content or ""


def test_streamed_is_not_streamed(asker: OpenAI) -> None:
    options: Any = {"model": "tiny", "messages": ASK, "max_tokens": 20, "seed": 5, "n": 3}
    plain = asker.chat.completions.create(**options)
    texts = ["", "", ""]
    for chunk in asker.chat.completions.create(**options, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == [choice.message.content for choice in plain.choices]
    assert len(set(texts)) == 3
    assert plain.usage is not None
    assert plain.usage.completion_tokens <= 60


def test_every_parameter_changes_the_answer(asker: OpenAI) -> None:
    plain = said(asker)
    assert plain == said(asker)
    assert said(asker, max_tokens=3) != plain
    assert said(asker, max_completion_tokens=3, max_tokens=None) == said(asker, max_tokens=3)
    assert said(asker, temperature=2, seed=1) != said(asker, temperature=2, seed=2)
    assert said(asker, temperature=2, seed=-(2**63)) == said(asker, temperature=2, seed=-(2**63))
    assert said(asker, temperature=2, seed=1, top_p=0.0) == plain
    stop = plain[2:4]
    assert said(asker, stop=stop) == plain[: plain.index(stop)]
    assert said(asker, messages=[{"role": "system", "content": "s"}, *ASK]) != plain
    bias = asker.chat.completions.create(model="tiny", messages=ASK, max_tokens=6, temperature=0, logit_bias={"70": 100}, logprobs=True).choices[0]
    assert bias.logprobs is not None
    assert len({one.token for one in bias.logprobs.content or []}) == 1
    assert said(asker, max_tokens=30, frequency_penalty=2) != said(asker, max_tokens=30, frequency_penalty=-2)
    assert said(asker, max_tokens=30, presence_penalty=2) != said(asker, max_tokens=30, presence_penalty=-2)


def test_logprobs_are_of_the_tokens_that_were_said(asker: OpenAI) -> None:
    choice = asker.chat.completions.create(model="tiny", messages=ASK, max_tokens=8, temperature=0, logprobs=True, top_logprobs=3).choices[0]
    assert choice.logprobs is not None
    for one in choice.logprobs.content or []:
        assert len(one.top_logprobs) == 3
        assert one.logprob == max(other.logprob for other in one.top_logprobs)


class Number(BaseModel):
    """For `.parse()`."""

    a: bool


def test_answers_fit_what_was_asked_for(asker: OpenAI) -> None:
    parsed = asker.chat.completions.parse(model="tiny", messages=ASK, response_format=Number, seed=3, max_tokens=200).choices[0].message.parsed
    assert isinstance(parsed, Number)
    assert asker.responses.parse(model="tiny", input="hello", text_format=Number).output_parsed is not None
    chosen = said(asker, extra_body={"tunesmith": {"choices": ["yes", "no"]}})
    assert chosen in ("yes", "no")


def test_a_tool_that_must_be_called_is_called(asker: OpenAI) -> None:
    options: Any = {"model": "tiny", "messages": ASK, "tools": [TOOL], "tool_choice": "required", "seed": 1, "max_tokens": 200}
    choice = asker.chat.completions.create(**options).choices[0]
    assert choice.finish_reason == "tool_calls", ascii(choice.message.content)[:300]
    called = (choice.message.tool_calls or [])[0]
    assert called.type == "function"
    assert (called.function.name, list(json.loads(called.function.arguments))) == ("weather", ["n"])
    with asker.chat.completions.stream(**options) as stream:
        streamed = (stream.get_final_completion().choices[0].message.tool_calls or [])[0]
    assert streamed.function.arguments == called.function.arguments


def test_completions_echo_score_and_choose_the_best(asker: OpenAI) -> None:
    scored = asker.completions.create(model="tiny", prompt="hello", echo=True, max_tokens=0, logprobs=2).choices[0]
    assert (scored.text, scored.logprobs is not None) == ("hello", True)
    assert scored.logprobs is not None
    assert "".join(scored.logprobs.tokens or []) == "hello"
    both = asker.completions.create(model="tiny", prompt=["hello", "there"], n=2, best_of=4, max_tokens=5, seed=1)
    assert [choice.index for choice in both.choices] == [0, 1, 2, 3]
    many = asker.completions.create(model="tiny", prompt="hello", n=25, max_tokens=2)
    assert len(many.choices) == 25
    chunks = asker.completions.create(model="tiny", prompt="hello", max_tokens=6, temperature=0, echo=True, stream=True)
    plain = asker.completions.create(model="tiny", prompt="hello", max_tokens=6, temperature=0, echo=True)
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == plain.choices[0].text


def test_responses_go_on_and_count(asker: OpenAI) -> None:
    first = asker.responses.create(model="tiny", input="hello", max_output_tokens=16, temperature=0)
    with asker.responses.stream(model="tiny", input="hello", max_output_tokens=16, temperature=0) as stream:
        texts = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
    assert texts == first.output_text
    second = asker.responses.create(model="tiny", input="and?", previous_response_id=first.id, max_output_tokens=16)
    assert second.usage is not None
    counted = asker.responses.input_tokens.count(model="tiny", input="and?", previous_response_id=first.id).input_tokens
    assert counted == second.usage.input_tokens


def test_more_than_the_context_holds_is_told_with_both_numbers(asker: OpenAI) -> None:
    with pytest.raises(BadRequestError) as caught:
        asker.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "x" * 600}])
    assert caught.value.code == "context_length_exceeded"
    assert "maximum context length is 512 tokens" in caught.value.message
    turns: Any = [{"role": "user", "content": "x" * 300}] * 2 + [{"role": "user", "content": "y"}]
    assert asker.responses.create(model="tiny", input=turns, truncation="auto", max_output_tokens=16).usage is not None


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"logit_bias": {"999999": 1}}, "logit_bias"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "nonsense"}}}},
            "response_format.json_schema.schema",
        ),
    ],
)
def test_what_only_the_engine_can_refuse_is_a_400_that_names_it(asker: OpenAI, given: Any, param: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        asker.chat.completions.create(model="tiny", messages=ASK, **given)
    assert caught.value.param == param


def running(real: Served) -> int:
    """Answers that the engine is writing."""
    return int(asyncio.run(single(real.console.engine_socket, {"op": "status"}, "running"))["running"])


def test_a_client_that_leaves_frees_the_engine(real: Served) -> None:
    with real.client(timeout=300) as leaving:
        stream = leaving.chat.completions.create(model="tiny", messages=ASK, stream=True, logit_bias={"2": -100, "0": -100})
        next(iter(stream))
        stream.close()
    until(lambda: running(real) == 0)


def test_an_answer_that_takes_too_long_ends_and_its_place_is_free(real: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for deadline_s in (0.1 * 2**n for n in range(12)):  # a busy machine may need longer to begin
        monkeypatch.setattr(chat_request, "DEADLINE_S", deadline_s)
        with real.client(timeout=300, max_retries=2) as client, pytest.raises(InternalServerError) as caught:
            client.chat.completions.create(model="tiny", messages=ASK, logit_bias={"2": -100, "0": -100}, n=20)
        assert (caught.value.status_code, caught.value.code) == (504, "timeout")
        if "retry-after" not in caught.value.response.headers:
            break
    assert caught.value.response.headers["x-should-retry"] == "false"
    until(lambda: running(real) == 0)


def test_twenty_chats_at_once_are_all_answered(real: Served) -> None:
    with real.client(timeout=300) as shared, ThreadPoolExecutor(20) as threads:
        texts = list(threads.map(lambda i: said(shared, messages=[{"role": "user", "content": f"hello {i % 5}"}]), range(20)))
    assert texts[:5] == texts[5:10] == texts[15:]
