"""What a key may hold: bytes of files, and work that has not ended. With the official client, over TCP."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from tests.console.test_batches import line
from tunesmith.jobs.queue import Queue


def code_of(caught) -> tuple[str, str]:
    return caught.value.type, caught.value.code


def test_a_file_beyond_the_quota_is_refused_once_and_for_all(served):
    client = served.client(served.key(stored_bytes=1000), max_retries=2)
    first = client.files.create(file=("a", b"x" * 600), purpose="user_data")
    with pytest.raises(openai.RateLimitError, match=r"the files of this key have 600 bytes, and may have 1,000\. Delete some") as caught:
        client.files.create(file=("b", b"x" * 401), purpose="user_data")
    assert code_of(caught) == ("insufficient_quota", "insufficient_quota")
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert [path.name for path in served.console.files.iterdir()] == [first.id]
    client.files.create(file=("b", b"x" * 400), purpose="user_data")
    client.files.delete(first.id)
    client.files.create(file=("c", b"x" * 600), purpose="user_data")
    served.client().files.create(file=("d", b"x" * 2000), purpose="user_data")  # another key has room of its own


def test_what_is_too_large_for_every_key_is_said_so_first(serve):
    served = serve(file_bytes=500)
    with pytest.raises(openai.APIStatusError) as caught:
        served.client(served.key(stored_bytes=1000)).files.create(file=("a", b"x" * 501), purpose="user_data")
    assert caught.value.code == "request_too_large"


def test_parts_count_until_they_are_joined(served):
    client = served.client(served.key(stored_bytes=10))
    upload = client.uploads.create(bytes=8, filename="x", mime_type="text/plain", purpose="user_data")
    parts = [client.uploads.parts.create(upload.id, data=data).id for data in (b"abcd", b"efgh")]
    with pytest.raises(openai.RateLimitError):
        client.files.create(file=("a", b"xyz"), purpose="user_data")
    other = client.uploads.create(bytes=8, filename="x", mime_type="text/plain", purpose="user_data")
    with pytest.raises(openai.RateLimitError):
        client.uploads.parts.create(other.id, data=b"ijk")
    done = client.uploads.complete(upload.id, part_ids=parts)
    assert client.files.content(done.file.id).read() == b"abcdefgh"
    client.files.create(file=("a", b"xy"), purpose="user_data")


def test_files_sent_at_once_do_not_share_the_same_room(served):
    client = served.client(served.key(stored_bytes=1000))

    def send(_: int) -> bool:
        try:
            return bool(client.files.create(file=("a", b"x" * 300), purpose="user_data").id)
        except openai.RateLimitError:
            return False

    with ThreadPoolExecutor(8) as people:
        assert sum(people.map(send, range(16))) == 3
    assert len(list(served.console.files.iterdir())) == 3


def test_work_that_has_not_ended_is_counted_together(served, rows):
    client = served.client(served.key(active_jobs=2), max_retries=2)
    training = client.files.create(file=("rows.jsonl", rows), purpose="fine-tune").id
    asked = client.files.create(file=("batch.jsonl", json.dumps(line(0)).encode()), purpose="batch").id
    job = client.fine_tuning.jobs.create(model="tiny", training_file=training)
    batch = client.batches.create(input_file_id=asked, endpoint="/v1/chat/completions", completion_window="24h")  # there is no engine: it waits
    with pytest.raises(openai.RateLimitError, match=r"This key has 2 jobs that have not ended .* and may have 2\.") as caught:
        client.fine_tuning.jobs.create(model="tiny", training_file=training)
    assert code_of(caught) == ("requests", "rate_limit_exceeded")
    assert caught.value.response.headers["x-should-retry"] == "false"
    with pytest.raises(openai.RateLimitError):
        client.batches.create(input_file_id=asked, endpoint="/v1/chat/completions", completion_window="24h")
    config = {"type": "custom", "item_schema": {"type": "object"}}
    check = {"type": "string_check", "name": "c", "input": "{{ item.a }}", "reference": "1", "operation": "eq"}
    held = client.evals.create(data_source_config=config, testing_criteria=[check])
    source = {"type": "jsonl", "source": {"type": "file_content", "content": [{"item": {"a": "1"}}]}}
    with pytest.raises(openai.RateLimitError):
        client.evals.runs.create(held.id, data_source=source)
    home = served.console.store.home
    assert [path.name for path in (home / "jobs").iterdir()] == [job.id]
    assert [path.name for path in (home / "batches").iterdir()] == [batch.id]
    assert not (home / "evals").is_dir() or not list((home / "evals").iterdir())
    client.fine_tuning.jobs.cancel(job.id)
    again = client.fine_tuning.jobs.create(model="tiny", training_file=training)
    Queue(served.console.store).pause(again.id)  # who waits has not ended
    with pytest.raises(openai.RateLimitError):
        client.fine_tuning.jobs.create(model="tiny", training_file=training)
    assert served.client().fine_tuning.jobs.create(model="tiny", training_file=training).id


def test_a_key_without_a_limit_has_that_of_the_server(serve, rows):
    served = serve(stored_bytes=len(rows) + 10, active_jobs=1)
    client = served.client()
    training = client.files.create(file=("rows.jsonl", rows), purpose="fine-tune").id
    client.fine_tuning.jobs.create(model="tiny", training_file=training)
    with pytest.raises(openai.RateLimitError):
        client.fine_tuning.jobs.create(model="tiny", training_file=training)
    with pytest.raises(openai.RateLimitError):
        client.files.create(file=("rows.jsonl", rows), purpose="fine-tune")
    generous = served.client(served.key(stored_bytes=1 << 20, active_jobs=5))
    generous.files.create(file=("rows.jsonl", rows), purpose="fine-tune")
