"""A server that trains while people chat → how much each slows the other down.

    python -m bench.chats_beside_training [--model smollm2-135m-instruct] [--rounds 5] [--window 20]

Starts `tunesmith serve` on a new home (the weights are those of TUNESMITH_HOME). First without a job: tokens per second of 1 and of 4 people who ask one
question after the other, streamed. Then a fine-tuning job runs all the time, and in every round there is one window with 0, 1 and 4 people, in an order
that is drawn; its steps per second are compared with those of the window without people in the same round. Medians over the rounds.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from openai import OpenAI

from bench.sdk import Served, served, training_file, wait_for
from tunesmith.jobs.progress import events_since
from tunesmith.jobs.queue import Queue
from tunesmith.spec.job import Reading
from tunesmith.store.artifacts import Store

PEOPLE = (0, 1, 4)
TOKENS = 32
SETTLE_S = 3.0
"""After a change, before it counts."""


@dataclass
class Window:
    """What was measured while nothing changed."""

    people: int
    seconds: float
    steps_per_s: float = 0.0
    tokens: int = 0
    first_s: list[float] = field(default_factory=list)

    @property
    def tokens_per_s(self) -> float:
        """Of all people together; a piece of an answer counts as one."""
        return self.tokens / self.seconds


class Person:
    """Asks one question after the other."""

    def __init__(self, client: OpenAI, model: str, number: int) -> None:
        self.client = client
        self.model = model
        self.number = number
        self.heard: list[float] = []
        """Moments at which a piece of an answer came."""
        self.waited: list[tuple[float, float]] = []
        """(when the first piece of an answer came, seconds from the question to it)."""
        self.leaving = threading.Event()
        self.thread = threading.Thread(target=self.talk)

    def talk(self) -> None:
        """Until it is time to leave."""
        while not self.leaving.is_set():
            began, is_first = time.monotonic(), True
            question = [{"role": "user", "content": f"Person {self.number} asks at {began}: why was my card declined?"}]
            stream = self.client.chat.completions.create(model=self.model, messages=question, max_tokens=TOKENS, stream=True)  # type: ignore[call-overload]
            for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    now = time.monotonic()
                    self.heard.append(now)
                    if is_first:
                        self.waited.append((now, now - began))
                        is_first = False
                if self.leaving.is_set():
                    stream.close()
                    return


@contextmanager
def talking(server: Served, model: str, count: int) -> Iterator[list[Person]]:
    """So many people, until the block ends."""
    people = [Person(server.client(), model, number) for number in range(count)]
    for person in people:
        person.thread.start()
    try:
        yield people
    finally:
        for person in people:
            person.leaving.set()
        for person in people:
            person.thread.join()


def measure(server: Served, model: str, count: int, seconds: float) -> tuple[Window, float]:
    """(what people heard in a window, the Unix time at which it began)."""
    with talking(server, model, count) as people:
        time.sleep(SETTLE_S)
        began, at = time.monotonic(), time.time()
        time.sleep(seconds)
        ended = time.monotonic()
        window = Window(count, ended - began)
        for person in people:
            window.tokens += sum(began <= moment <= ended for moment in person.heard)
            window.first_s += [waited for moment, waited in person.waited if began <= moment <= ended]
    return window, at


class Training:
    """A job that goes on and on, and how fast."""

    def __init__(self, client: OpenAI, home: Path, model: str) -> None:
        block = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 50, "batch_size": 4}}}
        self.client = client
        self.job = client.fine_tuning.jobs.create(model=model, training_file=training_file(client), method=block).id  # type: ignore[arg-type]
        self.queue = Queue(Store.open(home))
        wait_for(client, self.job, lambda events: any(event.type == "metrics" for event in events))

    def steps_per_s(self, begin: float, end: float) -> float:
        """Between the first and the last step that was told in this time (Unix seconds)."""
        told = [(at, event.step) for _, at, event in events_since(self.queue, self.job, 0) if isinstance(event, Reading) and begin <= at <= end]
        (first_at, first), (last_at, last) = told[0], told[-1]
        return (last - first) / (last_at - first_at)


def show(what: str, windows: list[Window], alone: list[Window] | None = None) -> None:
    """One line: medians, and the steps of each window as a share of those without people in the same round."""
    first = [seconds for window in windows for seconds in window.first_s]
    said = (
        f"{statistics.median(w.tokens_per_s for w in windows):7.1f} tokens/s   first after {statistics.median(first):5.2f} s" if first else " " * 33
    )
    steps = ""
    if alone is not None:
        shares = [window.steps_per_s / other.steps_per_s for window, other in zip(windows, alone, strict=True)]
        steps = f"{statistics.median(w.steps_per_s for w in windows):6.2f} steps/s ({statistics.median(shares):4.0%}, {min(shares):.0%} to {max(shares):.0%})"
    print(f"{what:<28}{said:<44}{steps}", flush=True)


def main() -> int:
    """Always 0."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--window", type=float, default=20)
    given = parser.parse_args()
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server:
        client = server.client().with_options(max_retries=20)  # the engine takes seconds to start
        client.chat.completions.create(model=given.model, messages=[{"role": "user", "content": "Hello"}], max_tokens=TOKENS)
        for count in PEOPLE[1:]:
            show(f"{count} chatting, no job", [measure(server, given.model, count, given.window)[0] for _ in range(given.rounds)])
        training = Training(client, Path(folder), given.model)
        windows: dict[int, list[Window]] = {count: [] for count in PEOPLE}
        for _ in range(given.rounds):
            for count in draw.sample(PEOPLE, len(PEOPLE)):
                window, at = measure(server, given.model, count, given.window)
                time.sleep(0.5)  # events are written together, a few times a second
                window.steps_per_s = training.steps_per_s(at, at + window.seconds)
                windows[count].append(window)
        for count in PEOPLE:
            show(f"{count} chatting while a job trains", windows[count], windows[0])
        client.fine_tuning.jobs.cancel(training.job)
    return 0


if __name__ == "__main__":
    sys.exit(main())
