"""What the line says of a training: exact answers on dev only where it is exact answers that decide."""

from __future__ import annotations

from tests.cli.conftest import checkpoint
from tests.ears import Ears
from tunesmith.cli.train import curves
from tunesmith.spec.job import Note, Reading
from tunesmith.spec.task import DECIDING, EXACT
from tunesmith.trainings import WithoutMatch, words


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
