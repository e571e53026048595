"""Tasks with known winners, made up by dials → how often the verdict is right, and where it is not.

    python -m bench.verdicts [TASKS]
    python -m bench.verdicts equal [TASKS]      # everything is equally good: how often is something called better?

A task is drawn by label noise, prompt sensitivity, document dependence, number of training rows and number of test rows; some have no labels (and so no
majority answer), some a goal, some a model elsewhere that may be used. From these follow the true accuracies of all candidates, and from those their
answers: rows are easy or hard for all alike, some stand in clusters, and trainings differ by their seed. The verdict sees the answers only. Right is the
cheapest remedy that loses no more than the margin against the best; "cannot tell" is right only where the truth is within the minimum detectable
difference of what these rows and seeds can show, and nothing surely reaches the goal; where there is one, the cheapest remedy that reaches it is right too if the best is
within that difference of it. More rows may be advised where they truly bring more than anything does now. What is recommended has to be what is decided for: nobody where nothing helps, and nothing elsewhere while it is open.
"""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from tunesmith.decide.conclude import TIER_SAYS, conclude
from tunesmith.decide.curve import outlook
from tunesmith.decide.evidence import MARGIN, TIERS
from tunesmith.measure.curve import Point, fit
from tunesmith.measure.seeds import usual
from tunesmith.measure.statistics import wilson
from tunesmith.spec.candidate import Candidate, Classifier, Constant, Decoding, Prompted, Remote, Retrieval, Tuned
from tunesmith.spec.chat import Prompt
from tunesmith.spec.dataset import Dataset, LeakProof, Origin, Profile, Source, Spread
from tunesmith.spec.project import Project
from tunesmith.spec.report import Report, Scored
from tunesmith.spec.task import Goal
from tunesmith.spec.trial import Remedy
from tunesmith.spec.verdict import Decision, Finalist, Known, Outlook, Verdict

TASKS = 1000
LABELS = 10
FEW_ROWS = 50
FAINT = 0.9
"""So much noise leaves a small gain over the majority answer: some points, which few rows do not show."""
PILOTS = (0.1, 0.25, 0.5)
"""Shares of the training rows that the learning curve is fitted on."""
DEV_ROWS = 200
SEEDS = ("fine-tune-0", "fine-tune-1")
POWER_AND_LEVEL = 1.959964 + 0.841621
"""Of the minimum detectable difference: two-sided 5 %, power 80 %."""
CLEARLY = 0.08
"""Who is truly so far above the goal surely reaches it on 300 rows."""
Grade = Literal["right", "right: within what can be detected", "right: reaches the goal", "right: more rows are worth it", "wrong"]


@dataclass(frozen=True)
class Dials:
    """What a task is like."""

    noise: float
    """Share of rows whose label is drawn at random."""
    skill: float
    """Of the base model with a plain prompt, on what can be known without documents."""
    sensitivity: float
    """How much of what is missing a good prompt brings."""
    documents: float
    """Share of questions whose answer stands in the documents only; 0: there are none."""
    train: int
    """Training rows."""
    ease: float
    """How well a linear model over embeddings can do, against a tuned one."""
    test: int
    """Test rows."""
    clustered: bool
    labels: bool = True
    """False: answers are written freely, no majority answer and no classifier compete, and chance is never right."""
    remote: bool = False
    """A model elsewhere competes, and may be used."""
    goal: float | None = None


PLAIN = Dials(noise=0.0, skill=0.3, sensitivity=0.0, documents=0.0, train=5_000, ease=0.6, test=600, clustered=False)


@dataclass(frozen=True)
class Task:
    """A made-up task: what is true of it, and what the verdict sees."""

    dials: Dials
    truth: Mapping[Remedy, float]
    """True accuracy."""
    right: Decision
    finalists: tuple[Finalist, ...]
    scored: Mapping[str, Sequence[Scored]]
    dataset: Dataset
    known: Known


def drawn(generator: np.random.Generator) -> Dials:
    """Dials, by chance: one task in ten cannot be learnt, a good third has documents, one in ten next to no training rows, one in five no labels."""
    train = int(generator.choice([30, 300, 1_000, 5_000], p=[0.1, 0.2, 0.3, 0.4]))
    made = Dials(
        noise=1.0 if generator.random() < 0.1 else float(generator.choice([0.0, 0.05, 0.2, FAINT], p=[0.3, 0.3, 0.3, 0.1])),
        skill=float(generator.choice([0.1, 0.3, 0.6, 0.95])),
        sensitivity=float(generator.choice([0.0, 0.3, 0.8])),
        documents=float(generator.choice([0.0, 0.0, 0.0, 0.0, 0.03, 0.3, 0.8])),
        train=train,
        ease=float(generator.choice([0.6, 0.9, 1.0])),
        test=int(generator.choice([150, 300, 600, 1_500])),
        clustered=bool(generator.random() < 0.25),
        labels=bool(generator.random() >= 0.2),
        remote=bool(generator.random() < 0.15),
    )
    goal = float(generator.choice([0.5, 0.7, 0.85])) if generator.random() < 0.3 and train >= FEW_ROWS else None
    made = replace(made, goal=goal)
    return made if made.labels or made.noise < 1 else replace(made, skill=0.0)


def true_accuracies(dials: Dials, train: int | None = None) -> dict[Remedy, float]:
    """What each remedy reaches on endless test rows, with `train` training rows instead of the dials' if given."""
    rows = dials.train if train is None else train
    chance, known = 1 / LABELS if dials.labels else 0.0, 1 - dials.documents
    learnt = 0.97 * (1 - math.exp(-rows / 350))
    prompted = dials.skill + (0.97 - dials.skill) * dials.sensitivity * 0.5
    shown = prompted + (0.97 - prompted) * dials.sensitivity * 0.2
    tuned = max(learnt, 0.9 * dials.skill)
    able: dict[Remedy, float] = {"majority": 0.0} if dials.labels else {}
    able |= {"prompt": known * prompted, "few-shot": known * shown, "fine-tune": known * tuned}
    if dials.remote:
        able["remote"] = 0.93 * known
    if dials.documents:
        able["rag"] = known * prompted + dials.documents * 0.75
        able["fine-tune-rag"] = known * tuned + dials.documents * 0.85
    elif dials.labels:
        able["classifier"] = known * dials.ease * learnt
    return {remedy: chance + (1 - dials.noise) * (1 - chance) * share for remedy, share in able.items()}


def future(dials: Dials) -> float:
    """What the best training reaches with ten times the rows."""
    later = true_accuracies(dials, 10 * dials.train)
    return max(later["fine-tune"], later.get("fine-tune-rag", 0.0))


def right_decision(dials: Dials, truth: Mapping[Remedy, float]) -> Decision:
    """The decision that the truth asks for."""
    best = max(truth.values())
    if best <= truth.get("majority", 0.0) + MARGIN:
        return "nothing helps" if dials.train >= FEW_ROWS else "get more rows"  # nobody can know it from so few
    if dials.train < FEW_ROWS and future(dials) > best + MARGIN:
        return "get more rows"
    within = [k for k, tier in enumerate(TIERS) if any(truth.get(remedy, 0.0) >= best - MARGIN for remedy in tier)]
    return TIER_SAYS[within[0]]


def answers(dials: Dials, truth: Mapping[str, float], generator: np.random.Generator) -> dict[str, NDArray[np.bool_]]:
    """Candidate → which test rows it gets right: hard rows are hard for all, and rows of a cluster are alike."""
    hard = generator.normal(size=dials.test)
    if dials.clustered:
        hard = 0.7 * generator.normal(size=dials.test)[clusters(dials)] + math.sqrt(1 - 0.49) * hard
    return {
        name: math.sqrt(0.5) * hard + math.sqrt(0.5) * generator.normal(size=dials.test) < ndtri(min(max(share, 1e-9), 1 - 1e-9))
        for name, share in truth.items()
    }


def clusters(dials: Dials) -> NDArray[np.int64]:
    """Row → its cluster: three of a kind."""
    return np.arange(dials.test) // 3


def task(seed: int) -> Task:
    """The task with this number."""
    generator = np.random.default_rng(seed)
    dials = drawn(generator)
    truth = true_accuracies(dials)
    names = {remedy: share for remedy, share in truth.items() if remedy != "fine-tune"}
    seeds = {name: truth["fine-tune"] + generator.normal(0, moves(truth["fine-tune"])) for name in SEEDS}
    hits = answers(dials, names | seeds, generator)
    on_dev = {name: share + generator.normal(0, 0.03) for name, share in (names | seeds).items()}
    scored = {name: rows_of(found, dials) for name, found in hits.items()}
    finalists = tuple(finalist(name, scored[name], on_dev[name]) for name in scored)
    known = Known(outlook=foretold(dials, generator), may_leave=dials.remote)
    return Task(dials, truth, right_decision(dials, truth), finalists, scored, dataset(dials), known)


def moves(share: float) -> float:
    """By how much a training's accuracy moves from seed to seed: some 1 point at 80 %."""
    return usual("accuracy", share) / 2


def foretold(dials: Dials, generator: np.random.Generator) -> Outlook | None:
    """What small trainings say about more rows: they are drawn from the true curve, measured on dev, and the curve is fitted as a run fits it."""
    points = []
    for share in PILOTS:
        rows = round(share * dials.train)
        truth = true_accuracies(dials, rows)["fine-tune"]
        hits = generator.binomial(DEV_ROWS, min(max(truth + generator.normal(0, moves(truth)), 0.0), 1.0))
        points.append(Point(rows, hits / DEV_ROWS, *wilson(hits, DEV_ROWS)))
    found = fit(points, dials.train)
    return None if found is None else outlook(found, (), dials.goal)


def is_worth_it(made: Task) -> bool:
    """True if the rows that are advised truly bring a tuned model further than anything is now: as many as the curve names, else ten times those there are."""
    foreseen = made.known.outlook
    more = foreseen.more if foreseen is not None and foreseen.more else 9 * made.dials.train
    later = true_accuracies(made.dials, made.dials.train + more)
    return max(later["fine-tune"], later.get("fine-tune-rag", 0.0)) > max(made.truth.values()) + MARGIN


def rows_of(hits: NDArray[np.bool_], dials: Dials) -> list[Scored]:
    """Answers as rows."""
    groups = clusters(dials)
    return [
        Scored.model_construct(
            id=f"{k:016x}",
            origin=Origin(file="rows.csv", line=k + 2),
            question="",
            reference="yes",
            answer="yes" if hit else "no",
            confidence=None,
            out_of_scope=False,
            scores={"exact_match": float(hit)},
            prompt_tokens=1,
            completion_tokens=1,
            cluster=f"c{groups[k]}" if dials.clustered else None,
        )
        for k, hit in enumerate(hits)
    ]


def finalist(name: str, rows: Sequence[Scored], on_dev: float) -> Finalist:
    """A finalist of that name, which is its remedy or a training of it."""
    prompt = Prompt(name="plain")
    tuned, plain = Tuned(name=name, checkpoint="checkpoint-0", prompt=prompt), Prompted(name=name, model="base", prompt=prompt)
    made: dict[str, Candidate] = {
        "majority": Constant(name=name, answer="no"),
        "classifier": Classifier(name=name, embedder="mini", weights="classifier-0"),
        "rag": Retrieval(name=name, reader=plain, index="index-0"),
        "fine-tune-rag": Retrieval(name=name, reader=tuned, index="index-0"),
        "remote": Remote(name=name, url="https://example.org/v1", model="large", prompt=prompt),
    }
    is_seed = name in SEEDS
    remedy: Remedy = "fine-tune" if is_seed else name  # type: ignore[assignment]
    candidate = made.get(name, tuned if is_seed else plain)
    report = Report.model_construct(
        candidate=candidate, dataset="dataset-0", split="test", task="classify", decoding=Decoding(), metrics={}, confusion={}, per_label={},
        rows=len(rows), prompt_tokens=len(rows), completion_tokens=len(rows), computed_tokens=len(rows), files={},
    )  # fmt: skip
    return Finalist(
        remedy=remedy, candidate=candidate, report=report, artifact="evaluation-0", seed=int(name[-1]) if is_seed else None, on_dev=on_dev
    )


def dataset(dials: Dials) -> Dataset:
    """A data set of which only the number of rows matters."""
    spread = Spread(n=1, mean=1, p50=1, p90=1, p99=1, max=1)
    nothing = {"removed": {}, "repaired": {}, "labels": {}, "conflicts": (), "examples": (), "warnings": ()}
    profile = Profile(
        rows_read=1, rows_kept=1, input_tokens=spread, answer_tokens=spread, token_unit="words", near_duplicate_clusters=0, near_duplicate_rows=0, conflict_count=0,
        **nothing,
    )  # fmt: skip
    return Dataset(
        project="made-up", task="classify" if dials.labels else "extract", task_reason="given", labels=("no", "yes") if dials.labels else (), out_of_scope=None,
        rows={"train": dials.train, "dev": 100, "test": dials.test}, files={}, sources={}, formats={}, profile=profile,
        leak_proof=LeakProof(exact_pairs=0, near_pairs=0, pairs_compared=0, method="none"),
    )  # fmt: skip


def judged(made: Task) -> Verdict:
    """The verdict over a task's answers."""
    project = Project(name="made-up", sources=(Source(file="rows.csv"),), goal=Goal(at_least=made.dials.goal))
    return conclude(made.finalists, made.scored, project, made.dataset, 1, made.known)


def grade(made: Task, found: Verdict) -> Grade:
    """Whether the verdict is right, and recommends what it may."""
    remedy = next((one.remedy for one in made.finalists if one.candidate.name == found.recommended), None)
    if remedy not in may_be_recommended(found):
        return "wrong"
    if found.decision == made.right:
        return "right"
    if found.decision == "get more rows" and is_worth_it(made):
        return "right: more rows are worth it"
    if found.decision in TIER_SAYS and remedy is not None and reaches_goal(made, remedy):
        return "right: reaches the goal"
    if found.decision == "cannot tell" and within_reach(made) and not surely_reached(made):
        return "right: within what can be detected"
    return "wrong"


def may_be_recommended(found: Verdict) -> Collection[Remedy | None]:
    """What a decision can recommend."""
    if found.decision == "nothing helps":
        return (None,)
    if found.decision in TIER_SAYS:
        return TIERS[TIER_SAYS.index(found.decision)]
    return [None, *(remedy for tier in TIERS[1:] for remedy in tier if remedy != "remote")]


def reaches_goal(made: Task, remedy: Remedy) -> bool:
    """True if the remedy truly reaches the goal, the best is no further from it than these rows can show, and nothing cheaper is that near and clearly reaches it."""
    goal, tier = made.dials.goal, next(k for k, tier in enumerate(TIERS) if remedy in tier)
    if goal is None or made.truth[remedy] < goal:
        return False
    best = max(made.truth, key=lambda other: made.truth[other])
    near = {other for other in made.truth if other == best or made.truth[best] - made.truth[other] < detectable(made, other, best)}
    cheaper = [other for k in range(1, tier) for other in TIERS[k] if other in near]
    return remedy in near and all(made.truth[other] < goal + CLEARLY for other in cheaper)


def surely_reached(made: Task) -> bool:
    """True if something here truly is as good as the best and far above the goal, so that the goal could have decided."""
    goal, best = made.dials.goal, max(made.truth.values())
    able = [share for remedy, share in made.truth.items() if remedy not in ("majority", "remote") and share >= best - MARGIN]
    return goal is not None and made.dials.test >= 300 and not made.dials.clustered and any(share >= goal + CLEARLY for share in able)


def within_reach(made: Task) -> bool:
    """True if the arm that is right differs from one of another tier by less than these rows can show (two-sided 5 %, power 80 %, one test alone)."""
    tier = TIER_SAYS.index(made.right) if made.right in TIER_SAYS else 0
    if not TIERS[tier] & made.truth.keys():
        return False  # nothing helps, and there is no majority answer that it would have to be told from
    mine = max((remedy for remedy in TIERS[tier] if remedy in made.truth), key=lambda remedy: made.truth[remedy])
    others = [remedy for remedy in made.truth if remedy not in TIERS[tier]]
    return any(abs(made.truth[mine] - made.truth[other]) < detectable(made, mine, other) for other in others)


def detectable(made: Task, first: Remedy, second: Remedy) -> float:
    """The smallest true difference of two remedies that the test rows and the seeds of a task show with 80 % power."""
    one, other = (right_by_row(made, remedy) for remedy in (first, second))
    gap = one - other
    gap = gap - gap.mean()
    if made.dials.clustered:
        gap = np.bincount(clusters(made.dials), gap)
    trained = [made.truth[remedy] for remedy in (first, second) if remedy == "fine-tune"]
    between = sum(moves(share) ** 2 / len(SEEDS) for share in trained)
    return POWER_AND_LEVEL * math.sqrt(float((gap**2).sum()) / made.dials.test**2 + between)


def right_by_row(made: Task, remedy: Remedy) -> NDArray[np.float64]:
    """How often each row is right, over the seeds of a remedy."""
    runs = [name for name in made.scored if name == remedy or (remedy == "fine-tune" and name in SEEDS)]
    found: NDArray[np.float64] = np.mean([[row.scores["exact_match"] for row in made.scored[name]] for name in runs], axis=0)
    return found


def equals(seed: int) -> Task:
    """A task on which everything but the majority answer is equally good, whatever it costs; two trainings of it move as they usually do."""
    generator = np.random.default_rng(10_000 + seed)
    made = replace(PLAIN, test=int(generator.choice([150, 300, 600, 1_500])), clustered=bool(generator.random() < 0.25))
    skill = float(generator.choice([0.5, 0.8, 0.95]))
    every: tuple[Remedy, ...] = ("classifier", "prompt", "few-shot", "rag", "fine-tune", "fine-tune-rag")
    names = dict.fromkeys((one for one in every if one != "fine-tune"), skill)
    seeds = {name: skill + generator.normal(0, usual("accuracy", skill)) for name in SEEDS}
    hits = answers(made, names | seeds | {"majority": 0.1}, generator)
    scored = {name: rows_of(found, made) for name, found in hits.items()}
    finalists = tuple(finalist(name, rows, skill + generator.normal(0, 0.03)) for name, rows in scored.items())
    truth: dict[Remedy, float] = {"majority": 0.1} | dict.fromkeys(every, skill)
    return Task(made, truth, right_decision(made, truth), finalists, scored, dataset(made), Known())


def triumphs(found: Verdict) -> bool:
    """True if a verdict over equals says that anything is better than anything else that is tried, the majority answer aside."""
    dear = TIER_SAYS[TIER_SAYS.index("prompting is enough") + 1 :]
    told = any(one.outcome != "cannot tell" for one in found.comparisons if "majority" not in (one.better, one.rival))
    return told or found.winner is not None or found.decision in dear


def among_equals(count: int) -> int:
    """Judge `count` tasks without a winner; 0 if at most 5 % of the verdicts name one."""
    started, said, wrong = time.monotonic(), Counter[str](), 0
    for seed in range(count):
        found = judged(equals(seed))
        said[found.decision] += 1
        wrong += triumphs(found)
    print(
        f"{count} tasks of equals in {time.monotonic() - started:.0f} s: in {100 * wrong / count:.1f} % something is called better or worse (at most 5)"
    )
    for decision, number in said.most_common():
        print(f"  {decision:40} {number:5}")
    return 0 if wrong <= count / 20 else 1


def main(count: int = TASKS) -> int:
    """Judge `count` tasks and print what came out; 0 if at least 90 % of the verdicts are right."""
    started, grades, table = time.monotonic(), Counter[str](), Counter[tuple[str, str]]()
    for seed in range(count):
        made = task(seed)
        found = judged(made)
        grades[grade(made, found)] += 1
        table[made.right, found.decision + (" (wrongly)" if grade(made, found) == "wrong" else "")] += 1
    seconds = time.monotonic() - started
    share = 1 - grades["wrong"] / count
    print(
        f"{count} tasks in {seconds:.0f} s: {100 * share:.1f} % right verdicts, of them {100 * grades['right: within what can be detected'] / count:.1f} “cannot tell”, "
        f"{100 * grades['right: reaches the goal'] / count:.1f} by the goal and {100 * grades['right: more rows are worth it'] / count:.1f} more rows"
    )
    for (right, said), number in sorted(table.items()):
        print(f"  {right:24} → {said:40} {number:5}")
    return 0 if share >= 0.9 else 1


if __name__ == "__main__":
    words = sys.argv[1:]
    wanted = [int(word) for word in words if word != "equal"]
    sys.exit((among_equals if "equal" in words else main)(*(wanted or [TASKS])))
