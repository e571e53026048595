"""Request lines: what is asked, or why it cannot be used, without repeating what somebody wrote."""

from __future__ import annotations

import json

import pytest

from tunesmith.answer.asked import JsonSchema, Target
from tunesmith.errors import BadProject
from tunesmith.serve.protocol import ChatAsked, CompleteAsked, Embed, Status, Yield, encode, parse

CHAT = {
    "op": "chat",
    "owner": "key_1",
    "deadline_s": 30.0,
    "target": {"base": "b", "checkpoint": None},
    "messages": [{"role": "user", "content": "hi"}],
    "tools": None,
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "sampling": {
        "max_tokens": None, "temperature": 1.0, "top_p": 1.0, "n": 1, "stop": [], "seed": None, "frequency_penalty": 0, "presence_penalty": 0,
        "logit_bias": {"17": -5}, "logprobs": True, "top_logprobs": 3, "format": {"kind": "json_schema", "schema": {"type": "object"}},
    },
}  # fmt: skip
COMPLETE = {
    "op": "complete",
    "owner": "k",
    "deadline_s": None,
    "target": {"base": "b"},
    "prompts": ["a", [1, 2]],
    "echo": True,
    "best_of": 2,
    "suffix": None,
}


def line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


def test_a_whole_request_is_read():
    asked = parse(line(CHAT))
    assert isinstance(asked, ChatAsked)
    assert asked.target == Target(base="b")
    assert asked.sampling.logit_bias == {17: -5.0}
    assert isinstance(asked.sampling.form, JsonSchema)
    assert asked.sampling.form.schema_ == {"type": "object"}
    named = parse(line(CHAT | {"tool_choice": {"name": "f"}}))
    assert isinstance(named, ChatAsked)
    assert named.tool_choice.name == "f"  # type: ignore[union-attr]
    raw = parse(line(COMPLETE))
    assert isinstance(raw, CompleteAsked)
    assert raw.prompts == ("a", (1, 2))
    assert isinstance(parse(line({"op": "embed", "model": "m", "inputs": ["a", [1]]})), Embed)
    assert isinstance(parse(line({"op": "status"})), Status)
    assert isinstance(parse(line({"op": "yield", "share": 0.5})), Yield)


@pytest.mark.parametrize(
    "raw",
    [
        b"\n", b"{\n", b"[]\n", b"3\n", b"null\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n", line({}), line({"op": "other"}), line(CHAT | {"messages": "secret"}),
        line(CHAT | {"more": "secret"}), line(CHAT | {"sampling": {"temperature": "secret"}}), line(CHAT | {"sampling": {"n": 129}}),
        line(CHAT | {"sampling": {"secret": 1}}), line(CHAT | {"target": "secret"}), line(COMPLETE | {"prompts": []}), line({"op": "yield", "share": 0}),
        line(CHAT | {"sampling": {"top_p": 1.5}}), line(CHAT | {"sampling": {"max_tokens": -1}}), line(CHAT | {"tool_choice": "secret"}),
        line(CHAT | {"sampling": {"format": {"kind": "other"}}}),
    ],
    ids=range(21),
)  # fmt: skip
def test_what_is_no_request_is_refused_without_being_repeated(raw):
    with pytest.raises(BadProject) as error:
        parse(raw)
    assert error.value.problems[0].where == "request"
    assert "secret" not in str(error.value).replace("sampling.secret", "")


def test_any_text_is_one_line():
    sent = encode({"delta": {"text": "a\nb é \ud83d"}})
    assert sent.count(b"\n") == 1
    assert json.loads(sent.decode("utf-8", "surrogatepass"))["delta"]["text"] == "a\nb é \ud83d"
