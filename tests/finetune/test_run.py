"""A fine-tuning job from its files to its models, by real processes that are really killed."""

from __future__ import annotations

import csv
import os
import random
import signal
from contextlib import suppress

import pytest

from tests.finetune.conftest import SYSTEM, chat, lines, pair
from tests.waiting import until
from tunesmith.errors import Busy
from tunesmith.finetune import run
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.job import Note, Reading, Resolved, Saved, Silent
from tunesmith.store.objects import Objects

TRAINING = lines([chat(n) for n in range(24)])
VALIDATION = lines([chat(n) for n in range(100, 112)])
QUICK = {"n_epochs": 4, "batch_size": 4, "learning_rate_multiplier": 2.0}


def notes(told, level="info"):
    return [event.text for event in told if isinstance(event, Note) and event.level == level]


def weights(place, name="ftjob-a"):
    checkpoint = place.queue.store.get(place.queue.get(name).result["checkpoint"])
    return (checkpoint.path / "adapter_model.safetensors").read_bytes()


def test_a_job_is_looked_at_trained_and_served(place):
    place.enqueue(TRAINING, VALIDATION, hyperparameters=QUICK)
    place.work()
    job, told, store = place.queue.get("ftjob-a"), place.told(), place.queue.store
    assert job.status == "succeeded", job.error
    said = notes(told)
    assert said[0] == "Validating training file: file-a and validation file: file-b"
    assert said[1:3] == ["Files validated, moving job to queued state", "Fine-tuning job started"]
    assert said[-2:] == [f"New fine-tuned model created: {job.result['model']}", "The job has successfully completed"]
    assert job.result["model"].startswith("ft:tiny:tunesmith:mine:")
    assert (job.result["hyperparameters"], job.result["steps"]) == (QUICK, 24)
    readings = [event for event in told if isinstance(event, Reading)]
    assert [event.step for event in readings] == list(range(1, 25))
    assert all({"train_loss", "train_mean_token_accuracy", "total_steps"} <= event.values.keys() for event in readings)
    assert [event.step for event in readings if "full_valid_loss" in event.values] == [6, 12, 18, 24]
    assert readings[-1].values["train_loss"] < readings[0].values["train_loss"]
    saved = [event for event in told if isinstance(event, Saved)]
    assert [event.step for event in saved] == [12, 18, 24], "the last three epochs"
    assert saved[-1].model == job.result["model"]
    assert saved[0].model.endswith(":ckpt-step-12")
    for event in saved:
        assert Objects(store.database).get("model", event.model).body["checkpoint"] == event.checkpoint
        checkpoint = store.get(event.checkpoint).load(Checkpoint)
        assert (checkpoint.steps, checkpoint.prompt.system, checkpoint.kind) == (event.step, SYSTEM, "lora")
    assert [event.hyperparameters for event in told if isinstance(event, Resolved)] == [QUICK]


def test_a_job_outlives_a_new_version_of_ours(place, monkeypatch):
    job, store = place.enqueue(TRAINING, hyperparameters=QUICK | {"n_epochs": 1}), place.queue.store
    assert run.finetune(job, store, Silent()) is None
    monkeypatch.setattr(run, "LOOK_VERSION", run.LOOK_VERSION + 1)  # the rows have to be looked at again
    training = job.model_copy(update={"phase": "training"})
    assert run.finetune(training, store, Silent()) is None, "this process has read rows: another one trains"
    assert run.finetune(training, store, Silent())["steps"] == 6


def test_the_table_of_results_has_every_step(place):
    place.enqueue(TRAINING, VALIDATION, hyperparameters=QUICK)
    place.work()
    result = place.queue.get("ftjob-a").result["result_file"]
    body = Objects(place.queue.store.database).get("file", result).body
    assert (body["filename"], body["purpose"]) == ("step_metrics.csv", "fine-tune-results")
    with (place.home / "files" / result).open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(1, 25))
    assert [row["step"] for row in rows if row["full_valid_loss"]] == ["6", "12", "18", "24"]
    assert all(float(row["train_loss"]) > 0 for row in rows)


def test_the_rows_are_taken_as_they_are_and_remarked_upon(place):
    place.enqueue(TRAINING + lines([chat(0)]), lines([chat(0), *(chat(n) for n in range(200, 210))]), hyperparameters=QUICK | {"n_epochs": 1})
    place.work()
    job = place.queue.get("ftjob-a")
    assert job.status == "succeeded", job.error
    warned = notes(place.told(), "warning")
    assert [text for text in warned if text.startswith("file-a: rows that say the same as an earlier row: 1 of 25 rows (4 %) (line 25). ")]
    assert [text for text in warned if "rows that also stand in the file to judge with: 2 of 25 rows (8 %) (lines 1, 25). " in text]
    made = place.queue.store.get(place.queue.store.get(job.result["checkpoint"]).load(Checkpoint).dataset).load(Dataset)
    assert (made.rows["train"], made.rows["dev"], made.rows["test"]) == (25, 11, 0)
    assert {finding.words() for finding in made.findings if finding.severity != "note"} <= set(warned)


def test_a_file_that_cannot_be_used_fails_the_job_in_openais_words(place):
    place.enqueue(lines([chat(n) for n in range(7)]))
    place.work()
    job = place.queue.get("ftjob-a")
    assert (job.status, job.error["code"]) == ("failed", "invalid_n_examples")
    assert job.error["message"] == "Training file has 7 example(s), but must have at least 10 examples"
    assert notes(place.told(), "error") == [job.error["message"]]


def test_personal_data_block_where_the_keys_policy_says_so(place):
    row = chat(1)
    row["messages"][1]["content"] = "write to jane.doe@mail.org about apple"
    place.enqueue(TRAINING + lines([row]), block_personal_data=True)
    place.enqueue(TRAINING + lines([row]), name="ftjob-b", hyperparameters=QUICK | {"n_epochs": 1})
    place.work()
    blocked, told = place.queue.get("ftjob-a"), place.queue.get("ftjob-b")
    assert (blocked.status, told.status) == ("failed", "succeeded")
    assert "personal data" in blocked.error["message"]
    assert "jane" not in str(blocked.error) + str(place.told("ftjob-b"))


def test_preferences(place):
    place.enqueue(lines([pair(n) for n in range(12)]), method="dpo", hyperparameters=QUICK | {"n_epochs": 2, "beta": 0.2})
    place.work()
    job = place.queue.get("ftjob-a")
    assert job.status == "succeeded", job.error
    checkpoint = place.queue.store.get(job.result["checkpoint"]).load(Checkpoint)
    assert (checkpoint.resolved.method.kind, checkpoint.resolved.method.beta) == ("dpo", 0.2)
    first = next(event for event in place.told() if isinstance(event, Reading))
    assert first.values["train_loss"] == pytest.approx(0.6931, abs=1e-3)


@pytest.mark.long
def test_a_tuned_model_is_continued_with_its_adapter_and_its_prompt(place):
    place.enqueue(TRAINING, hyperparameters=QUICK)
    place.work()
    first = place.queue.get("ftjob-a").result["checkpoint"]
    place.enqueue(lines([chat(n, None) for n in range(12)]), name="ftjob-b", start=first, hyperparameters=QUICK | {"n_epochs": 1})
    place.work()
    job = place.queue.get("ftjob-b")
    assert job.status == "succeeded", job.error
    checkpoint = place.queue.store.get(job.result["checkpoint"]).load(Checkpoint)
    assert (checkpoint.parent, checkpoint.prompt.system) == (first, SYSTEM)
    start = next(event for event in place.told("ftjob-b") if isinstance(event, Reading)).values["train_loss"]
    end = next(event for event in place.told("ftjob-a") if isinstance(event, Reading)).values["train_loss"]
    assert start < end, "it goes on from what was learnt"


@pytest.mark.long
def test_paused_between_steps_and_resumed_gives_the_same_weights(place):
    place.enqueue(TRAINING, VALIDATION, name="ftjob-whole", hyperparameters=QUICK | {"n_epochs": 8})
    place.work()
    process = place.supervisor("--parent", str(os.getpid()))
    name = next(name for name in map("ftjob-{}".format, range(9)) if is_paused_half_way(place, name))
    place.queue.resume(name)
    until(lambda: place.queue.get(name).status == "succeeded")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=300)
    assert weights(place, name) == weights(place, "ftjob-whole")


def is_paused_half_way(place, name):
    """True if a new job was paused while it trained; False if it was over before this busy machine had come to that."""
    place.enqueue(TRAINING, VALIDATION, name=name, hyperparameters=QUICK | {"n_epochs": 8}, seed=7, training_file=f"file-{name}")
    until(lambda: any(isinstance(event, Reading) for event in place.told(name)))
    with suppress(Busy):  # it has ended
        place.queue.pause(name)
    until(lambda: place.queue.get(name).status in ("paused", "succeeded"))
    return place.queue.get(name).status == "paused"


@pytest.mark.invariant
@pytest.mark.long
def test_killed_at_random_it_ends_with_undisturbed_weights_and_every_event_once(place):
    asked = {"hyperparameters": QUICK | {"n_epochs": 10}}
    place.enqueue(TRAINING, VALIDATION, name="ftjob-whole", **asked)
    place.work()
    place.enqueue(TRAINING, VALIDATION, training_file="file-c", **asked)
    draw = random.Random(5)
    for _ in range(4):
        process = place.supervisor("--parent", str(os.getpid()))
        seen = len(place.told())
        until(lambda seen=seen: len(place.told()) > seen or place.queue.get("ftjob-a").status == "succeeded")
        until(lambda: draw.random() < 0.2)
        holder = place.queue.get("ftjob-a").holder
        victim = int(holder.rpartition(":")[2]) if holder and draw.random() < 0.5 else process.pid
        with suppress(ProcessLookupError):  # it has ended of itself since
            os.kill(victim, signal.SIGKILL)
        process.kill()
        process.communicate()
    place.work()
    job = place.queue.get("ftjob-a")
    assert job.status == "succeeded", job.error
    assert weights(place) == weights(place, "ftjob-whole")

    def steps(name):
        return [event.step for event in place.told(name) if isinstance(event, Reading)]

    assert steps("ftjob-a") == steps("ftjob-whole") == list(range(1, 61))

    def fixed(name):
        return [text for text in notes(place.told(name)) if not text.startswith(("going on", "Validating", "New fine-tuned"))]

    assert fixed("ftjob-a") == fixed("ftjob-whole")
