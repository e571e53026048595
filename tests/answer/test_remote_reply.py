"""What each response of an endpoint means."""

from __future__ import annotations

import contextlib
import doctest
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.answer import remote_reply
from tunesmith.answer.remote_reply import Unknown, Wait, answer, judged, masking, retry_after, said
from tunesmith.errors import TunesmithError
from tunesmith.spec.chat import Message
from tunesmith.spec.making_teacher import Asked, Failure, Reply

ASKED = Asked(messages=(Message(role="user", content="hello there"),))
SENT = {"model": "m", "messages": [], "temperature": 0.0, "max_tokens": 5, "response_format": {"type": "json_schema"}}


def verdict(status, body=b"", headers=None, sent=SENT):
    return judged(status, headers or {}, body, ASKED, sent, "https://x.org:443", masking("sk-secret1"))


def test_examples():
    assert doctest.testmod(remote_reply).failed == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "max_tokens"),
        ("'temperature' does not support 0.0 with this model", "temperature"),
        ("response_format is not available", "response_format"),
    ],
)
def test_a_part_that_the_endpoint_does_not_know(body, field):
    assert verdict(400, json.dumps({"error": {"message": body}}).encode()) == Unknown(field)


def test_a_part_that_was_not_sent_is_no_way_out():
    found = verdict(400, b'{"error": {"message": "seed is unknown"}}')
    assert isinstance(found, Failure)
    assert found.reason == "refused"


def test_too_many_tokens_are_no_unknown_part():
    found = verdict(400, b'{"error": {"message": "max_tokens is too large: the maximum context length is 2048"}}')
    assert isinstance(found, Failure)
    assert found.reason == "too_long"


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "no sk-secret1"}}', b'{"error": "no sk-secret1"}', b'{"detail": "no sk-secret1"}', b'"no sk-secret1"', b"no sk-secret1", b'["sk-secret1"]',
        b'{"error": {"message": "you gave sk-secr\xe2\x80\xa6"}}',
    ],
)  # fmt: skip
def test_words_of_errors_without_the_key(body):
    found = verdict(500, body)
    assert isinstance(found, Wait)
    assert "secr" not in found.why


def test_a_hostile_message_is_short_and_harmless():
    words, _ = said(json.dumps({"error": {"message": "\x1b[2J" + "x" * 10_000}}).encode())
    assert len(words) < 200
    assert "\x1b" not in words


@given(st.binary(max_size=200), st.sampled_from([200, 204, 302, 400, 401, 404, 418, 429, 500]))
def test_any_bytes_mean_something(body, status):
    with contextlib.suppress(TunesmithError):
        assert isinstance(verdict(status, body), Reply | Failure | Wait | Unknown)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["choices", "message", "content", "usage", "finish_reason", "prompt_tokens"]), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_any_json_means_something(value):
    assert isinstance(answer(json.dumps(value).encode(), ASKED), Reply | Failure | Wait)


def test_strange_counts_are_not_believed():
    body = {"choices": [{"message": {"content": "good day"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": -4, "completion_tokens": True}}
    assert answer(json.dumps(body).encode(), ASKED) == Reply(text="good day", prompt_tokens=3, answer_tokens=2)


@pytest.mark.parametrize("text", ["soon", "-3", "1e9", "Thu, 99 Xyz 1970", "12:30"])
def test_a_pause_that_cannot_be_read_is_ours_to_choose(text):
    assert retry_after({"retry-after": text}, 0.0) is None
