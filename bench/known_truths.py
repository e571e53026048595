"""Tasks whose right verdict is known beforehand, each run by `tunesmith run` as a user would → the verdicts beside what was expected.

    python -m bench.known_truths                                   # all of them
    python -m bench.known_truths --only a,c --budget 15m           # some, with less time each

    a          CLINC150, 30 intents and out of scope    fine-tuning beats prompting and few-shot
    b          Python FAQ, facts that changed since     who reads the documents wins
    c-random   BANKING77, labels drawn at random        nothing helps
    c-ceiling  CLINC150, the answer is in the question  no training: the base or a classifier does it
    d          BANKING77, 40 training rows              more rows, and a sensible number of them
    e          BANKING77, all 77 intents                the classifier is named where it wins or ties

Each has a folder with its project and a store of its own under --out: what was done there is found again. --data holds clinc150 (CC BY 3.0), banking77
(CC BY 4.0) and python-faq (PSF licence) as they are published; none of them is shipped whole.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.checked import Row, banking77, surroundings
from bench.work import ROOT, SCRATCH
from tunesmith.spec.report import Metric
from tunesmith.spec.trial import Remedy
from tunesmith.spec.verdict import Finalist, LineReport

PROMPTING: frozenset[Remedy] = frozenset({"prompt", "few-shot", "few-shot-retrieved"})
TRAINED: frozenset[Remedy] = frozenset({"fine-tune", "fine-tune-rag"})
MARGIN = 0.02
"""Who loses no more than this ties."""
SENSIBLE = (100, 10_000)
"""Rows: fewer would not help where 40 do not, and nobody labels more for ten labels."""
MORE = re.compile(r"About ([\d,]+) more training rows")
Splits = dict[str, list[Row]]


@dataclass(frozen=True)
class Truth:
    """A task and what has to be found out about it."""

    key: str
    title: str
    expected: str
    make: Callable[[Path, Path], None]
    """(folder with the data, empty folder) → the project and its files in that folder."""
    wrong: Callable[[LineReport], str]
    """What is wrong about a verdict; empty where it is right."""


@dataclass(frozen=True)
class Reached:
    """What a run came to."""

    truth: Truth
    verdict: str
    wrong: str
    seconds: float


def write_rows(folder: Path, splits: Splits) -> None:
    """One CSV file for each split."""
    for split, rows in splits.items():
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("text", "answer"))
            writer.writerows(rows)


def write_project(folder: Path, name: str, column: str, more: str) -> None:
    """The project file over the three files; `column` says what `answer` holds, `more` are further lines."""
    sources = "".join(
        f'\n[[sources]]\nfile = "{split}.csv"\ninput = "text"\n{column} = "answer"\nsplit = "{split}"\n' for split in ("train", "dev", "test")
    )
    text = f'name = "{name}"\n{sources}\n[cleaning]\npersonal_data = "keep"\n{more}'
    (folder / "project.toml").write_text(text, encoding="utf-8")


def by_label(rows: Iterable[Row], count: int, seed: int, labels: Sequence[str] | None = None) -> list[Row]:
    """`count` rows of each label, or of each of `labels`, drawn by the seed and shuffled."""
    having: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        having[row.answer].append(row)
    draw = random.Random(seed)
    found = [row for label in labels or sorted(having) for row in draw.sample(having[label], min(count, len(having[label])))]
    draw.shuffle(found)
    return found


def clinc(data: Path) -> tuple[Splits, dict[str, list[str]]]:
    """(CLINC150 as train, dev and test, questions out of scope among them; domain → its intents)."""
    found = json.loads((data / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    parts = {"train": ("train", "oos_train"), "dev": ("val", "oos_val"), "test": ("test", "oos_test")}
    splits = {split: [Row(text, intent) for part in names for text, intent in found[part]] for split, names in parts.items()}
    return splits, json.loads((data / "clinc150" / "domains.json").read_text(encoding="utf-8"))


def make_router(data: Path, folder: Path) -> None:
    """a: the intents of banking and credit cards, and what is no bank's business."""
    splits, domains = clinc(data)
    intents = [intent for domain in ("banking", "credit_cards") for intent in domains[domain]]
    wanted = {"train": (40, 100), "dev": (5, 40), "test": (15, 150)}
    chosen = {
        split: by_label(splits[split], inside, seed, intents) + by_label(splits[split], outside, seed, ["oos"])
        for seed, (split, (inside, outside)) in enumerate(wanted.items())
    }
    write_rows(folder, chosen)
    instruction = "Name the intent of the bank customer's message."
    write_project(folder, "truth-a", "label", f'\n[task]\nkind = "route"\ninstruction = "{instruction}"\nout_of_scope = "oos"\n')


def make_facts(data: Path, folder: Path) -> None:
    """b: who looks after each entry of the FAQ, and where. The training rows say who did before, the documents and all other rows say who does now."""
    draw = random.Random(1)
    (folder / "documents").mkdir()
    titles = []
    for path in sorted((data / "python-faq").glob("*.rst.txt")):
        text, found = with_keepers(path.read_text(encoding="utf-8"), draw)
        titles += found
        (folder / "documents" / path.name.removesuffix(".txt")).write_text(text, encoding="utf-8")
    draw.shuffle(titles)
    splits: Splits = {"dev": [], "test": [], "train": []}
    for place, (title, now) in enumerate(titles):
        split = "dev" if place < 25 else "test" if place < 95 else "train"
        person, town = now if split != "train" else keeper(draw)
        splits[split] += [
            Row(f"Who looks after the FAQ entry “{title}”?", person),
            Row(f"In which town is the FAQ entry “{title}” looked after?", town),
        ]
    write_rows(folder, splits)
    task = '\n[task]\nkind = "answer"\ninstruction = "Answer the question about the Python FAQ in as few words as possible."\nmax_new_tokens = 24\n'
    write_project(folder, "truth-b", "output", f'{task}\n[rivals]\nrag = 2\n\n[[documents]]\nfile = "documents"\n')


def with_keepers(text: str, draw: random.Random) -> tuple[str, list[tuple[str, tuple[str, str]]]]:
    """(the document with a line below each question that says who looks after it, and where; question → person and town)."""
    lines, found = text.split("\n"), []
    out: list[str] = []
    for place, line in enumerate(lines):
        out.append(line)
        title = re.sub(r"[`*]", "", lines[place - 1]).strip()
        if place and re.fullmatch("-{4,}", line) and title.endswith("?"):
            now = keeper(draw)
            found.append((title, now))
            out += ["", f"This entry is looked after by {now[0]}, in the town of {now[1]}."]
    return "\n".join(out), found


FIRST = ("Ada", "Bela", "Carla", "Dunja", "Edda", "Fenna", "Greta", "Hilja", "Imke", "Jonna", "Kaja", "Liv", "Maren", "Nele", "Oda", "Pia", "Ronja", "Signe", "Tilda", "Ulla")  # fmt: skip
LAST = ("Aarnio", "Bergh", "Cramm", "Dalgaard", "Ekholm", "Faber", "Grön", "Hagel", "Ibsen", "Jansma", "Kivi", "Lund", "Moen", "Norell", "Oksanen", "Palm", "Quist", "Rosk", "Strand", "Tveit")  # fmt: skip
TOWNS = ("Aabenraa", "Bamble", "Cuxhaven", "Drammen", "Eksjö", "Forssa", "Grimma", "Halden", "Imatra", "Jelling", "Kemi", "Lieksa", "Moss", "Norden", "Odense", "Porvoo", "Ribe", "Salo", "Tornio", "Uelzen")  # fmt: skip


def keeper(draw: random.Random) -> tuple[str, str]:
    """(somebody, a town)."""
    return f"{draw.choice(FIRST)} {draw.choice(LAST)}", draw.choice(TOWNS)


def few_labels(data: Path, per_label: int, word: str = "") -> Splits:
    """Ten intents of BANKING77, or of those with `word` in their names: `per_label` training rows, ten dev rows and forty test rows each."""
    known = banking77(data / "banking77")
    named = sorted({row.answer for row in known.test if word in row.answer})
    labels = named[:: len(named) // 10][:10]
    train = by_label(known.train, per_label + 10, 0, labels)
    dev = by_label(train, 10, 1)
    left = [row for row in train if row not in set(dev)]
    return {"train": by_label(left, per_label, 2), "dev": dev, "test": by_label(known.test, 40, 3, labels)}


def make_random(data: Path, folder: Path) -> None:
    """c: real messages, with their labels dealt out anew."""
    draw, splits = random.Random(4), few_labels(data, 60)
    for split, rows in splits.items():
        labels = [row.answer for row in rows]
        draw.shuffle(labels)
        splits[split] = [Row(row.question, label) for row, label in zip(rows, labels, strict=True)]
    write_rows(folder, splits)
    write_project(folder, "truth-c-random", "label", '\n[task]\nkind = "classify"\n')


def make_ceiling(data: Path, folder: Path) -> None:
    """c: the domain of a question, which stands in its subject line."""
    splits, domains = clinc(data)
    domain_of = {intent: domain for domain, intents in domains.items() for intent in intents}
    told = {
        split: [Row(f"Subject: {domain_of[row.answer]}\n\n{row.question}", domain_of[row.answer]) for row in rows if row.answer in domain_of]
        for split, rows in splits.items()
    }
    write_rows(folder, {split: by_label(told[split], count, 5) for split, count in (("train", 40), ("dev", 12), ("test", 40))})
    instruction = "Name the subject that the message gives."
    write_project(folder, "truth-c-ceiling", "label", f'\n[task]\nkind = "classify"\ninstruction = "{instruction}"\n')


def make_scarce(data: Path, folder: Path) -> None:
    """d: four rows of each of ten intents that are all about transfers: of ten unlike ones a classifier needs no more than four."""
    write_rows(folder, few_labels(data, 4, "transfer"))
    write_project(folder, "truth-d", "label", '\n[task]\nkind = "classify"\n')


def make_banking(data: Path, folder: Path) -> None:
    """e: twenty training rows of each of 77 intents."""
    known = banking77(data / "banking77")
    drawn = by_label(known.train, 25, 6)
    dev = by_label(drawn, 5, 7)
    left = [row for row in drawn if row not in set(dev)]
    write_rows(folder, {"train": left, "dev": dev, "test": by_label(known.test, 10, 8)})
    write_project(folder, "truth-e", "label", '\n[task]\nkind = "classify"\ninstruction = "Name the intent of the bank customer\'s message."\n')


def having(report: LineReport, remedies: Iterable[Remedy]) -> list[tuple[Finalist, Metric]]:
    """The finalists of these remedies, with the deciding metric."""
    wanted = frozenset(remedies)
    return [(one, found) for one in report.finalists if one.remedy in wanted and (found := one.report.metrics.get(report.verdict.metric))]


def tuning_does_not_win(report: LineReport) -> str:
    """a: every training lies above every prompt, by whole intervals, and no prompt is recommended."""
    trained, prompted = having(report, {"fine-tune"}), having(report, PROMPTING)
    if not trained or not prompted:
        return "no fine-tuned model, or no prompt, was measured on test"
    best, value = max(prompted, key=lambda one: one[1].high)
    if min(found.low for _, found in trained) <= value.high:
        return f"the intervals of fine-tuning and {best.candidate.name} overlap"
    return "" if report.verdict.decision in ("fine-tune", "a classifier does it") else "another decision"


def reading_does_not_win(report: LineReport) -> str:
    """b: what is decided for reads the documents."""
    return "" if report.verdict.decision in ("use RAG", "fine-tune with RAG") else "another decision"


def something_helps(report: LineReport) -> str:
    """c-random: nothing helps, and nobody is recommended."""
    if report.verdict.decision != "nothing helps":
        return "another decision"
    return f"{report.verdict.recommended} is recommended" if report.verdict.recommended is not None else ""


def training_is_advised(report: LineReport) -> str:
    """c-ceiling: what is decided for needs no training of a language model."""
    return "" if report.verdict.decision in ("prompting is enough", "a classifier does it") else "another decision"


def no_rows_are_asked_for(report: LineReport) -> str:
    """d: more rows, and a number of them that somebody could get."""
    found = MORE.search(report.verdict.settle)
    if report.verdict.decision != "get more rows" or found is None:
        return "another decision"
    count = int(found[1].replace(",", ""))
    return "" if SENSIBLE[0] <= count <= SENSIBLE[1] else f"{count:,} rows are no sensible number"


def classifier_is_hidden(report: LineReport) -> str:
    """e: where no training is ahead of the classifier by more than the margin, it is what is decided for, or the question is left open by name."""
    verdict, own = report.verdict, having(report, {"classifier"})
    if not own:
        return "the classifier was not measured on test"
    name, value = own[0][0].candidate.name, own[0][1].value
    best = max((found.value for _, found in having(report, {*PROMPTING, *TRAINED})), default=0.0)
    if best > value + MARGIN or verdict.decision == "a classifier does it":
        return ""
    open_pair = any(one.outcome == "cannot tell" and name in (one.better, one.rival) for one in verdict.comparisons)
    return (
        ""
        if verdict.decision == "cannot tell" and open_pair and "classifier" in f"{verdict.headline} {verdict.settle}"
        else "the classifier wins or ties and is passed over"
    )


TRUTHS = (
    Truth("a", "CLINC150 router", "fine-tuning beats prompting and few-shot", make_router, tuning_does_not_win),
    Truth("b", "facts that changed", "RAG, or fine-tuning with RAG", make_facts, reading_does_not_win),
    Truth("c-random", "random labels", "nothing helps", make_random, something_helps),
    Truth("c-ceiling", "the base is at ceiling", "do not fine-tune", make_ceiling, training_is_advised),
    Truth("d", "40 training rows", "get more rows", make_scarce, no_rows_are_asked_for),
    Truth("e", "BANKING77", "the classifier where it wins or ties", make_banking, classifier_is_hidden),
)


def carry_out(truth: Truth, data: Path, folder: Path, budget: str) -> Reached:
    """The task made where it is not there yet, and run; what the command says goes to run.log beside the project."""
    if not (folder / "project.toml").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        truth.make(data, folder)
    command = [sys.executable, "-m", "tunesmith", "run", "project.toml", "--budget", budget, "--json"]
    started = time.monotonic()
    with (folder / "run.log").open("ab") as log:
        done = subprocess.run(command, cwd=folder, env={**os.environ, **surroundings(folder)}, stdout=subprocess.PIPE, stderr=log)
        log.write(done.stdout if done.returncode else b"")  # with --json an error is printed there
    seconds = time.monotonic() - started
    if done.returncode:
        return Reached(truth, f"exit code {done.returncode}", f"see {folder / 'run.log'}", seconds)
    (folder / "result.json").write_bytes(done.stdout)
    report = LineReport.model_validate(json.loads(done.stdout)["report"])
    return Reached(truth, told(report), truth.wrong(report), seconds)


def told(report: LineReport) -> str:
    """The decision, what is served, and the number of rows where some are asked for."""
    verdict, more = report.verdict, MORE.search(report.verdict.settle)
    served = f", serve {verdict.recommended}" if verdict.recommended else ""
    return f"{verdict.decision}{f' ({more[1]})' if more else ''}{served}"


def table(found: Sequence[Reached]) -> str:
    """One line for each truth."""
    lines = [("", "task", "expected", "verdict reached", "seconds")]
    for one in found:
        lines.append((one.truth.key, one.truth.title, one.truth.expected, ("✗ " if one.wrong else "✓ ") + one.verdict, f"{one.seconds:.0f}"))
        if one.wrong:
            lines.append(("", "", "", f"  {one.wrong}", ""))
    widths = [max(len(line[k]) for line in lines) for k in range(5)]
    return "\n".join(
        "  ".join(cell.rjust(width) if k == 4 else cell.ljust(width) for k, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip()
        for line in lines
    )


def chosen(only: str | None) -> list[Truth]:
    """The truths that are asked for: `c` means both of its tasks.

    >>> [truth.key for truth in chosen("c,e")]
    ['c-random', 'c-ceiling', 'e']
    """
    keys = [key.strip() for key in only.split(",")] if only else [""]
    return [truth for truth in TRUTHS if any(truth.key == key or truth.key.startswith(f"{key}-") or not key for key in keys)]


def main(words: Sequence[str] | None = None) -> int:
    """Run what is asked for and print the table; 0 if every verdict is right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="some of them: a,c,d")
    parser.add_argument("--budget", default="20m", help="of each run, as `tunesmith run --budget` takes it (default: 20m)")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder with clinc150, banking77 and python-faq")
    parser.add_argument("--out", type=Path, default=SCRATCH / "known-truths", help="folder for projects and stores")
    options = parser.parse_args(words)
    found = []
    for truth in chosen(options.only):
        found.append(carry_out(truth, options.data, options.out.absolute() / truth.key, options.budget))
        print(f"{truth.key}: {found[-1].verdict} after {found[-1].seconds:.0f} s", file=sys.stderr, flush=True)
    print(table(found))
    return int(not found or any(one.wrong for one in found))


if __name__ == "__main__":
    sys.exit(main())
