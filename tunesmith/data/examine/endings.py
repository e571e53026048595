"""Answers that may be cut short, and how the other answers of their file end → which of them break off.

`It is what it can be` ends a sentence in a file that knows no full stops; where the other answers have one, it is what is left of a longer sentence.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from tunesmith.data.examine.noticed import Flagged
from tunesmith.data.examine.text import CUT_SHORT, is_item, is_open
from tunesmith.data.spool import I64

KIND = "truncated_answer"
SAMPLE = 20_000
MIN_ANSWERS = 20
ENDED = 2 / 3
"""Share of a file's answers that must have an end. 76 % of GSM8K's solutions have one, when the line with their result is taken away."""
MANNER = 0.2
"""Where a larger share ends so, it is how these answers are written."""


def settled(flags: Mapping[str, Flagged], source: I64, lines: Iterable[bytes]) -> dict[str, Flagged]:
    """The flags, those of answers that may be cut short only where the file's other answers have an end; `lines`: the rows' records.

    They are looked at only if there is such an answer.
    """
    found = {kind: flagged for kind, flagged in flags.items() if kind != CUT_SHORT}
    if CUT_SHORT not in flags:
        return found
    hints = flags[CUT_SHORT]
    ending = files_with_ends(source, lines, Counter(source[np.array(hints.rows)].tolist()))
    certain = found.get(KIND, Flagged())
    rows = sorted({*certain.rows, *(row for row in hints.rows if int(source[row]) in ending)})
    if rows:
        notes = hints.notes | certain.notes
        found[KIND] = Flagged(array("q", rows), {row: notes[row] for row in rows if row in notes})
    return found


def files_with_ends(source: I64, lines: Iterable[bytes], hints: Mapping[int, int]) -> set[int]:
    """The numbers of the files whose answers have an end, of those with answers that may be cut short; judged by the first rows."""
    sizes, total, ended = Counter(source.tolist()), Counter[int](), Counter[int]()
    for file, line in zip(source.tolist(), lines, strict=True):
        if file in hints and total[file] < SAMPLE:
            answer = (json.loads(line)["conversation"]["messages"][-1].get("content") or "").strip()
            total[file] += 1
            ended[file] += not is_open(answer) or is_item(answer)
    return {file for file, n in total.items() if n >= MIN_ANSWERS and ended[file] >= ENDED * n and hints[file] <= MANNER * sizes[file]}
