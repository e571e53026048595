"""Fine-tuning jobs as clients see them. The worker's part is played through the queue and the monitor, as the worker itself would use them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.console import job_events
from tunesmith.console.refusals import refusal
from tunesmith.jobs.progress import JobMonitor
from tunesmith.spec.job import Note, Reading, Resolved, Saved
from tunesmith.spec.openai import JobRequest
from tunesmith.store.access import Limits

MODEL = "ft:tiny:tunesmith:mine:abcdefgh"


@pytest.fixture
def file(client, rows) -> str:
    return client.files.create(file=("rows.jsonl", rows), purpose="fine-tune").id


@pytest.fixture
def create(client, file):
    def make(**options):
        return client.fine_tuning.jobs.create(**{"model": "tiny", "training_file": file, **options})

    return make


def work(served, job_id: str, steps: int = 4) -> None:
    """What a worker says and does, until the job has succeeded."""
    queue = served.console.queue
    queue.lease(job_id, "test:1")
    queue.enter(job_id, "training")
    monitor = JobMonitor(queue, job_id)
    monitor.emit(Note(text="Fine-tuning job started"))
    monitor.emit(Resolved(hyperparameters={"n_epochs": 2, "batch_size": 1, "learning_rate_multiplier": 1.0, "lr": 2e-4}))
    for step in range(1, steps + 1):
        values = {"train_loss": 1 / step, "train_mean_token_accuracy": 0.5, "total_steps": steps}
        monitor.emit(Reading(step=step, values=values | ({"valid_loss": float("nan"), "full_valid_loss": 0.25} if step % 2 == 0 else {})))
        if step % 2 == 0:
            name = MODEL if step == steps else f"ft:tiny:tunesmith:mine:ijklmnop:ckpt-step-{step}"
            monitor.emit(Saved(step=step, checkpoint=f"checkpoint-{step}", model=name, metrics={"train_loss": 1 / step}))
            body = {"job": job_id, "checkpoint": f"checkpoint-{step}", "base": "tiny", "step": step, "created": 1_700_000_000}
            served.console.objects.add("model", name, body, owner=queue.get(job_id).owner)
    monitor.close()
    result = {"checkpoint": f"checkpoint-{steps}", "model": MODEL, "trained_tokens": 99, "steps": steps, "result_file": "file-result"}
    queue.finish(job_id, result | {"hyperparameters": {"n_epochs": 2, "batch_size": 1, "learning_rate_multiplier": 1.0}})


def test_a_job_from_creation_to_its_models(client, served, create, file):
    job = create(suffix="mine", metadata={"a": "b"}, seed=7)
    assert job.id.startswith("ftjob-")
    assert (job.status, job.model, job.seed, job.metadata) == ("validating_files", "tiny", 7, {"a": "b"})
    assert (job.finished_at, job.fine_tuned_model, job.trained_tokens, job.result_files, job.error) == (None, None, None, [], None)
    assert job.hyperparameters.model_dump() == {"n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"}
    assert job.method.model_dump(exclude_none=True)["supervised"]["hyperparameters"]["n_epochs"] == "auto"
    client.files.delete(file)
    assert (served.console.store.home / served.console.queue.get(job.id).payload["training_path"]).read_bytes().count(b"\n") == 12
    assert [event.message for event in client.fine_tuning.jobs.list_events(job.id).data] == [f"Created fine-tuning job: {job.id}"]

    work(served, job.id)
    done = client.fine_tuning.jobs.retrieve(job.id)
    assert (done.status, done.fine_tuned_model, done.trained_tokens, done.result_files) == ("succeeded", MODEL, 99, ["file-result"])
    assert (done.hyperparameters.n_epochs, done.method.supervised.hyperparameters.n_epochs) == (2, 2)
    assert done.finished_at >= done.created_at
    events = list(client.fine_tuning.jobs.list_events(job.id, limit=2))
    events.reverse()
    assert [event.message for event in events][2:5] == [
        "Step 1/4: training loss=1.00",
        "Step 2/4: training loss=0.50, validation loss=nan, full validation loss=0.25",
        "Checkpoint created at step 2 with Snapshot ID: ft:tiny:tunesmith:mine:ijklmnop:ckpt-step-2",
    ]
    messages = [event.message for event in events]
    assert messages.count("Checkpoint created at step 2 with Snapshot ID: ft:tiny:tunesmith:mine:ijklmnop:ckpt-step-2") == 1
    assert not [message for message in messages if MODEL in message]  # the last checkpoint is the model, which its worker announces
    assert events[2].type == "metrics"
    assert events[2].data == {"step": 1, "total_steps": 4, "train_loss": 1.0, "train_mean_token_accuracy": 0.5}
    assert "valid_loss" not in events[3].data
    assert len({event.id for event in events}) == len(events)
    checkpoints = list(client.fine_tuning.jobs.checkpoints.list(job.id, limit=1))
    assert [(one.step_number, one.fine_tuned_model_checkpoint) for one in checkpoints] == [
        (4, MODEL),
        (2, "ft:tiny:tunesmith:mine:ijklmnop:ckpt-step-2"),
    ]
    assert checkpoints[0].metrics.train_loss == 0.25
    assert {MODEL, "tiny"} <= {model.id for model in client.models.list()}
    again = create(model=checkpoints[1].fine_tuned_model_checkpoint, training_file=client.files.create(file=("x", b"{}"), purpose="fine-tune").id)
    assert served.console.queue.get(again.id).payload["start"] == "checkpoint-2"
    assert again.model == checkpoints[1].fine_tuned_model_checkpoint


def test_an_alias_is_resolved_and_said(client, served, file):
    raw = client.fine_tuning.jobs.with_raw_response.create(model="gpt-4o-mini-2024-07-18", training_file=file)
    job = raw.parse()
    assert job.model == "tiny"
    assert raw.headers["x-tunesmith-note"] == "gpt-4o-mini-2024-07-18 stands for tiny on this server"
    assert raw.headers["x-tunesmith-note"] in [event.message for event in client.fine_tuning.jobs.list_events(job.id)]
    assert served.console.queue.get(job.id).payload["base"] == "tiny"


@pytest.mark.parametrize("name", ["Owner/Tiny", "tiny"])
def test_a_base_is_known_by_its_id_and_by_its_name_on_the_hub(create, name):
    assert create(model=name).model == "tiny"


DPO = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.2, "n_epochs": 3}}}


def test_preferences_have_their_own_block(create, served):
    job = create(method=DPO)
    assert (job.method.type, job.method.dpo.hyperparameters.beta, job.hyperparameters.n_epochs) == ("dpo", 0.2, 3)
    assert served.console.queue.get(job.id).payload["method"]["dpo"]["hyperparameters"]["batch_size"] == "auto"


def test_auto_may_be_written_out(create):
    chosen = create(hyperparameters={"n_epochs": "auto", "batch_size": 2, "learning_rate_multiplier": "auto"}).hyperparameters
    assert (chosen.n_epochs, chosen.batch_size, chosen.learning_rate_multiplier) == ("auto", 2, "auto")
    assert create(method={"type": "dpo", "dpo": {"hyperparameters": {"beta": "auto"}}}).method.dpo.hyperparameters.beta == "auto"


def test_old_scripts_name_hyperparameters_at_the_top(create):
    assert create(hyperparameters={"n_epochs": 4}).method.supervised.hyperparameters.n_epochs == 4
    assert create(method={"type": "supervised"}, hyperparameters={"n_epochs": 5}).hyperparameters.n_epochs == 5


@pytest.mark.parametrize(
    ("options", "param", "code", "message"),
    [
        (
            {"model": "gpt-9"},
            "model",
            "model_not_available",
            "Model gpt-9 is not available for fine-tuning or does not exist. Available base models: tiny.",
        ),
        ({"model": "tiny-embed"}, "model", "model_not_available", "is not available for fine-tuning"),
        ({"model": "../models/tiny"}, "model", "model_not_available", "is not available for fine-tuning"),
        ({"training_file": "file-x"}, "training_file", "file_not_found", "invalid training_file: file-x"),
        ({"validation_file": "../../store.db"}, "validation_file", "file_not_found", "does not exist"),
        ({"suffix": "x" * 65}, "suffix", "string_above_max_length", "Expected a string with maximum length 64"),
        ({"suffix": "a:b"}, "suffix", "invalid_value", "expected letters"),
        ({"seed": 2_147_483_648}, "seed", "integer_above_max_value", "Expected a value <= 2147483647"),
        ({"hyperparameters": {"n_epochs": 51}}, "hyperparameters.n_epochs", "integer_above_max_value", "Expected a value <= 50, but got 51 instead."),
        ({"hyperparameters": {"n_epochs": "3"}}, "hyperparameters.n_epochs", "invalid_type", "expected an integer, but got a string instead."),
        ({"hyperparameters": {"epochs": 3}}, "hyperparameters.epochs", "unknown_parameter", "Unknown parameter: 'hyperparameters.epochs'."),
        ({"hyperparameters": {"learning_rate_multiplier": 0}}, "hyperparameters.learning_rate_multiplier", "decimal_below_min_value", "> 0"),
        ({"method": {"type": "dpo"}}, "method", "missing_required_parameter", "method.dpo"),
        ({"method": {**DPO, "type": "supervised"}}, "method", "invalid_value", "has a block 'dpo'"),
        ({"method": {"type": "magic"}}, "method.type", "invalid_value", "Supported values are: 'supervised', 'dpo', and 'reinforcement'."),
        ({"method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 3}}}}, "method.dpo.hyperparameters.beta", "decimal_above_max_value", "<= 2"),
        ({"method": DPO, "hyperparameters": {"n_epochs": 1}}, "hyperparameters", "invalid_value", "method.dpo.hyperparameters"),
        ({"method": {"type": "reinforcement"}}, "method.reinforcement.grader", "missing_required_parameter", "method.reinforcement.grader"),
        ({"method": {"type": "reinforcement", "reinforcement": {"grader": {}}}}, "method.type", "unsupported_method", "not available"),
        ({"integrations": [{"type": "wandb", "wandb": {"project": "p"}}]}, "integrations", "invalid_value", "reports to no Weights"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k", "string_above_max_length", "maximum length 512"),
        (
            {"metadata": {str(n): "v" for n in range(17)}},
            "metadata",
            "object_above_max_properties",
            "Expected an object with at most 16 properties",
        ),
        ({"extra_body": {"modle": "x"}}, "modle", "unknown_parameter", "Unknown parameter: 'modle'."),
    ],
)
def test_a_wrong_request_names_what_is_wrong(create, served, options, param, code, message):
    with pytest.raises(openai.BadRequestError) as caught:
        create(**options)
    assert (caught.value.param, caught.value.code, caught.value.type) == (param, code, "invalid_request_error")
    assert message in caught.value.message
    assert served.console.queue.page("finetune")[0] == []
    assert [path.name for path in (served.console.store.home / "jobs").iterdir()] == []


def test_a_file_for_something_else_is_refused(client, create):
    other = client.files.create(file=("x", b"{}"), purpose="batch").id
    with pytest.raises(openai.BadRequestError) as caught:
        create(training_file=other)
    assert caught.value.message.endswith(f"File '{other}' has purpose 'batch', expected 'fine-tune'")


def test_missing_parameters_and_bodies(served):
    for body, message in ((b"{}", "Missing required parameter: 'model'."), (b"", "Missing"), (b"{", "We could not parse the JSON body"), (b"[]", "")):
        answer = served.ask("POST", "/v1/fine_tuning/jobs", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400
        assert message in answer.json()["error"]["message"]


def test_cancel_pause_and_resume(client, create):
    job = create()
    jobs = client.fine_tuning.jobs
    assert jobs.pause(job.id).status == "paused"
    assert jobs.resume(job.id).status == "validating_files"
    with pytest.raises(openai.BadRequestError, match="not paused"):
        jobs.resume(job.id)
    assert jobs.cancel(job.id).status == "cancelled"
    assert jobs.list_events(job.id).data[0].message == "The job was cancelled"
    for change in (jobs.cancel, jobs.pause):
        with pytest.raises(openai.BadRequestError, match=f"Job has already completed: {job.id}"):
            change(job.id)


def test_a_failed_job_says_why(client, served, create):
    job = create()
    served.console.queue.lease(job.id, "test:1")
    problem = {"message": "m", "where": "training_file", "got": "", "expected": "", "fix": ""}
    message = "The job failed due to a file format error in the training file. Invalid file format. Example 1 is missing key 'messages'."
    served.console.queue.fail(job.id, {"code": "invalid_file_format", "message": message, "problems": [problem]})
    failed = client.fine_tuning.jobs.retrieve(job.id)
    assert (failed.status, failed.error.code, failed.error.param, failed.error.message) == ("failed", "invalid_file_format", "training_file", message)
    newest = client.fine_tuning.jobs.list_events(job.id).data[0]
    assert (newest.level, newest.message) == ("error", message)
    bug = create()
    served.console.queue.lease(bug.id, "test:1")
    served.console.queue.fail(bug.id, {"code": "internal", "message": "KeyError: my secret row", "problems": [], "traceback": "…"})
    assert "secret" not in client.fine_tuning.jobs.retrieve(bug.id).model_dump_json()


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_of_jobs(client, create, limit):
    made = [create(metadata={"n": str(number % 2)} if number else None).id for number in range(5)]
    jobs = client.fine_tuning.jobs
    assert [job.id for job in jobs.list(limit=limit)] == made[::-1]
    assert [job.id for job in jobs.list(limit=limit, metadata={"n": "1"})] == [made[3], made[1]]
    assert [job.id for job in jobs.list(limit=limit, extra_query={"metadata": "null"})] == [made[0]]
    with pytest.raises(openai.BadRequestError) as caught:
        jobs.list(after="ftjob-nothing")
    assert caught.value.param == "after"


def test_jobs_that_there_are_not(client, create):
    create()
    jobs = client.fine_tuning.jobs
    for name in ("ftjob-x", "latest", "ftjob", "a/b", "..%2f.."):
        with pytest.raises(openai.NotFoundError) as caught:
            jobs.retrieve(name)
    with pytest.raises(openai.NotFoundError) as caught:
        jobs.list_events("ftjob-x")
    assert (caught.value.message.endswith("Could not find fine tune: ftjob-x"), caught.value.param, caught.value.code) == (
        True,
        "fine_tune_id",
        "fine_tune_not_found",
    )


def test_the_same_creation_twice_is_one_job(client, create):
    first, second = (create(seed=1, extra_headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.id == second.id
    with pytest.raises(openai.BadRequestError) as caught:
        create(seed=2, extra_headers={"Idempotency-Key": "k"})
    assert caught.value.type == "idempotency_error"
    with pytest.raises(openai.BadRequestError):
        create(model="nothing", extra_headers={"Idempotency-Key": "other"})
    assert create(extra_headers={"Idempotency-Key": "other"}).id != first.id
    assert len(client.fine_tuning.jobs.list().data) == 2


def test_policy_of_the_key_goes_with_the_job(served, file):
    strict = served.client(served.key("train", personal_data_blocks=True))
    job = strict.fine_tuning.jobs.create(model="tiny", training_file=file)
    assert served.console.queue.get(job.id).payload["block_personal_data"] is True


@given(st.integers(1, 62**10 - 1))
def test_an_event_is_found_again_by_its_id(number):
    assert job_events.number_of("ftjob-1", "ftevent-", job_events.id_of("ftjob-1", "ftevent-", number)) == min(number, 2**63 - 1)
    assert len(job_events.id_of("ftjob-1", "ftevent-", number)) == len("ftevent-") + 24


def test_events_of_another_job_are_no_place_to_begin(client, create):
    one, other = create(), create()
    with pytest.raises(openai.BadRequestError) as caught:
        client.fine_tuning.jobs.list_events(one.id, after=client.fine_tuning.jobs.list_events(other.id).data[0].id)
    assert caught.value.param == "after"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["auto", "dpo", "supervised", "wandb"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.sampled_from(["type", "hyperparameters"]), inner, max_size=3)
    ),
    max_leaves=6,
)
BODIES = st.fixed_dictionaries({}, optional=dict.fromkeys((*JobRequest.model_fields, "other"), VALUES)) | VALUES


def problems(body: object) -> Iterator[dict]:
    from pydantic import ValidationError

    try:
        JobRequest.model_validate(body)
    except ValidationError as error:
        yield from ({**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False))


@given(BODIES)
def test_whatever_is_wrong_has_words_a_place_and_a_code(body):
    faults = list(problems(body))
    if not faults:
        return
    found = refusal(faults)
    assert found is not None
    assert found.message
    assert found.code
    assert json.dumps([found.message, found.param, found.code])


def test_a_key_of_its_own_sees_its_own(served, create):
    hers = create()
    confined = served.client(served.key("train", own_only=True))
    assert confined.fine_tuning.jobs.list().data == []
    with pytest.raises(openai.NotFoundError):
        confined.fine_tuning.jobs.retrieve(hers.id)
    assert Limits().own_only is False
