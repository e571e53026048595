"""How long and how much memory does preparing 100,000 chat rows take?

    python bench/prepare.py [--rows 100000] [--tokenizer path/to/tokenizer.json] [--keep FOLDER]

Writes a chat file (system prompt and two turns, 60 to 100 tokens a row, 5 % exact and 5 % near duplicates; the words follow one another
as in the examples, so that rows share phrases), prepares it in a child process and prints seconds, peak memory and what was found.
Without --tokenizer lengths are counted in words.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from tunesmith.data.run import prepare
from tunesmith.spec.job import Silent
from tunesmith.spec.project import parse_project

ROOT = Path(__file__).parents[1]
SYSTEM = "You are the help desk of a bank. Answer in two sentences and ask for what you need to know."


class Writer:
    """Text in which each word follows the one before it as somewhere in the examples."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.after: defaultdict[str, list[str]] = defaultdict(list)
        for path, columns in ((ROOT / "examples/router/bank.csv", ("text",)), (ROOT / "examples/faq/faq.csv", ("question", "answer"))):
            with path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    for column in columns:
                        words = row[column].split()
                        for first, second in itertools.pairwise(words):
                            self.after[first].append(second)
        self.starts = sorted(self.after)

    def text(self, words: int) -> str:
        """So many words."""
        word = self.rng.choice(self.starts)
        found = [word]
        while len(found) < words:
            word = self.rng.choice(self.after.get(word) or self.starts)
            found.append(word)
        return " ".join(found)

    def slip(self, text: str) -> str:
        """The text with one word replaced."""
        words = text.split(" ")
        words[self.rng.randrange(len(words))] = self.rng.choice(self.starts)
        return " ".join(words)


def write_rows(path: Path, rows: int) -> None:
    """The chat file."""
    writer = Writer(0)
    questions: list[str] = []
    lines: list[str] = []
    with path.open("w", encoding="utf-8") as file:
        for _ in range(rows):
            draw = writer.rng.random()
            if draw < 0.05 and lines:
                line = writer.rng.choice(lines)
            else:
                question = writer.slip(writer.rng.choice(questions)) if draw < 0.1 and questions else writer.text(writer.rng.randint(8, 30))
                questions.append(question)
                turns = (("system", SYSTEM), ("user", question), ("assistant", writer.text(writer.rng.randint(12, 30))))
                line = json.dumps({"messages": [{"role": role, "content": content} for role, content in turns]}, ensure_ascii=False)
                lines.append(line)
            file.write(line + "\n")


def measure(folder: Path, tokenizer: Path | None) -> None:
    """Prepare the file in this process and print what it cost."""
    project = parse_project('name = "bench"\n[[sources]]\nfile = "rows.jsonl"\n[cleaning]\npersonal_data = "keep"\n', "bench")
    start = time.perf_counter()
    data = prepare(project, folder, folder, Silent(), tokenizer)
    seconds = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_SELF)
    peak = usage.ru_maxrss / 1024
    p = data.profile
    print(
        f"{p.rows_read:,} rows in {seconds:.1f} s ({usage.ru_utime + usage.ru_stime:.1f} s of processor time), peak {peak:,.0f} MiB; split {data.rows}; removed {p.removed}"
    )
    print(
        f"{p.near_duplicate_rows:,} rows in {p.near_duplicate_clusters:,} near-duplicate clusters; {p.input_tokens.mean:.0f} + {p.answer_tokens.mean:.0f} {p.token_unit} a row"
    )
    print(data.leak_proof)


def main() -> None:
    """Write the file, then measure in a child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--keep", type=Path, help="folder for the files; default: a temporary one")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        return measure(options.measure, options.tokenizer)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        write_rows(folder / "rows.jsonl", options.rows)
        print(f"wrote {(folder / 'rows.jsonl').stat().st_size / 1e6:.0f} MB", flush=True)
        tokens = ["--tokenizer", str(options.tokenizer.absolute())] if options.tokenizer else []
        subprocess.run([sys.executable, __file__, "--measure", str(folder), *tokens], check=True)
    return None


if __name__ == "__main__":
    main()
