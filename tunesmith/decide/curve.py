"""A learning curve and the labels that fall short → what the verdict says about more rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tunesmith.measure.curve import Curve, Estimate, Need, needs_words, round_up
from tunesmith.spec.verdict import Outlook


def outlook(found: Curve, weak: Sequence[Need], goal: float | None, *, is_lower_better: bool = False) -> Outlook:
    """What the verdict says about more rows: as many as the goal needs, or as many as bring a point or more each time they double.

    `goal` is a value of the deciding metric; `is_lower_better` turns shares back of which fewer are better.
    """
    wanted = None if goal is None else 1 - goal if is_lower_better else goal
    to_goal = None if wanted is None or found.at(found.now).value >= wanted else found.rows_to_reach(wanted)
    flat = found.rows_until_flat() if found.helps() == "yes" else None
    more = round_up(to_goal.value) if to_goal is not None and to_goal.value >= 1 else round_up(flat) if flat else None
    expected = found.at(found.now + more) if more else None
    ends = (None, None, None) if expected is None else (expected.value, expected.low, expected.high)
    if is_lower_better and expected is not None:
        ends = (1 - expected.value, 1 - expected.high, 1 - expected.low)
    reaching = f" The goal is expected with about {more:,} more rows{_between(to_goal)}." if to_goal is not None and more else ""
    sentence = found.words() + reaching + (" " + needs_words(weak) if weak else "")
    labels = tuple(need.label for need in weak) if more else ()
    return Outlook(sentence=sentence, rows=found.now, more=more, expected=ends[0], low=ends[1], high=ends[2], labels=labels)


def _between(found: Estimate) -> str:
    high = f"{round_up(found.high):,}" if math.isfinite(found.high) else "any number"
    return f" (between {round_up(found.low):,} and {high})"
