"""Requests reach an endpoint a few at once, and again after errors that pass; what cannot be mended ends the work and tells how to mend it."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections import Counter
from typing import Any

import pytest

from tests.data.make.little_teacher import LittleTeacher, Told, fail, say
from tests.waiting import until
from tunesmith.answer import remote
from tunesmith.answer.remote import Remote, Sending, back_off
from tunesmith.answer.remote_reply import Wait
from tunesmith.errors import BadProject, Overloaded, Unsupported
from tunesmith.spec.chat import Message
from tunesmith.spec.making_teacher import Asked, Failure, RemoteTeacher, Reply

KEY = "sk-very-secret-0123456789"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off that a test can wait for."""
    monkeypatch.setattr(remote, "FIRST_WAIT_S", 0.02)
    monkeypatch.setattr(remote, "LOOK_S", 0.01)


def asked(text: str, **changes: Any) -> Asked:
    return Asked(messages=(Message(role="user", content=text),), **changes)


def ask(
    teacher: LittleTeacher, requests: list[Asked], *, key: str | None = None, said: list[str] | None = None, **config: Any
) -> dict[int, Reply | Failure]:
    found: dict[int, Reply | Failure] = {}
    remote = Remote(RemoteTeacher.model_validate({"base_url": teacher.url, "model": "m", **config}), key, (said if said is not None else []).append)
    remote.answer(requests, found.__setitem__, lambda: False)
    return found


def question(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


def test_every_request_gets_its_own_answer():
    def rule(body: dict[str, Any], number: int) -> Told:
        if number == 1:
            until(lambda: teacher.most_at_once > 1)
        return say(question(body).upper(), wait_s=0.02 * (number % 3))

    with LittleTeacher(rule) as teacher:
        found = ask(teacher, [asked(f"text {i}") for i in range(23)], at_once=5)
        assert {i: f"TEXT {i}" for i in range(23)} == {i: one.text for i, one in found.items() if isinstance(one, Reply)}
        assert found[0] == Reply(text="TEXT 0", prompt_tokens=10, answer_tokens=5)
        assert 1 < teacher.most_at_once <= 5
        assert set(teacher.paths) == {"/v1/chat/completions"}


def test_a_request_is_written_as_openai_has_it():
    with LittleTeacher(lambda body, number: say("ok")) as teacher:
        ask(teacher, [asked("hello", answer_schema=SCHEMA, temperature=0.5, max_tokens=7, seed=3)], key=KEY)
        assert teacher.heard == [
            {
                "model": "m",
                "messages": [{"role": "user", "content": "hello"}],
                "temperature": 0.5,
                "seed": 3,
                "max_tokens": 7,
                "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA}},
            }
        ]
        assert teacher.headers[0]["authorization"] == f"Bearer {KEY}"
        assert teacher.headers[0]["host"] == f"127.0.0.1:{teacher.port}"


def test_no_key_no_header():
    with LittleTeacher(lambda body, number: say("ok")) as teacher:
        ask(teacher, [asked("hello")])
        assert "authorization" not in teacher.headers[0]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529, 408])
def test_errors_that_pass_are_asked_again(status):
    with LittleTeacher(lambda body, number: fail(status) if number < 2 else say("ok")) as teacher:
        found = ask(teacher, [asked("hello")])
        assert found[0] == Reply(text="ok", prompt_tokens=10, answer_tokens=5)
        assert len(teacher.heard) == 3


@pytest.mark.parametrize(
    "told",
    [
        Told(b"<html>a proxy says hello</html>"), Told(b'{"choices": []}'), Told(b'{"choices": [{"message": {"content": 7}}]}'), Told(b"[1]"), Told(b""),
        Told(b'{"choices": [{"message": {"content": "half', cut=True), Told(b"[" * 100_000), Told(b'{"choices": [{"message": null}]}'),
    ],
)  # fmt: skip
def test_garbage_is_asked_again(told):
    with LittleTeacher(lambda body, number: told if number == 0 else say("ok")) as teacher:
        assert ask(teacher, [asked("hello")])[0] == Reply(text="ok", prompt_tokens=10, answer_tokens=5)


def test_retry_after_is_honoured_by_all_requests(monkeypatch):
    sent: list[float] = []
    told: list[float] = []
    real = Sending._sent

    async def noted(self: Sending, *given: Any) -> Any:
        sent.append(time.monotonic())
        verdict = await real(self, *given)
        told.extend([time.monotonic()] if isinstance(verdict, Wait) else [])
        return verdict

    monkeypatch.setattr(Sending, "_sent", noted)
    with LittleTeacher(lambda body, number: fail(429, retry_after="1") if number == 1 else say("ok", wait_s=0.05)) as teacher:
        found = ask(teacher, [asked(f"text {i}") for i in range(8)], at_once=2)
    assert all(isinstance(one, Reply) for one in found.values())
    [at] = told
    later = [moment for moment in sent if moment > at]
    assert len(later) >= 3
    assert min(later) - at >= 0.99, "nobody asks before the endpoint said so"


def test_an_endpoint_that_wants_a_long_pause_is_not_waited_for():
    with LittleTeacher(lambda body, number: fail(429, retry_after="86400")) as teacher, pytest.raises(Overloaded, match="answers with HTTP 429"):
        ask(teacher, [asked("hello")])


def test_a_hanging_endpoint_is_given_up_in_time():
    with LittleTeacher(lambda body, number: say("late", wait_s=600.0)) as teacher:
        began = time.monotonic()
        with pytest.raises(Overloaded, match=r"no answer within 0\.1 s; tried 2 times"):
            ask(teacher, [asked("hello")], timeout_s=0.1, attempts=6)  # whoever was never heard is asked twice
        assert time.monotonic() - began < 120


def test_who_is_silent_is_told_of_before_it_is_given_up():
    said: list[str] = []
    with LittleTeacher(lambda body, number: say("late", wait_s=600.0)) as teacher, pytest.raises(Overloaded):
        ask(teacher, [asked("hello")], said=said, timeout_s=0.1)
    [told] = said
    assert told.endswith("no answer within 0.1 s; asked again")


def test_a_single_silence_after_other_failures_is_no_second_one():
    with LittleTeacher(lambda body, number: fail(503) if number < 2 else say("late", wait_s=600.0) if number == 2 else say("ok")) as teacher:
        found = ask(teacher, [asked("hello")], timeout_s=0.3, attempts=6)
    assert isinstance(found[0], Reply)


def test_an_endpoint_that_is_not_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody else can listen there meanwhile
        config = RemoteTeacher(base_url=f"http://127.0.0.1:{taken.getsockname()[1]}/v1", model="m", attempts=2)
        with pytest.raises(Overloaded, match="ConnectError") as told:
            Remote(config).answer([asked("x")], lambda *_: None, lambda: False)
    assert "what was answered is kept" in str(told.value)


def test_one_request_that_always_fails_does_not_stop_the_others():
    with LittleTeacher(lambda body, number: fail(500) if question(body) == "bad" else say("ok")) as teacher:
        found = ask(teacher, [asked("a"), asked("bad"), *(asked(f"text {i}") for i in range(6))], attempts=2, at_once=1)
    assert isinstance(found[1], Failure)
    assert (found[1].reason, len(found)) == ("not_answered", 8)
    assert all(isinstance(one, Reply) for place, one in found.items() if place != 1)


def test_when_nothing_is_answered_any_more_the_work_ends_and_keeps_what_it_has():
    found: dict[int, Any] = {}
    with LittleTeacher(lambda body, number: say("ok") if number < 4 else fail(503)) as teacher, pytest.raises(Overloaded):
        Remote(RemoteTeacher(base_url=teacher.url, model="m", attempts=2, at_once=1)).answer(
            [asked(f"{i}") for i in range(30)], found.__setitem__, lambda: False
        )
    assert [place for place, one in found.items() if isinstance(one, Reply)] == [0, 1, 2, 3]
    assert len(found) < 8


@pytest.mark.parametrize(
    ("told", "kind", "words"),
    [
        (fail(401, f"Incorrect API key provided: {KEY}"), BadProject, "does not accept the key"),
        (fail(403, "no"), BadProject, "does not accept the key"),
        (fail(404, "model not found"), BadProject, "no such model or endpoint"),
        (fail(405, "no"), BadProject, "does not take chat requests"),
        (fail(307, "elsewhere", location="http://10.0.0.1/v1"), BadProject, "redirects are not followed"),
        (fail(402, "pay"), Unsupported, "wants money first"),
        (fail(429, "quota", code="insufficient_quota"), Unsupported, "wants money first"),
    ],
)
def test_what_no_later_request_can_mend_ends_the_work_at_once(told, kind, words, caplog):
    with LittleTeacher(lambda body, number: told) as teacher, caplog.at_level(logging.DEBUG), pytest.raises(kind, match=words) as error:
        ask(teacher, [asked(f"{i}") for i in range(10)], key=KEY)
    assert len(teacher.heard) == 1
    assert "fix:" in str(error.value)
    assert KEY not in str(error.value)
    assert KEY not in repr(error.value.__cause__)


def test_the_key_is_in_no_log_and_no_error(caplog):
    def rule(body: dict[str, Any], number: int) -> Told:
        return fail(500, f"your key {KEY} and Bearer {KEY} and sk-other-98765") if number < 2 else fail(400, f"bad key {KEY}")

    with LittleTeacher(rule) as teacher, caplog.at_level(logging.DEBUG):
        said: list[str] = []
        found = ask(teacher, [asked("x")], key=KEY, said=said)
        teacher.rule = lambda body, number: fail(500, f"{KEY} sk-other-98765")
        with pytest.raises(Overloaded) as error:
            ask(teacher, [asked("x")], key=KEY, attempts=1)
    told = f"{caplog.text} {said} {found} {error.value} {error.value!r} {vars(error.value)}"
    assert "secret" not in told
    assert "98765" not in told
    assert "•••" in str(error.value)


def test_a_key_that_no_header_can_carry_is_refused_without_being_shown():
    for key in ("with space", "line\nend", "schlüssel"):
        with pytest.raises(BadProject, match="copy the key again") as error:
            Remote(RemoteTeacher(base_url="https://example.org/v1", model="m", key_variable="MY_KEY"), key)
        assert key not in str(error.value)
        assert "MY_KEY" in str(error.value)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (fail(400, "This model's maximum context length is 4096 tokens"), "too_long"), (fail(413, "no"), "too_long"), (fail(422, "strange"), "refused"),
        (say(None, refusal="I cannot help with that"), "refused"), (say("x", finish="content_filter"), "refused"), (say(""), "empty_answer"),
        (say(None, finish="length"), "empty_answer"),
    ],
)  # fmt: skip
def test_a_request_that_is_refused_fails_alone(told, reason):
    with LittleTeacher(lambda body, number: told if question(body) == "bad" else say("ok")) as teacher:
        found = ask(teacher, [asked("a"), asked("bad"), asked("b")])
    assert isinstance(found[1], Failure)
    assert (found[1].reason, len(teacher.heard)) == (reason, 3)
    assert isinstance(found[0], Reply)
    assert isinstance(found[2], Reply)


def test_an_endpoint_that_refuses_everything_ends_the_work():
    with (
        LittleTeacher(lambda body, number: fail(400, "roles must alternate")) as teacher,
        pytest.raises(BadProject, match="refuses every request") as error,
    ):
        ask(teacher, [asked(f"{i}") for i in range(50)])
    assert "roles must alternate" in str(error.value)
    assert len(teacher.heard) < 12


def test_a_cut_answer_says_so():
    with LittleTeacher(lambda body, number: say('{"a": "ha', finish="length")) as teacher:
        assert ask(teacher, [asked("x")])[0] == Reply(text='{"a": "ha', is_whole=False, prompt_tokens=10, answer_tokens=5)


def test_tokens_are_estimated_where_they_are_not_told():
    with LittleTeacher(lambda body, number: say("eight letters and more", tokens=None)) as teacher:
        found = ask(teacher, [asked("twelve chars")])[0]
    assert isinstance(found, Reply)
    assert (found.prompt_tokens, found.answer_tokens) == (3, 6)


def test_what_an_endpoint_does_not_know_is_left_out_once_for_all():
    def rule(body: dict[str, Any], number: int) -> Told:
        if body.get("response_format", {}).get("type") == "json_schema":
            return fail(400, "response_format of type json_schema is not supported")
        if "max_tokens" in body:
            return fail(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        if body["temperature"] != 1 if "temperature" in body else False:
            return fail(400, "temperature does not support 0.7")
        return fail(422, "extra field: seed") if "seed" in body else say("ok")

    said: list[str] = []
    with LittleTeacher(rule) as teacher:
        found = ask(teacher, [asked(f"{i}", answer_schema=SCHEMA, temperature=0.7) for i in range(10)], said=said, at_once=3)
    assert all(isinstance(one, Reply) for one in found.values())
    assert len(teacher.heard) == 4 + 10, "the first request finds it out alone"
    assert teacher.heard[-1].keys() == {"model", "messages", "response_format", "max_completion_tokens"}
    assert teacher.heard[-1]["response_format"] == {"type": "json_object"}
    assert len(said) == 4


def test_an_endpoint_that_knows_no_json_at_all():
    with LittleTeacher(lambda body, number: fail(400, "unknown field response_format") if "response_format" in body else say("ok")) as teacher:
        assert isinstance(ask(teacher, [asked("x", answer_schema=SCHEMA)])[0], Reply)
        assert [body.get("response_format", {}).get("type") for body in teacher.heard] == ["json_schema", "json_object", None]


def test_a_response_without_end_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(remote, "MOST_BYTES", 1000)
    with LittleTeacher(lambda body, number: say("x" * 5000)) as teacher:
        found = ask(teacher, [asked("x")])[0]
    assert isinstance(found, Failure)
    assert found.reason == "too_long"


def test_a_stop_ends_it_soon_and_what_is_on_its_way_still_counts(monkeypatch):
    monkeypatch.setattr(remote, "GRACE_S", 300.0)
    found: dict[int, Any] = {}
    stop = threading.Event()

    def rule(body: dict[str, Any], number: int) -> Told:
        if number == 3:
            stop.set()
        elif number > 3:
            stop.wait(300)
        return say("ok", wait_s=0.1)

    with LittleTeacher(rule) as teacher:
        Remote(RemoteTeacher(base_url=teacher.url, model="m", at_once=2)).answer([asked(f"{i}") for i in range(50)], found.__setitem__, stop.is_set)
    assert 3 <= len(found) <= 5
    assert len(found) == len(teacher.heard), "what was asked for is paid for, and kept"


def test_a_stop_does_not_wait_for_a_pause_or_a_hanging_answer(monkeypatch):
    monkeypatch.setattr(remote, "GRACE_S", 0.1)
    for told in (fail(429, retry_after="600"), say("late", wait_s=600.0)):
        began = time.monotonic()
        with LittleTeacher(lambda body, number, told=told: told) as teacher:
            Remote(RemoteTeacher(base_url=teacher.url, model="m")).answer([asked("x")], lambda *_: None, lambda teacher=teacher: bool(teacher.heard))
            assert time.monotonic() - began < 120


def test_the_first_request_goes_alone():
    order: list[int] = []

    def rule(body: dict[str, Any], number: int) -> Told:
        order.append(number)
        return say("ok", wait_s=0.1 if number == 0 else 0)

    with LittleTeacher(rule) as teacher:
        remote = Remote(RemoteTeacher(base_url=teacher.url, model="m", at_once=8))
        seen: list[int] = []
        remote.answer([asked(f"{i}") for i in range(4)], lambda place, _: seen.append(len(order)), lambda: False)
    assert seen[0] == 1


def test_a_proxy_is_gone_through():
    with LittleTeacher(lambda body, number: say("ok")) as proxy:
        remote = Remote(RemoteTeacher(base_url="http://teacher.invalid/v1", model="m", allow_private=True, proxy=f"http://127.0.0.1:{proxy.port}"))
        found: dict[int, Any] = {}
        remote.answer([asked("x")], found.__setitem__, lambda: False)
        assert proxy.paths == ["http://teacher.invalid/v1/chat/completions"]
    assert isinstance(found[0], Reply)


def test_no_proxy_is_taken_from_the_environment(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with LittleTeacher(lambda body, number: say("ok")) as teacher:
        assert isinstance(ask(teacher, [asked("x")], attempts=1)[0], Reply)


def test_localhost_is_this_machine():
    with LittleTeacher(lambda body, number: say("ok")) as teacher:
        found: dict[int, Any] = {}
        Remote(RemoteTeacher(base_url=f"http://localhost:{teacher.port}/v1/", model="m")).answer([asked("x")], found.__setitem__, lambda: False)
        assert teacher.headers[0]["host"] == f"localhost:{teacher.port}"
    assert isinstance(found[0], Reply)


def test_back_off_grows_and_is_bounded(monkeypatch):
    monkeypatch.setattr(remote, "FIRST_WAIT_S", 1.0)
    for attempt, most in ((1, 1.0), (2, 2.0), (5, 16.0), (12, 60.0)):
        waits = [back_off(attempt) for _ in range(200)]
        assert most / 2 <= min(waits)
        assert max(waits) <= most
    assert len(Counter(back_off(3) for _ in range(50))) > 40, "many do not come back at once"


def test_nothing_asked_nothing_sent():
    with LittleTeacher(lambda body, number: say("ok")) as teacher, contextlib.suppress(KeyError):
        assert ask(teacher, []) == {}
        assert teacher.heard == []
