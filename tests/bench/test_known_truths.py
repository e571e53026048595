"""The known truths: projects that can be read, rows that are what they claim to be, and judgements that a wrong verdict does not pass."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest

from bench import known_truths
from bench.known_truths import (
    TRUTHS,
    Reached,
    carry_out,
    chosen,
    classifier_is_hidden,
    no_rows_are_asked_for,
    something_helps,
    table,
    tuning_does_not_win,
)
from tests.evaluate.test_page import router
from tunesmith.spec.dataset import SPLITS
from tunesmith.spec.project import parse_project
from tunesmith.spec.verdict import LineReport

DOMAINS = {"banking": [f"bank_{k}" for k in range(3)], "credit_cards": [f"card_{k}" for k in range(3)], "travel": [f"trip_{k}" for k in range(3)]}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data sets in small, in the layout in which they are published."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("clinc150", "banking77", "python-faq"):
        (folder / name).mkdir()
    intents = [intent for some in DOMAINS.values() for intent in some]
    full = {split: [[f"{split} question {k} about {intent}", intent] for intent in intents for k in range(45)] for split in ("train", "val", "test")}
    full |= {f"oos_{split}": [[f"{split} anything {k}", "oos"] for k in range(160)] for split in ("train", "val", "test")}
    (folder / "clinc150" / "data_full.json").write_text(json.dumps(full))
    (folder / "clinc150" / "domains.json").write_text(json.dumps(DOMAINS))
    for split, count in (("train", 80), ("test", 40)):
        with (folder / "banking77" / f"{split}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(
                [("text", "category"), *((f"{split} message {k} of {label}", f"transfer_{label:02}") for label in range(77) for k in range(count))]
            )
    questions = "\n\n".join(f"What is thing {k}?\n{'-' * 20}\n\nIt is ``{k}``.\n" for k in range(120))
    (folder / "python-faq" / "general.rst.txt").write_text(f"=====\nTitle\n=====\n\n{questions}")
    return folder


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda truth: truth.key)
def test_every_truth_is_a_project_with_three_files(truth, data, tmp_path) -> None:
    truth.make(data, tmp_path)
    project = parse_project((tmp_path / "project.toml").read_text(), "project.toml")
    assert [source.split for source in project.sources] == list(SPLITS)
    counts = {split: len(rows_of(tmp_path, split)) for split in SPLITS}
    assert min(counts.values()) >= 30
    assert not {row[0] for row in rows_of(tmp_path, "train")} & {row[0] for row in rows_of(tmp_path, "test")}
    first = (tmp_path / "train.csv").read_bytes()
    truth.make(data, clean(tmp_path))
    assert (tmp_path / "train.csv").read_bytes() == first  # the same on every machine


def rows_of(folder: Path, split: str) -> list[list[str]]:
    with (folder / f"{split}.csv").open(newline="") as file:
        return list(csv.reader(file))[1:]


def clean(folder: Path) -> Path:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    return folder


def test_facts_stand_in_the_documents_and_training_says_what_was_true_before(data, tmp_path) -> None:
    known_truths.make_facts(data, tmp_path)
    text = (tmp_path / "documents" / "general.rst").read_text()
    for split, share in (("test", 1.0), ("dev", 1.0)):
        people = [answer for question, answer in rows_of(tmp_path, split) if question.startswith("Who")]
        assert sum(person in text for person in people) == share * len(people)
    said = dict(zip(*[iter(part for part in text.split("\n") if part.startswith(("What", "This entry")))] * 2, strict=True))
    learnt = [(question.split("“")[1].split("”")[0], answer) for question, answer in rows_of(tmp_path, "train") if question.startswith("Who")]
    assert learnt
    assert sum(f"by {person}," in said[title] for title, person in learnt) <= len(learnt) / 20


def test_random_labels_are_the_same_labels_dealt_out_anew(data, tmp_path) -> None:
    known_truths.make_random(data, tmp_path)
    rows = rows_of(tmp_path, "train")
    right = sum(question.split(" of ")[1] == label.removeprefix("transfer_").lstrip("0") for question, label in rows)
    assert right < len(rows) / 4
    assert len({label for _, label in rows}) == 10


def test_forty_training_rows_are_forty(data, tmp_path) -> None:
    known_truths.make_scarce(data, tmp_path)
    assert len(rows_of(tmp_path, "train")) == 40


def changed(report: LineReport, **verdict: object) -> LineReport:
    return report.model_copy(update={"verdict": report.verdict.model_copy(update=verdict)})


def test_fine_tuning_has_to_lie_above_every_prompt() -> None:
    report, _, _ = router()
    assert tuning_does_not_win(report) == ""
    assert tuning_does_not_win(changed(report, decision="prompting is enough")) == "another decision"
    few = report.finalists[2]
    close = few.report.model_copy(update={"metrics": {"exact_match": report.finalists[0].report.metrics["exact_match"]}})
    level = report.model_copy(update={"finalists": (*report.finalists[:2], few.model_copy(update={"report": close}), *report.finalists[3:])})
    assert "overlap" in tuning_does_not_win(level)
    assert "no prompt" in tuning_does_not_win(report.model_copy(update={"finalists": report.finalists[:2]}))


@pytest.mark.parametrize(
    ("settle", "wrong"),
    [
        ("About 160 more training rows; then run the project again.", ""),
        ("About 12 more training rows; then …", "12 rows are no sensible number"),
        ("", "another decision"),
    ],
)
def test_the_number_of_rows_has_to_be_sensible(settle: str, wrong: str) -> None:
    report, _, _ = router()
    assert no_rows_are_asked_for(changed(report, decision="get more rows", settle=settle)) == wrong
    assert no_rows_are_asked_for(changed(report, decision="fine-tune", settle=settle)) == "another decision"


def test_where_nothing_helps_nobody_may_be_recommended() -> None:
    report, _, _ = router()
    assert something_helps(changed(report, decision="nothing helps", recommended=None)) == ""
    assert something_helps(changed(report, decision="nothing helps", recommended="tuned")) == "tuned is recommended"
    assert something_helps(changed(report, decision="fine-tune", recommended=None)) == "another decision"


def test_a_classifier_that_ties_may_not_be_passed_over() -> None:
    report, _, _ = router()
    assert classifier_is_hidden(report) == ""  # the tuned model is ahead by more than the margin
    own = report.finalists[1]
    best = own.report.metrics["exact_match"].model_copy(update={"value": 0.9})
    ties = report.model_copy(
        update={
            "finalists": (report.finalists[0], own.model_copy(update={"report": own.report.model_copy(update={"metrics": {"exact_match": best}})}))
        }
    )
    assert "passed over" in classifier_is_hidden(ties)
    assert classifier_is_hidden(changed(ties, decision="a classifier does it")) == ""
    assert classifier_is_hidden(changed(ties, decision="cannot tell", headline="Cannot tell: the tuned model …, the classifier …")) == ""
    assert "not measured" in classifier_is_hidden(report.model_copy(update={"finalists": report.finalists[:1]}))


def test_what_was_asked_for_is_chosen_and_told(tmp_path) -> None:
    assert [truth.key for truth in chosen("c, e")] == ["c-random", "c-ceiling", "e"]
    assert chosen(None) == list(TRUTHS)
    lines = table([Reached(TRUTHS[0], "fine-tune", "", 61.4), Reached(TRUTHS[4], "fine-tune", "another decision", 7.0)]).split("\n")
    assert [line.split()[0] for line in lines[1:3]] == ["a", "d"]
    assert "✓ fine-tune" in lines[1]
    assert "✗ fine-tune" in lines[2]
    assert lines[3].split() == ["another", "decision"]


def test_a_run_that_fails_is_told_and_not_hidden(data, tmp_path) -> None:
    found = carry_out(TRUTHS[4], data, tmp_path / "d", "no time at all")
    assert (found.verdict, found.wrong) == ("exit code 2", f"see {tmp_path / 'd' / 'run.log'}")
    assert "budget" in (tmp_path / "d" / "run.log").read_text()


def test_keepers_differ() -> None:
    draw = random.Random(0)
    assert len({known_truths.keeper(draw) for _ in range(100)}) > 90
