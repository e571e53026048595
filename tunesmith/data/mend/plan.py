"""Findings, decisions and a review → what is to be done to each row, by file and line; all that is undecided or contradictory at once."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tunesmith.errors import BadData, BadProject, Problem
from tunesmith.spec.finding import Examination, Finding
from tunesmith.spec.mending import ActionName, Decisions

REPAIRED = "repair"
CONTRADICTIONS = ("contradiction", "near_contradiction")


@dataclass(frozen=True)
class Step:
    """One thing to do to one row."""

    action: ActionName
    reason: str
    detail: str = ""
    value: str | None = None
    """The answer it gets."""


@dataclass
class Plan:
    """File → line → what to do, in order."""

    rows: dict[str, dict[int, list[Step]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    renames: dict[str, dict[str, str]] = field(default_factory=dict)
    """File → label → the spelling it gets."""
    accepted: dict[str, int] = field(default_factory=dict)
    """Kind of personal data that stays, by decision → rows."""

    def add(self, file: str, line: int, step: Step) -> None:
        """One more thing to do."""
        self.rows[file][line].append(step)

    def of(self, file: str, line: int) -> list[Step]:
        """What to do to a row; a row that is dropped is not changed first."""
        steps = self.rows[file].get(line, []) if file in self.rows else []
        return [step for step in steps if step.action == "drop"][:1] or steps

    @property
    def is_empty(self) -> bool:
        """True if nothing is to be done."""
        return not any(self.rows.values())


@dataclass(frozen=True)
class Reviewed:
    """What a person decided about one row."""

    file: str
    line: int
    decision: str
    """`keep`, `drop` or `answer`."""
    answer: str = ""
    where: str = ""
    """Line of the review file."""
    question: str = ""
    """What the row asks, as the review file says; empty: it does not say."""


def plan(found: Examination, decisions: Decisions, reviewed: Iterable[Reviewed] = ()) -> Plan:
    """What is to be done.

    Raises: BadProject for kinds that no finding has; BadData where personal data are undecided.
    """
    refuse_unknown_kinds(found, decisions)
    refuse_undecided(found, decisions)
    made = Plan()
    kept = set()
    for one in reviewed:
        if one.decision == "keep":
            kept.add((one.file, one.line))
        elif one.decision == "drop":
            made.add(one.file, one.line, Step("drop", "review"))
        else:
            made.add(one.file, one.line, Step("answer", "review", value=one.answer))
    for finding in found.findings:
        for line, step in steps_of(finding, decisions):
            if (finding.file, line) not in kept or finding.group == "personal":  # to keep a row is no decision about what it tells of people
                made.add(finding.file, line, step)
        if finding.renames and finding.kind not in decisions.skip:
            made.renames.setdefault(finding.file, {}).update(finding.renames)
        if finding.severity == "block" and (decisions.personal == "keep" or finding.kind in decisions.skip):
            made.accepted[finding.kind] = made.accepted.get(finding.kind, 0) + len(finding.lines)
    return made


def steps_of(finding: Finding, decisions: Decisions) -> Iterable[tuple[int, Step]]:
    """(line, what to do) for the rows of one finding."""
    kind = finding.kind
    if kind in decisions.skip:
        return []
    if kind in decisions.drop:
        return [(line, Step("drop", kind)) for line in finding.lines]
    if finding.group == "personal":
        return personal_steps(finding, decisions)
    if kind in CONTRADICTIONS:
        lines = {"review": (), "proposed": finding.proposed, "drop": finding.lines}[decisions.contradictions]
        return [(line, Step("drop", kind)) for line in lines]
    if not finding.is_mendable:
        return []
    if finding.renames:
        return [(line, Step("rename", kind)) for line in finding.lines]
    if finding.group == "text" and not kind.startswith("unusable"):
        return [(line, Step("repair", kind)) for line in finding.lines]
    keepers = keepers_of(finding)
    return [(line, Step("drop", kind, keepers.get(line, ""))) for line in finding.lines]


def personal_steps(finding: Finding, decisions: Decisions) -> list[tuple[int, Step]]:
    """What to do to rows with personal data, which `refuse_undecided` has seen to be decided."""
    match decisions.personal:
        case "redact":
            return [(line, Step("redact", finding.kind)) for line in finding.lines]
        case "drop":
            return [(line, Step("drop", finding.kind)) for line in finding.lines]
        case _:
            return []


def keepers_of(finding: Finding) -> dict[int, str]:
    """Line → the row it repeats, as far as the finding lists its clusters."""
    return {
        place.line: f"of {cluster[0].file} line {cluster[0].line}"
        for cluster in finding.clusters
        for place in cluster[1:]
        if place.file == finding.file
    }


def refuse_unknown_kinds(found: Examination, decisions: Decisions) -> None:
    """Nothing, if every kind named in the decisions was found.

    Raises: BadProject naming each that was not, with the nearest.
    """
    known = {finding.kind for finding in found.findings}
    problems = []
    for option, kinds in (("--drop", decisions.drop), ("--skip", decisions.skip)):
        for kind in kinds:
            if kind not in known:
                near = difflib.get_close_matches(kind, known, n=1, cutoff=0.5)
                fix = f"write {near[0]}" if near else "leave it out; `tunesmith data check` lists the kinds that were found"
                problems.append(Problem("no finding is of this kind", option, kind, ", ".join(sorted(known)) or "a kind that was found", fix))
            elif kind in decisions.drop and not any(f.lines for f in found.findings if f.kind == kind):
                problems.append(Problem("is about the file as a whole: there are no rows to drop", option, kind, fix="leave it out"))
    both = set(decisions.drop) & set(decisions.skip)
    problems += [Problem("is to be dropped and to be left as it is", "--drop, --skip", kind, fix="name it once") for kind in sorted(both)]
    if problems:
        raise BadProject(problems=problems)


def refuse_undecided(found: Examination, decisions: Decisions) -> None:
    """Nothing, if what blocks training is decided.

    Raises: BadData with each kind and its first lines.
    """
    if decisions.personal != "ask":
        return
    blocking = [f for f in found.findings if f.severity == "block" and f.kind not in decisions.drop and f.kind not in decisions.skip]
    if blocking:
        raise BadData(
            "personal data or secrets: decide what becomes of them",
            problems=[
                Problem(
                    f.message,
                    f"{f.file} line {', '.join(map(str, f.lines[:5]))}{' …' if len(f.lines) > 5 else ''}",
                    expected="a decision",
                    fix="--personal redact puts placeholders there, --personal drop drops the rows, --personal keep keeps them as they are",
                )
                for f in blocking
            ],
        )


def tally(steps: Mapping[int, list[Step]]) -> dict[str, int]:
    """Reason → rows, over one file's plan."""
    counts: dict[str, int] = {}
    for row in steps.values():
        for reason in dict.fromkeys(step.reason for step in row):
            counts[reason] = counts.get(reason, 0) + 1
    return counts
