"""What a training says, in the words of the hosted service's clients."""

from __future__ import annotations

import pytest

from tunesmith.finetune.words import COLUMNS, InTheirWords, letters_of, with_full
from tunesmith.spec.job import Note, Progress, Reading, Silent


class Ears(Silent):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard = []

    def emit(self, event):
        self.heard.append(event)


def step(number, **more):
    return Reading(step=number, values={"train_loss": 1.0 / number, "train_accuracy": 0.5, "lr": 0.1, "grad_norm": 2.0} | more)


def test_a_step_is_told_once_with_everything_that_was_read():
    ears = Ears()
    monitor = InTheirWords(ears, 2)
    monitor.emit(Progress(label="training", done=0, total=4))
    for number in (1, 2):
        monitor.emit(step(number))
        if number == 2:
            monitor.emit(Reading(step=2, values={"dev_loss": 0.7, "dev_exact_match": 0.1, "dev_accuracy": 0.6}))
        monitor.emit(Progress(label="training", done=number, total=4))
    told = [event for event in ears.heard if isinstance(event, Reading)]
    assert told[0] == Reading(step=1, values={"train_loss": 1.0, "train_mean_token_accuracy": 0.5, "total_steps": 4.0})
    assert told[1].values == {
        "train_loss": 0.5, "train_mean_token_accuracy": 0.5, "valid_loss": 0.7, "valid_mean_token_accuracy": 0.6,
        "full_valid_loss": 0.7, "full_valid_mean_token_accuracy": 0.6, "total_steps": 4.0,
    }  # fmt: skip
    assert len(told) == 2


def test_other_events_pass_in_their_order():
    ears = Ears()
    monitor = InTheirWords(ears, 1)
    monitor.emit(step(1))
    monitor.emit(Note(text="a checkpoint"))
    assert [event.kind for event in ears.heard] == ["reading", "note"]


def test_after_a_crash_steps_are_said_again_one_by_one():
    ears = Ears()
    monitor = InTheirWords(ears, 1)
    monitor.emit(Progress(label="training", done=2, total=3))
    for number in (1, 2):
        monitor.emit(step(number))
    monitor.emit(step(3))
    monitor.emit(Progress(label="training", done=3, total=3))
    assert [event.step for event in ears.heard if isinstance(event, Reading)] == [1, 2, 3]


@pytest.mark.parametrize(("at", "is_end"), [(100, True), (150, False), (300, True)])
def test_the_whole_validation_is_named_at_the_ends_of_epochs(at, is_end):
    found = with_full({"valid_loss": 0.5, "train_loss": 1.0}, at, 300, 3)
    assert ("full_valid_loss" in found) == is_end


def test_names_are_made_of_letters_and_digits_and_stay_the_same():
    assert letters_of("job 1", 24) == letters_of("job 1", 24)
    assert letters_of("job 1", 24) != letters_of("job 2", 24)
    assert letters_of("job 1", 24).isalnum()


def test_the_table_begins_with_the_step():
    assert COLUMNS[0] == "step"
