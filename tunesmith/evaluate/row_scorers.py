"""Scored rows and whoever scores them further (a database, tests of programs, the user's own function, a judge) → rows with those scores as well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from tunesmith.errors import Interrupted
from tunesmith.spec.report import Scored


class LeftOut(Exception):
    """A scorer's scores of these rows would say nothing, and nothing is decided by them: the message says why."""


class RowScorer(Protocol):
    """Gives each row one or more scores in [0, 1], beyond those that answer and reference have by themselves."""

    @property
    def title(self) -> str:
        """What it does, for the line of its progress."""

    @property
    def identity(self) -> str:
        """What its scores depend on besides the rows: part of the key of an evaluation."""

    def scores(self, rows: Sequence[Scored], *, done: Callable[[int], None], stop: Callable[[], bool]) -> list[dict[str, float]]:
        """Name → score for each row, in order; fewer once `stop()`. The names are those of `measure.quantities.PER_ROW`.

        Raises: LeftOut, and what else it cannot go on with.
        """


def with_scores(
    rows: Sequence[Scored],
    scorers: Sequence[RowScorer],
    *,
    done: Callable[[str, int], None],
    stop: Callable[[], bool],
    left_out: Callable[[str], None],
) -> list[Scored]:
    """The rows with what every scorer gives them; `done` hears the title of the one at work and how many rows are ready, `left_out` whose scores are missing.

    Raises: Interrupted on a stop: half the scores are none. What the scorers raise.
    """
    found = list(rows)
    for scorer in scorers:
        try:
            given = scorer.scores(found, done=partial(done, scorer.title), stop=stop)
        except LeftOut as why:
            left_out(str(why))
            continue
        if len(given) < len(found):
            raise Interrupted(f"stopped: {scorer.title}", where="evaluation", fix="run the same command again")
        found = [row.model_copy(update={"scores": row.scores | more}) for row, more in zip(found, given, strict=True)]
    return found
