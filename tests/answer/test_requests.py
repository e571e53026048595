"""Each thing that may be asked, shown changing the answer as it is specified; what cannot be done is refused."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import pytest
import torch

from tests import tiny
from tests.answer.living import Client, Home, chat, complete
from tunesmith.answer.asked import Sampling, conversation
from tunesmith.answer.requests import count
from tunesmith.errors import BadData, Unsupported

ENDLESS = {2: -100, 0: -100}
"""Biases that keep an answer from ending."""
TOOLS = [
    {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {"x": {"enum": [1, 2]}}, "required": ["x"], "additionalProperties": False}}},
    {"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}, "additionalProperties": False}}},
]  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def client(home) -> Client:
    return Client(home)


@pytest.fixture(scope="module")
def base(home):
    return tiny.load(Path(home.base))


def letters(text: str) -> list[int]:
    return [tiny.TOKENS.index(letter) for letter in text]


def only(text: str) -> dict[int, float]:
    """Biases under which nothing but these letters is said."""
    return dict.fromkeys(letters(text), 100.0)


# ——— sampling ———


def test_seeds_decide_a_sampled_answer(home, client):
    ask = lambda **options: client.ask(chat(home.target, "hello", temperature=1.0, **options)).text()  # noqa: E731
    assert ask(seed=1) == ask(seed=1) != ask(seed=2)
    assert ask(seed=-(2**62)) == ask(seed=-(2**62))
    assert len({ask() for _ in range(4)}) > 1, "without a seed each time another"
    assert ask(seed=1, top_p=0.0) == client.ask(chat(home.target, "hello")).text(), "the smallest nucleus is greedy"


def test_temperature_flattens(home, client):
    said = {
        t: client.ask(chat(home.target, "hello", temperature=t, seed=5, max_tokens=60, logprobs=True, logit_bias=ENDLESS)) for t in (0.2, 1.0, 2.0)
    }
    means = [sum(one["logprob"] for one in told.logprobs()) for told in said.values()]
    assert means == sorted(means, reverse=True)


def test_top_p_keeps_to_the_likeliest(home, client):
    told = client.ask(chat(home.target, "hello", top_p=0.5, temperature=1.0, seed=1, max_tokens=60, logprobs=True, top_logprobs=20))
    places = [sum(math.exp(top["logprob"]) for top in one["top"] if top["logprob"] > one["logprob"]) for one in told.logprobs()]
    assert max(places) < 0.5, "more likely ones never make up the nucleus already"
    assert max(places) > 0, "and it is not greedy"


def test_penalties_make_answers_repeat_less(home, client):
    plain = {"max_tokens": 24, "logit_bias": only("abcde")}
    most = {}
    for name, options in (
        ("plain", {}),
        ("frequency", {"frequency_penalty": 2.0}),
        ("presence", {"presence_penalty": 2.0}),
        ("liked", {"frequency_penalty": -2.0}),
    ):
        most[name] = max(Counter(client.ask(chat(home.target, "hello", **plain | options)).text()).values())
    assert most["frequency"] < most["plain"] <= most["liked"] == 24
    assert most["presence"] <= most["plain"]


def test_a_bias_forbids_and_forces(home, client):
    among = {"max_tokens": 8, "logit_bias": only("abcdef")}
    first = client.ask(chat(home.target, "hello", **among)).text()[0]
    among["logit_bias"] = among["logit_bias"] | {letters(first)[0]: -100}
    assert first not in client.ask(chat(home.target, "hello", **among)).text()
    assert set(client.ask(chat(home.target, "hello", max_tokens=8, logit_bias=only("q"))).text()) == {"q"}


def test_stop_strings_end_the_answer(home, client):
    whole = client.ask(chat(home.target, "why?", max_tokens=24, logit_bias=ENDLESS))
    stop = whole.text()[3:5]
    cut = client.ask(chat(home.target, "why?", max_tokens=24, logit_bias=ENDLESS, stop=["never", stop]))
    assert cut.text() == whole.text()[: whole.text().index(stop)].strip()
    assert (cut.reasons(), whole.reasons()) == ({0: "stop"}, {0: "length"})
    assert cut.usage["completion_tokens"] < whole.usage["completion_tokens"] == 24


def test_max_tokens_and_the_context_bound_an_answer(home, client):
    assert client.ask(chat(home.target, "hello", max_tokens=3, logit_bias=ENDLESS)).usage["completion_tokens"] == 3
    told = client.ask(chat(home.target, "z" * 470, max_tokens=None, logit_bias=ENDLESS))
    assert told.usage["completion_tokens"] == 512 - told.usage["prompt_tokens"]
    assert told.reasons() == {0: "length"}
    assert client.ask(chat(home.target, "hello", max_tokens=0)).reasons() == {0: "length"}


def test_n_answers_are_drawn_apart_and_the_prompt_is_counted_once(home, client):
    told = client.ask(chat(home.target, "hello", n=4, temperature=1.0, seed=7, max_tokens=10))
    alone = client.ask(chat(home.target, "hello", temperature=1.0, seed=7, max_tokens=10))
    assert len({told.text(i) for i in range(4)}) == 4
    assert told.text(0) == alone.text(0)
    assert set(told.reasons()) == {0, 1, 2, 3}
    assert told.usage["prompt_tokens"] == alone.usage["prompt_tokens"]
    assert len({client.ask(chat(home.target, "hello", n=3)).text(i) for i in range(3)}) == 1, "greedy ones are the same"


def test_logprobs_are_the_model_s_own_whatever_steers_the_choice(home, client, base):
    told = client.ask(chat(home.target, "hello", max_tokens=6, temperature=1.5, seed=3, logprobs=True, top_logprobs=3, logit_bias=only("abc")))
    prompt = base.template.prompt(tiny.chat("hello"))
    said = letters(told.text())
    assert len(said) == 6
    with torch.no_grad():
        logits = base.network(input_ids=torch.tensor([prompt + said]), use_cache=False).logits[0].double().log_softmax(-1)
    for i, (one, token) in enumerate(zip(told.logprobs(), said, strict=True)):
        line = logits[len(prompt) - 1 + i]
        assert one["logprob"] == pytest.approx(float(line[token]), abs=1e-3)
        assert one["token"] == tiny.TOKENS[token] == bytes(one["bytes"]).decode()
        assert [top["logprob"] for top in one["top"]] == pytest.approx(line.topk(3).values.tolist(), abs=1e-3)
    assert all(line["delta"]["logprobs"] is None for line in client.ask(chat(home.target, "hello")).lines if "delta" in line)


# ——— form ———


def test_json_fits_its_schema_whenever_it_ends(home, client):
    schema = {
        "type": "object",
        "properties": {"a": {"enum": ["x", "yy"]}, "b": {"type": "boolean"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    }
    for seed in range(6):
        told = client.ask(chat(home.target, "hello", temperature=1.0, seed=seed, max_tokens=200, format={"kind": "json_schema", "schema": schema}))
        assert told.reasons() == {0: "stop"}
        value = json.loads(told.text())
        assert value["a"] in ("x", "yy")
        assert isinstance(value["b"], bool)
    told = client.ask(chat(home.target, "hello", n=3, temperature=1.0, seed=1, max_tokens=80, format={"kind": "json_object"}))
    ended = [i for i, reason in told.reasons().items() if reason == "stop"]
    assert all(isinstance(json.loads(told.text(i)), dict) for i in ended)
    assert ended


# ——— tools ———


@pytest.mark.parametrize(("choice", "names"), [("required", {"add", "find"}), ({"name": "find"}, {"find"}), ({"name": "add"}, {"add"})])
def test_a_call_that_is_required_is_made(home, client, choice, names):
    for seed in range(3):
        told = client.ask(chat(home.target, "hello", tools=TOOLS, tool_choice=choice, temperature=1.0, seed=seed, max_tokens=250))
        assert told.reasons() == {0: "tool_calls"}, told.text()
        (call,) = told.calls()
        assert call["name"] in names
        assert json.loads(call["arguments"]) == {} if call["name"] == "find" else json.loads(call["arguments"])["x"] in (1, 2)
        assert told.text() == ""


def say(client: Client, monkeypatch, text: str) -> None:
    """Make the model say this."""
    model = next(iter(client.residents.houses.values())).model
    script = iter([*model.tokenizer.encode(text, add_special_tokens=False), model.template.end_id])
    monkeypatch.setattr("tunesmith.answer.table.Table._drawn", lambda *_: next(script))


TWICE = '<call>{"name": "add", "arguments": {"x": 1}}</call><call>{"name": "find", "arguments": {}}</call>'


def test_calls_are_told_whole_and_what_spelt_them_is_not(home, client, monkeypatch):
    say(client, monkeypatch, "Let me see. " + TWICE)
    told = client.ask(chat(home.target, "hello", tools=TOOLS, max_tokens=200, temperature=1))
    assert told.text() == "Let me see."
    assert [(c["name"], json.loads(c["arguments"])) for c in told.calls()] == [("add", {"x": 1}), ("find", {})]
    assert told.reasons() == {0: "tool_calls"}


def test_without_parallel_calls_the_first_counts(home, client, monkeypatch):
    say(client, monkeypatch, TWICE)
    told = client.ask(chat(home.target, "hello", tools=TOOLS, parallel_tool_calls=False, max_tokens=200, temperature=1))
    assert [c["name"] for c in told.calls()] == ["add"]


def test_without_tools_and_with_none_a_call_is_text(home, client, monkeypatch):
    for options in ({}, {"tools": TOOLS, "tool_choice": "none"}):
        say(client, monkeypatch, TWICE)
        told = client.ask(chat(home.target, "hello", max_tokens=200, temperature=1, **options))
        assert (told.text(), told.calls(), told.reasons()) == (TWICE, [], {0: "stop"})


def test_a_strict_tool_and_a_form_hold_for_calls_that_may_be_made(home, client):
    strict = [{"type": "function", "function": tool["function"] | {"strict": True}} for tool in TOOLS]
    schema = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"], "additionalProperties": False}
    found = set()
    for seed in range(12):
        form = {"kind": "json_schema", "schema": schema}
        told = client.ask(chat(home.target, "hello", tools=strict, format=form, temperature=2.0, seed=seed, max_tokens=250))
        found.add(told.reasons()[0])
        for call in told.calls():
            assert call["name"] == "find" or json.loads(call["arguments"])["x"] in (1, 2)
        if told.reasons()[0] == "stop":
            assert isinstance(json.loads(told.text())["a"], bool)
    assert {"stop", "tool_calls"} <= found


def test_tools_stand_in_the_prompt(home, client):
    plain, given, hidden = (
        client.ask(chat(home.target, "hello", **o)).usage["prompt_tokens"] for o in ({}, {"tools": TOOLS}, {"tools": TOOLS, "tool_choice": "none"})
    )
    assert given > plain + 100
    assert hidden == plain


def test_a_conversation_with_calls_goes_on(home, client):
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"x": 1}'}}
    asked = chat(home.target, "1+1", tools=TOOLS)
    messages = [*asked.messages, {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c1", "content": "2"}]
    told = client.ask(asked.model_copy(update={"messages": messages}))
    assert told.error is None
    assert told.usage["prompt_tokens"] > client.ask(asked).usage["prompt_tokens"]


# ——— raw prompts ———


def plain_logprobs(base, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = base.network(input_ids=torch.tensor([ids]), use_cache=False).logits[0].double().log_softmax(-1)
    return found


def test_a_raw_prompt_is_continued_as_it_stands(home, client, base):
    told = client.ask(complete(home.target, ["hello wor", letters("abc")], max_tokens=5, logit_bias=ENDLESS))
    for i, ids in enumerate([base.tokenizer.encode("hello wor"), letters("abc")]):
        said: list[int] = []
        for _ in range(5):
            logits = plain_logprobs(base, ids + said)[-1].clone()
            logits[[0, 2]] = float("-inf")
            said.append(int(logits.argmax()))
        assert told.text(i) == base.tokenizer.decode(said)
    assert told.usage["prompt_tokens"] == len(base.tokenizer.encode("hello wor")) + 3


@pytest.mark.parametrize("kind", ["llama", "lfm2"])
@pytest.mark.parametrize("length", [5, 300])
def test_echo_without_an_answer_scores_the_prompt(tmp_path, kind, length):
    home = Home(tmp_path, kind)
    base, text = tiny.load(Path(home.base)), ("abcde " * 60)[:length]
    told = Client(home).ask(complete(home.target, [text], echo=True, max_tokens=0, logprobs=True, top_logprobs=2))
    ids = base.tokenizer.encode(text)
    expected = plain_logprobs(base, ids)
    assert told.text() == text
    assert told.usage == {"prompt_tokens": len(ids), "completion_tokens": 0, "cached_tokens": 0}
    first, *rest = told.logprobs()
    assert (first["logprob"], first["top"], len(rest)) == (None, [], len(ids) - 1)
    for i, one in enumerate(rest):
        assert one["logprob"] == pytest.approx(float(expected[i, ids[i + 1]]), abs=2e-3)
        assert [top["logprob"] for top in one["top"]] == pytest.approx(expected[i].topk(2).values.tolist(), abs=2e-3)


def test_echo_stands_before_the_answer(home, client):
    plain = client.ask(complete(home.target, ["hello"], max_tokens=4, logit_bias=ENDLESS))
    echoed = client.ask(complete(home.target, ["hello"], max_tokens=4, logit_bias=ENDLESS, echo=True, logprobs=True, n=2))
    assert echoed.text(0) == echoed.text(1) == "hello" + plain.text()
    assert len(echoed.logprobs()) == 1 + 4
    stopped = client.ask(complete(home.target, ["hello"], max_tokens=4, logit_bias=ENDLESS, echo=True, stop=["ell"]))
    assert stopped.text() == echoed.text(), "a stop string in the prompt stops nothing"


def test_the_best_of_several_are_told(home, client):
    options = {"temperature": 1.5, "seed": 11, "max_tokens": 6, "logprobs": True, "logit_bias": ENDLESS}
    every = client.ask(complete(home.target, ["hello"], n=5, **options))
    best = client.ask(complete(home.target, ["hello"], n=2, best_of=5, **options))
    means = {every.text(i): sum(one["logprob"] for one in every.logprobs(i)) for i in range(5)}
    expected = sorted(means, key=lambda text: -means[text])[:2]
    assert [best.text(0), best.text(1)] == expected
    assert set(best.reasons()) == {0, 1}
    assert best.usage["completion_tokens"] == 30


# ——— refusals ———


@pytest.mark.parametrize(
    ("options", "code", "where"),
    [
        ({"suffix": "x"}, "unsupported", "suffix"),
        ({"best_of": 2, "n": 3}, "bad_project", "best_of"),
        ({"logprobs": True, "top_logprobs": 6}, "bad_project", "logprobs"),
        ({"logit_bias": {-1: 1}}, "bad_project", "logit_bias"),
    ],
)
def test_what_a_raw_completion_cannot_do_is_refused(home, client, options, code, where):
    error = client.ask(complete(home.target, ["a"], **options)).error
    assert error is not None
    assert (error["code"], error["problems"][0]["where"]) == (code, where)


def test_token_ids_of_another_model_are_refused(home, client):
    error = client.ask(complete(home.target, [[5, 10**6]])).error
    assert error is not None
    assert error["problems"][0]["where"] == "prompts[0]"


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": {"name": "other"}}, "tool_choice"),
        ({"tools": [{"type": "retrieval"}]}, "tools[0]"),
        ({"tools": TOOLS, "choices": ["a", "b"]}, "choices"),
    ],
)
def test_what_a_chat_cannot_do_is_refused(home, client, options, where):
    error = client.ask(chat(home.target, "a", **options)).error
    assert error is not None
    assert error["problems"][0]["where"] == where


@pytest.mark.parametrize(
    ("messages", "error", "where"),
    [
        ([], BadData, "messages"),
        (["a"], BadData, "messages[0]"),
        ([{"role": "bot", "content": "a"}], BadData, "messages[0].role"),
        ([{"role": "user"}], BadData, "messages[0].content"),
        ([{"role": "user", "content": 3}], BadData, "messages[0].content"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}], Unsupported, "messages[0].content[0]"),
        ([{"role": "user", "content": [{"type": "text"}]}], BadData, "messages[0].content[0].text"),
        ([{"role": "assistant", "tool_calls": [{"id": "1"}]}], BadData, "messages[0].tool_calls[0]"),
        (
            [{"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": 3, "arguments": "{}"}}]}],
            BadData,
            "messages[0].tool_calls.0.function.name",
        ),
    ],
    ids=str,
)
def test_messages_that_are_none_are_named(messages, error, where):
    with pytest.raises(error) as raised:
        conversation(messages)
    assert raised.value.problems[0].where == where


def test_parts_of_text_are_joined_and_fields_of_other_services_are_left_out():
    said = conversation([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "refusal": None}])
    assert said.messages[0].content == "ab"


def test_a_field_that_nobody_reads_is_refused():
    with pytest.raises(ValueError, match="Extra inputs"):
        Sampling.model_validate({"top_k": 3})


def test_tokens_are_counted_as_they_are_asked(home, client):
    asked = chat(home.target, "hello", system="Be brief.", tools=TOOLS)
    told = client.ask(asked)
    assert count(asked, client.residents.there[home.target]) == told.usage["prompt_tokens"]
