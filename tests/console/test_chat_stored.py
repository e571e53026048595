"""Stored chat completions with the official client."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI
from sqlalchemy import update

from tests.console.conftest import Served
from tests.console.scripted_engine import ScriptedEngine, listening
from tests.console.test_chat import HI, WEATHER
from tests.console.test_graders import CHECK
from tunesmith.console.sweeper import sweep
from tunesmith.store.tables import OBJECTS


@pytest.fixture
def engine(served: Served) -> Iterator[ScriptedEngine]:
    with listening(ScriptedEngine(), served.console.engine_socket) as answering:
        yield answering


def test_only_what_asks_to_be_stored_is_stored(client: OpenAI, engine: ScriptedEngine) -> None:
    client.chat.completions.create(model="tiny", messages=HI)
    kept = client.chat.completions.create(
        model="tiny",
        messages=HI,
        store=True,
        metadata={"task": "a"},
        temperature=0.5,
        tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "weather"}},
    )
    [found] = client.chat.completions.list().data
    assert (kept.id, {"task": "a"}) == (found.id, found.metadata)  # type: ignore[attr-defined]
    again = client.chat.completions.retrieve(kept.id)
    assert (kept.choices, kept.usage) == (again.choices, again.usage)
    assert (again.temperature, again.tools[0]["function"]["name"]) == (0.5, "weather")  # type: ignore[attr-defined]


def test_a_stream_is_stored_as_it_was_said(client: OpenAI, engine: ScriptedEngine) -> None:
    ids = {chunk.id for chunk in client.chat.completions.create(model="tiny", messages=HI, store=True, stream=True)}
    [found] = client.chat.completions.list().data
    assert ({found.id}, "Hello.", "stop") == (ids, found.choices[0].message.content, found.choices[0].finish_reason)


def test_lists_in_pages_by_label_and_by_model(client: OpenAI, engine: ScriptedEngine) -> None:
    made = [client.chat.completions.create(model="tiny", messages=HI, store=True, metadata={"n": str(i % 2)}).id for i in range(5)]
    assert made == [one.id for one in client.chat.completions.list(limit=2)]
    assert made[::-1] == [one.id for one in client.chat.completions.list(limit=3, order="desc")]
    assert made[1::2] == [one.id for one in client.chat.completions.list(metadata={"n": "1"})]
    assert client.chat.completions.list(model="other").data == []
    with pytest.raises(BadRequestError) as caught:
        client.chat.completions.list(after="chatcmpl-none")
    assert caught.value.param == "after"


def test_labels_change_and_messages_are_listed(client: OpenAI, engine: ScriptedEngine) -> None:
    messages: list[Any] = [{"role": "system", "content": "s"}, *HI]
    kept = client.chat.completions.create(model="tiny", messages=messages, store=True)
    assert client.chat.completions.update(kept.id, metadata={"b": "c"}).metadata == {"b": "c"}  # type: ignore[attr-defined]
    listed = list(client.chat.completions.messages.list(kept.id, limit=1))
    assert [(one.role, one.content) for one in listed] == [("system", "s"), ("user", "hi")]
    with pytest.raises(BadRequestError):
        client.chat.completions.update(kept.id, metadata={"x": "y" * 600})


def test_what_is_deleted_is_gone(client: OpenAI, engine: ScriptedEngine) -> None:
    kept = client.chat.completions.create(model="tiny", messages=HI, store=True)
    assert client.chat.completions.delete(kept.id).deleted is True
    for ask in (client.chat.completions.retrieve, client.chat.completions.delete, lambda name: client.chat.completions.messages.list(name)):
        with pytest.raises(NotFoundError):
            ask(kept.id)


def test_a_confined_key_sees_its_own_only(served: Served, client: OpenAI, engine: ScriptedEngine) -> None:
    kept = client.chat.completions.create(model="tiny", messages=HI, store=True)
    with served.client(served.key("serve", own_only=True)) as other:
        assert other.chat.completions.list().data == []
        with pytest.raises(NotFoundError):
            other.chat.completions.retrieve(kept.id)


def test_stored_answers_are_forgotten_after_thirty_days(served: Served, engine: ScriptedEngine) -> None:
    objects, day_s = served.console.objects, 86_400
    with served.client() as client:
        made = [
            (client.chat.completions.create(model="tiny", messages=HI, store=True).id, client.responses.create(model="tiny", input="hi").id)
            for _ in range(2)
        ]
        for name, age_s in zip(made[0] + made[1], (31 * day_s, 31 * day_s, 29 * day_s, 29 * day_s), strict=True):
            with served.console.store.database.write() as connection:
                connection.execute(update(OBJECTS).where(OBJECTS.c.id == name).values(created_at=time.time() - age_s))
        held = client.evals.create(data_source_config={"type": "custom", "item_schema": {}}, testing_criteria=[CHECK])
        with served.console.store.database.write() as connection:
            connection.execute(update(OBJECTS).where(OBJECTS.c.id == held.id).values(created_at=0.0))
        sweep(served.console)
        assert [one.id for one in client.chat.completions.list()] == [made[1][0]]
        assert client.responses.retrieve(made[1][1]).id == made[1][1]
        with pytest.raises(NotFoundError):
            client.responses.retrieve(made[0][1])
        assert client.evals.retrieve(held.id).id == held.id  # the hosted service keeps these too
    assert [one.id for one in objects.page("response").items] == [made[1][1]]
