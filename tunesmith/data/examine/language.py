"""Rows with their languages → those in another language than the rest, and whether a file is in several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from tunesmith.data.examine.findings import Suspicion
from tunesmith.data.examine.function_words import NAMES
from tunesmith.data.examine.rows import Rows
from tunesmith.data.examine.tongue import near_to

MAIN_SHARE = 0.1
"""A language with this share of the rows whose language is certain belongs to the data; below it, its rows stand out."""
NONE = np.zeros(0, np.int64)


def languages(rows: Rows, examined: NDArray[np.bool_]) -> Iterator[Suspicion]:
    """Rows in a language that few have, and the languages that many have, if they are several."""
    told = rows.language[examined]
    numbers, counts = np.unique(told[told >= 0], return_counts=True)
    sizes = {rows.languages[number]: int(count) for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)}
    main, strange = sorted_out(sizes)
    if strange:
        wanted = [number for number, code in enumerate(rows.languages) if code in strange]
        foreign = np.flatnonzero(examined & np.isin(rows.language, wanted))
        notes = {row: name(rows.languages[int(rows.language[row])]) for row in foreign[:200].tolist()}
        listed = ", ".join(f"{name(code)} ({sizes[code]:,})" for code in strange)
        yield Suspicion("foreign_language", foreign, f"the rest is in {' and '.join(map(name, main))}; {listed}", notes=notes)
    if len(main) > 1:
        total = sum(sizes.values())
        yield Suspicion("mixed_languages", NONE, ", ".join(f"{name(code)} {100 * sizes[code] / total:.0f} %" for code in main))


def sorted_out(sizes: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """(languages that the data are in, those that stand out), the most frequent first; relatives of a main language do not stand out.

    >>> sorted_out({"en": 900, "de": 3, "pcm": 2, "en>fr": 1})
    (['en'], ['de', 'en>fr'])
    """
    total = sum(sizes.values())
    ordered = sorted(sizes, key=lambda code: (-sizes[code], code))
    main = [code for place, code in enumerate(ordered) if place == 0 or sizes[code] >= MAIN_SHARE * total]
    known = set().union(*(near_to(code) for code in main))
    return main, [code for code in ordered if code not in known]


def name(code: str) -> str:
    """What a language is called; of two, the question's and the answer's.

    >>> name("de"), name("en>fr")
    ('German', 'English answered in French')
    """
    asked, _, answered = code.partition(">")
    return f"{name(asked)} answered in {name(answered)}" if answered else NAMES.get(code, code)
