"""Rows, as numbers → the kind of task they are examples of, with the reason."""

from __future__ import annotations

import numpy as np

from tunesmith.data.spool import I64, Facts, Names
from tunesmith.errors import BadData, BadProject, Problem
from tunesmith.spec.dataset import Source
from tunesmith.spec.project import Project
from tunesmith.spec.task import Form, form_of

LABEL_SHARE = 0.02
FEW_ANSWERS = 20
ROWS_PER_ANSWER = 5
COME_AGAIN_SHARE = 0.95
"""Of the rows whose answer so many rows give: labels do (CLINC150, BANKING77: all of them); short answers with a long tail do not (GSM8K's numbers: 87 %)."""


def task_kind(project: Project, sources: list[Source], facts: Facts, answers: Names) -> tuple[Form, str]:
    """(form, why): what the project says, else what the rows look like.

    Raises: BadProject, BadData if the project says `classify` and the rows cannot be that.
    """
    labelled = [s for s in sources if s.label is not None]
    if (given := project.task.kind_given()) is not None:
        form = form_of(given[0])
        if form == "classify":
            check_classify(labelled, facts)
        return form, given[1]
    if labelled and all(s.output is None and s.format == "table" for s in labelled) and len(labelled) == len(sources):
        if (facts.short_answer >= 0).all() and not answers.is_full:
            return "classify", f"the answer is the column `{labelled[0].label}`"
        return "generate", f"`{labelled[0].label}` holds long texts, so it is an answer rather than a label"
    if facts.is_json.all():
        return "extract", "every answer is a JSON object or array"
    if not labelled and not answers.is_full and are_labels(facts.short_answer):
        return "classify", f"all {len(facts):,} answers are one of {len(np.unique(facts.short_answer))} short texts"
    return "generate", "the answers are free text: neither JSON nor a few short texts that come again"


def are_labels(short_answer: I64) -> bool:
    """True if these answers (numbers of short texts; -1: it is long) are a few texts that come again and again."""
    if not len(short_answer) or (short_answer < 0).any():
        return False
    counts = np.unique(short_answer, return_counts=True)[1]
    few = len(counts) <= max(LABEL_SHARE * len(short_answer), min(FEW_ANSWERS, len(short_answer) // ROWS_PER_ANSWER))
    return few or int(counts[counts >= ROWS_PER_ANSWER].sum()) >= COME_AGAIN_SHARE * len(short_answer)


def check_classify(labelled: list[Source], facts: Facts) -> None:
    """Nothing, if every row answers with a short label.

    Raises: BadProject if a source has a label beside its answer; BadData if answers are long.
    """
    both = [s for s in labelled if s.output is not None or s.format != "table"]
    if both:
        fix = 'remove `label`, since the answer is the label; or remove `output`; or set kind = "generate" (the label then only balances the splits)'
        where, got = [f"source {s.file}" for s in both], [f"label = {s.label!r}" + (f", output = {s.output!r}" if s.output else "") for s in both]
        message = "the rows have a label beside their answer, but the task is `classify`"
        raise BadProject(problems=[Problem(message, at, what, "one answer", fix) for at, what in zip(where, got, strict=True)])
    long = int((facts.short_answer < 0).sum())
    if long:
        raise BadData(
            f"{long:,} of {len(facts):,} answers are too long or too varied for labels",
            where="task.kind",
            got="classify",
            expected="labels of at most 80 characters on one line",
            fix='set kind = "generate" or "extract"',
        )
