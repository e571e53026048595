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
    fatal = [reason for file, total in rows.items() for reason in _fatal(file, total, [f for f in found if f.file == file])]
    if fatal:
        return "not_fit", tuple(fatal)
    blocking = [f"{f.file}: {f.message}" for f in found if f.severity == "block"]
    mending = [f"{f.file}: {f.message}" for f in found if f.severity == "mend"]
    if blocking or mending:
        return "fit_after_fixes", (*blocking, *mending)
    looks = [f"{f.file}: {f.message}" for f in found if f.severity == "review"]
    return "fit", tuple(looks)


def _fatal(file: str, total: int, found: Sequence[Finding]) -> list[str]:
    """Why no model should be trained on these rows as they are, mended or not."""
    of = {kind: {line for f in found if f.kind == kind for line in f.lines} for kind in ("duplicate", "leak", "contradiction", "label_error")}
    unusable = {line for f in found if f.kind.startswith("unusable_") for line in f.lines}
    left = total - len(unusable | of["duplicate"] | of["leak"])
    reasons = []
    if left < FEWEST_ROWS:
        reasons.append(f"{file}: {left:,} different rows can be used; below {FEWEST_ROWS} a written prompt is usually the better remedy")
    if len(unusable) > LOST_SHARE * total:
        reasons.append(f"{file}: {len(unusable):,} of {total:,} rows cannot be read or used: check how the file was exported")
    wrong = of["contradiction"] | of["label_error"]
    if len(wrong) > WRONG_SHARE * max(1, total):
        reasons.append(f"{file}: {len(wrong):,} of {total:,} rows contradict another row or seem mislabelled: the data say nothing reliable yet")
    reasons += [f"{f.file}: {f.message}" for f in found if f.kind == "one_answer"]
    return reasons
