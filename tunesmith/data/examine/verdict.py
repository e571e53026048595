"""Findings → one verdict: fit to train, fit after fixes, or not fit, with the reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunesmith.spec.finding import Finding, Fitness

LOST_SHARE = 0.3
"""Share of rows that cannot be used beyond which something is wrong with the export and not with rows."""
WRONG_SHARE = 0.25
"""Share of contradicting or mislabelled rows beyond which the data say nothing reliable."""
FEWEST_ROWS = 50


def verdict(found: Sequence[Finding], rows: Mapping[str, int]) -> tuple[Fitness, tuple[str, ...]]:
    """(the verdict, its reasons; the gravest first). `rows`: file → rows read."""
    fatal = _fatal(found, rows)
    if fatal:
        return "not_fit", tuple(fatal)
    blocking = [f"{f.file}: {f.message}" for f in found if f.severity == "block"]
    mending = [f"{f.file}: {f.message}" for f in found if f.severity == "mend"]
    if blocking or mending:
        return "fit_after_fixes", (*blocking, *mending)
    looks = [f"{f.file}: {f.message}" for f in found if f.severity == "review"]
    return "fit", tuple(looks)


def _fatal(found: Sequence[Finding], rows: Mapping[str, int]) -> list[str]:
    """Why no model should be trained on these rows as they are, mended or not: over all files, since it is trained on all of them; but an export that went
    wrong is one file's.
    """
    unusable = {file: _lines(file, [f for f in found if f.kind.startswith("unusable_")]) for file in rows}
    repeated = {file: _lines(file, [f for f in found if f.kind in ("duplicate", "leak")]) for file in rows}
    wrong = {file: _lines(file, [f for f in found if f.kind in ("contradiction", "label_error")]) for file in rows}
    names, total = ", ".join(rows), sum(rows.values())
    left = sum(count - len(unusable[file] | repeated[file]) for file, count in rows.items())
    reasons = []
    if left < FEWEST_ROWS:
        reasons.append(f"{names}: {left:,} different rows can be used; below {FEWEST_ROWS} a written prompt is usually the better remedy")
    for file, count in rows.items():
        if len(unusable[file]) > LOST_SHARE * count:
            reasons.append(f"{file}: {len(unusable[file]):,} of {count:,} rows cannot be read or used: check how the file was exported")
    doubtful = sum(map(len, wrong.values()))
    if doubtful > WRONG_SHARE * max(1, total):
        reasons.append(f"{names}: {doubtful:,} of {total:,} rows contradict another row or seem mislabelled: the data say nothing reliable yet")
    reasons += [f"{f.file}: {f.message}" for f in found if f.kind == "one_answer"]
    return reasons


def _lines(file: str, found: Sequence[Finding]) -> set[int]:
    return {line for f in found if f.file == file for line in f.lines}
