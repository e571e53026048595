"""The client of the engine's socket: errors, endings, long lines."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.console.scripted_engine import FOR_EVER, START, ScriptedEngine, end, error, listening, says, whole
from tunesmith.console.engine_client import LINE_BYTES, About, ask, failure, gather, single
from tunesmith.console.failures import ApiError


async def heard(socket: Path) -> list[Any]:
    """All lines of one request."""
    lines = await ask(socket, {"op": "chat"}, About("m"))
    try:
        return [line async for line in lines]
    finally:
        lines.close()


def test_lines_come_in_order_and_end_with_the_end(tmp_path: Path) -> None:
    with listening(ScriptedEngine(lambda request: whole("a", "b")), tmp_path / "s") as engine:
        assert whole("a", "b") == asyncio.run(heard(tmp_path / "s"))
    assert engine.heard == [{"op": "chat"}]


def test_a_line_of_many_megabytes_arrives(tmp_path: Path) -> None:
    long = {"vectors": [[0.1] * 384] * 2048, "tokens": 1}
    with listening(ScriptedEngine(lambda request: [long, {"end": {}}]), tmp_path / "s"):
        assert long == asyncio.run(single(tmp_path / "s", {"op": "embed"}, "vectors"))
    assert LINE_BYTES > 20 * 2048 * 384


def test_no_engine_is_a_503_that_says_when_to_come_again(tmp_path: Path) -> None:
    for socket in (tmp_path / "none", tmp_path / "dead"):
        if socket.name == "dead":
            with listening(ScriptedEngine(), socket):
                pass
            socket.touch()
        with pytest.raises(ApiError) as caught:
            asyncio.run(heard(socket))
        assert (caught.value.status_code, caught.value.headers) == (503, {"retry-after": "2"})


@pytest.mark.parametrize("lines", [[], [None], [START], [START, *says("x"), None]])
def test_an_engine_that_stops_before_the_end_is_a_503(tmp_path: Path, lines: list[Any]) -> None:
    with listening(ScriptedEngine(lambda request: lines), tmp_path / "s"), pytest.raises(ApiError) as caught:
        asyncio.run(heard(tmp_path / "s"))
    assert caught.value.status_code == 503


def test_closing_ends_the_work(tmp_path: Path) -> None:
    async def leave() -> None:
        lines = await ask(tmp_path / "s", {"op": "chat"})
        assert await lines.first() == START
        lines.close()
        assert [line async for line in lines] == []

    with listening(ScriptedEngine(lambda request: [START, FOR_EVER, end()]), tmp_path / "s") as engine:
        asyncio.run(leave())
        assert engine.wait_for_break()


@pytest.mark.parametrize(
    ("code", "problem", "expected"),
    [
        ("does_not_fit", {"got": "700 tokens", "expected": "at most 511"}, (400, "context_length_exceeded", "messages")),
        ("does_not_fit", {"got": "5 GiB", "expected": "at most 2 GiB"}, (400, "does_not_fit", None)),
        ("not_found", {}, (404, "model_not_found", None)),
        ("overloaded", {}, (429, "rate_limit_exceeded", None)),
        ("unsupported", {"where": "tools[0]"}, (400, "unsupported", "tools[0]")),
        ("bad_project", {"where": "prompts[1]"}, (400, "invalid_value", "prompt[1]")),
        ("bad_project", {"where": "choices"}, (400, "invalid_value", "tunesmith.choices")),
        ("unsupported", {"where": "/some/folder"}, (400, "unsupported", None)),
        ("busy", {}, (503, "busy", None)),
        ("timeout", {}, (504, "timeout", None)),
        ("interrupted", {}, (500, None, None)),
        ("damaged_weights", {}, (503, "damaged_weights", None)),
        ("alarm", {}, (500, None, None)),
        ("from_the_future", {}, (500, None, None)),
    ],
)
def test_every_error_of_the_engine_has_its_answer(code: str, problem: dict[str, str], expected: tuple[Any, ...]) -> None:
    found = failure(error(code, "/secret/place", **problem)[0]["error"], About("m"))
    assert expected == (found.status_code, found.code, found.param)
    if found.status_code >= 500:
        assert "secret" not in found.message


def test_answers_are_gathered_by_their_index(tmp_path: Path) -> None:
    async def whole_reply() -> Any:
        lines = await ask(tmp_path / "s", {})
        start = await lines.first()
        found = await gather(start, lines, 2)
        lines.close()
        return [(choice.text, choice.reason) for choice in found.choices], found.usage["completion_tokens"]

    said = [START, *says("b", index=1, reason="length"), *says("a"), end(5)]
    with listening(ScriptedEngine(lambda request: said), tmp_path / "s"):
        assert asyncio.run(whole_reply()) == ([("a", "stop"), ("b", "length")], 5)
