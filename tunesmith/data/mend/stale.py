"""A review and the files as they are now → nothing, or which of its rows are not those that were reviewed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tunesmith.data.clean import clean
from tunesmith.data.examine.rows import RULES
from tunesmith.data.examine.view import view_of
from tunesmith.data.fold import fold
from tunesmith.data.mend.plan import Reviewed
from tunesmith.data.personal.masking import masked
from tunesmith.data.sources.fault import RowFault
from tunesmith.data.sources.reading import Plan, read_plan
from tunesmith.errors import BadData, Problem, excerpt
from tunesmith.spec.dataset import Record, Rejected

COMPARED = 1_000
"""Characters of a question, folded: spreadsheets cut cells, and change white space."""


def refuse_stale(settled: Sequence[Plan], reviewed: Sequence[Reviewed]) -> None:
    """Nothing, if each reviewed row stands in its file and asks what the review file says; a question that was left empty is not compared.

    Raises: BadData naming every line of the review file whose row does not.
    """
    wanted: defaultdict[str, dict[int, Reviewed]] = defaultdict(dict)
    for one in reviewed:
        wanted[one.file].setdefault(one.line, one)
    problems = [problem for plan in settled for problem in _stale(plan, wanted[plan.source.file])]
    if problems:
        raise BadData("the review file does not fit the data", problems=problems)


def _stale(plan: Plan, wanted: dict[int, Reviewed]) -> Iterator[Problem]:
    """What is wrong with the rows of one file; all of it is read only where there is something to compare."""
    fix = "write the review file anew (`tunesmith data check --review`), or empty the cell `question` if it is this row that you mean"
    for row in read_plan(plan) if wanted else ():
        one = wanted.pop(row.origin.line, None)
        there = question_of(row) if one is not None and one.question else None
        if one is not None and there is not None and fold(there)[:COMPARED] != fold(one.question)[:COMPARED]:
            yield Problem(
                "is about another row than the one that stands there now", one.where, excerpt(masked(one.question)), excerpt(masked(there)), fix
            )
    for one in wanted.values():
        yield Problem(
            "names a line on which no row begins", one.where, f"{one.file} line {one.line}", fix="leave `file` and `line` as they were written"
        )


def question_of(row: Record | Rejected) -> str | None:
    """What a row asks, as the review file has it; None where it cannot be used."""
    if isinstance(row, Rejected) or row.conversation is None:
        return None
    try:
        return view_of(clean(row, RULES, Counter())).question
    except RowFault:
        return None
