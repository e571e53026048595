"""What the line says of a training: exact answers on dev only where it is exact answers that decide."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import tiny
from tests.cli.conftest import checkpoint
from tests.doubles import PROJECT, open_line
from tests.ears import Ears
from tunesmith.cli.train import curves
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.job import Note, Reading
from tunesmith.spec.task import DECIDING, EXACT
from tunesmith.store.artifacts import Store, Work
from tunesmith.store.steps import Steps, cost_of
from tunesmith.train.state import SECONDS
from tunesmith.trainings import Training, WithoutMatch, words


def test_a_reading_passes_without_the_share_of_exact_answers() -> None:
    ears = Ears(stops=True)
    monitor = WithoutMatch(ears)
    monitor.emit(Reading(step=4, values={"train_loss": 2.0, "dev_loss": 2.5, "dev_exact_match": 0.0}))
    monitor.emit(Note(text="half way"))
    assert ears.heard == [Reading(step=4, values={"train_loss": 2.0, "dev_loss": 2.5}), Note(text="half way")]
    assert monitor.stopping()


def test_a_finished_training_is_told_in_the_number_that_matters() -> None:
    found = checkpoint("dataset-0")
    assert words(found, True).endswith(f", dev exact match {found.best_dev_metric:.3f}")
    assert words(found, False).endswith(f", dev loss {found.best_dev_loss:.3f}")
    assert "exact match" not in words(found, False)
    assert [title for title, _, _ in curves(found)] == ["train loss", "dev loss", "dev match"]
    assert [title for title, _, _ in curves(found, is_exact=False)] == ["train loss", "dev loss"]


def test_free_text_is_not_decided_by_exact_answers() -> None:
    assert {task for task, metric in DECIDING.items() if metric in EXACT} == {"classify", "extract"}


def test_a_training_that_is_taken_up_costs_what_all_its_processes_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.save(tmp_path / "base")
    (tmp_path / "project.toml").write_text(PROJECT)
    (tmp_path / "rows.csv").write_text("text,label\nmy card,card\nmy money,money\n")
    store = Store.open(tmp_path / "home")
    line = open_line(tmp_path, store)
    assert line.dataset[1].rows["train"] == 4
    monkeypatch.setattr(line, "steps", Steps(store, line.monitor))  # from here on steps are real; only what trains is made up
    monkeypatch.setattr("tunesmith.train.run.train", lambda *_, **__: checkpoint(line.dataset[0].name))
    real, seen = line.trainings._train, list[float]()

    def left_by_a_process_that_was_killed(work: Work, wanted: Training) -> Checkpoint:
        (work.scratch / "state-00000003").mkdir()
        (work.scratch / "state-00000003" / SECONDS).write_text("4000.0")
        found = real(work, wanted)
        seen.append(work.earlier_s)
        return found

    monkeypatch.setattr(line.trainings, "_train", left_by_a_process_that_was_killed)
    artifact, _ = line.trainings.checkpoint(line.trainings.as_written())
    assert seen == [4_000.0]
    assert 4_000 <= cost_of(artifact).seconds < 4_100
    store.close()
