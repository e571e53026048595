"""An answer → declined or not, right or not, the same as another or not: one judge for all suites of a candidate."""

from __future__ import annotations

from dataclasses import dataclass

from tunesmith.evaluate.suites.material import Material
from tunesmith.measure.agreement import ALIKE, means_the_same
from tunesmith.measure.quantities import PER_ROW
from tunesmith.measure.refusal import Refusals
from tunesmith.spec.report import Scored
from tunesmith.spec.task import MetricName, TaskKind, form_of

RIGHTNESS = frozenset({"exact_match", "token_f1", "same_result", "tests_passed", "own_score", "judge_score"})
"""Scores of a row that say whether its answer is right, from 0.8 on."""


@dataclass(frozen=True)
class Judge:
    """What counts as what in one task."""

    task: TaskKind
    metric: MetricName
    refusals: Refusals

    def declined(self, answer: str) -> bool:
        """True if the answer is a refusal."""
        return self.refusals.sign(answer) is not None

    def refused(self, row: Scored) -> bool:
        """True if a scored answer is a refusal, as the metrics count it."""
        return bool(row.scores["refused"]) if "refused" in row.scores else self.declined(row.answer)

    def right(self, row: Scored) -> bool:
        """True if a scored answer is what the row wants: by the deciding metric where it has a value per row (0.8 or more), else by meaning."""
        name = PER_ROW.get(self.metric)
        if not row.out_of_scope and name in RIGHTNESS and name in row.scores:
            return row.scores[name] >= ALIKE
        return self.fits(row.answer, row.reference, row.out_of_scope)

    def meaning(self) -> str:
        """What counts as right, for people."""
        name, whole = PER_ROW.get(self.metric), form_of(self.task)
        if name in RIGHTNESS - {"exact_match", "token_f1"}:
            found = f"whose {str(name).replace('_', ' ')} is {ALIKE:.0%} or more"
        elif name == "exact_match" or whole == "classify":
            found = "that is the reference"
        elif whole == "generate":
            found = f"whose words are nearly those of the reference (token-F1 of {ALIKE:g} or more)"
        else:
            found = "that says what the reference says"
        return f"Right is an answer {found}; out of scope: a refusal."

    def fits(self, answer: str, reference: str, outside: bool) -> bool:
        """True if an answer is what a row with this reference wants: a refusal where it is out of scope."""
        return self.declined(answer) if outside else means_the_same(self.task, answer, reference)

    def same(self, first: str, second: str) -> bool:
        """True if two answers say the same; two refusals do, in whatever words."""
        return means_the_same(self.task, first, second) or (self.declined(first) and self.declined(second))


def judge_of(material: Material) -> Judge:
    """The judge, who recognises refusals as the metrics do."""
    return Judge(material.dataset.kind, material.metric, material.refusals)
