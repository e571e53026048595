"""What is planted in real data, is it found, and is nothing else taken for it? Recall and precision of `tunesmith data check` by kind.

    python -m bench.planted --data FOLDER --seeds 3            # without a model: about 3 minutes
    python -m bench.planted --data FOLDER --meaning --seeds 1  # paraphrases and exchanged answers by meaning as well: about 15 minutes

`FOLDER` has the public data sets as their authors publish them: banking77 (train.csv, test.csv), gsm8k (train.jsonl, test.jsonl), python-faq (the nine
documents). Thresholds were fixed on CLINC150, which is not used here; seeds are drawn afresh and printed. Rows that the command names before anything is
planted are set aside, since what they are is not known (`bench/clean_bill.py` counts those). Planted are exact and near copies, contradictions,
leaks from the test file, personal data with right and wrong check digits (bench/personal.py), sentences in other languages (bench/language.py), and traps:
questions with another number or the opposite meaning and another answer. Every row that is named for a kind and was not planted for it counts against precision.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import planting
from bench.checked import check, every_set, lines_of, rate
from bench.language import SENTENCES
from bench.paraphrases import paraphrased, question
from bench.personal import cases
from bench.planted_paraphrases import WRITTEN
from bench.readers import Known, Row
from bench.score import Score
from tunesmith.data.fold import fold
from tunesmith.data.personal.spans import KINDS as PERSONAL
from tunesmith.data.sources.reading import record
from tunesmith.data.sources.rows import exchange
from tunesmith.spec.dataset import Origin

MECHANICAL = ("duplicate", "near_duplicate", "contradiction", "near_contradiction", "leak", "near_leak")
MEANT = ("semantic_duplicate", "semantic_leak", "misfit")
KINDS = (*MECHANICAL, "personal data", "foreign_language", *MEANT)
WANTED = 0.95
EXCHANGED = 0.05
"""Share of the answers that are dealt to other questions."""
HELD_OUT = 0.2
"""Of a data set without a test file."""
OTHER_ANSWER = frozenset({"misfit"})


@dataclass(frozen=True)
class Plant:
    """A row that is put into the file."""

    sort: str
    row: Row
    kinds: frozenset[str] = frozenset()
    """Kinds of findings any of which finds it; none: a trap."""
    open: frozenset[str] = frozenset()
    """Kinds that are neither right nor wrong about it."""
    like: int | None = None
    """Place of the sound row that is named with it, where both are."""


class Garden:
    """Sound rows, each of which something is planted beside at most once."""

    def __init__(self, rng: random.Random, rows: Sequence[Row], judging: Sequence[Row]) -> None:
        self.rng, self.rows, self.judging = rng, rows, judging
        self.free = rng.sample(range(len(rows)), len(rows))
        self.free_judging = rng.sample(range(len(judging)), len(judging))

    def take(self, change: planting.Change, count: int) -> Iterator[tuple[int, str]]:
        """(place, changed text) of rows that the change fits."""
        yield from self._take(change, count, self.free, self.rows)

    def take_judging(self, change: planting.Change, count: int) -> Iterator[tuple[int, str]]:
        """The same of rows of the file to judge with."""
        yield from self._take(change, count, self.free_judging, self.judging)

    def _take(self, change: planting.Change, count: int, free: list[int], rows: Sequence[Row]) -> Iterator[tuple[int, str]]:
        for place in list(free):
            if count == 0:
                return
            text = change(self.rng, rows[place].question)
            if text is not None:
                free.remove(place)
                count -= 1
                yield place, text

    def other_answer(self, row: Row) -> str:
        """An answer that another row has."""
        while fold(answer := self.rng.choice(self.rows).answer) == fold(row.answer):
            pass
        return answer


def plants(garden: Garden, each: int, seed: int) -> Iterator[Plant]:
    """Everything that is planted, `each` of a sort."""
    yield from said_otherwise(garden, each, seed)  # first: the questions that were written by hand must be free
    for sort, change, kind in (
        ("copy", planting.copied, "duplicate"),
        ("copy, other case and spaces", planting.recased, "duplicate"),
        ("typo", planting.mistyped, "near_duplicate"),
        (f"typo, at most {planting.FEW_WORDS} words", planting.briefly_mistyped, "near_duplicate"),
        ("words reordered", planting.reordered, "near_duplicate"),
        ("two typos", planting.mistyped_twice, "near_duplicate"),
    ):
        for place, text in garden.take(change, each):
            yield Plant(sort, Row(text, garden.rows[place].answer), frozenset({kind}))
    for sort, change, kind in (
        ("same question, other answer", planting.recased, "contradiction"),
        ("typo, other answer", planting.mistyped, "near_contradiction"),
        ("trap: other number, other answer", planting.renumbered, ""),
        ("trap: opposite, other answer", planting.negated, ""),
    ):
        for place, text in garden.take(change, each):
            row = garden.rows[place]
            yield Plant(sort, Row(text, garden.other_answer(row)), frozenset({kind} - {""}), OTHER_ANSWER, place if kind else None)
    for sort, change, kind in (
        ("leak, exact", planting.recased, "leak"),
        ("leak, typo", planting.mistyped, "near_leak"),
        ("leak, words reordered", planting.reordered, "near_leak"),
    ):
        for place, text in garden.take_judging(change, each):
            yield Plant(sort, Row(text, garden.judging[place].answer), frozenset({kind}))
    yield from strangers(garden, each)


def said_otherwise(garden: Garden, each: int, seed: int) -> Iterator[Plant]:
    """Paraphrases: by hand beside the questions that have one, by rule beside others and beside rows of the file to judge with."""
    known = {"near_duplicate", "semantic_duplicate"}
    for place, text in garden.take(lambda _, said: WRITTEN.get(said), len(WRITTEN)):
        yield Plant("paraphrase by hand", Row(text, garden.rows[place].answer), frozenset(known))
    for sort, kinds, rows, taken in (
        ("paraphrase by rule", known, garden.rows, garden.take),
        ("leak, paraphrase by rule", {"near_leak", "semantic_leak"}, garden.judging, garden.take_judging),
    ):
        places = [place for place, _ in taken(planting.copied, each)]
        records = [record(Origin(file="rows", line=place), conversation=exchange(*rows[place])) for place in places]
        answers = {one.id: rows[place].answer for one, place in zip(records, places, strict=True)}
        for made in paraphrased(records, strength="strong", seed=seed)[0]:
            yield Plant(sort, Row(question(made), answers[str(made.details["parent"])]), frozenset(kinds))


def strangers(garden: Garden, each: int) -> Iterator[Plant]:
    """Rows with personal data or with what only looks like it, and rows in other languages."""
    rng = garden.rng
    drawn = list(cases(rng, max(1, each // 20)))
    for (place, text), case in zip(garden.take(planting.copied, 4 * each), rng.sample(drawn, len(drawn)), strict=False):
        kinds = frozenset({case.kind} if case.value and case.kind else set())
        sort = "personal data" if kinds else "trap: what only looks like personal data"
        nearly = frozenset({"foreign_language", "near_duplicate", "semantic_duplicate"})  # the row that it stands beside begins with the same words
        yield Plant(sort, Row(f"{text} {case.text}", garden.rows[place].answer), kinds, nearly)
    sentences = [sentence for some in SENTENCES.values() for sentence in some]
    for sentence in rng.sample(sentences, min(each, len(sentences))):
        yield Plant("other language", Row(sentence, rng.choice(garden.rows).answer), frozenset({"foreign_language"}), OTHER_ANSWER)


def exchanged(rng: random.Random, rows: list[Row]) -> tuple[list[Row], set[int]]:
    """(the rows with some answers dealt to other questions, which rows)."""
    some = rng.sample(range(len(rows)), round(EXCHANGED * len(rows)))
    made = list(rows)
    for place, other in zip(some, [*some[1:], *some[:1]], strict=True):
        made[place] = Row(rows[place].question, rows[other].answer)
    return made, set(some)


def measure(known: Known, folder: Path, seed: int, each: int, meaning: bool, score: Score) -> int:
    """Plant, check and count; the number of rows that were set aside before."""
    rng = random.Random(f"{seed} {known.name}")
    rows = rng.sample(known.train, len(known.train))
    judging = known.test or [rows.pop() for _ in range(round(HELD_OUT * len(rows)))]
    options = {"has_labels": known.has_labels, "meaning": meaning}
    before = lines_of(check(fresh(folder, "before"), rows, judging, **options))
    aside = {line for kind, lines in before.items() if kind in (*MECHANICAL, *MEANT, *PERSONAL, "foreign_language") for line in lines}
    sound = [row for line, row in enumerate(rows, 1) if line not in aside]
    garden = Garden(rng, sound, judging)
    some = list(plants(garden, min(each, len(sound) // 20, len(judging) // 4), seed))
    rng.shuffle(some)
    swapped: set[int] = set()
    if meaning and not known.has_labels:
        free = sorted(garden.free)
        dealt, places = exchanged(rng, [sound[place] for place in free])
        for place, row in zip(free, dealt, strict=True):
            sound[place] = row
        swapped = {free[place] + 1 for place in places}
    every = [*sound, *(plant.row for plant in some)]
    found = lines_of(check(fresh(folder, "after"), every, judging, **options))
    count(found, some, len(sound), swapped, every, score)
    return len(aside)


def fresh(folder: Path, name: str) -> Path:
    """An empty folder."""
    made = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder))
    return made


def count(found: dict[str, set[int]], some: Sequence[Plant], sound: int, swapped: set[int], every: Sequence[Row], score: Score) -> None:
    """What was found of what was planted, and what else was named."""
    truth: defaultdict[str, set[int]] = defaultdict(set)
    open_: defaultdict[str, set[int]] = defaultdict(set)
    for line, plant in enumerate(some, sound + 1):
        for kind in plant.kinds:
            truth[kind] |= {line} if plant.like is None else {line, plant.like + 1}
        for kind in plant.open:
            open_[kind].add(line)
        if plant.kinds:
            score.planted[plant.sort] += 1
            hit = any(line in found.get(kind, ()) for kind in plant.kinds)
            score.found[plant.sort] += hit
            if not hit:
                score.missed[plant.sort].append(plant.row.question)
    truth["misfit"] |= swapped
    score.planted["answers exchanged"] += len(swapped)
    score.found["answers exchanged"] += len(swapped & found.get("misfit", set()))
    for kind, lines in found.items():
        named = "personal data" if kind in PERSONAL else kind
        if named in KINDS:
            told = lines - (open_[kind] - truth[kind])
            score.named[named] += len(told)
            score.right[named] += len(told & truth[kind])
            score.wrong[named] += [f"{kind}: {every[line - 1].question}" for line in sorted(told - truth[kind])]


def tables(scores: dict[str, Score]) -> None:
    """Recall by what was planted, precision by kind of finding: Markdown."""
    for title, sorts, parts in (
        (
            "planted: recall",
            sorted({sort for score in scores.values() for sort in score.planted}),
            lambda s, n: (s.found[n], s.planted[n]),
        ),
        (
            "finding: precision",
            [kind for kind in KINDS if any(score.named[kind] for score in scores.values())],
            lambda s, n: (s.right[n], s.named[n]),
        ),
    ):
        print(f"\n| {title} | {' | '.join(scores)} |\n|---|{'---|' * len(scores)}")
        for sort in sorts:
            if any(parts(score, sort)[1] for score in scores.values()):
                print(f"| {sort} | {' | '.join(rate(*parts(score, sort)) for score in scores.values())} |")


def main() -> None:
    """Plant, check, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the public data sets")
    parser.add_argument("--seeds", type=int, default=3, help="how many; each is drawn afresh")
    parser.add_argument("--seed", type=int, action="append", help="these instead")
    parser.add_argument("--each", type=int, default=100, help="rows of each sort, where there is room for so many")
    parser.add_argument("--meaning", action="store_true", help="compare by meaning as well; needs the encoder")
    parser.add_argument("--only", action="append", help="these data sets, by name")
    parser.add_argument("--show", type=int, default=3, help="rows that were missed or wrongly named to print, of each sort")
    options = parser.parse_args()
    scores: defaultdict[str, Score] = defaultdict(Score)
    with tempfile.TemporaryDirectory() as folder:
        sets = [known for known in every_set(options.data, Path(folder)) if not options.only or known.name in options.only]
        for seed in options.seed or [random.SystemRandom().randrange(10**6) for _ in range(options.seeds)]:
            for known in sets:
                aside = measure(known, Path(folder), seed, options.each, options.meaning, scores[known.name])
                print(f"seed {seed}  {known.name}: {aside:,} of {len(known.train):,} rows were named before and are set aside", flush=True)
    tables(dict(scores))
    for name, score in scores.items():
        for what, some in (("missed", score.missed), ("wrongly named", score.wrong)):
            for sort, texts in some.items():
                for text in random.Random(0).sample(texts, min(options.show, len(texts))):
                    print(f"{name}, {what}, {sort}: {text!r}")


if __name__ == "__main__":
    main()
