"""Answering against llama.cpp and transformers: the same questions, in turns, medians of the rounds.

    python -m bench.answers banking77 --rounds 3      # 512 test messages, 77 labels in the prompt
    python -m bench.answers gsm8k --rounds 3          # 256 questions, 100 tokens each, whatever the model would say next

Precision: llama.cpp serves the Q4_1 file that our weights were dequantised from; transformers and we compute in bf16. Our choice among labels is
walked on the label trie and cannot give anything else; the free answers of all sides are greedy, up to 16 tokens. Run nothing beside it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from typing import Any

from bench.facts import append, matmul_peak
from bench.peers import child, python
from bench.work import ROOT, base, write_prompts
from tunesmith.model.device import place
from tunesmith.settings import settings, worker_environment

COUNTS = {"banking77": (512, 16, 700), "gsm8k": (256, 100, 512)}
"""Rows, tokens of an answer, and the context of each of llama.cpp's slots."""


def main() -> None:
    """Run the comparison and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=COUNTS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=None)
    asked = parser.parse_args()
    rows, tokens, context = COUNTS[asked.work]
    rows = asked.rows or rows
    free = asked.work == "gsm8k"
    work = {"work": asked.work, "rows": rows, "tokens": tokens, "ignore_eos": free, "choose": False, "base": base().folder, "context": context}
    work |= {"prompts": str(write_prompts(asked.work, rows)), "threads": place(settings()).threads}
    llama, plain = python("llamacpp"), python("trl")
    gguf = next((llama.parent.parent / "lib").rglob("*.gguf"))
    ours = [sys.executable, "-m", "bench.ours_answers"]
    server, generate = (
        [str(which), str(ROOT / "bench" / "peers" / script)] for which, script in ((llama, "llamacpp_answers.py"), (plain, "transformers_answers.py"))
    )
    sides: dict[str, tuple[list[str], dict[str, Any]]] = {"tunesmith, free": (ours, {})}
    if not free:
        sides = {"tunesmith, among the labels": (ours, {"choose": True}), **sides}
    sides |= {f"llama.cpp Q4_1, {slots} slots": (server, {"slots": slots, "gguf": str(gguf)}) for slots in (8, 32)}
    sides |= {f"transformers bf16, batch {size}": (generate, {"batch": size}) for size in (16, 64)}
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
    for turn in range(asked.rounds):
        for name, (command, more) in sides.items():
            one = child(command, work | more, worker_environment() if command is ours else None)
            if one is None:
                raise SystemExit(f"{name} does not run")
            taken[name].append(one)
            print(
                f"round {turn + 1}  {name:<32} {rows / one['seconds']:7.2f} rows/s  {one['tokens'] / one['seconds']:7.0f} tokens/s  {one['texts'][0][:60]!r}",
                flush=True,
            )
    show(asked.work, rows, taken)


def show(work: str, rows: int, taken: dict[str, list[dict[str, Any]]]) -> None:
    """The table."""
    peak = matmul_peak()
    first = next(iter(taken))
    seconds = {name: statistics.median(one["seconds"] for one in runs) for name, runs in taken.items()}
    print(f"\n{work}: {rows} rows, bf16 matrix-product peak {peak / 1e9:.0f} GFLOP/s")
    for name, runs in taken.items():
        made = statistics.median(one["tokens"] for one in runs)
        memory = statistics.median(one["peak_bytes"] for one in runs) / 1e9
        ratio = seconds[name] / seconds[first]
        print(f"{name:<32} {rows / seconds[name]:7.2f} rows/s {made / seconds[name]:7.0f} new tokens/s  ratio {ratio:5.2f}  peak {memory:5.2f} GB")
        figures = {"rows_per_s": rows / seconds[name], "tokens_per_s": made / seconds[name], "slower_than_ours": ratio, "peak_gb": memory}
        append({"work": f"answers {work}", "side": name, "rounds": len(runs), "matmul_gflops": peak / 1e9, **figures})


if __name__ == "__main__":
    main()
