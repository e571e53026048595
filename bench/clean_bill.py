"""How many rows of sound public data does `tunesmith data check` name, and for what?

    python -m bench.clean_bill --data FOLDER              # without a model: about 1 minute
    python -m bench.clean_bill --data FOLDER --meaning    # with the encoder: about 15 minutes

CLINC150 (train), BANKING77, GSM8K and the Python FAQ as their authors publish them. Besides near duplicates that stand the test and label review no more than
1 % of the rows should be named. A near duplicate (or a row of a template) stands the test if another row of the file is like it by edits of its sorted words,
which no part of the doctor goes by. All rows are English: each that is called foreign is a false alarm, and of short ones there must be none.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz, process

from bench.checked import check, every_set, lines_of, rate
from bench.readers import Row, clinc150

LIKE = 80.0
"""Similarity by edits, in percent, of their sorted words, from which two questions are taken for nearly the same."""
REPEATING = ("duplicate", "near_duplicate", "template", "semantic_duplicate")
LABELS = ("label_error", "label_typo", "label_spelling")
SHORT_WORDS = 8
MOST = 0.01


def verified(found: dict[str, Any], rows: Sequence[Row]) -> tuple[set[int], set[int]]:
    """(lines of repeating rows that another row of the file is like, lines of the others)."""
    named = set().union(*(finding["lines"] for finding in found["findings"] if finding["kind"] in REPEATING))
    asked = [" ".join(sorted(row.question.lower().split())) for row in rows]
    good = {
        line for line in named if len(process.extract(asked[line - 1], asked, scorer=fuzz.ratio, score_cutoff=LIKE, limit=2)) > 1
    }  # one is itself
    return good, named - good


def bill(name: str, rows: Sequence[Row], found: dict[str, Any], show: int) -> bool:
    """Print what is named; True if it is little enough."""
    kinds = lines_of(found)
    good, doubtful = verified(found, rows)
    others = {kind: lines for kind, lines in kinds.items() if lines and kind not in (*REPEATING, *LABELS)}
    every = set().union(doubtful, *others.values())
    foreign = others.get("foreign_language", set())
    short = [line for line in foreign if len(rows[line - 1].question.split()) <= SHORT_WORDS]
    holds = len(every) <= MOST * len(rows) and not short
    print(
        f"\n{name}: {found['fitness']}; named besides verified repeats and labels {rate(len(every), len(rows))} rows{'' if holds else '   TOO MANY'}"
    )
    print(f"  repeats {len(good):,} verified, {len(doubtful):,} not; called foreign {len(foreign):,}, of them short {len(short):,}")
    for kind, lines in sorted(kinds.items(), key=lambda one: -len(one[1])):
        if lines:
            print(f"  {kind:<20} {len(lines):>6,}  {100 * len(lines) / len(rows):.2f} %")
    for line in sorted(every)[:show]:
        said = [kind for kind, lines in others.items() if line in lines] or ["repeats"]
        print(f"    line {line} {', '.join(said)}: {rows[line - 1].question[:160]!r} → {rows[line - 1].answer[:160]!r}")
    return holds


def main() -> None:
    """Check every data set and print its bill."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with clinc150, banking77, gsm8k and python-faq")
    parser.add_argument("--meaning", action="store_true", help="compare by meaning as well; needs the encoder")
    parser.add_argument("--only", action="append", help="these data sets, by name")
    parser.add_argument("--show", type=int, default=12, help="rows that are named to print")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        good = []
        for known in (clinc150(options.data / "clinc150" / "data_full.json"), *every_set(options.data, Path(folder))):
            if not options.only or known.name in options.only:
                own = Path(folder) / known.name.replace(" ", "-")
                own.mkdir()
                found = check(own, known.train, (), has_labels=known.has_labels, meaning=options.meaning)
                good.append(bill(known.name, known.train, found, options.show))
    print(f"\n{sum(good)} of {len(good)} data sets have a clean bill")


if __name__ == "__main__":
    main()
