"""Whatever is made or left out is counted once."""

from __future__ import annotations

from tests.ears import Ears
from tunesmith.data.make.counted import Noting, counted
from tunesmith.data.make.tally import Tally
from tunesmith.spec.job import Note, Progress
from tunesmith.spec.making import Cited, Made
from tunesmith.spec.making_teacher import ParaphraseWishes
from tunesmith.spec.passage import Skipped, Spot


def test_units_add_up():
    tally = Tally("paraphrases", "paraphrases", ParaphraseWishes())
    row = Made(text="x", how="rules", source=Cited(file="a"))
    left = Skipped(spot=Spot(file="a"), reason="meaning", message="far away")
    assert list(counted([row, left, row], tally)) == [row, left, row]
    making = tally.making()
    assert (making.read, making.used, making.rows, making.problems, making.by_how) == (3, 2, 2, {"meaning": 1}, {"rules": 2})


def test_notes_are_put_down_and_passed_on():
    tally, ears = Tally("outside", "questions", ParaphraseWishes()), Ears()
    monitor = Noting(ears, tally)
    monitor.emit(Note(text="ten rows"))
    monitor.emit(Progress(label="x", done=1))
    assert [type(one) for one in ears.heard] == [Note, Progress]
    assert tally.making().reasons == ("ten rows",)
    assert not monitor.stopping()
