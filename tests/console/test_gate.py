"""What every request passes and every answer carries: keys, scopes, limits, hosts, sizes, the one error body, nothing in the logs."""

from __future__ import annotations

import http.client
import socket

import openai
import pytest
from fastapi import APIRouter
from structlog.testing import capture_logs

from tests.waiting import until
from tunesmith.console import app as module
from tunesmith.errors import BadData, Busy, StoreUnusable

SHAPE = {"message", "type", "param", "code"}


def error_of(answer):
    """The error of an answer, whose form is checked."""
    body = answer.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == SHAPE
    assert answer.headers["x-request-id"].startswith("req_")
    return body["error"]


def test_an_answer_carries_the_headers_that_clients_read(serve):
    headers = serve().ask("GET", "/v1/models").headers
    assert headers["openai-version"] == "2020-10-01"
    assert headers["openai-organization"] == "org-tunesmith"
    assert int(headers["openai-processing-ms"]) >= 0
    assert headers["x-ratelimit-limit-requests"] == "60000"
    assert int(headers["x-ratelimit-remaining-requests"]) <= 60_000
    assert headers["x-ratelimit-reset-tokens"] == "0ms"
    assert "server" not in headers


@pytest.mark.parametrize("sent", [None, "", "Basic abc", "Bearer"])
def test_without_a_key(served, sent):
    answer = served.ask("GET", "/v1/models", headers={"authorization": sent} if sent is not None else {"authorization": ""})
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["param"]) == (401, None, None)
    assert error["message"].startswith("You didn't provide an API key.")


def test_a_wrong_key_is_masked(served):
    with pytest.raises(openai.AuthenticationError) as caught:
        served.client("sk-ts-0123456789abcdef-wrong").models.list()
    assert caught.value.code == "invalid_api_key"
    assert "sk-ts***rong" in caught.value.message
    assert "0123456789" not in str(caught.value.body)


def test_a_revoked_key_is_wrong_from_then_on(served):
    secret = served.key("read")
    served.client(secret).models.list()
    served.console.keys.revoke(served.console.keys.find(secret).id)
    with pytest.raises(openai.AuthenticationError):
        served.client(secret).models.list()


@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        ("read", "GET", "/v1/files", 200),
        ("read", "POST", "/v1/uploads", 403),
        ("read", "DELETE", "/v1/models/x", 403),
        ("read", "POST", "/v1/fine_tuning/jobs/x/cancel", 403),
        ("serve", "GET", "/v1/models", 200),
        ("serve", "GET", "/v1/files", 200),
        ("serve", "GET", "/v1/fine_tuning/jobs", 403),
        ("train", "GET", "/v1/fine_tuning/jobs", 200),
        ("train", "DELETE", "/v1/models/x", 404),
        ("admin", "GET", "/v1/fine_tuning/jobs", 200),
    ],
)
def test_scopes(served, scope, method, path, status):
    body = {"bytes": 1, "filename": "x", "mime_type": "x", "purpose": "batch"} if path == "/v1/uploads" else None
    answer = served.ask(method, path, served.key(scope), json=body)
    assert answer.status_code == status
    if status == 403:
        error = error_of(answer)
        assert error["code"] == "missing_scope"
        assert error["message"].startswith("You have insufficient permissions for this operation. Missing scopes: ")


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("POST", "/v1/foo", 404, "Invalid URL (POST /v1/foo)"),
        ("GET", "/nothing", 404, "Invalid URL (GET /nothing)"),
        ("POST", "/v1/models", 405, "Not allowed to POST on /v1/models"),
        ("PUT", "/v1/files", 405, "Not allowed to PUT on /v1/files"),
        ("OPTIONS", "/v1/models", 405, "Not allowed to OPTIONS on /v1/models"),
        ("GET", "/docs", 404, "Invalid URL (GET /docs)"),
    ],
)
def test_routes_that_there_are_not(served, method, path, status, message):
    answer = served.ask(method, path, headers={"origin": "https://evil.example", "access-control-request-method": "POST"})
    assert (answer.status_code, error_of(answer)["message"]) == (status, message)
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/v1/files/", "/v1//files", "//v1/files"])
def test_slashes_too_many_do_not_matter(served, path):
    assert served.ask("GET", path).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"), [("evil.example", 400), ("localhost", 200), ("127.0.0.1:1", 200), ("[::1]:9", 200), ("LOCALHOST:8000", 200)]
)
def test_only_known_names_are_answered(served, host, status):
    answer = served.ask("GET", "/v1/models", headers={"host": host})
    assert answer.status_code == status
    if status == 400:
        assert error_of(answer)["code"] == "host_not_allowed"


def test_a_rate_has_an_end_and_says_when_to_come_again(served):
    secret = served.key("read", requests_per_minute=2)
    client = served.client(secret)
    client.models.list()
    client.models.list()
    with pytest.raises(openai.RateLimitError) as caught:
        client.models.list()
    assert (caught.value.code, caught.value.type) == ("rate_limit_exceeded", "requests")
    assert "requests per min (RPM): Limit 2, Used 2, Requested 1. Please try again in " in caught.value.message
    assert 0 < int(caught.value.response.headers["retry-after"]) <= 30
    assert caught.value.response.headers["x-ratelimit-remaining-requests"] == "0"
    served.client().models.list()


def test_a_body_that_is_too_large(serve):
    served = serve(body_bytes=2000)
    answer = served.ask("POST", "/v1/fine_tuning/jobs", json={"model": "x" * 2000})
    assert (answer.status_code, error_of(answer)["code"]) == (413, "request_too_large")
    small = served.key(body_bytes=1000)
    assert served.ask("POST", "/v1/fine_tuning/jobs", small, json={"model": "x" * 1000}).status_code == 413
    assert served.ask("POST", "/v1/fine_tuning/jobs", json={"model": "x" * 1000}).status_code == 400


def test_a_body_without_a_length_is_counted_while_it_comes(serve):
    served = serve(body_bytes=2000)

    def chunks():
        for _ in range(50):
            yield b'{"model": "' + b"x" * 100

    answer = served.ask("POST", "/v1/fine_tuning/jobs", content=chunks(), headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_a_client_that_stops_in_the_middle_is_let_go(serve):
    served = serve(body_gap_s=0.2)
    host, port = served.address.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=300)
    connection.putrequest("POST", "/v1/fine_tuning/jobs")
    for name, value in (("authorization", f"Bearer {served.secret}"), ("content-type", "application/json"), ("content-length", "100")):
        connection.putheader(name, value)
    connection.endheaders(b'{"model"')
    answer = connection.getresponse()
    assert answer.status == 408
    connection.close()


def test_only_health_and_metrics_are_told_without_a_key(served):
    for path in ("/openapi.json", "/docs", "/", "/v1/models", "/v1/nothing"):
        answer = served.ask("GET", path, headers={"authorization": ""})
        assert (answer.status_code, error_of(answer)["code"]) == (401, None), path
    assert served.ask("GET", "/health", headers={"authorization": ""}).json().keys() == {"status", "version", "children"}
    assert "/v1/chat/completions" in served.ask("GET", "/openapi.json", served.key("read")).json()["paths"]


def test_without_a_key_no_body_is_read(served):
    host, port = served.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=300) as raw:
        raw.sendall(b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 401")


def test_health_and_metrics(serve):
    served = serve()
    assert served.ask("GET", "/health", headers={"authorization": ""}).json()["status"] == "ok"
    served.ask("GET", "/v1/models")  # counted behind its answer
    line = 'tunesmith_requests_total{method="GET",route="/v1/models",status="200"} 1.0'
    until(lambda: line in served.ask("GET", "/metrics", headers={"authorization": ""}).text)
    served.ask("GET", "/v1/" + "x" * 50)
    until(lambda: 'route="unmatched",status="404"' in served.ask("GET", "/metrics").text)


@pytest.fixture
def broken(monkeypatch, serve):
    """A server with routes that fail in every way."""
    router = APIRouter()
    failures = {
        "bug": RuntimeError("row: my card number"),
        "data": BadData("no such column", where="a.csv line 3", got="x", fix="write y"),
        "busy": Busy("somebody has it"),
        "disk": StoreUnusable("cannot write", where="/very/secret/path"),
    }

    def add(name, error):
        def fail():
            raise error

        router.add_api_route(f"/v1/broken/{name}", fail)

    for name, error in failures.items():
        add(name, error)
    monkeypatch.setattr(module.models, "router", router)
    return serve()


@pytest.mark.parametrize(
    ("name", "status", "kind", "code", "has"),
    [
        ("bug", 500, "server_error", None, "The server had an error while processing your request."),
        ("data", 400, "invalid_request_error", "bad_record", "a.csv line 3: no such column; got x; fix: write y"),
        ("busy", 503, "server_error", "overloaded", "busy"),
        ("disk", 503, "server_error", "store_unusable", "store_unusable"),
    ],
)
def test_every_failure_has_the_one_form(broken, name, status, kind, code, has):
    answer = broken.ask("GET", f"/v1/broken/{name}")
    error = error_of(answer)
    assert (answer.status_code, error["type"], error["code"]) == (status, kind, code)
    assert has in error["message"]
    assert "secret" not in answer.text
    assert "card" not in answer.text


def test_no_key_no_row_and_no_path_is_written_down(broken):
    with capture_logs() as lines:
        broken.ask("GET", "/v1/broken/bug")
        broken.ask("POST", "/v1/files/my-secret-path?token=my-secret", json={"x": "my card number"})
        broken.ask("GET", "/v1/files", "sk-ts-a-wrong-key-entirely")
        until(lambda: len(lines) == 3)  # a line is written behind its answer
    assert [line["status"] for line in lines] == [500, 405, 401]
    assert lines[0]["failure"].startswith("RuntimeError at test_gate.py:")
    assert lines[0]["log_level"] == "error"
    text = str(lines)
    for never in ("secret", "card", "wrong-key", broken.secret):
        assert never not in text


HOSTILE = [
    b"{", b"[]", b"null", b"0", b'"x"', b"\xff\xfe", b"[" * 20_000, b'{"model": "\\ud800"}', b'{"model": ' + b"9" * 5000 + b"}", b'{"seed": NaN}',
    b'{"metadata": {"\\ud800": "x"}}', b'{"metadata": {"a": "\\u0000"}}', b'{"hyperparameters": {"learning_rate_multiplier": 1e999}}',
    b'{"model": "tiny", "training_file": "\\u0000"}', b'{"a\\ud800": 1}', b'{"method": {"type": "\\ud800"}}', b"",
]  # fmt: skip
PATHS = [
    "/v1/fine_tuning/jobs", "/v1/uploads", "/v1/uploads/%00/complete", "/v1/fine_tuning/checkpoints/%ff/permissions", "/v1/uploads/x/cancel", "/v1/files",
    "/v1/fine_tuning/jobs/%2e%2e/cancel",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_hostile_bodies_are_refused_and_nothing_else(served, path):
    before = sorted(path.name for path in served.console.store.home.rglob("*") if "store.db" not in path.name)
    for body in HOSTILE:
        answer = served.ask("POST", path, content=body, headers={"content-type": "application/json"})
        assert 400 <= answer.status_code < 500, (path, body[:50], answer.text)
        error_of(answer)
    assert sorted(path.name for path in served.console.store.home.rglob("*") if "store.db" not in path.name) == before


@pytest.mark.parametrize(
    "path",
    ["/v1/files/%2e%2e%2f%2e%2e%2fstore.db/content", "/v1/files/../store.db", "/v1/models/%00", "/v1/files/%ff", "/v1/models/%ed%a0%80", "/v1/files/a%0d%0ab",
     "/v1/files?after=%00&limit=1", "/v1/files?limit=9999999999999999999999", "/v1/files?order=x", "/v1/fine_tuning/jobs?metadata=x", "/v1/files/" + "x" * 5000],
)  # fmt: skip
def test_hostile_paths_lead_nowhere(served, path):
    host, port = served.address.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=300)
    connection.request("GET", path, headers={"authorization": f"Bearer {served.secret}"})
    answer = connection.getresponse()
    body = answer.read()
    assert 400 <= answer.status < 500
    assert b'{"error":{"message":' in body
    connection.close()
