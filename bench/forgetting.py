"""What the shipped probes say of a model in this user's store, and how long it takes: the base beside itself, or beside a checkpoint tuned from it.

    python -m bench.forgetting                                  # the base twice: its accuracy, its perplexity, seconds
    python -m bench.forgetting --checkpoint checkpoint-a1d2…    # what the tuning cost

TUNESMITH_HOME has smollm2-135m-instruct, and the checkpoint if one is named.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator

from bench.work import BASE
from tunesmith.answer.candidate import Bench
from tunesmith.answer.engine import Engine
from tunesmith.evaluate.suites.forgetting import Pair, Suite
from tunesmith.model.device import apply, place
from tunesmith.probes.load import probes
from tunesmith.settings import settings
from tunesmith.spec.chat import Conversation, Message
from tunesmith.spec.forgetting import Forgetting
from tunesmith.spec.job import Progress, Silent, Spoken
from tunesmith.store.artifacts import Store

TASK = (
    "my card has not arrived yet", "why was I charged twice", "how do I change my address", "what is the exchange rate for pounds",
    "I forgot my passcode", "can I get a second card", "the machine kept my card", "how long does a transfer take",
)  # fmt: skip
"""Questions of a router, for the divergence on a task's prompts."""


class Clock(Silent):
    """A monitor that knows how long each part took."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.label, self.since = "", time.perf_counter()

    def emit(self, event: Spoken) -> None:
        """A new label ends the part before it."""
        if isinstance(event, Progress) and event.label != self.label:
            now = time.perf_counter()
            self.seconds[self.label] += now - self.since
            self.label, self.since = event.label, now

    def told(self) -> Iterator[str]:
        """One line for each part."""
        self.emit(Progress(label="", done=0))
        for label, seconds in self.seconds.items():
            if label:
                yield f"{seconds:7.1f} s  {label}"


def show(found: Forgetting) -> None:
    """The numbers and the sentence."""
    print(found.sentence)
    for change in found.changes:
        print(
            f"  {change.ability}: {change.before.value:.3f} -> {change.after.value:.3f}, lost {change.lost}, won {change.won}, {change.standing}",
            end="",
        )
        print(f", detectable {100 * change.minimum_detectable:.1f} points, p {change.p_value:.3g} ({change.test})")
    for one in found.divergence:
        print(f"  KL on {one.on} prompts: {one.nats.value:.4f} nats a token ({one.nats.low:.4f} to {one.nats.high:.4f}; {one.tokens} tokens)")
    for area, (n, before, after) in found.areas.items():
        print(f"  {area:11} {before:3} -> {after:3} of {n}")
    for lost in found.lost:
        print(f"  lost: {lost.asked[:70]!r}: {lost.before[:60]!r} -> {lost.after[:60]!r}")


def main() -> None:
    """Measure, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint")
    options = parser.parse_args()
    placement = place(settings())
    apply(placement)
    store = Store.open(settings().home)
    bench = Bench(store, placement)
    clock = Clock()
    task = [Conversation(messages=(Message(role="user", content=text),)) for text in TASK]
    started = time.perf_counter()
    outcome = Suite(probes(), clock).run(Pair(lambda: Engine(bench.model(BASE)), lambda: Engine(bench.model(BASE, options.checkpoint)), task))
    print("\n".join(clock.told()))
    print(f"{time.perf_counter() - started:7.1f} s  in all")
    show(outcome.forgetting)


if __name__ == "__main__":
    main()
