"""Scores of several scorers come together on each row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from tests.evaluate.test_own_scorer import row
from tunesmith.errors import Interrupted
from tunesmith.evaluate.row_scorers import with_scores
from tunesmith.spec.report import Scored


@dataclass
class Fixed:
    """Gives every row the same score."""

    name: str
    title: str = "fixing"
    identity: str = "fixed"

    def scores(self, rows: Sequence[Scored], *, done: Callable[[int], None], stop: Callable[[], bool]) -> list[dict[str, float]]:
        """As in `RowScorer`."""
        found = []
        for number, _ in enumerate(rows, 1):
            if stop():
                break
            found.append({self.name: 0.5})
            done(number)
        return found


def test_every_scorer_adds_its_own():
    heard: list[tuple[str, int]] = []
    rows = with_scores(
        [row("a"), row("b")], [Fixed("x"), Fixed("y", "more")], done=lambda title, n: heard.append((title, n)), stop=lambda: False, left_out=print
    )
    assert [one.scores for one in rows] == [{"exact_match": 0.0, "x": 0.5, "y": 0.5}] * 2
    assert heard == [("fixing", 1), ("fixing", 2), ("more", 1), ("more", 2)]


def test_without_scorers_rows_stay_as_they_are():
    rows = [row("a")]
    assert with_scores(rows, [], done=lambda title, n: None, stop=lambda: False, left_out=print) == rows


def test_half_the_scores_are_none():
    with pytest.raises(Interrupted, match="stopped: fixing"):
        with_scores([row("a")], [Fixed("x")], done=lambda title, n: None, stop=lambda: True, left_out=print)
