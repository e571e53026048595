"""A line's report and the hashes of all that it rests on → its certificate: the proof, which is the same in every run, and the clock's part beside it.

A certificate is JSON, so that a machine can check it. Its digest covers the proof alone; whoever edits a number and leaves the digest is found by reading,
whoever mends the digest too is found by `tunesmith verify`, which measures again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import ValidationError

from tunesmith.errors import BadData, Problem
from tunesmith.evaluate import page_words as words
from tunesmith.evaluate.answers import ANSWERS
from tunesmith.spec.candidate import Tuned, reader
from tunesmith.spec.certificate import Certificate, Code, Entrant, Locked, Pin, Proof, Tried
from tunesmith.spec.forgetting import TOPIC as FORGETTING
from tunesmith.spec.forgetting import UNMEASURED
from tunesmith.spec.noun import canonical
from tunesmith.spec.report import Comparison
from tunesmith.spec.trial import Trial
from tunesmith.spec.verdict import Finalist, LineReport, Verdict

VERSION = 5
"""Part of every certificate's key; raised when the same report would give another certificate or page."""
NUMBER = re.compile(r"(?P<number>[-−+]?\d[\d,]*(?:\.\d+)?)(?P<points>[\s\u00a0]?(?:%|points?\b)|(?=[^\[\]]*\]))?")
"""In a sentence; `points`: it is in hundredths, or stands in an interval."""


def prove(report: LineReport, line: str, pins: Sequence[Pin], code: Code, plan: dict[str, Any] | None = None) -> Proof:
    """The proof of a line's report, which stands in the store under the name `line`."""
    verdict, dataset = report.verdict, report.dataset
    deciding = [found for finalist in report.finalists if (found := finalist.report.metrics.get(verdict.metric)) is not None]
    return Proof(
        project=report.project,
        task=report.task,
        kind=dataset.kind,
        kind_reason=dataset.task_reason,
        goal=report.goal,
        line=line,
        decision=verdict.decision,
        headline=verdict.headline,
        reasons=verdict.reasons,
        settle=verdict.settle,
        metric=verdict.metric,
        winner=verdict.winner,
        recommended=verdict.recommended,
        goal_met=verdict.goal_met,
        tried=tuple(tried(trial, report) for trial in report.trials),
        entrants=tuple(entrant(finalist) for finalist in report.finalists),
        means=verdict.means,
        comparisons=verdict.comparisons,
        worse=tuple(worse(verdict, report.finalists)),
        locked=Locked(
            dataset=report.dataset_name,
            rows=dataset.rows["test"],
            clusters=deciding[0].clusters if deciding else None,
            sha256=dataset.files.get("test.jsonl", ""),
            looks=verdict.looks,
            also_asked=tuple(one.candidate.content_digest() for one in report.trials if one.failure is not None and one.report is not None),
        ),
        bills=verdict.bills,
        known=verdict.known,
        seeds=seeds(report),
        plan=plan,
        pins=tuple(pins),
        code=code,
        project_toml=report.project_toml,
        rerun=report.rerun,
    )


def tried(trial: Trial, report: LineReport) -> Tried:
    """One thing that was tried on dev."""
    value = trial.report.metrics.get(report.verdict.metric) if trial.report is not None else None
    return Tried(
        remedy=trial.remedy,
        candidate=trial.candidate.name,
        share=trial.pilot.share if trial.pilot else None,
        value=value,
        failed=trial.failure.reason if trial.failure else None,
    )


def entrant(finalist: Finalist) -> Entrant:
    """A finalist with what it takes to measure it again."""
    report = finalist.report
    return Entrant(
        remedy=finalist.remedy,
        candidate=finalist.candidate,
        seed=finalist.seed,
        arm=finalist.arm,
        on_dev=finalist.on_dev,
        artifact=finalist.artifact,
        answers=report.files.get(ANSWERS, ""),
        metrics=report.metrics,
        prompt_tokens=report.prompt_tokens,
        answer_tokens=report.completion_tokens,
        wait=finalist.wait,
    )


def seeds(report: LineReport) -> tuple[int, ...]:
    """The seeds of all trainings that the finalists come from."""
    found = {finalist.seed for finalist in report.finalists if finalist.seed is not None}
    if report.checkpoint is not None and any(isinstance(reader(f.candidate), Tuned) for f in report.finalists):
        found.add(report.checkpoint.resolved.seed)
    return tuple(sorted(found))


def worse(verdict: Verdict, finalists: Sequence[Finalist]) -> list[str]:
    """What got worse with the candidate that is recommended: what it loses against others beyond doubt, and what else was found out about it.

    What a tuned model has forgotten is always spoken of: where nothing was measured, that is said.
    """
    name = verdict.recommended or verdict.winner
    lost = [loss_words(one, name) for one in verdict.comparisons if name is not None and loses(one, name)]
    about = [side for side in verdict.known.sides if side.candidate in (name, verdict.winner)]
    found = [
        *lost,
        *(side.sentence if side.candidate == name else f"{side.candidate}, which is ahead: {side.sentence}" for side in about if side.is_loss),
    ]
    examined = {side.candidate for side in verdict.known.sides if not side.is_limited and side.topic not in (FORGETTING, UNMEASURED)}
    if name is not None and examined and name not in examined:
        found.append(f"Whether {name} invents, declines or wavers was not looked into.")
    is_tuned = any(one.candidate.name == name and isinstance(reader(one.candidate), Tuned) for one in finalists)
    if is_tuned and not any(side.candidate == name and side.topic == FORGETTING for side in about):
        why = next((side.sentence for side in about if side.candidate == name and side.topic == UNMEASURED), None)
        found.append(why or f"What {name} has forgotten of general ability was not measured.")
    return found


def loses(found: Comparison, name: str) -> bool:
    """True if the comparison is one that `name` loses beyond doubt."""
    return (found.better == name and found.outcome == "worse") or (found.rival == name and found.outcome == "better")


def loss_words(found: Comparison, name: str) -> str:
    """A loss as a sentence."""
    other = found.rival if found.better == name else found.better
    gap = (
        found.difference
        if found.better == name
        else found.difference.model_copy(update={"value": -found.difference.value, "low": -found.difference.high, "high": -found.difference.low})
    )
    return f"{words.METRIC_TITLES.get(found.metric, found.metric)}: {name} loses against {other}, {words.difference(found.metric, gap)}."


def read(text: str, where: str) -> Certificate:
    """The certificate in the text of a file. Whether its digest fits is for `Certificate.is_intact` to say.

    Raises: BadData if it is none.
    """
    try:
        return Certificate.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "missing" and (issued := issued_by(text)) is not None:
            raise BadData(
                f"was issued by Tunesmith {issued}, which stated other things than this one reads: {first['msg']}",
                where=f"{where}, {place}", expected="a certificate of this version", fix="verify it with the one that issued it, or run the project again",
            ) from None  # fmt: skip
        raise BadData(
            problems=[
                Problem(
                    f"is no certificate: {first['msg']}",
                    where=f"{where}, {place}" if place else where,
                    expected="a file that `tunesmith run` wrote as certificate.json",
                    fix="name the file, or the certificate in the store: tunesmith verify latest",
                )
            ]
        ) from None


def issued_by(text: str) -> str | None:
    """The version and commit that a certificate says it was issued by; None for what is none."""
    try:
        code = json.loads(text)["proof"]["code"]
        return f"{code['version']}, commit {str(code['commit'])[:12]}" if code["commit"] else str(code["version"])
    except (ValueError, KeyError, TypeError):
        return None


def differing(stated: Any, found: Any, tolerance: float, place: str = "") -> list[str]:
    """The places at which two values of plain JSON differ, numbers by more than `tolerance` (of 1, or of the value where it is larger).

    >>> differing({"a": [1.0, 2]}, {"a": [1.004, 3]}, 0.01)
    ['a[1]: 2 is stated, 3 was found']
    """
    if isinstance(stated, dict) and isinstance(found, dict):
        keys = sorted({*stated, *found})
        return [line for key in keys for line in differing(stated.get(key), found.get(key), tolerance, f"{place}.{key}" if place else key)]
    if isinstance(stated, list) and isinstance(found, list) and len(stated) == len(found):
        return [line for i, (one, other) in enumerate(zip(stated, found, strict=True)) for line in differing(one, other, tolerance, f"{place}[{i}]")]
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (stated, found))
    if numbers and tolerance and abs(stated - found) <= tolerance * max(1.0, abs(stated)):
        return []
    if stated == found or (numbers and canonical(stated) == canonical(found)):  # NaN is stated as NaN
        return []
    return [f"{place + ': ' if place else ''}{shortened(stated)} is stated, {shortened(found)} was found"]


def wording(stated: str, found: str, tolerance: float) -> Literal["same", "other numbers", "other words"]:
    """How far two sentences say the same: numbers count as equal within `tolerance` (of 1, or of the value where it is larger; of 100 for percent).

    >>> wording("It reaches 87.5 % of 16 rows.", "It reaches 87.1 % of 16 rows.", 0.01)
    'same'
    >>> wording("It reaches 87.5 %.", "It misses 87.5 %.", 0.01)
    'other words'
    """
    bare = [NUMBER.sub(lambda number: "0" + (number["points"] or ""), text) for text in (stated, found)]
    if bare[0] != bare[1]:
        return "other words"
    for one, other in zip(NUMBER.finditer(stated), NUMBER.finditer(found), strict=True):
        mine, theirs = (float(each["number"].replace(",", "").replace("−", "-")) for each in (one, other))
        if abs(mine - theirs) > tolerance * (100.0 if one["points"] is not None else max(1.0, abs(mine))) and mine != theirs:
            return "other numbers"
    return "same"


def shortened(value: Any) -> str:
    """A value of plain JSON, at most 60 characters of it."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"
