"""Many at once, and deaths in between: nothing is lost, nothing is told twice, and the weights are those of an undisturbed run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.sdk.conftest import ENDED, Running, block, follow, upload
from tests.waiting import until
from tunesmith.jobs.queue import Queue
from tunesmith.store.artifacts import Store

pytestmark = [pytest.mark.line, pytest.mark.long]
QUESTION = [{"role": "user", "content": "bread 1"}]


def train(client: OpenAI, training: str, epochs: int, **more: Any) -> str:
    """The id of a new job of 12 steps an epoch."""
    return client.fine_tuning.jobs.create(model="tiny", training_file=training, method=block("supervised", n_epochs=epochs, batch_size=1), **more).id


def test_a_crowd_while_jobs_train(server):
    client = server.client(max_retries=5)
    training = upload(client)
    jobs = [train(client, training, 20, seed=number) for number in range(4)]
    until(lambda: client.fine_tuning.jobs.retrieve(jobs[0]).status == "running")

    def poll(job: str) -> list[str]:
        seen = [client.fine_tuning.jobs.retrieve(job).status]
        while seen[-1] not in ENDED:
            state = client.fine_tuning.jobs.retrieve(job).status
            client.fine_tuning.jobs.list_events(job, limit=10)
            seen += [state] if state != seen[-1] else []
        return seen

    def chat(number: int) -> str:
        stream = client.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": f"bread {number}"}], max_tokens=8, temperature=0, stream=True
        )
        return [chunk.choices[0].finish_reason for chunk in stream][-1]

    with ThreadPoolExecutor(25) as people:
        polled = [people.submit(poll, job) for job in [*jobs, jobs[0]]]
        chats = [people.submit(chat, number) for number in range(20)]
        assert {chat.result(900) for chat in chats} <= {"stop", "length"}
        states = [one.result(900) for one in polled]
    assert [seen[-1] for seen in states] == ["succeeded"] * 5
    assert any("running" in seen for seen in states[1:4])
    ended = [client.fine_tuning.jobs.retrieve(job) for job in jobs]
    assert len({job.fine_tuned_model for job in ended}) == 4
    assert [job.finished_at for job in ended] == sorted(job.finished_at for job in ended)  # first come, first served


def told(client: OpenAI, job: str) -> list[tuple[str, Any]]:
    """What a job said, oldest first; names that differ from job to job are cut off, and what it had to say about deaths is left out."""
    events = [event for event in client.fine_tuning.jobs.list_events(job, limit=500) if event.level == "info"]
    return [(event.message.partition(": ")[0] if event.type == "message" else event.message, event.data) for event in events[::-1]]


def weights(running: Running, job: str) -> bytes:
    """What a job trained."""
    store = Store.open(running.home)
    try:
        found = Queue(store).get(job).result
        assert found is not None
        return (store.get(found["checkpoint"]).path / "adapter_model.safetensors").read_bytes()
    finally:
        store.close()


def test_every_process_is_killed_in_turn(server, fresh):
    calm = server.client()
    undisturbed = train(calm, upload(calm), 25, seed=3)
    client = fresh.client(max_retries=8)
    job = train(client, upload(client), 25, seed=3)

    def has_got_on(since: int) -> bool:
        return steps(client, job) > since or client.fine_tuning.jobs.retrieve(job).status in ENDED

    last = 0
    for victim in ("worker", "engine", "supervisor", "console"):
        until(lambda before=last: has_got_on(before))  # type: ignore[misc]
        assert client.fine_tuning.jobs.retrieve(job).status == "running", f"it was over before the {victim} was killed"
        last = steps(client, job)
        fresh.kill(victim)
        if victim == "console":
            fresh.start()
    ended = follow(client, job)
    assert ended.status == "succeeded", ended.error
    assert follow(calm, undisturbed).status == "succeeded"
    assert weights(fresh, job) == weights(server, undisturbed)
    assert told(client, job) == told(calm, undisturbed)
    answer = client.chat.completions.create(model=ended.fine_tuned_model, messages=QUESTION, max_tokens=5, temperature=0)
    same = calm.chat.completions.create(
        model=calm.fine_tuning.jobs.retrieve(undisturbed).fine_tuned_model, messages=QUESTION, max_tokens=5, temperature=0
    )
    assert answer.choices[0].message.content == same.choices[0].message.content
    assert fresh.secret not in fresh.log()
    assert "bread" not in fresh.log()


def steps(client: OpenAI, job: str) -> int:
    """How far a job is."""
    return max((event.data["step"] for event in client.fine_tuning.jobs.list_events(job, limit=5).data if event.type == "metrics"), default=0)


def test_chats_survive_the_death_of_the_engine(server):
    client = server.client(max_retries=8)
    client.chat.completions.create(model="tiny", messages=QUESTION, max_tokens=2)
    with ThreadPoolExecutor(8) as people:
        asked = [people.submit(_ask_on, client, number) for number in range(16)]
        server.kill("engine")
        assert all(text.result(900) for text in asked)


def _ask_on(client: OpenAI, number: int) -> bool:
    """One question, asked once more if its answer broke off: the client itself sends again only what had no answer yet."""
    question = [{"role": "user", "content": f"date {number}"}]
    for _ in range(3):
        try:
            return client.chat.completions.create(model="tiny", messages=question, max_tokens=20).usage is not None
        except openai.InternalServerError:
            continue
    return False
