"""What is no HTTP, and clients that do not finish: over plain sockets."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from tests.console.conftest import Served
from tests.waiting import until
from tunesmith.console import connection, gate

SHAPE = {"message", "type", "param", "code"}


def connect(served: Served) -> socket.socket:
    host, port = served.address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=300)


def said_in_time(served: Served, *pieces: bytes, within_s: float) -> tuple[socket.socket, float]:
    """A connection on which these were said, a tenth of a second apart, and when it began; begun anew where this machine stood still meanwhile."""
    while True:
        began, raw = time.monotonic(), connect(served)
        with suppress(OSError):  # it was let go, as whoever is so slow must be
            raw.sendall(pieces[0])
            for piece in pieces[1:]:
                time.sleep(0.1)
                raw.sendall(piece)
            if time.monotonic() - began < within_s:
                return raw, began
        raw.close()


def everything(raw: socket.socket) -> bytes:
    """What the server says until it ends the connection."""
    found = b""
    while piece := raw.recv(65_536):
        found += piece
    return found


def answered(raw: socket.socket) -> bytes:
    """One answer in JSON; its head and its body may come apart."""
    found = raw.recv(65_536)
    while not found.endswith(b"}"):
        found += raw.recv(65_536)
    return found


def refusal(answer: bytes) -> tuple[int, str]:
    """(status, code) of an answer whose form is checked."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    assert headers["x-request-id"].startswith("req_")
    assert (headers["connection"], headers["content-type"], int(headers["content-length"])) == ("close", "application/json", len(body))
    error = json.loads(body)["error"]
    assert error.keys() == SHAPE
    return int(lines[0].split()[1]), error["code"]


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400, "invalid_http"),
        (b"GET\r\n\r\n", 400, "invalid_http"),
        (b"GET /v1/models HTTP/1.1\r\n\r\n", 400, "invalid_http"),
        (b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400, "invalid_http"),
        (b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 400, "invalid_http"),
        (b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 400_000, 431, "headers_too_large"),
    ],
)
def test_what_is_no_http_gets_the_one_error_body(served, sent, status, code):
    with capture_logs() as lines, connect(served) as raw:
        raw.sendall(sent)
        assert refusal(everything(raw)) == (status, code)
        until(lambda: lines)
    assert [line["status"] for line in lines] == [status]


def test_a_large_body_that_nobody_reads_does_not_cost_its_sender_the_answer(served):
    for path, secret, status in (
        ("/v1/uploads/x/cancel", served.secret, 404),
        ("/v1/models", served.secret, 405),
        ("/v1/files", "wrong-wrong-wrong", 401),
    ):
        with connect(served) as raw:
            size = 4 << 20
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
            raw.sendall(head.encode() + b"x" * size)
            answer = everything(raw)
            assert int(answer.split()[1]) == status
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"].keys() == SHAPE


def test_a_second_request_that_is_none_is_refused_behind_the_first(served):
    with connect(served) as raw:
        raw.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answered(raw).startswith(b"HTTP/1.1 200")
        raw.sendall(b"nonsense\r\n\r\n")
        assert refusal(everything(raw)) == (400, "invalid_http")


def test_nonsense_behind_an_answer_that_was_given_early_ends_the_connection(served, caplog):
    with connect(served) as raw:  # without a key: the body is not waited for
        raw.sendall(b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert answered(raw).startswith(b"HTTP/1.1 401")
        raw.sendall(b"no chunk\r\n")
        assert everything(raw) == b""
    assert [record for record in caplog.records if record.exc_info] == []


def test_nonsense_in_a_body_that_is_waited_for_is_refused(served, caplog):
    head = f"POST /v1/fine_tuning/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {served.secret}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connect(served) as raw:
        raw.sendall(head.encode() + b'5\r\n{"a":\r\n')
        time.sleep(0.1)
        raw.sendall(b"no chunk\r\n")
        assert refusal(everything(raw)) == (400, "invalid_http")
    assert served.ask("GET", "/v1/models").status_code == 200
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize(
    ("sent", "then", "status"),
    [
        (b"", b"", None),
        (b"GET /health HTTP/1.1\r\nHos", b"t: local", 408),
        (b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx", b"x", 401),  # the rest of a body that nobody wants
    ],
)
def test_who_does_not_finish_is_let_go(served, monkeypatch, sent, then, status):
    monkeypatch.setattr(connection, "HEAD_S", 0.3)
    monkeypatch.setattr(gate, "LINGER_S", 0.3)
    raw, began = said_in_time(served, sent, then, within_s=0.25)
    with raw:
        said = everything(raw)
    assert 0.29 < time.monotonic() - began < 60
    assert (int(said.split()[1]) if said else None) == status
    if status == 408:
        assert refusal(said) == (408, "timeout")


def test_who_drips_has_no_more_time(served, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_S", 0.5)
    letters, count, began = b"GET /health HTTP/1.1\r\n" + b"x: y\r\n" * 100, 0, time.monotonic()
    with connect(served) as raw:
        raw.settimeout(0.05)
        for letter in letters:  # all of them take half a minute
            count += 1
            try:
                raw.sendall(bytes([letter]))
                raw.recv(65_536)
                break
            except TimeoutError:
                continue
            except OSError:
                break
    assert time.monotonic() - began > 0.4
    assert count < len(letters)


def test_a_connection_is_kept_for_the_next_request_however_long_an_answer_took(served, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_S", 0.3)
    ask = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    raw, _ = said_in_time(served, ask, within_s=0.25)
    with raw:
        for _ in range(3):
            assert answered(raw).startswith(b"HTTP/1.1 200")
            time.sleep(0.4)
            raw.sendall(ask)
        assert answered(raw).startswith(b"HTTP/1.1 200")
