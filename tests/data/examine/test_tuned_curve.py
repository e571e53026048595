"""The learning curve of a tuned model takes the classifier's place where a run over the same files has measured one."""

from __future__ import annotations

import secrets

import pytest

from tests.decide.conftest import make_dataset
from tunesmith.data.examine.tuned_curve import measured, trained_on, with_outlook
from tunesmith.spec.dataset import Source
from tunesmith.spec.finding import Examination, Finding
from tunesmith.spec.project import Project, to_toml
from tunesmith.spec.task import Goal, Task
from tunesmith.spec.verdict import Known, LineReport, Outlook, Verdict
from tunesmith.store.artifacts import Store
from tunesmith.store.folder import MANIFEST

TRAIN, TEST, OTHER = "a" * 64, "b" * 64, "c" * 64
OUTLOOK = Outlook(
    sentence="More data would help: with all 900 rows about 81.0 % is expected.", rows=900, more=900, expected=0.84, low=0.82, high=0.86
)


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path / "home")
    yield opened
    opened.close()


def report(outlook: Outlook | None = OUTLOOK) -> LineReport:
    """Of a run that trained on one file and was judged by another."""
    project = Project(name="demo", sources=(Source(file="train.csv"), Source(file="test.csv", split="test")))
    verdict = Verdict(
        decision="fine-tune",
        headline="It is worth it.",
        reasons=(),
        metric="exact_match",
        winner=None,
        goal_met=None,
        comparisons=(),
        looks=1,
        known=Known(outlook=outlook),
    )
    return LineReport(
        project="demo",
        task=Task(),
        goal=Goal(),
        dataset=make_dataset().model_copy(update={"sources": {"train.csv": TRAIN, "test.csv": TEST}}),
        dataset_name="dataset-000000000000",
        trials=(),
        finalists=(),
        verdict=verdict,
        checkpoint=None,
        checkpoint_name=None,
        model=None,
        best=None,
        choices=(),
        project_toml=to_toml(project),
        rerun="tunesmith run demo.toml",
    )


def keep(store: Store, made: LineReport) -> str:
    with store.work(secrets.token_hex(16), stage="report", title="report") as work:
        return work.finish("line", made).name


def test_files_that_only_judge_do_not_count():
    assert trained_on(report()) == [TRAIN]


def test_a_run_over_the_same_training_files_is_found(store):
    name = keep(store, report())
    found = measured(store, [TRAIN])
    assert found is not None
    assert (found[0].name, found[1]) == (name, OUTLOOK)
    assert measured(store, [TRAIN, OTHER]) is None
    assert measured(store, [OTHER]) is None


def test_a_run_without_a_curve_says_nothing(store):
    keep(store, report(outlook=None))
    assert measured(store, [TRAIN]) is None


def test_a_damaged_report_stops_no_examination(store):
    name = keep(store, report())
    path = store.get(name).path / MANIFEST
    path.chmod(0o644)
    path.write_text("{}")
    assert measured(store, [TRAIN]) is None


def examination() -> Examination:
    def finding(kind: str, group: str, severity: str) -> Finding:
        return Finding(kind=kind, group=group, severity=severity, file="train.csv", lines=(), message=kind, why="w", evidence="e", fix="f")

    return Examination(
        files={"train.csv": TRAIN},
        rows={"train.csv": 900},
        fitness="fit",
        reasons=(),
        findings=(finding("rare_label", "balance", "review"), finding("learning_curve", "amount", "note")),
        skipped={"learning curve": "no labels", "usefulness": "no base model"},
    )


def test_it_takes_the_place_of_the_classifiers_curve():
    shown = with_outlook(examination(), "line-1a2b3c4d5e6f", OUTLOOK)
    assert [one.kind for one in shown.findings] == ["rare_label", "learning_curve"]
    told = shown.findings[-1]
    assert OUTLOOK.sentence in told.message
    assert "tuned model" in told.message
    assert "line-1a2b3c4d5e6f" in told.evidence
    assert told.figures == {"rows": 900, "more": 900, "expected": 0.84, "expected_low": 0.82, "expected_high": 0.86}
    assert shown.skipped == {"usefulness": "no base model"}


def test_numbers_that_are_not_known_are_left_out():
    flat = Outlook(sentence="More data would hardly help.", rows=900, more=None)
    assert with_outlook(examination(), "line-1a2b3c4d5e6f", flat).findings[-1].figures == {"rows": 900}
