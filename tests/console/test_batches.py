"""Batches with the official client, over TCP, against an engine that says what the test wrote down."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI, PermissionDeniedError

from tests.console.conftest import Served, serving
from tests.console.scripted_engine import FOR_EVER, ScriptedEngine, error, listening, whole
from tests.waiting import until
from tunesmith.console import background, batches_lane, batches_run
from tunesmith.console.configuration import Configuration

CHAT = "/v1/chat/completions"
FINAL = {"completed", "failed", "expired", "cancelled"}


@pytest.fixture
def engine(served: Served) -> Iterator[ScriptedEngine]:
    with listening(ScriptedEngine(), served.console.engine_socket) as answering:
        yield answering


def line(i: int, text: str = "hi", **changes: Any) -> dict[str, Any]:
    body = {"model": "tiny", "messages": [{"role": "user", "content": text}]}
    return {"custom_id": f"row-{i}", "method": "POST", "url": CHAT, "body": body} | changes


def upload(client: OpenAI, lines: list[Any]) -> str:
    content = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines)
    return client.files.create(file=("batch.jsonl", content.encode()), purpose="batch").id


def begin(client: OpenAI, lines: list[Any], endpoint: Any = CHAT, **more: Any) -> Any:
    return client.batches.create(input_file_id=upload(client, lines), endpoint=endpoint, completion_window="24h", **more)


def wait(client: OpenAI, name: str, states: set[str] = FINAL) -> Any:
    return until(lambda: batch if (batch := client.batches.retrieve(name)).status in states else None)


def rows(client: OpenAI, file: str | None) -> list[Any]:
    return [json.loads(one) for one in client.files.content(file).text.splitlines()] if file else []


def chats(engine: ScriptedEngine) -> list[str]:
    return [request["messages"][-1]["content"] for request in engine.heard if request["op"] == "chat"]


def test_a_batch_goes_from_file_to_file(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.reply = lambda request: error("unsupported", "no such thing") if request.get("messages", [{}])[-1].get("content") == "bad" else whole("ok")
    made = begin(client, [line(0), line(1, "bad"), line(2, body={"model": "tiny"}), line(3)], metadata={"a": "b"})
    assert (made.object, made.status, made.endpoint, made.metadata) == ("batch", "validating", CHAT, {"a": "b"})
    assert made.expires_at == made.created_at + 86_400
    batch = wait(client, made.id)
    assert (batch.status, batch.model, batch.errors) == ("completed", "tiny", None)
    assert batch.request_counts.model_dump() == {"total": 4, "completed": 2, "failed": 2}
    assert batch.usage.model_dump() == {"input_tokens": 14, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 6,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 20}  # fmt: skip
    assert batch.in_progress_at <= batch.finalizing_at <= batch.completed_at
    good = {row["custom_id"]: row for row in rows(client, batch.output_file_id)}
    assert set(good) == {"row-0", "row-3"}
    one = good["row-0"]
    assert (one["id"][:10], one["error"], one["response"]["status_code"]) == ("batch_req_", None, 200)
    assert one["response"]["request_id"].startswith("req_")
    assert one["response"]["body"]["choices"][0]["message"]["content"] == "ok"
    bad = {row["custom_id"]: row["response"] for row in rows(client, batch.error_file_id)}
    assert set(bad) == {"row-1", "row-2"}
    assert bad["row-2"]["status_code"] == 400
    assert bad["row-2"]["body"]["error"]["param"] == "messages"
    assert client.files.retrieve(batch.output_file_id).purpose == "batch_output"


def test_the_other_endpoints(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.reply = lambda request: [{"vectors": [[1.0, 0.0]], "tokens": 2}, {"end": {}}] if request["op"] == "embed" else whole("ok")
    for endpoint, body in (
        ("/v1/completions", {"model": "tiny", "prompt": "x"}),
        ("/v1/embeddings", {"model": "tiny-embed", "input": "x"}),
        ("/v1/responses", {"model": "tiny", "input": "x"}),
    ):
        batch = wait(client, begin(client, [line(0, url=endpoint, body=body)], endpoint).id)
        assert (batch.status, batch.request_counts.completed) == ("completed", 1), endpoint
        assert batch.usage.input_tokens > 0
        assert batch.error_file_id is None
    batch = wait(client, begin(client, [line(0, url="/v1/moderations", body={"input": "x"})], "/v1/moderations").id)
    assert batch.request_counts.failed == 1
    assert rows(client, batch.error_file_id)[0]["response"]["status_code"] == 404


@pytest.mark.parametrize(
    ("change", "param"), [({"stream": True}, "stream"), ({"background": True}, "background"), ({"n": 1000}, "n"), ({"nonsense": 1}, "nonsense")]
)
def test_what_a_line_may_not_ask(client: OpenAI, engine: ScriptedEngine, change: Any, param: str) -> None:
    endpoint = "/v1/responses" if param == "background" else CHAT
    body = {"model": "tiny", "input": "x"} if param == "background" else line(0)["body"]
    batch = wait(client, begin(client, [line(0, url=endpoint, body=body | change)], endpoint).id)
    [row] = rows(client, batch.error_file_id)
    assert (row["response"]["status_code"], row["response"]["body"]["error"]["param"]) == (400, param)
    assert batch.output_file_id is None


def test_everything_wrong_with_a_file_is_told_by_line(client: OpenAI, engine: ScriptedEngine) -> None:
    lines = [
        line(0),
        line(0),
        "",
        '{"custom_id": ',
        {"custom_id": "x"},
        line(5, method="GET"),
        line(6, url="/v1/embeddings"),
        line(7, body={"model": "nope", "messages": []}),
        line(8, body=[1]),
        line(9, custom_id=9),
        line(10, extra=1),
        line(11, body={"messages": []}),
    ]
    lines[3] = json.dumps({"a": 1})  # the upload looks at the beginning: what it lets through is found by the batch
    batch = wait(client, begin(client, lines).id)
    assert (batch.status, batch.output_file_id, batch.request_counts.total) == ("failed", None, 0)
    assert batch.failed_at
    found = [(one.line, one.code, one.param) for one in batch.errors.data]
    assert found[:1] == [(2, "duplicate_custom_id", "custom_id")]
    missing = "missing_required_parameter"
    assert {(4, missing, "custom_id"), (5, missing, "method"), (6, "invalid_method", "method"), (7, "invalid_url", "url"),
        (8, "model_not_found", "body.model"), (9, "invalid_type", "body"), (10, "invalid_value", "custom_id"), (11, "unknown_parameter", "extra"),
        (12, missing, "body.model")} <= set(found)  # fmt: skip
    assert chats(engine) == []


def test_what_is_no_json_behind_the_beginning(client: OpenAI, engine: ScriptedEngine) -> None:
    filler = line(0, "x" * (9 << 20))
    batch = wait(client, begin(client, [filler, '{"custom_id": ', '{"a": NaN}']).id)
    assert [(one.line, one.code) for one in batch.errors.data] == [(2, "invalid_json_line"), (3, "invalid_json_line")]


def test_requests_that_are_refused_at_once(client: OpenAI, engine: ScriptedEngine, served: Served) -> None:
    file = client.files.create(file=("x.txt", b"x"), purpose="user_data").id
    for wrong, param in (({"input_file_id": "file-nothing"}, "input_file_id"), ({"input_file_id": file}, "input_file_id"),
        ({"endpoint": "/v1/videos"}, "endpoint"), ({"completion_window": "1h"}, "completion_window")):  # fmt: skip
        asked: Any = {"input_file_id": upload(client, [line(0)]), "endpoint": CHAT, "completion_window": "24h"} | wrong
        with pytest.raises(BadRequestError) as caught:
            client.batches.create(**asked)
        assert caught.value.param == param
    answer = served.ask("POST", "/v1/batches", json={"input_file_id": "x", "endpoint": CHAT, "completion_window": "24h", "foo": 1})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unknown_parameter")
    with pytest.raises(NotFoundError):
        client.batches.retrieve("batch_nothing")
    with pytest.raises(NotFoundError):
        client.batches.cancel("batch_nothing")


def test_cancelling_keeps_what_is_there(client: OpenAI, engine: ScriptedEngine) -> None:
    engine.reply = lambda request: [FOR_EVER] if request.get("messages", [{}])[-1].get("content") == "slow" else whole("ok")
    made = begin(client, [line(0), *(line(i, "slow") for i in range(1, 8))])
    until(lambda: client.batches.retrieve(made.id).request_counts.completed and "slow" in chats(engine))
    assert client.batches.cancel(made.id).status in ("cancelling", "cancelled")
    batch = wait(client, made.id)
    assert (batch.status, batch.request_counts.model_dump()) == ("cancelled", {"total": 8, "completed": 1, "failed": 7})
    assert batch.cancelling_at <= batch.cancelled_at
    assert [row["custom_id"] for row in rows(client, batch.output_file_id)] == ["row-0"]
    left = rows(client, batch.error_file_id)
    assert {row["custom_id"] for row in left} == {f"row-{i}" for i in range(1, 8)}
    assert all(row["response"] is None and row["error"]["code"] == "batch_cancelled" for row in left)
    assert engine.wait_for_break()
    with pytest.raises(BadRequestError, match="cancelled"):
        client.batches.cancel(made.id)


def test_a_batch_whose_time_is_over_expires(client: OpenAI, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunesmith.console.batches.WINDOW_S", 1)
    engine.says([FOR_EVER])
    batch = wait(client, begin(client, [line(0), line(1)]).id)
    assert (batch.status, batch.request_counts.failed, batch.output_file_id) == ("expired", 2, None)
    assert {row["error"]["code"] for row in rows(client, batch.error_file_id)} == {"batch_expired"}


def test_an_engine_that_is_busy_or_away_is_asked_again(client: OpenAI, served: Served) -> None:
    made = begin(client, [line(0)])  # no engine listens yet
    wait(client, made.id, {"in_progress"})
    time.sleep(0.3)
    tries = []

    def busy_first(request: Any) -> list[Any]:
        if request["op"] == "chat":
            tries.append(request)
        return error("overloaded") if len(tries) < 3 else whole("ok")

    with listening(ScriptedEngine(busy_first), served.console.engine_socket):
        batch = wait(client, made.id)
    assert (batch.status, batch.request_counts.completed, len(tries)) == ("completed", 1, 3)


def test_the_server_is_started_again_in_the_middle(home: Path) -> None:
    """Answered lines are not asked again; the one that was under way is; the result has every line once."""
    gate = threading.Event()

    def reply(request: Any) -> list[Any]:
        slow = request["op"] == "chat" and not gate.is_set() and int(request["messages"][-1]["content"]) >= 5
        return [FOR_EVER] if slow else whole("ok")

    (home / "run").mkdir()
    with listening(ScriptedEngine(reply), home / "run" / "engine.sock") as engine:
        with serving(home, Configuration()) as first:
            client = first.client()
            made = begin(client, [line(i, str(i)) for i in range(12)])
            until(lambda: client.batches.retrieve(made.id).request_counts.completed == 5)
        before = chats(engine)
        journal = home / "batches" / made.id / "journal"
        journal.write_bytes(journal.read_bytes() + b'{"number": 6, "is_ok": tr')  # killed while it wrote
        gate.set()
        with serving(home, Configuration()) as second:
            batch = wait(second.client(), made.id)
            done = rows(second.client(), batch.output_file_id)
    assert (batch.status, batch.request_counts.model_dump()) == ("completed", {"total": 12, "completed": 12, "failed": 0})
    assert sorted(row["custom_id"] for row in done) == sorted(f"row-{i}" for i in range(12))
    again = chats(engine)[len(before) :]
    assert set(again) == {str(i) for i in range(5, 12)}
    assert not (home / "batches" / made.id).exists()


def test_the_input_may_be_deleted_meanwhile(client: OpenAI, engine: ScriptedEngine) -> None:
    deleted = threading.Event()
    engine.reply = lambda request: whole("ok") if deleted.wait(300) else []
    made = begin(client, [line(i) for i in range(3)])
    client.files.delete(made.input_file_id)
    deleted.set()
    assert wait(client, made.id).request_counts.completed == 3


def test_pages_and_owners(client: OpenAI, engine: ScriptedEngine, served: Served) -> None:
    made = [begin(client, [line(0)]).id for _ in range(3)]
    assert [one.id for one in client.batches.list(limit=2)] == made[::-1]
    page = client.batches.list(limit=2)
    assert (page.has_more, len(page.data)) == (True, 2)
    other = served.client(served.key(own_only=True))
    assert other.batches.list().data == []
    with pytest.raises(NotFoundError):
        other.batches.retrieve(made[0])
    with pytest.raises(BadRequestError):
        client.batches.list(after="batch_nothing")


def test_the_same_key_makes_one_batch(client: OpenAI, engine: ScriptedEngine) -> None:
    file = upload(client, [line(0)])
    made = [
        client.batches.create(input_file_id=file, endpoint=CHAT, completion_window="24h", extra_headers={"Idempotency-Key": "k"}).id for _ in range(2)
    ]
    assert made[0] == made[1]
    assert len(client.batches.list().data) == 1


def test_a_revoked_key_asks_nothing_more(client: OpenAI, engine: ScriptedEngine, served: Served) -> None:
    key, secret = served.console.keys.create("gone")
    revoked = threading.Event()
    engine.reply = lambda request: [*whole("ok")] if request["op"] != "chat" or revoked.wait(300) else []
    made = begin(served.client(secret), [line(i) for i in range(8)])
    wait(client, made.id, {"in_progress"})
    served.console.keys.revoke(key.id)
    revoked.set()
    batch = wait(client, made.id)
    assert (batch.status, batch.request_counts.total) == ("completed", 8)
    assert batch.request_counts.failed >= 4
    assert {row["response"]["body"]["error"]["code"] for row in rows(client, batch.error_file_id)} == {"invalid_api_key"}


def test_a_key_that_may_not_ask_models(served: Served) -> None:
    with pytest.raises(PermissionDeniedError):
        served.client(served.key("train")).batches.list()


def test_few_at_once_and_one_beside_others(client: OpenAI, engine: ScriptedEngine, served: Served) -> None:
    others, now, most = 0, 0, 0

    def reply(request: Any) -> Iterator[Any]:
        nonlocal now, most
        if request["op"] == "status":  # whatever was sent is with the engine at once, however slow this machine is
            yield from [{"models": [], "waiting": 0, "running": batches_lane.lane_of(served.app).in_flight + others, "threads": 1}, {"end": {}}]
            return
        now += 1
        most = max(most, now)
        while most < 2 and not others:
            yield 0.02
        yield 0.1
        now -= 1
        yield from whole("ok")

    engine.reply = reply
    assert wait(client, begin(client, [line(i) for i in range(12)]).id).status == "completed"
    assert 1 < most <= batches_lane.PLACES
    others, most = 1, 0
    assert wait(client, begin(client, [line(i) for i in range(5)]).id).status == "completed"
    assert most == 1


def test_a_full_disk_only_delays(client: OpenAI, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "REST_S", 0.1)
    real, faults = batches_run.Journal.append, iter([OSError(28, "No space left on device")])

    def append(*given: Any) -> bool:
        if (fault := next(faults, None)) is not None:
            raise fault
        return real(*given)

    monkeypatch.setattr(batches_run.Journal, "append", append)
    batch = wait(client, begin(client, [line(i) for i in range(3)]).id)
    assert (batch.status, batch.request_counts.completed) == ("completed", 3)


def test_output_files_expire_when_asked_to(client: OpenAI, engine: ScriptedEngine) -> None:
    batch = wait(client, begin(client, [line(0)], output_expires_after={"anchor": "created_at", "seconds": 3600}).id)
    file = client.files.retrieve(batch.output_file_id)
    assert 3300 < file.expires_at - file.created_at <= 3600
