"""Whatever won is served, and what is served is what was evaluated: the official client, the server and a real engine, one candidate of every kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response

from tests.console.conftest import serving
from tests.console.elected_place import INSTEAD, LABELS, PLAIN, QUESTIONS, TEXTS, Place, open_place
from tunesmith.answer.talk import talk
from tunesmith.console.configuration import Configuration
from tunesmith.spec.candidate import Retrieval
from tunesmith.spec.report import Scored

KINDS = [
    "majority-best", "classifier-best", "prompt-best", "prompt-labels-best", "few-shot-best", "tuned-best", "tuned-labels-best", "rag-best",
    "fine-tune-rag-best", "few-shot-retrieved-best", "remote-best",
]  # fmt: skip
SURE = [name for name in KINDS if name not in ("majority-best", "remote-best")]
FIXED = ["majority-best", "classifier-best", "prompt-labels-best", "few-shot-retrieved-best"]
TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with open_place(tmp_path_factory.mktemp("elected")) as opened:
        yield opened


@pytest.fixture(scope="module")
def asker(place: Place) -> Iterator[OpenAI]:
    with place.served.client(timeout=300) as opened:
        yield opened


def ask(asker: OpenAI, name: str, question: str, **options: Any) -> Any:
    return asker.chat.completions.create(model=name, messages=[{"role": "user", "content": question}], **options)


def heard(chunks: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """(text, what the first chunk tells beside it, what the last choice tells beside it) of a stream."""
    text, first, last = "", {}, {}
    for chunk in chunks:
        first |= (chunk.model_extra or {}).get("tunesmith") or {}
        for choice in chunk.choices:
            text += choice.delta.content or ""
            last |= (choice.model_extra or {}).get("tunesmith") or {}
    return text, first, last


def own(part: Any) -> dict[str, Any]:
    """What only this server tells."""
    return (part.model_extra or {}).get("tunesmith") or {}


@pytest.mark.parametrize("name", KINDS)
def test_what_is_served_is_what_was_evaluated(place: Place, asker: OpenAI, name: str) -> None:
    for question, row in zip(QUESTIONS, place.measured[name], strict=True):
        reply = ask(asker, name, question)
        choice = reply.choices[0]
        assert (row.answer, "chat.completion", name) == (choice.message.content, reply.object, reply.model)
        assert own(choice).get("confidence") == (None if row.confidence is None else pytest.approx(row.confidence, rel=1e-3))
        assert "declined" not in own(choice)
        assert row.shown == tuple(source["id"] for source in own(reply).get("sources", ()))
        assert reply.usage is not None
        if place.elected[name].reader is not None:
            assert (row.prompt_tokens, row.completion_tokens) == (reply.usage.prompt_tokens, reply.usage.completion_tokens)
        text, first, last = heard(ask(asker, name, question, stream=True))
        assert (text, first, last) == (row.answer, own(reply), pytest.approx(own(choice)))
    with asker.chat.completions.stream(model=name, messages=[{"role": "user", "content": QUESTIONS[0]}]) as stream:
        texts = [event.snapshot for event in stream if event.type == "content.delta"]
        assert ["", *texts][-1] == place.measured[name][0].answer


@pytest.mark.parametrize("name", KINDS)
def test_responses_and_the_terminal_say_the_same(place: Place, asker: OpenAI, name: str) -> None:
    row = place.measured[name][1]
    plain = asker.responses.create(model=name, input=QUESTIONS[1])
    assert row.answer == plain.output_text
    with asker.responses.stream(model=name, input=QUESTIONS[1]) as stream:
        final = [event.response for event in stream if event.type in ("response.completed", "response.incomplete")][-1]
    assert (final.output_text, own(final).get("sources")) == (row.answer, own(plain).get("sources"))
    assert own(final).get("confidence") == (None if row.confidence is None else pytest.approx(row.confidence, rel=1e-3))
    assert row.shown == tuple(source["id"] for source in own(plain).get("sources", ()))
    said: list[dict[str, Any]] = []
    talk({"model": name}, place.bench, iter([{"messages": [{"role": "user", "content": QUESTIONS[1]}]}]), said.append)
    assert (row.answer, row.shown) == (said[-1]["answer"]["text"], tuple(said[-1]["answer"]["shown"]))


@pytest.mark.parametrize("name", KINDS)
def test_replies_keep_the_contract(place: Place, name: str) -> None:
    """What the official types demand is there; what we add is beside it."""
    body: dict[str, Any] = {"model": name, "messages": [{"role": "user", "content": QUESTIONS[0]}]}
    whole = place.served.ask("POST", "/v1/chat/completions", json=body)
    assert ChatCompletion.model_validate(whole.json()).choices[0].finish_reason in ("stop", "length")
    streamed = place.served.ask("POST", "/v1/chat/completions", json=body | {"stream": True, "stream_options": {"include_usage": True}})
    frames = [json.loads(line.removeprefix("data: ")) for line in streamed.text.splitlines() if line.startswith("data: {")]
    chunks = [ChatCompletionChunk.model_validate(frame) for frame in frames]
    assert (chunks[0].choices[0].delta.role, chunks[-2].choices[0].finish_reason is not None, chunks[-1].usage is not None) == (
        "assistant",
        True,
        True,
    )
    assert sum("sources" in frame.get("tunesmith", {}) for frame in frames) == int(isinstance(place.elected[name].candidate, Retrieval))
    response = place.served.ask("POST", "/v1/responses", json={"model": name, "input": QUESTIONS[0]})
    assert Response.model_validate(response.json()).status in ("completed", "incomplete")


def test_the_description_knows_the_extension(place: Place) -> None:
    described = place.served.ask("GET", "/openapi.json").json()
    for path in ("/v1/chat/completions", "/v1/responses"):
        assert "decline" in json.dumps(described["paths"][path]["post"]["requestBody"])


def test_usage_of_an_encoder_and_of_nothing(asker: OpenAI) -> None:
    read = ask(asker, "classifier-best", QUESTIONS[0]).usage
    assert (read.prompt_tokens > 5, read.completion_tokens) == (True, 0)
    assert ask(asker, "majority-best", QUESTIONS[0]).usage.total_tokens == 0
    assert ask(asker, "remote-best", QUESTIONS[0]).usage.total_tokens == 15


def test_passages_are_told_with_their_place_and_examples_by_id_alone(asker: OpenAI) -> None:
    first, second = own(ask(asker, "rag-best", QUESTIONS[1]))["sources"]
    assert first == {"id": "e1", "kind": "passage", "place": "rules.md line 2", "text": TEXTS[1]}
    assert second["kind"] == "passage"
    assert {"id", "kind"} == set(own(ask(asker, "few-shot-retrieved-best", QUESTIONS[1]))["sources"][0])


def declined(row: Scored, place: Place, name: str) -> bool:
    threshold = place.elected[name].threshold
    return threshold is not None and threshold.declines(row.confidence)


@pytest.mark.parametrize("name", SURE)
def test_it_declines_below_its_threshold_where_that_is_asked_for(place: Place, asker: OpenAI, name: str) -> None:
    expected = [declined(row, place, name) for row in place.measured[name]]
    assert set(expected) == {True, False}
    for question, row, is_declined in zip(QUESTIONS, place.measured[name], expected, strict=True):
        wanted = INSTEAD if is_declined else row.answer
        reply = ask(asker, name, question, extra_body={"tunesmith": {"decline": True}})
        choice = reply.choices[0]
        assert (choice.message.content, choice.finish_reason in ("stop", "length"), own(choice)["declined"]) == (wanted, True, is_declined)
        text, _, last = heard(ask(asker, name, question, stream=True, extra_body={"tunesmith": {"decline": True}}))
        assert (text, last["declined"]) == (wanted, is_declined)
        response = asker.responses.create(model=name, input=question, extra_body={"tunesmith": {"decline": True}})
        assert (response.output_text, own(response)["declined"]) == (wanted, is_declined)
        said: list[dict[str, Any]] = []
        talk({"model": name, "decline": True}, place.bench, iter([{"messages": [{"role": "user", "content": question}]}]), said.append)
        assert (said[-1]["answer"]["text"], said[-1]["declined"], any("piece" in line for line in said)) == (wanted, is_declined, False)


def test_a_server_can_decline_by_itself_and_a_request_can_say_otherwise(place: Place) -> None:
    name = "classifier-best"
    number = next(i for i, row in enumerate(place.measured[name]) if declined(row, place, name))
    with serving(place.served.console.store.home, Configuration(decline=True)) as other, other.client(timeout=300) as asker:
        assert ask(asker, name, QUESTIONS[number]).choices[0].message.content == INSTEAD
        plain = ask(asker, name, QUESTIONS[number], extra_body={"tunesmith": {"decline": False}}).choices[0]
        assert plain.message.content == place.measured[name][number].answer
        assert ask(asker, "majority-best", QUESTIONS[0]).choices[0].message.content == "loan"  # it has none to decline below


@pytest.mark.parametrize("name", ["majority-best", "remote-best"])
def test_declining_without_a_threshold_is_refused(place: Place, asker: OpenAI, name: str) -> None:
    for model in (name, PLAIN):
        with pytest.raises(BadRequestError) as caught:
            ask(asker, model, "hello", extra_body={"tunesmith": {"decline": True}})
        assert caught.value.param == "tunesmith.decline"
    with pytest.raises(Exception, match="no threshold"):
        talk({"model": name, "decline": True}, place.bench, iter(()), lambda line: None)


def test_candidates_are_listed_and_found(asker: OpenAI) -> None:
    assert {model.id for model in asker.models.list()} == {*KINDS, PLAIN}
    assert asker.models.retrieve("rag-best").owned_by == "tunesmith"
    with pytest.raises(NotFoundError, match=r"Models of this server: .*rag-best"):
        asker.models.retrieve("rag-bets")


def test_a_key_that_is_confined_to_its_own_things_sees_none(place: Place) -> None:
    with place.served.client(place.served.key(own_only=True)) as confined:
        assert list(confined.models.list()) == []
        with pytest.raises(NotFoundError):
            ask(confined, "rag-best", "hello")


@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"tools": [TOOL]}, "tools"),
        ({"n": 2}, "n"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"logprobs": True}, "logprobs"),
        ({"logit_bias": {"5": 3}}, "logit_bias"),
        ({"frequency_penalty": 1}, "frequency_penalty"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"stop": "a"}, "stop"),
        ({"extra_body": {"tunesmith": {"choices": ["a", "b"]}}}, "tunesmith.choices"),
        ({"extra_body": {"tunesmith": {"no_prompt": True}}}, "tunesmith.no_prompt"),
    ],
)
def test_what_a_candidate_among_labels_cannot_do_is_refused(asker: OpenAI, name: str, given: Any, param: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        ask(asker, name, "hello", **given)
    assert (caught.value.code, caught.value.param) == ("unsupported", param)
    assert name.removesuffix("-best").removesuffix("-labels") in caught.value.message


@pytest.mark.parametrize(
    ("given", "param"), [({"n": 2}, "n"), ({"top_p": 0.5}, "top_p"), ({"tools": [TOOL]}, "tools"), ({"logprobs": True}, "logprobs")]
)
def test_what_a_model_elsewhere_is_not_asked_for_is_refused(asker: OpenAI, given: Any, param: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        ask(asker, "remote-best", "hello", **given)
    assert caught.value.param == param


@pytest.mark.parametrize("name", KINDS)
def test_no_candidate_continues_a_text(asker: OpenAI, name: str) -> None:
    with pytest.raises(NotFoundError, match="v1/chat/completions") as caught:
        asker.completions.create(model=name, prompt="once")
    assert caught.value.code == "model_not_supported"


def test_what_changes_nothing_is_named(asker: OpenAI) -> None:
    messages: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTIONS[0]}]
    raw = asker.chat.completions.with_raw_response.create(model="classifier-best", messages=messages, temperature=0.5, max_tokens=1)
    assert raw.headers["x-tunesmith-ignored"] == "temperature, max_tokens, messages[0]"
    assert raw.parse().choices[0].message.content in LABELS
    raw = asker.chat.completions.with_raw_response.create(model="prompt-best", messages=messages, temperature=0.5)
    assert ("x-tunesmith-ignored" in raw.headers, raw.headers["x-tunesmith-prompt"]) == (False, "own")
    answered = asker.responses.with_raw_response.create(model="majority-best", input="a", instructions="b", top_p=0.2)
    assert answered.headers["x-tunesmith-ignored"] == "top_p, instructions"


@pytest.mark.parametrize("name", ["prompt-best", "tuned-best", "rag-best"])
def test_a_candidate_that_writes_does_all_that_its_model_does(asker: OpenAI, name: str) -> None:
    drawn = ask(asker, name, QUESTIONS[0], temperature=1.5, n=2, seed=3, logprobs=True, max_tokens=6)
    assert len({choice.message.content for choice in drawn.choices}) == 2
    assert [choice.message.content for choice in drawn.choices] == [
        choice.message.content for choice in ask(asker, name, QUESTIONS[0], temperature=1.5, n=2, seed=3, max_tokens=6).choices
    ]
    assert all(choice.logprobs is not None and choice.logprobs.content for choice in drawn.choices)
    called = ask(asker, name, QUESTIONS[0], tools=[TOOL], tool_choice="required", seed=1, max_tokens=200).choices[0]
    assert called.finish_reason in ("tool_calls", "length")
    counted = asker.responses.input_tokens.count(model=name, input=QUESTIONS[0]).input_tokens
    assert counted == ask(asker, name, QUESTIONS[0]).usage.prompt_tokens


def test_what_has_no_prompt_counts_no_tokens(asker: OpenAI) -> None:
    with pytest.raises(BadRequestError, match="no prompt"):
        asker.responses.input_tokens.count(model="classifier-best", input="a")


def test_a_model_elsewhere_is_named_and_asked_each_time(place: Place, asker: OpenAI) -> None:
    raw = asker.chat.completions.with_raw_response.create(model="remote-best", messages=[{"role": "user", "content": "abc"}])
    assert f"large at {place.teacher.url}: what it is asked leaves this machine" in raw.headers["x-tunesmith-note"]
    before = len(place.teacher.heard)
    ask(asker, "remote-best", "abc")
    assert len(place.teacher.heard) == before + 1  # nobody's answer is kept for another


def test_only_a_tuned_candidate_is_trained_further(asker: OpenAI) -> None:
    with pytest.raises(BadRequestError) as caught:
        asker.fine_tuning.jobs.create(model="classifier-best", training_file="file-1")
    assert caught.value.code == "model_not_available"
    with pytest.raises(BadRequestError) as caught:
        asker.fine_tuning.jobs.create(model="tuned-best", training_file="file-1")
    assert caught.value.code == "file_not_found"
