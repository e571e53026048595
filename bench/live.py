"""Many people asking the service at once → tokens per second of all together, with 8 and with 32 requests in flight.

    python -m bench.live [--rounds 3] [--beside /path/to/another/checkout]

The scheduler runs in this process, without sockets: GSM8K questions of different owners, answers of 20 to 140 tokens, and whenever one is finished
the next one comes. `--beside` measures another checkout of this repository in turns with this one, and prints the ratio. Run nothing beside it.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.facts import append
from bench.work import BASE, conversations
from tunesmith.answer.asked import Target
from tunesmith.answer.live import Live
from tunesmith.answer.requests import Chat
from tunesmith.answer.residents import Residents
from tunesmith.answer.ticket import Ticket
from tunesmith.model.device import apply, place
from tunesmith.settings import settings, worker_environment
from tunesmith.store.artifacts import Store

ROOT = Path(__file__).resolve().parent.parent
FLIGHTS = (8, 32)
"""Requests at once."""
SHORTEST, LONGEST = 20, 140
"""Tokens of an answer."""


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beside", type=Path, default=None)
    parser.add_argument("--one", action="store_true", help="measure the code of this interpreter's path once, and print figures as JSON")
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure()))
        return
    trees = {"this": ROOT} | ({"beside": asked.beside.resolve()} if asked.beside else {})
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
    for turn in range(asked.rounds):
        for name in list(trees)[:: 1 if turn % 2 else -1]:
            taken[name].append(child(trees[name]))
            print(f"round {turn + 1}  {name:<7} " + "  ".join(f"{key}: {value:.0f}" for key, value in taken[name][-1].items()), flush=True)
    for flight in FLIGHTS:
        rates = {name: statistics.median(one[f"{flight} rows, tokens/s"] for one in runs) for name, runs in taken.items()}
        print(f"{flight:>3} in flight: " + "  ".join(f"{name} {rate:.0f} tokens/s" for name, rate in rates.items()), end="")
        print(f"  ratio {rates['this'] / rates['beside']:.2f}" if "beside" in rates else "")
        append({"work": f"live {flight}", "side": "tunesmith", "rounds": asked.rounds, "tokens_per_s": rates["this"]})


def child(tree: Path) -> dict[str, float]:
    """What a process of its own says of the code in `tree`."""
    environment = worker_environment() | {"PYTHONPATH": str(tree)}
    done = subprocess.run([sys.executable, "-P", __file__, "--one"], cwd=tree, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def measure() -> dict[str, float]:
    """Tokens per second of answers, prompts read beside them, by number of requests in flight."""
    placement = place(settings())
    apply(placement)
    live = Live(Residents(Store.open(settings().home), placement, 2**40))
    target = Target(base=BASE)
    asked = [c.question().messages[-1].content for c in conversations("gsm8k")]
    fly(live, target, asked[:2], 2)
    live.residents.there[target].house.model.template.stop_ids = ()
    return {f"{flight} rows, tokens/s": fly(live, target, asked[flight : 32 + 3 * flight], flight) for flight in FLIGHTS}


def fly(live: Live, target: Target, questions: list[Any], flight: int) -> float:
    """Tokens per second with so many requests in flight until all questions are answered."""
    draw = random.Random(flight)
    told: list[list[dict[str, Any]]] = []
    tickets: list[Ticket] = []
    started = time.perf_counter()
    while len(tickets) < len(questions) or not all(ticket.is_over for ticket in tickets):
        while len(tickets) < len(questions) and sum(not ticket.is_over for ticket in tickets) < flight:
            sampling = {"max_tokens": draw.randrange(SHORTEST, LONGEST), "temperature": 0}
            messages = [{"role": "user", "content": questions[len(tickets)]}]
            request = Chat.model_validate({"target": target, "messages": messages, "sampling": sampling})
            told.append([])
            tickets.append(Ticket(f"owner {len(tickets)}", target, request.prepare, told[-1].extend, None))
            live.submit(tickets[-1])
        if not live.turn():
            time.sleep(0.001)
    return sum(lines[-1]["end"]["usage"]["completion_tokens"] for lines in told) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
