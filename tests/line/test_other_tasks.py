"""The line for answers that are no labels: free text with all weights trained, JSON, and passages that are read; through the real command line and real workers."""

from __future__ import annotations

import json

import pytest

from tests.line.tiny_project import Home
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.suite import Suites
from tunesmith.spec.verdict import LineReport

pytestmark = pytest.mark.line


@pytest.mark.long
def test_free_text_with_all_weights_trained(folder, tmp_path):
    home = Home(tmp_path / "home", folder)
    ran = home.run("run", home.project("chat"), "--json")
    report = home.store().get("latest", "line").load(LineReport)
    assert (report.checkpoint.kind, report.dataset.task, [f.candidate.name for f in report.finalists]) == ("full", "generate", ["tuned"])
    assert {"token_f1", "rouge_l", "chrf"} <= set(report.finalists[0].report.metrics)
    assert "tends to forget" in ran.err
    checkpoint = home.store().get(report.checkpoint_name)
    assert (checkpoint.path / "model.safetensors").exists()
    suites = home.store().get("latest", "suites").load(Suites)
    assert suites.hallucination.given.n == 2
    assert suites.consistency.again.detail == "temperature 0.7, seeds 0 to 1"
    assert {one.column for one in suites.slices.slices} | suites.slices.left_out.keys() | suites.slices.too_small.keys() >= {"region"}
    continued = home.run("train", home.project("chat"), "--from", "tiny-chat", "--set", "train.budget.max_steps=1", "--json")
    child = home.store().get(continued.json()["name"]).load(Checkpoint)
    assert ("full", checkpoint.name) == (child.kind, child.parent)


def test_json_answers(folder, tmp_path):
    home = Home(tmp_path / "home", folder)
    home.run("run", home.project("extract"), "--json")
    report = home.store().get("latest", "line").load(LineReport)
    assert ("extract", {"exact_match", "json_valid"}) == (
        report.dataset.task,
        {"exact_match", "json_valid"} & set(report.finalists[0].report.metrics),
    )


def test_a_reader_of_documents(folder, tmp_path):
    home = Home(tmp_path / "home", folder)
    ran = home.run("run", home.project("reading"), "--json")
    store = home.store()
    report = store.get("latest", "line").load(LineReport)
    assert {"fine-tune", "fine-tune-rag", "rag", "few-shot-retrieved"} == {finalist.remedy for finalist in report.finalists}
    wanted = {
        "cut the documents",
        "index the passages",
        "index the training rows",
        "find passages for the rows",
        "fine-tune",
        "fine-tune-rag",
    }
    assert wanted < set(ran.done())
    assert "docs/logo.png: is not named like a document" in ran.err
    by_remedy = {finalist.remedy: finalist for finalist in report.finalists}
    assert all(finalist.report.metrics["perplexity"].n == 6 for finalist in report.finalists)
    reader, plain = by_remedy["fine-tune-rag"], by_remedy["fine-tune"]
    assert reader.report.prompt_tokens > 2 * plain.report.prompt_tokens
    grounding = store.artifacts("grounding")[0]
    trained = store.get(reader.candidate.reader.checkpoint)
    assert grounding.name in trained.parents
    assert (
        trained.load(Checkpoint).trained_tokens <= store.get(plain.candidate.checkpoint).load(Checkpoint).trained_tokens
    )  # answers alone are trained
    first = json.loads((grounding.path / "train.jsonl").read_text().splitlines()[0])
    assert first["conversation"]["messages"][0]["content"].startswith("Passages:\n\n[1] docs/")
    assert home.run("run", home.project("reading"), "--json").done() == []
