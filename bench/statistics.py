"""Do our statistics keep what they promise? Simulated studies of known truth: false triumphs, power, and how often intervals hold the truth.

    python -m bench.statistics [triumph | power | cover] [STUDIES]

Wanted: of comparisons of equal systems at most 5 % are called better or worse after correction; at the minimum detectable difference, which grows with
the number of comparisons, at least 77 % are called better; nominal 95 % intervals hold the truth in 93 to 97 %, with at least 30 clusters where rows are clustered. Fewer clusters are
simulated too, to see what "rough" means. Bootstraps take 2,000 resamples here instead of 10,000: the last digit is not asked for.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from tunesmith.measure import statistics
from tunesmith.measure.comparison import Names, Trained, correct, weighed
from tunesmith.measure.power import NO_SEEDS, USUAL_FREEDOM, USUAL_SEEDS, Spread, minimum_detectable
from tunesmith.measure.quantities import Quantity, macro_f1_of, mean_of, ratio
from tunesmith.measure.scorers import proportion
from tunesmith.measure.seeds import averaged, spread, usual
from tunesmith.measure.statistics import interval, paired_difference
from tunesmith.spec.report import Comparison

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator], bool]
STUDIES = 2_000
RESAMPLES = 2_000
RIVALS = 5
DOZEN = 12
SEEDS = (1, 2, 3)
MOVES = 0.02
"""By so much the skill of a training moves from seed to seed."""
SKILL = 0.8
COMMON = 0.5
"""Share of a row's latent difficulty that is the same for all candidates."""


@dataclass(frozen=True)
class Finding:
    """What one kind of study came to."""

    name: str
    share: float
    low: float
    high: float
    """What is wanted lies between these."""

    @property
    def is_kept(self) -> bool:
        """True if the promise holds."""
        return self.low <= self.share <= self.high


def main(what: str = "", studies: int = STUDIES) -> int:
    """Run the studies and print them; 0 if every promise holds."""
    statistics.RESAMPLES = RESAMPLES
    parts = {"triumph": triumphs, "power": powers, "cover": covers}
    kept = True
    for name, part in parts.items():
        if what not in ("", name):
            continue
        for finding in part(studies):
            kept &= finding.is_kept
            mark = "✓" if finding.is_kept else "✗"
            print(
                f"{mark} {name:8} {finding.name:70} {100 * finding.share:5.1f} %  (wanted {100 * finding.low:g} to {100 * finding.high:g})",
                flush=True,
            )
    return 0 if kept else 1


def share_of(draw: Draw, studies: int, seed: int) -> float:
    """The share of studies in which something happens."""
    generator = np.random.default_rng(seed)
    return sum(draw(generator) for _ in range(studies)) / studies


def right(generator: np.random.Generator, skills: Sequence[float], hard: Array) -> list[Array]:
    """Right and wrong answers of candidates with these skills to rows of this difficulty (standard normal)."""
    own = generator.normal(size=(len(skills), len(hard)))
    return [(math.sqrt(COMMON) * hard + math.sqrt(1 - COMMON) * own[k] < ndtri(skill)).astype(float) for k, skill in enumerate(skills)]


def called(first: Quantity, second: Quantity, clusters: Sequence[str] | None = None, trained: Trained | None = None) -> Comparison:
    """The comparison as the verdict makes it, before it is corrected."""
    return weighed(Names("a", "b"), first, second, clusters, confidence=0.95, trained=trained)


def trainings(generator: np.random.Generator, seeds: int, gain: float, n: int = 1_000) -> tuple[Comparison, float]:
    """(A recipe trained with so many seeds, whose skill moves by 2 points from seed to seed, beside a prompt; by how much the first weights are better)."""
    skills = SKILL + gain + generator.normal(0, MOVES, size=seeds)
    *runs, other = (mean_of(found) for found in right(generator, [*skills, SKILL], generator.normal(size=n)))
    values = [one.value() for one in runs]
    between = spread(values, by=usual("accuracy", float(np.mean([*values, other.value()]))))
    of_these = paired_difference(runs[0], other)
    return called(averaged(runs), other, trained=Trained(between, seeds, of_these)), float(skills[0]) - SKILL


def decided(family: Sequence[Comparison]) -> bool:
    """True if any comparison of the family is called better or worse."""
    return any(found.outcome != "cannot tell" for found in correct(family))


def groups_of(sizes: Array) -> tuple[NDArray[np.int64], list[str]]:
    """Row → its cluster, as number and as name."""
    numbers = np.repeat(np.arange(len(sizes)), sizes.astype(int))
    return numbers, [str(number) for number in numbers]


def triumphs(studies: int) -> Iterator[Finding]:
    """Families of equal systems: at most 5 % of them may hold a "better" or "worse"."""

    def rows(generator: np.random.Generator) -> bool:
        mine, *others = right(generator, [SKILL] * (RIVALS + 1), generator.normal(size=300))
        return decided([called(mean_of(mine), mean_of(other)) for other in others])

    def single(generator: np.random.Generator) -> bool:
        mine, other = right(generator, [SKILL] * 2, generator.normal(size=500))
        return decided([called(mean_of(mine), mean_of(other))])

    def graded(generator: np.random.Generator) -> bool:
        hard = generator.normal(size=200)
        mine, other = (ndtr(math.sqrt(COMMON) * hard + math.sqrt(1 - COMMON) * generator.normal(size=200)) ** 2 for _ in range(2))
        return decided([called(mean_of(mine), mean_of(other))])

    def clustered(generator: np.random.Generator) -> bool:
        numbers, names = groups_of(generator.integers(1, 9, size=40))
        hard = 0.8 * generator.normal(size=40)[numbers] + 0.6 * generator.normal(size=len(numbers))
        mine, other = cluster_right(generator, hard, numbers)
        return decided([called(mean_of(mine), mean_of(other), names)])

    yield Finding(f"a family of {RIVALS} rivals, right and wrong, 300 rows", share_of(rows, studies, 1), 0, 0.05)
    yield Finding("one rival, right and wrong, 500 rows", share_of(single, studies, 2), 0, 0.05)
    yield Finding("one rival, graded scores, 200 rows", share_of(graded, studies, 3), 0, 0.05 + 2 * math.sqrt(0.05 * 0.95 / studies))
    yield Finding("one rival, 40 clusters of 1 to 8 rows", share_of(clustered, studies, 4), 0, 0.05 + 2 * math.sqrt(0.05 * 0.95 / studies))
    for seeds in SEEDS:

        def trained(generator: np.random.Generator, seeds: int = seeds) -> bool:
            return decided([trainings(generator, seeds, 0.0)[0]])

        yield Finding(f"trained with {seeds} seeds (2 points apart), 1,000 rows", share_of(trained, studies, 4 + seeds), 0, 0.05)

    def many(generator: np.random.Generator) -> bool:
        return decided([trainings(generator, 1, 0.0, 10_000)[0]])

    yield Finding("trained with one seed (2 points apart), 10,000 rows", share_of(many, studies, 8), 0, 0.05)


def cluster_right(
    generator: np.random.Generator, hard: Array, numbers: NDArray[np.int64], skills: tuple[float, float] = (SKILL, SKILL)
) -> list[Array]:
    """Right and wrong answers of two candidates, equal ones if nothing else is said, each of which is good at some clusters and bad at others."""
    found = []
    for skill in skills:
        own = 0.8 * generator.normal(size=int(numbers.max()) + 1)[numbers] + 0.6 * generator.normal(size=len(numbers))
        found.append((math.sqrt(COMMON) * hard + math.sqrt(1 - COMMON) * own < ndtri(skill)).astype(float))
    return found


def powers(studies: int) -> Iterator[Finding]:
    """A true difference as large as the minimum detectable one: at least 77 % have to be called better."""
    for n in (200, 500, 1_000):
        gap = gap_at(n)

        def better(generator: np.random.Generator, n: int = n, gap: float = gap) -> bool:
            mine, other = right(generator, [SKILL, SKILL - gap], generator.normal(size=n))
            (found,) = correct([called(mean_of(mine), mean_of(other))])
            return found.outcome == "better"

        yield Finding(f"{n} rows, right and wrong, {100 * gap:.1f} points", share_of(better, studies, 10 + n), 0.77, 1)
    spread_of_gap = 0.22

    def graded(generator: np.random.Generator) -> bool:
        gap = minimum_detectable(spread_of_gap**2, 300)
        other = generator.beta(2, 2, size=300)
        found = called(mean_of(other + generator.normal(gap, spread_of_gap, size=300), low=-2, high=3), mean_of(other, low=-2, high=3))
        return correct([found])[0].outcome == "better"

    yield Finding("300 rows, graded scores", share_of(graded, studies, 30), 0.77, 1)
    yield from dozens(studies)
    yield from seeded(studies)
    yield from in_clusters(studies)


def dozens(studies: int, n: int = 500) -> Iterator[Finding]:
    """One true difference among a dozen comparisons of which all others are of equal systems: the hardest family, in which Holm forgives nothing."""
    gap = gap_at(n, DOZEN)

    def better(generator: np.random.Generator) -> bool:
        mine, *others = right(generator, [SKILL, SKILL - gap, *[SKILL] * (DOZEN - 1)], generator.normal(size=n))
        return correct([called(mean_of(mine), mean_of(other)) for other in others])[0].outcome == "better"

    yield Finding(f"{n} rows, one of {DOZEN} comparisons, {100 * gap:.1f} points", share_of(better, studies, 31), 0.77, 1)


def seeded(studies: int, n: int = 1_000) -> Iterator[Finding]:
    """A recipe that is better than a prompt by what so many seeds and these rows can show, alone and among a dozen comparisons."""
    for seeds, family in ((1, 1), (2, 1), (2, DOZEN), (3, DOZEN)):
        known, all_ = seeds - 1, USUAL_SEEDS + seeds - 1  # as `spread` has it where they lie as far apart as usual
        unsure = (USUAL_SEEDS / all_) ** 2 / USUAL_FREEDOM + (known / all_**2 if known else 0.0)
        gap = gap_at(n, family, Spread(MOVES**2 / seeds, 1 / unsure))

        def better(generator: np.random.Generator, seeds: int = seeds, family: int = family, gap: float = gap) -> bool:
            found = trainings(generator, seeds, gap, n)[0]
            return correct([found, *[found.model_copy(update={"p_value": 0.5 + 0.01 * k}) for k in range(family - 1)]])[0].outcome == "better"

        yield Finding(
            f"{n} rows, {seeds} seeds, one of {family} comparisons, {100 * gap:.1f} points", share_of(better, studies, 32 + seeds + family), 0.77, 1
        )


def in_clusters(studies: int) -> Iterator[Finding]:
    """Rows in 40 clusters: each study asks whether the difference is shown that its own kind of rows is said to show, on average over studies."""
    gap = 0.1
    for _ in range(4):  # the variance grows with the gap
        gaps = []
        for seed in range(100):
            numbers, names = groups_of(np.random.default_rng(seed).integers(1, 9, size=40))
            gaps.append(cluster_pair(np.random.default_rng(1_000 + seed), numbers, names, gap).minimum_detectable)
        gap = float(np.mean(gaps))

    def better(generator: np.random.Generator) -> bool:
        numbers, names = groups_of(generator.integers(1, 9, size=40))
        return correct([cluster_pair(generator, numbers, names, gap)])[0].outcome == "better"

    # an interval over clusters is the wider one of two (`statistics.hull`), which costs some power
    yield Finding(f"40 clusters of 1 to 8 rows, {100 * gap:.1f} points", share_of(better, studies, 39), 0.72, 1)


def cluster_pair(generator: np.random.Generator, numbers: NDArray[np.int64], names: Sequence[str], gap: float) -> Comparison:
    """Two candidates on rows in clusters, the first better by this gap."""
    hard = 0.8 * generator.normal(size=int(numbers.max()) + 1)[numbers] + 0.6 * generator.normal(size=len(numbers))
    mine, other = cluster_right(generator, hard, numbers, (SKILL, SKILL - gap))
    return called(mean_of(mine), mean_of(other), names)


def gap_at(n: int, family: int = 1, between: Spread = NO_SEEDS) -> float:
    """The difference in skill that is the minimum detectable one of `n` rows among `family` comparisons: found by its own definition, over many rows.

    `between` is what the seeds of the better one add.
    """
    gap, first = 0.05, between.believed > 0
    for _ in range(8):
        skills = [SKILL + gap, SKILL] if first else [SKILL, SKILL - gap]
        mine, other = right(np.random.default_rng(0), skills, np.random.default_rng(1).normal(size=400_000))
        variance = float(np.var(mine - other))
        gap = min(minimum_detectable(variance, n, confidence=1 - 0.05 / family, between=between), 0.19)
    return gap


def covers(studies: int) -> Iterator[Finding]:
    """Nominal 95 % intervals: 93 to 97 % have to hold the truth."""
    for n, share in ((100, 0.82), (300, 0.82), (300, 0.97)):

        def plain(generator: np.random.Generator, n: int = n, share: float = share) -> bool:
            found = proportion((generator.random(n) < share).astype(float), 0.95)
            return found.low <= share <= found.high

        # Wilson's coverage moves with n and the share, between about 92 and 98 %, as that of every interval of a count does (Brown, Cai & DasGupta 2001)
        yield Finding(f"Wilson, {n} rows, {share:.0%}", share_of(plain, studies, 40 + n), 0.93, 0.97)
    yield Finding("BCa of a mean of skewed scores, 120 rows", share_of(skewed, studies, 50), 0.93, 0.97)
    yield Finding("BCa of a paired difference of skills, 200 rows", share_of(paired, studies, 51), 0.93, 0.97)
    yield Finding("BCa of macro-F1, 300 rows, 8 labels", share_of(macro, studies, 52), 0.93, 0.97)
    yield Finding("BCa of a ratio of sums (as BLEU and perplexity are), 150 rows", share_of(a_ratio, studies, 53), 0.93, 0.97)
    for seeds in SEEDS:

        def recipe(generator: np.random.Generator, seeds: int = seeds) -> bool:
            found = trainings(generator, seeds, 0.05)[0].difference
            return found.low <= 0.05 <= found.high

        def weights(generator: np.random.Generator, seeds: int = seeds) -> bool:
            found, truth = trainings(generator, seeds, 0.05)
            return found.of_these.low <= truth <= found.of_these.high

        # of a recipe more than 97 % may hold it: what seeds do is known from what they usually do, and with few of them from little else
        yield Finding(f"a recipe's gain, {seeds} seeds (2 points apart)", share_of(recipe, studies, 54 + seeds), 0.93, 1)
        yield Finding(f"the gain of the first of {seeds} weights", share_of(weights, studies, 57 + seeds), 0.93, 0.97)
    for count in (30, 60, 200):
        yield Finding(f"Wilson over clusters, {count} of 1 to 8 rows", share_of(clustered_share(count), studies, 60 + count), 0.93, 0.97)
        yield Finding(f"BCa over clusters, graded, {count} of 1 to 8 rows", share_of(clustered_mean(count), studies, 70 + count), 0.93, 0.97)
        yield Finding(
            f"BCa over clusters, paired difference, {count} of 1 to 8 rows", share_of(clustered_pair(count), studies, 80 + count), 0.93, 0.97
        )
    yield Finding("BCa over clusters, graded, 12 of 1 to 8 rows (rough, and said so)", share_of(clustered_mean(12), studies, 90), 0.85, 1)
    yield Finding("Wilson over clusters, 12 of 1 to 8 rows (rough, and said so)", share_of(clustered_share(12), studies, 91), 0.85, 1)


def skewed(generator: np.random.Generator) -> bool:
    """A mean of scores of which most are low."""
    found = interval(mean_of(generator.beta(0.6, 1.8, 120)))
    return found.low <= 0.25 <= found.high


def paired(generator: np.random.Generator) -> bool:
    """A difference of skills on the same rows."""
    mine, other = right(generator, [SKILL, SKILL - 0.07], generator.normal(size=200))
    found = paired_difference(mean_of(mine), mean_of(other))
    return found.low <= 0.07 <= found.high


LABELS = 8
ANSWERED = np.full((LABELS, LABELS), 0.2 / (LABELS - 1)) + np.diag(np.full(LABELS, 0.8 - 0.2 / (LABELS - 1)))
"""Label → how often it is answered with which."""
HAVING = np.linspace(0.06, 0.19, LABELS)
"""Label → its share of the rows."""


def macro(generator: np.random.Generator) -> bool:
    """Macro-F1 over labels that are not equally frequent."""
    label = generator.choice(LABELS, size=300, p=HAVING)
    answer = (np.cumsum(ANSWERED, axis=1)[label] < generator.random(300)[:, None]).sum(axis=1).clip(0, LABELS - 1)
    columns = np.zeros((300, 3, LABELS))
    rows = np.arange(300)
    columns[rows, 1, label] = columns[rows, 2, answer] = 1
    columns[rows, 0, label] = label == answer
    found = interval(Quantity(columns.reshape(300, -1), macro_f1_of))
    together = HAVING[:, None] * ANSWERED
    truth = float(macro_f1_of(1e6 * np.concatenate([np.diag(together), HAVING, together.sum(axis=0)])))
    return found.low <= truth <= found.high


def a_ratio(generator: np.random.Generator) -> bool:
    """Matches over lengths, where long rows are harder."""
    length = generator.integers(5, 60, size=150).astype(float)
    matched = generator.binomial(length.astype(int), 0.9 - length / 120)
    lengths = np.arange(5, 60)
    truth = float((lengths * (0.9 - lengths / 120)).sum() / lengths.sum())
    found = interval(Quantity(np.stack([matched.astype(float), length], axis=1), ratio))
    return found.low <= truth <= found.high


def sizes(generator: np.random.Generator, count: int) -> tuple[NDArray[np.int64], list[str]]:
    """Clusters of one to eight rows."""
    return groups_of(generator.integers(1, 9, size=count))


def latent(generator: np.random.Generator, numbers: NDArray[np.int64]) -> Array:
    """Standard normal difficulties that are alike within a cluster (correlation 0.5)."""
    return math.sqrt(0.5) * generator.normal(size=int(numbers.max()) + 1)[numbers] + math.sqrt(0.5) * generator.normal(size=len(numbers))


def clustered_share(count: int) -> Draw:
    """A share of right answers over clusters."""

    def draw(generator: np.random.Generator) -> bool:
        numbers, names = sizes(generator, count)
        found = proportion((latent(generator, numbers) < ndtri(0.75)).astype(float), 0.95, names)
        return found.low <= 0.75 <= found.high

    return draw


def clustered_mean(count: int) -> Draw:
    """A mean of graded scores over clusters; its truth is that of Φ(z)² for standard normal z: 1/3."""

    def draw(generator: np.random.Generator) -> bool:
        numbers, names = sizes(generator, count)
        found = interval(mean_of(ndtr(latent(generator, numbers)) ** 2), groups=names)
        return found.low <= 1 / 3 <= found.high

    return draw


def clustered_pair(count: int) -> Draw:
    """A difference of skills over clusters."""

    def draw(generator: np.random.Generator) -> bool:
        numbers, names = sizes(generator, count)
        hard = latent(generator, numbers)
        mine, other = (
            (math.sqrt(COMMON) * hard + math.sqrt(1 - COMMON) * latent(generator, numbers) < ndtri(p)).astype(float) for p in (SKILL, SKILL - 0.1)
        )
        found = paired_difference(mean_of(mine), mean_of(other), groups=names)
        return found.low <= 0.1 <= found.high

    return draw


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2], *(int(number) for number in sys.argv[2:3])))
