"""Shipped data → the rows of each benchmark, tokenised once by our template, the same for every peer.

GSM8K (MIT, see data/gsm8k.LICENSE): questions and worked solutions as chat; only the model's stock system prompt is shared.
BANKING77 (CC BY 4.0, see data/banking77.LICENSE): messages to a bank with the 77 intents listed in the system prompt.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from pathlib import Path

from transformers import AutoTokenizer

from tunesmith.catalogue.read import local
from tunesmith.model.template import Template
from tunesmith.settings import settings
from tunesmith.spec.chat import Conversation, Message
from tunesmith.spec.model import LocalModel
from tunesmith.train.batches import Order

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "bench" / "data"
SCRATCH = ROOT / ".bench"
BASE = "smollm2-135m-instruct"
ROWS_PER_STEP = 32
SEED = 0


def base() -> LocalModel:
    """The model that every benchmark uses, from the store of this user."""
    return local(settings().home / "models", BASE)


def conversations(work: str) -> list[Conversation]:
    """All rows of `gsm8k` or `banking77`, untokenised."""
    if work == "gsm8k":
        raw = [json.loads(line) for line in (DATA / "gsm8k.jsonl").read_text().splitlines()]
        return [_chat(None, row["question"], row["answer"]) for row in raw]
    with (DATA / "banking77-train.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [_chat(routing_prompt(), row["text"], row["category"]) for row in rows]


def routing_prompt() -> str:
    """The system prompt with all 77 labels."""
    with (DATA / "banking77-train.csv").open() as file:
        labels = sorted({row["category"] for row in csv.DictReader(file)})
    return "Name the intent of the customer's message. Answer with one of: " + ", ".join(labels)


def questions(work: str, count: int) -> tuple[list[Conversation], tuple[str, ...]]:
    """The first `count` questions to be answered, and the labels to choose from: BANKING77's test rows, or GSM8K without its solutions."""
    if work == "gsm8k":
        return [c.question() for c in conversations("gsm8k")[:count]], ()
    with (DATA / "banking77-test.csv").open() as file:
        rows = list(csv.DictReader(file))[:count]
    labels = routing_prompt().split(": ")[1].split(", ")
    return [_chat(routing_prompt(), row["text"], row["category"]).question() for row in rows], tuple(labels)


def expected(work: str, count: int) -> list[str]:
    """The right answers to `questions`; none where the answer is free text."""
    if work == "gsm8k":
        return []
    with (DATA / "banking77-test.csv").open() as file:
        return [row["category"] for row in csv.DictReader(file)][:count]


def write_prompts(work: str, count: int) -> Path:
    """The same questions as token ids, one per line; the file's path."""
    path = SCRATCH / f"prompts-{work}-{count}.jsonl"
    SCRATCH.mkdir(exist_ok=True)
    template = Template(AutoTokenizer.from_pretrained(base().folder, local_files_only=True), ())
    path.write_text("".join(json.dumps({"ids": template.prompt(c)}) + "\n" for c in questions(work, count)[0]))
    return path


def write_rows(work: str, steps: int, rows_per_step: int = ROWS_PER_STEP) -> Path:
    """Rows as token ids with the mask of what is trained, in the order in which our loop takes them; the file's path."""
    path = SCRATCH / f"rows-{work}-{steps}x{rows_per_step}.jsonl"
    SCRATCH.mkdir(exist_ok=True)
    template = Template(AutoTokenizer.from_pretrained(base().folder, local_files_only=True), ())
    rows = [row for c in conversations(work) for row in template.rows(c, 2048)]
    order = Order(len(rows), rows_per_step, SEED)
    chosen = [rows[i] for step in range(steps) for i in order.step(step)]
    making = path.with_suffix(f".{os.getpid()}")
    making.write_text("".join(json.dumps({"ids": row.ids, "trained": row.trained}) + "\n" for row in chosen))
    making.replace(path)
    return path


def write_pairs(steps: int, rows_per_step: int = ROWS_PER_STEP) -> Path:
    """GSM8K questions, each with its own solution preferred to another question's, as token ids in our loop's order; the file's path."""
    path = SCRATCH / f"pairs-gsm8k-{steps}x{rows_per_step}.jsonl"
    SCRATCH.mkdir(exist_ok=True)
    template = Template(AutoTokenizer.from_pretrained(base().folder, local_files_only=True), ())
    found = conversations("gsm8k")
    order = Order(len(found), rows_per_step, SEED)
    lines = []
    for i in (i for step in range(steps) for i in order.step(step)):
        sides = {"chosen": found[i], "rejected": found[(i + 1) % len(found)]}
        lines.append(json.dumps({"prompt": template.prompt(found[i].question())} | {n: template.answer(c.answer() or "") for n, c in sides.items()}))
    making = path.with_suffix(f".{os.getpid()}")
    making.write_text("".join(line + "\n" for line in lines))
    making.replace(path)
    return path


def _chat(system: str | None, question: str, answer: str) -> Conversation:
    said = [Message(role="user", content=question), Message(role="assistant", content=answer)]
    return Conversation(messages=tuple(([Message(role="system", content=system)] if system else []) + said))


def recorded(parser: argparse.ArgumentParser, rounds: int) -> argparse.Namespace:
    """The command line of a benchmark of training steps: so many rounds of 32 rows a step, or a dry run of fewer."""
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--dry", action="store_true", help="append nothing")
    parser.add_argument("--rows-per-step", type=int, default=ROWS_PER_STEP, help="with --dry: fewer rows, to see whether it runs")
    asked = parser.parse_args()
    if not asked.dry and asked.rows_per_step != ROWS_PER_STEP:
        parser.error(f"what is recorded takes {ROWS_PER_STEP} rows a step: try others with --dry")
    return asked
