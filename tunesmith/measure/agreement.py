"""Several answers to what is the same question → how far they agree, and how good the worst of them is.

Answers agree when they mean the same: equal labels, equal JSON, or texts whose words are nearly the same (token-F1 ≥ 0.8). Letter by letter, small models look far
less steady than they are (arXiv 2509.01790).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from tunesmith.measure.quantities import mean_of
from tunesmith.measure.scorers import is_binary, proportion, same_answer
from tunesmith.measure.statistics import interval
from tunesmith.measure.text import token_f1
from tunesmith.spec.report import Metric
from tunesmith.spec.task import TaskKind, form_of

ALIKE = 0.8
"""Token-F1 from which two texts say the same."""

Same = Callable[[str, str], bool]


@dataclass(frozen=True)
class Versions:
    """All answers to one row."""

    answers: tuple[str, ...]
    right: tuple[bool, ...]
    cluster: str


@dataclass(frozen=True)
class Agreement:
    """What the versions of many rows say together."""

    agreement: Metric
    mean: Metric
    worst: Metric
    sensitivity: Metric


def means_the_same(task: TaskKind, first: str, second: str) -> bool:
    """True if two answers count as one.

    >>> means_the_same("generate", "Reset it in the app.", "Reset it in the app!"), means_the_same("classify", "card", "cards")
    (True, False)
    """
    return same_answer(task, first, second) or (form_of(task) == "generate" and token_f1(first, second) >= ALIKE)


def agreement(found: Sequence[Versions], same: Same, *, confidence: float, seed: int = 0) -> Agreement:
    """The numbers over rows, clusters drawn together where rows share some. `found` holds at least one row.

    Source: pairwise agreement and worst of k as usual; sensitivity after Errica et al. 2024 (arXiv 2406.12334): the entropy of what is answered over rephrasings.
    """
    names = [one.cluster for one in found]
    clusters = names if len(set(names)) < len(names) else None

    def over(values: list[float]) -> Metric:
        if is_binary(values):
            return proportion(values, confidence, clusters)
        return interval(mean_of(values), confidence=confidence, seed=seed, groups=clusters)

    return Agreement(
        agreement=over([pairwise(one.answers, same) for one in found]),
        mean=over([sum(one.right) / len(one.right) for one in found]),
        worst=over([float(all(one.right)) for one in found]),
        sensitivity=over([sensitivity(one.answers, same) for one in found]),
    )


def pairwise(answers: Sequence[str], same: Same) -> float:
    """The share of pairs that agree; 1 for a single answer.

    >>> pairwise(["a", "a", "b"], str.__eq__)
    0.3333333333333333
    """
    pairs = list(combinations(answers, 2))
    return sum(same(first, second) for first, second in pairs) / len(pairs) if pairs else 1.0


def classes(answers: Sequence[str], same: Same) -> list[int]:
    """The class of each answer: that of the first earlier answer that means the same, else a new one.

    >>> classes(["a", "b", "a", "c"], str.__eq__)
    [0, 1, 0, 2]
    """
    found: list[int] = []
    heads: list[str] = []
    for answer in answers:
        known = next((i for i, head in enumerate(heads) if same(head, answer)), None)
        if known is None:
            heads.append(answer)
        found.append(len(heads) - 1 if known is None else known)
    return found


def sensitivity(answers: Sequence[str], same: Same) -> float:
    """The entropy of the answers' classes over that of answers which all differ; 0 for a single answer.

    >>> sensitivity(["a", "a", "b", "b"], str.__eq__)
    0.5
    """
    n = len(answers)
    if n < 2:
        return 0.0
    shares = [count / n for count in Counter(classes(answers, same)).values()]
    return max(0.0, -sum(share * math.log(share) for share in shares) / math.log(n))
