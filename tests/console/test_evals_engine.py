"""Batches, judges and runs with a real engine process on a tiny random model: what it says is nonsense, in the form that was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI

from tests.console import test_chat_engine
from tests.console.conftest import Served
from tests.console.test_batches import begin, line, rows, wait
from tests.console.test_evals import CONFIG, LABEL, ROWS, completions, content
from tests.console.test_evals import wait as wait_for_run
from tests.console.test_graders import JUDGE
from tunesmith.console.graders_grade import FLAGS

real = test_chat_engine.real  # the fixture


@pytest.fixture(scope="module")
def asker(real: Served) -> Iterator[OpenAI]:
    with real.client(timeout=300) as opened:
        yield opened


def test_a_batch_beside_a_chat(asker: OpenAI) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8, "seed": 1}
    made = begin(asker, [line(i, body=body) for i in range(24)])
    chat: Any = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 8}
    while True:
        assert asker.chat.completions.create(**chat).id
        if asker.batches.retrieve(made.id).status in ("completed", "failed"):
            break
    batch = wait(asker, made.id)
    assert (batch.status, batch.request_counts.completed) == ("completed", 24)
    said = {row["response"]["body"]["choices"][0]["message"]["content"] for row in rows(asker, batch.output_file_id)}
    assert len(said) == 1  # the same request with the same seed, whatever ran beside it


def test_judges_keep_to_their_form(asker: OpenAI) -> None:
    run = asker.fine_tuning.alpha.graders.run
    score = run(grader={**JUDGE, "sampling_params": {"temperature": 0, "max_completions_tokens": 200}}, model_sample="Rome", item={"answer": "x"})
    flags = {name for name in FLAGS if score.metadata.errors.to_dict()[name]}
    assert flags <= {"model_grader_parse_error"}  # digits without end are a random model's right
    assert 0 <= score.reward <= 10
    multi: Any = {"type": "multi", "name": "m", "graders": {"l": LABEL}, "calculate_output": "l"}
    label = run(grader=multi, model_sample="Rome", item={})
    assert label.reward in (0.0, 1.0)
    assert not any(label.metadata.errors.to_dict()[name] for name in FLAGS)


def test_a_run_of_an_eval(asker: OpenAI) -> None:
    made = asker.evals.create(data_source_config=CONFIG, testing_criteria=[LABEL])
    run = asker.evals.runs.create(made.id, data_source=completions(content(ROWS[:3]), sampling_params={"max_completion_tokens": 6, "seed": 1}))
    run = wait_for_run(asker, run)
    counts = run.result_counts
    assert (run.status, counts.total, counts.errored, counts.passed + counts.failed) == ("completed", 3, 0, 3)
    assert run.per_model_usage[0].invocation_count == 6
