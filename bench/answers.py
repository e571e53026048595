"""Answering against llama.cpp and transformers: the same questions, in turns, medians of the rounds.

    python -m bench.answers banking77 --rounds 3      # 512 test messages, 77 labels in the prompt
    python -m bench.answers gsm8k --rounds 3          # 256 questions, 100 tokens each, whatever the model would say next

Like is compared with like: free text (greedy, up to 16 or exactly 100 tokens) with our free text, and where answers may only be labels, ours, walked on
the label trie, with llama.cpp's under a grammar of the labels. Precision: llama.cpp serves the Q4_1 file that our weights were dequantised from;
transformers and we compute in bf16. The first round measures every setting of the peers; the others go on with 8 and 32 slots and with those within a
tenth of the quickest of their peer. `agreement` is the share of rows whose text is ours, letter for letter: what bf16 is held to is transformers'.
Run nothing beside it.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.facts import append, conditions, measured_peak
from bench.peers import DoesNotRun, python, told
from bench.work import ROOT, base, expected, questions, write_prompts
from tunesmith.model.device import place
from tunesmith.settings import settings, worker_environment

COUNTS = {"banking77": (512, 16, 700), "gsm8k": (256, 100, 512)}
"""Rows, tokens of an answer, and the context of each of llama.cpp's slots."""
LABEL_TOKENS = 32
"""More than the longest label has: a grammar ends an answer by itself."""
SLOTS, NAMED_SLOTS = (8, 32, 64), (8, 32)
BATCHES = (16, 64, 128, 256)
NEAR = 1.1
"""Settings up to so many times slower than the quickest of their peer in the first round are measured again."""
OURS = "tunesmith"


@dataclass(frozen=True)
class Side:
    """How one side is run."""

    peer: str
    kind: str
    """`free` or `labels`: it is compared with ours of the same kind."""
    command: list[str]
    more: dict[str, Any] = field(default_factory=dict)
    """What only this side's script is told."""
    environment: dict[str, str] | None = None
    always: bool = False
    """Measured in every round."""

    @property
    def contest(self) -> tuple[str, str]:
        """Settings of one peer in one kind of work, of which the quickest count."""
        return self.peer, self.kind


def main() -> int:
    """Run the comparison and print the table; 1 where some side did not run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=COUNTS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=None)
    parser.add_argument("--only", default="", help="sides of peers with this in their name")
    parser.add_argument("--dry", action="store_true", help="append nothing")
    asked = parser.parse_args()
    conditions()  # read before anything is measured
    rows, tokens, context = COUNTS[asked.work]
    rows = asked.rows or rows
    work = {"work": asked.work, "rows": rows, "tokens": tokens, "ignore_eos": asked.work == "gsm8k", "base": base().folder, "context": context}
    work |= {"prompts": str(write_prompts(asked.work, rows)), "choose": False, "labels": []}
    sides = {name: side for name, side in sides_of(asked.work).items() if side.peer == OURS or asked.only in name}
    before = measured_peak()
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
    failed: set[str] = set()
    try:
        for turn in range(asked.rounds):
            for name in list(sides) if turn == 0 else again(sides, taken):
                try:
                    one = told(sides[name].command, work | sides[name].more, sides[name].environment)
                except DoesNotRun as error:
                    print(f"{name} does not run: {str(error).splitlines()[-1]}", file=sys.stderr, flush=True)
                    failed.add(name)
                    continue
                taken[name].append(one)
                rates = f"{rows / one['seconds']:7.2f} rows/s  {one['tokens'] / one['seconds']:7.0f} tokens/s"
                print(f"round {turn + 1}  {name:<44} {rates}  {one['texts'][0][:60]!r}", flush=True)
    except KeyboardInterrupt:
        print("stopped: what follows is of the rounds so far")
    peaks = (before, measured_peak())
    show(asked.work, rows, sides, {name: runs for name, runs in taken.items() if runs}, peaks, asked.dry)
    return int(bool(failed))


def sides_of(work: str) -> dict[str, Side]:
    """Every side and every setting of the peers."""
    llama, plain = python("llamacpp"), python("trl")
    gguf = str(next((llama.parent.parent / "lib").rglob("*.gguf")))
    server = [str(llama), str(ROOT / "bench" / "peers" / "llamacpp_answers.py")]
    generate = [str(plain), str(ROOT / "bench" / "peers" / "transformers_answers.py")]
    ours = [sys.executable, "-m", "bench.ours_answers"]
    threads = place(settings()).threads
    found = {f"{OURS}, free": Side(OURS, "free", ours, {}, worker_environment(), always=True)}

    def served(slots: int, count: int = threads, **more: Any) -> Side:
        always = slots in NAMED_SLOTS and count == threads
        return Side("llama.cpp", "labels" if more else "free", server, {"slots": slots, "gguf": gguf, "threads": count} | more, None, always)

    for slots in SLOTS:
        found[f"llama.cpp Q4_1, {slots} slots"] = served(slots)
    for size in BATCHES:
        found[f"transformers bf16, batch {size}"] = Side("transformers", "free", generate, {"batch": size})
    if threads > 1:
        found["llama.cpp Q4_1, 32 slots, 1 thread"] = served(32, 1)
        found["transformers bf16, batch 64, 1 thread"] = Side("transformers", "free", generate, {"batch": 64}, os.environ | {"OMP_NUM_THREADS": "1"})
    labels = questions(work, 1)[1]
    if labels:
        found[f"{OURS}, among the labels"] = Side(OURS, "labels", ours, {"choose": True}, worker_environment(), always=True)
        for slots in SLOTS:
            found[f"llama.cpp Q4_1, {slots} slots, grammar"] = served(slots, labels=labels, tokens=LABEL_TOKENS)
    return found


def again(sides: dict[str, Side], taken: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The sides of the rounds after the first."""
    quickest: dict[tuple[str, str], float] = {}
    for name, side in sides.items():
        if taken[name]:
            quickest[side.contest] = min(quickest.get(side.contest, float("inf")), taken[name][0]["seconds"])
    return [name for name, side in sides.items() if taken[name] and (side.always or taken[name][0]["seconds"] <= NEAR * quickest[side.contest])]


def agreement(ours: Sequence[str], theirs: Sequence[str]) -> tuple[float, float]:
    """(share of rows with the same text, mean share of our text that theirs begins with), white space at the ends left out.

    >>> agreement(["a", "bcde"], ["a ", "bcxx"])
    (0.5, 0.75)
    """
    pairs = [(one.strip(), other.strip()) for one, other in zip(ours, theirs, strict=True)]
    alike = [sum(1 for _ in itertools.takewhile(lambda both: both[0] == both[1], zip(*pair, strict=False))) for pair in pairs]
    begun = [count / len(one) if one else float(one == other) for count, (one, other) in zip(alike, pairs, strict=True)]
    return statistics.mean(one == other for one, other in pairs), statistics.mean(begun)


def show(work: str, rows: int, sides: dict[str, Side], taken: dict[str, list[dict[str, Any]]], peaks: tuple[float, float], dry: bool) -> None:
    """The table, and its lines of the results."""
    seconds = {name: statistics.median(one["seconds"] for one in runs) for name, runs in taken.items()}
    of_kind = {sides[name].kind: name for name in taken if sides[name].peer == OURS}
    right = expected(work, rows)
    print(f"\n{work}: {rows} rows, bf16 matrix-product peak {peaks[0] / 1e9:.0f} GFLOP/s before, {peaks[1] / 1e9:.0f} after")
    for name, runs in taken.items():
        mine = of_kind.get(sides[name].kind)
        if mine is None:
            print(f"{name}: ours of its kind has not run")
            continue
        made = statistics.median(one["tokens"] for one in runs)
        figures: dict[str, Any] = {
            "rows_per_s": rows / seconds[name],
            "tokens_per_s": made / seconds[name],
            "slower_than_ours": seconds[name] / seconds[mine],
            "peak_gb": statistics.median(one["peak_bytes"] for one in runs) / 1e9,
            "threads": runs[0]["threads"],
            "versions": "; ".join(f"{package} {version}" for package, version in runs[0]["versions"].items()),
        }
        same, begun = agreement(taken[mine][0]["texts"], runs[0]["texts"])
        figures["agreement"] = same
        if right:
            figures["right"] = statistics.mean(text.strip() == label for text, label in zip(runs[0]["texts"], right, strict=True))
        print(
            f"{name:<44} {figures['rows_per_s']:7.2f} rows/s {figures['tokens_per_s']:7.0f} new tokens/s  ratio {figures['slower_than_ours']:5.2f}  "
            f"peak {figures['peak_gb']:5.2f} GB  as ours {same:6.1%}, begins as ours {begun:6.1%}"
            + (f"  right {figures['right']:6.1%}" if right else "")
        )
        if not dry:
            measured = {"rounds": len(runs), "rows": rows, "matmul_gflops_before": peaks[0] / 1e9, "matmul_gflops": peaks[1] / 1e9}
            append({"work": f"answers {work}", "side": name} | measured | figures)


if __name__ == "__main__":
    sys.exit(main())
