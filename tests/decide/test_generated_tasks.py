"""Tasks whose winner is known, made by dials: the verdict finds it. `bench/verdicts.py` makes more of them and says where it fails."""

from __future__ import annotations

from collections import Counter

from bench.verdicts import Dials, grade, judged, right_decision, task, true_accuracies

TASKS = 120
PLAIN = Dials(noise=0.0, skill=0.3, sensitivity=0.0, documents=0.0, train=5_000, ease=0.6, test=600, clustered=False)


def decision(**dials: object) -> str:
    made = Dials(**{**PLAIN.__dict__, **dials})
    return right_decision(made, true_accuracies(made))


def test_the_dials_make_the_winners_that_they_are_meant_to() -> None:
    assert decision() == "fine-tune"
    assert decision(skill=0.95, sensitivity=0.8) == "prompting is enough"
    assert decision(noise=1.0) == "nothing helps"
    assert decision(ease=1.0) == "a classifier does it"
    assert decision(documents=0.8, skill=0.95) == "fine-tune with RAG"
    assert decision(documents=0.3, skill=0.95, sensitivity=0.8, train=300) == "use RAG"
    assert decision(train=30) == "get more rows"


def test_at_least_nine_of_ten_verdicts_are_right() -> None:
    grades: Counter[str] = Counter()
    wrong = []
    for seed in range(TASKS):
        made = task(seed)
        found = judged(made)
        grades[grade(made, found)] += 1
        if grade(made, found) == "wrong":
            wrong.append((seed, made.right, found.decision))
    assert grades["wrong"] <= TASKS / 10, wrong
    assert grades["right"] >= TASKS / 2, grades  # "cannot tell" alone is no proof of skill


def test_the_same_task_has_the_same_verdict() -> None:
    assert judged(task(3)) == judged(task(3))
