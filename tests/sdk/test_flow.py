"""The official client against a real server: what scripts written for the hosted service do, from the upload to the deletion."""

from __future__ import annotations

import csv
from io import StringIO

import openai
import pytest

from tests.sdk.conftest import block, chat, follow, lines, upload
from tests.waiting import until

QUESTION = [{"role": "user", "content": "apple 0"}]
SUCCESS = "The job has successfully completed"


@pytest.mark.parametrize("method", ["supervised", "dpo"])
def test_the_whole_flow(client, method):
    training, validation = upload(client, method), upload(client, method, rows=6 + 6, name="valid.jsonl")
    assert client.files.wait_for_processing(training).status == "processed"
    job = client.fine_tuning.jobs.create(
        model="gpt-4o-mini-2024-07-18", training_file=training, validation_file=validation, suffix="my-model", seed=7,
        method=block(method, n_epochs=2, batch_size=4), metadata={"test": method},
    )  # fmt: skip
    assert (job.status, job.model, job.fine_tuned_model) == ("validating_files", "tiny", None)
    job = follow(client, job.id)
    assert (job.status, job.error) == ("succeeded", None)
    assert (job.hyperparameters.n_epochs, job.hyperparameters.batch_size) == (2, 4)
    assert job.trained_tokens > 0
    assert job.fine_tuned_model.startswith("ft:tiny:")
    assert job.finished_at >= job.created_at

    events = client.fine_tuning.jobs.list_events(fine_tuning_job_id=job.id, limit=100).data
    events.reverse()
    messages = [event.message for event in events if event.type == "message"]
    order = ["Created fine-tuning job: ", "Validating training file: ", "Files validated", "Fine-tuning job started", "New fine-tuned model", SUCCESS]
    places = [next(i for i, text in enumerate(messages) if text.startswith(start)) for start in order]
    assert places == sorted(places)
    steps = [event.data["step"] for event in events if event.type == "metrics"]
    assert steps == sorted(set(steps))
    assert steps[-1] == events[-1 - next(i for i, e in enumerate(reversed(events)) if e.type == "metrics")].data["total_steps"] == 6
    assert len({event.id for event in events}) == len(events)

    points = client.fine_tuning.jobs.checkpoints.list(job.id).data
    assert [point.step_number for point in points] == [6, 3]
    assert [message for message in messages if message.startswith("Checkpoint created")] == [
        f"Checkpoint created at step 3 with Snapshot ID: {points[1].fine_tuned_model_checkpoint}"
    ]
    assert messages.count(f"New fine-tuned model created: {job.fine_tuned_model}") == 1
    assert points[0].fine_tuned_model_checkpoint == job.fine_tuned_model
    assert points[1].fine_tuned_model_checkpoint.endswith(":ckpt-step-3")
    for name in [job.fine_tuned_model, points[1].fine_tuned_model_checkpoint]:
        answer = client.chat.completions.create(model=name, messages=QUESTION, max_tokens=5, temperature=0)
        chunks = list(client.chat.completions.create(model=name, messages=QUESTION, max_tokens=5, temperature=0, stream=True))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == answer.choices[0].message.content
        assert chunks[-1].choices[0].finish_reason == answer.choices[0].finish_reason
        assert answer.model == name

    rows = list(csv.DictReader(StringIO(client.files.content(job.result_files[0]).read().decode())))
    assert [int(row["step"]) for row in rows] == steps
    assert float(rows[-1]["full_valid_loss"]) > 0
    assert client.files.retrieve(job.result_files[0]).purpose == "fine-tune-results"

    onward = client.fine_tuning.jobs.create(model=job.fine_tuned_model, training_file=training, method=block(method, n_epochs=1))
    onward = follow(client, onward.id)
    assert onward.status == "succeeded", onward.error
    assert {job.fine_tuned_model, onward.fine_tuned_model} <= {model.id for model in client.models.list()}

    assert client.models.delete(job.fine_tuned_model).deleted
    with pytest.raises(openai.NotFoundError) as gone:
        client.chat.completions.create(model=job.fine_tuned_model, messages=QUESTION, max_tokens=2)
    assert gone.value.code == "model_not_found"
    answer = client.chat.completions.create(model=onward.fine_tuned_model, messages=QUESTION, max_tokens=2)  # it does not need its ancestor's name
    assert answer.usage.completion_tokens > 0
    for file in (training, validation):
        assert client.files.delete(file).deleted


@pytest.mark.long
def test_cancel_pause_and_resume(client):
    training = upload(client)
    long = {"model": "tiny", "training_file": training, "method": block("supervised", n_epochs=25, batch_size=1)}

    def begun(happens, stop):
        """A job that was stopped while it ran; another one where this machine stood still until it was over."""
        for _ in range(5):
            job = client.fine_tuning.jobs.create(**long)
            until(lambda job=job: happens(job))
            try:
                return stop(job.id)
            except openai.BadRequestError:
                assert client.fine_tuning.jobs.retrieve(job.id).status == "succeeded"
        raise AssertionError("five jobs were over before they could be stopped")

    job = begun(
        lambda job: any(event.type == "metrics" for event in client.fine_tuning.jobs.list_events(job.id, limit=5).data), client.fine_tuning.jobs.pause
    )
    assert job.status == "paused"
    second = begun(lambda job: client.fine_tuning.jobs.retrieve(job.id).status in ("running", "succeeded"), client.fine_tuning.jobs.cancel)
    assert second.status == "cancelled"  # and it ran: the paused one has left its place
    for refused in (client.fine_tuning.jobs.cancel, client.fine_tuning.jobs.pause, client.fine_tuning.jobs.resume):
        with pytest.raises(openai.BadRequestError):
            refused(second.id)
    assert client.fine_tuning.jobs.list_events(second.id).data[0].message == "The job was cancelled"
    assert client.fine_tuning.jobs.retrieve(job.id).status == "paused"
    assert client.fine_tuning.jobs.resume(job.id).status == "queued"
    ended = follow(client, job.id)
    assert ended.status == "succeeded", ended.error
    steps = [event.data["step"] for event in client.fine_tuning.jobs.list_events(job.id, limit=100) if event.type == "metrics"]
    assert steps == list(range(300, 0, -1))


def test_pages_are_walked_to_their_end(client):
    training = upload(client, rows=10)
    made = [client.files.create(file=("one.jsonl", lines([chat(1)] * 10)), purpose="fine-tune").id for _ in range(5)]
    assert [file.id for file in client.files.list(limit=2)][:6] == [*made[::-1], training]
    jobs = [client.fine_tuning.jobs.create(model="tiny", training_file=training, metadata={"of": "pages", "n": str(n)}).id for n in range(5)]
    assert [job.id for job in client.fine_tuning.jobs.list(limit=2, metadata={"of": "pages"})] == jobs[::-1]
    assert [job.id for job in client.fine_tuning.jobs.list(limit=100, metadata={"n": "3", "of": "pages"})] == [jobs[3]]
    for job in jobs[1:]:
        client.fine_tuning.jobs.cancel(job)
    assert follow(client, jobs[0]).status == "succeeded"
    whole = [event.id for event in client.fine_tuning.jobs.list_events(jobs[0], limit=1000).data]
    assert len(whole) > 10
    assert [event.id for event in client.fine_tuning.jobs.list_events(jobs[0], limit=3)] == whole
    points = [point.id for point in client.fine_tuning.jobs.checkpoints.list(jobs[0]).data]
    assert [point.id for point in client.fine_tuning.jobs.checkpoints.list(jobs[0], limit=1)] == points


def test_a_file_with_faults_fails_the_job_and_says_where(client):
    rows = [chat(number) for number in range(12)]
    rows[4]["messages"][1].pop("role")
    bad = client.files.create(file=("bad.jsonl", lines(rows)), purpose="fine-tune").id
    job = follow(client, client.fine_tuning.jobs.create(model="tiny", training_file=bad).id)
    assert (job.status, job.fine_tuned_model, job.result_files) == ("failed", None, [])
    assert (job.error.code, job.error.param) == ("invalid_training_file", "training_file")
    assert "Example 5, message 2" in job.error.message
    newest = client.fine_tuning.jobs.list_events(job.id).data[0]
    assert (newest.level, newest.message) == ("error", job.error.message)
    few = client.files.create(file=("few.jsonl", lines([chat(number) for number in range(7)])), purpose="fine-tune").id
    job = follow(client, client.fine_tuning.jobs.create(model="tiny", training_file=few).id)
    assert job.error.code == "invalid_n_examples"
    assert "has 7 example(s), but must have at least 10" in job.error.message


@pytest.mark.parametrize(
    ("ask", "kind", "code"),
    [
        (lambda c: c.fine_tuning.jobs.retrieve("ftjob-none"), openai.NotFoundError, "fine_tune_not_found"),
        (lambda c: c.fine_tuning.jobs.create(model="gpt-9", training_file="file-x"), openai.BadRequestError, "model_not_available"),
        (lambda c: c.fine_tuning.jobs.create(model="tiny", training_file="file-x"), openai.BadRequestError, "file_not_found"),
        (lambda c: c.chat.completions.create(model="none", messages=QUESTION), openai.NotFoundError, "model_not_found"),
        (lambda c: c.chat.completions.create(model="tiny", messages=QUESTION, temperature=3), openai.BadRequestError, "decimal_above_max_value"),
        (lambda c: c.chat.completions.create(model="tiny", messages=QUESTION * 200, max_tokens=4), openai.BadRequestError, "context_length_exceeded"),
        (lambda c: c.moderations.create(input="x"), openai.NotFoundError, "model_not_found"),
        (lambda c: c.models.delete("tiny"), openai.PermissionDeniedError, None),
        (lambda c: c.with_options(api_key="sk-wrong-wrong-wrong").models.list(), openai.AuthenticationError, "invalid_api_key"),
        (lambda c: c.post("/nowhere", cast_to=object), openai.NotFoundError, "unknown_url"),
    ],
)
def test_errors_as_the_client_knows_them(client, ask, kind, code):
    with pytest.raises(kind) as caught:
        ask(client)
    assert caught.value.code == code
    assert caught.value.request_id.startswith("req_")
    assert caught.value.body.keys() == {"message", "type", "param", "code"}


def test_a_creation_that_is_sent_twice_makes_one_job(client):
    training = upload(client)
    twice = [
        client.fine_tuning.jobs.create(model="tiny", training_file=training, suffix="once", extra_headers={"Idempotency-Key": "flow-1"})
        for _ in range(2)
    ]
    assert twice[0].id == twice[1].id
    with pytest.raises(openai.BadRequestError) as other:
        client.fine_tuning.jobs.create(model="tiny", training_file=training, suffix="other", extra_headers={"Idempotency-Key": "flow-1"})
    assert other.value.type == "idempotency_error"
    client.fine_tuning.jobs.cancel(twice[0].id)
