"""Work in the background: a few at once, tried again where the machine is at fault, given up where we are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from tunesmith.console import background
from tunesmith.console.background import Background
from tunesmith.errors import Busy, NotFound


def done(advance: Callable[[str], Awaitable[None]], *names: str, places: int = 2) -> list[str]:
    """What was given up, once nothing is under way."""
    given_up: list[str] = []

    async def run() -> None:
        under_way = Background[str]("thing", places, advance, given_up.append)
        for name in names:
            under_way.begin(name, name.upper())
            assert under_way.find(name) == name.upper()
        for name in names:
            await under_way.ended(name)
            assert under_way.find(name) is None
        await under_way.ended("never begun")

    asyncio.run(run())
    return given_up


def test_so_many_at_once_and_no_more():
    now, most = 0, 0

    async def advance(piece: str) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1

    assert done(advance, *"abcdef") == []
    assert most == 2


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), Busy("the store is busy")])
def test_what_the_machine_prevents_is_tried_again(monkeypatch, fault):
    monkeypatch.setattr(background, "REST_S", 0.01)
    faults = iter([fault, fault])
    tries = []

    async def advance(piece: str) -> None:
        tries.append(piece)
        if (found := next(faults, None)) is not None:
            raise found

    assert done(advance, "a") == []
    assert tries == ["A"] * 3


def test_a_mistake_of_ours_is_written_down_and_ends_one_piece_only():
    async def advance(piece: str) -> None:
        if piece == "A":
            raise ValueError("row: my card number")
        if piece == "B":
            raise NotFound("was deleted")

    with capture_logs() as lines:
        assert done(advance, "a", "b", "c") == ["a"]
    assert [(line["name"], line["log_level"]) for line in lines] == [("a", "error")]
    assert lines[0]["failure"].startswith("ValueError at test_background.py:")
    assert "card" not in str(lines)


def test_what_is_stopped_is_not_given_up():
    given_up: list[str] = []

    async def advance(piece: str) -> None:
        await asyncio.sleep(60)

    async def run() -> None:
        under_way = Background[str]("thing", 1, advance, given_up.append)
        for name in "abc":
            under_way.begin(name, name)
        await asyncio.sleep(0.01)
        await under_way.stop()
        assert under_way.find("a") is None

    asyncio.run(run())
    assert given_up == []
