"""How cost grows: throughput against the number of rows, their length, and the length of a shared beginning → docs/growth.svg and a table.

    python -m bench.growth              # --quick: the smallest size of each, to see whether it runs; nothing is written

LoRA r 16 on SmolLM2-135M-Instruct, micro-batches as the engine chooses them, median of three steps after one that warms up. Against the number of rows
the whole stage of training is run, in a process of its own: loading, tokenising, planning, four steps, saving; told are its seconds before and after
the steps, and the rows a second that one pass over all rows comes to with them. Lengths are random tokens of which the last half are trained.
What is compared is ours with itself: the peers are in bench/train.py. Run nothing beside it.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.facts import append, conditions, measured_peak
from bench.ours_train import Clock, recomputing
from bench.peers import told
from bench.work import ROOT, ROWS_PER_STEP, base, conversations
from tunesmith.model import lora
from tunesmith.model.device import apply, keep_freed_memory, place
from tunesmith.model.load import LoadedModel, load
from tunesmith.settings import settings, worker_environment
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.dataset import Origin, Record
from tunesmith.spec.recipe import AdamW, Budget, Lora, Recipe, Schedule
from tunesmith.train.examples import TokenRow
from tunesmith.train.loop import Plan, Run, run_loop
from tunesmith.train.methods import objective_of
from tunesmith.train.resolve import resolve
from tunesmith.train.run import Inputs, Start, train
from tunesmith.train.state import RunState, Weights

STEPS = 4
WORDS = 20
"""Of a question and of an answer in the rows that are counted: about 80 tokens with the template."""
ROW_COUNTS = (1_000, 10_000, 100_000)
LENGTHS = (128, 256, 512, 1024, 2048, 4096)
TOKENS_OF_A_STEP = 8192
TRUNKS = (0, 64, 128, 256, 512, 1024)
OWN = 32
WIDTH, HEIGHT, LEFT, BOTTOM = 300, 190, 46, 150


@dataclass
class StageClock(Clock):
    """A monitor that also notes when the first step begins."""

    began: float | None = None

    def emit(self, event: Any) -> None:
        """Note the beginning and the end of steps."""
        if event.kind == "progress" and event.label == "training" and self.began is None:
            self.began = self.last = time.perf_counter()
        super().emit(event)


@dataclass(frozen=True)
class Series:
    """One panel: what grows, and what was measured at each size."""

    title: str
    unit: str
    across: str
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Growth:
    """What was measured of the whole stage with so many rows."""

    rows: int
    setup_s: float
    step_s: float
    saving_s: float

    @property
    def rows_per_s(self) -> float:
        """Of one pass over all rows, with everything before and after it."""
        return self.rows / (self.setup_s + self.rows / ROWS_PER_STEP * self.step_s + self.saving_s)


def main() -> int:
    """Measure, print and draw; or be the process of one stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", nargs="?", help="a file with a number of rows: run the stage and print JSON")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    if asked.stage:
        print(json.dumps(stage(**json.loads(Path(asked.stage).read_text()))))
        return 0
    conditions()
    counts, sizes, trunks = ((64,), (128,), (64,)) if asked.quick else (ROW_COUNTS, LENGTHS, TRUNKS)
    before = measured_peak()
    grown = [Growth(**told([sys.executable, "-m", "bench.growth"], {"rows": n}, worker_environment())) for n in counts]
    for one in grown:
        print(
            f"  {one.rows:,} rows: {one.setup_s:.1f} s before the first step, {one.step_s:.2f} s a step, {one.saving_s:.1f} s after the last",
            flush=True,
        )
    placement = place(settings())
    apply(placement)
    keep_freed_memory()  # as training does
    model = load(base(), placement)
    lora.inject(model.network, Lora(r=16, alpha=32, dropout=0.0), 0.0, 0)
    lengths = [(n, TOKENS_OF_A_STEP / seconds(model, long_rows(n), TOKENS_OF_A_STEP // n)) for n in sizes]
    shared = [(n, ROWS_PER_STEP / seconds(model, trunk_rows(n), ROWS_PER_STEP)) for n in trunks]
    panels = (
        Series("rows, a whole pass", "rows/s", "rows", tuple((one.rows, one.rows_per_s) for one in grown)),
        Series("length of a row", "tokens/s", "tokens", tuple(lengths)),
        Series("length of a shared beginning", "rows/s", "tokens", tuple(shared)),
    )
    peaks = {"matmul_gflops_before": before / 1e9, "matmul_gflops": measured_peak() / 1e9}
    for panel in panels:
        print(f"{panel.title}: " + ", ".join(f"{size:,} → {value:,.1f} {panel.unit}" for size, value in panel.points))
    if asked.quick:
        return 0
    (ROOT / "docs" / "growth.svg").write_text(drawing(panels))
    common = {"side": "tunesmith", "steps": STEPS, "warm_up": 1, "counted": STEPS - 1, "rounds": 1} | peaks
    for one in grown:
        found = {"rows": one.rows, "rows_per_s": one.rows_per_s, "setup_s": one.setup_s, "saving_s": one.saving_s}
        append({"work": f"growth, {one.rows:,} rows"} | found | common)
    for size, rate in lengths:
        append({"work": f"growth, rows of {size:,} tokens", "tokens_per_s": rate} | common)
    for size, rate in shared:
        append({"work": f"growth, {size:,} shared tokens", "rows_per_s": rate} | common)
    return 0


def stage(rows: int) -> dict[str, Any]:
    """The columns of `Growth` for a whole stage of training on so many rows, run in this process."""
    records = written_rows(rows)
    recipe = Recipe(budget=Budget(epochs=1, max_steps=STEPS, rows_per_step=ROWS_PER_STEP))
    clock = StageClock()
    with tempfile.TemporaryDirectory() as folder:
        out, scratch = Path(folder) / "out", Path(folder) / "scratch"
        out.mkdir()
        scratch.mkdir()
        inputs = Inputs(records, [], "growth", Prompt(name="plain"), recipe, Start(base()))
        started = time.perf_counter()
        train(inputs, out, scratch, place(settings()), clock)
        ended = time.perf_counter()
    assert clock.began is not None
    counted = clock.seconds[1:] or clock.seconds
    return {"rows": rows, "setup_s": clock.began - started, "step_s": statistics.median(counted), "saving_s": ended - clock.last}


def written_rows(count: int) -> list[Record]:
    """Rows of random words from GSM8K, as prepared data holds them."""
    words = sorted({word for one in conversations("gsm8k") for message in one.messages for word in (message.content or "").split()})
    draw = random.Random(0)

    def said() -> str:
        return " ".join(draw.choices(words, k=WORDS))

    return [
        Record(
            id=f"{number:016x}",
            conversation=Conversation(messages=(Message(role="user", content=said()), Message(role="assistant", content=said()))),
            origin=Origin(file="growth", line=number + 1),
        )
        for number in range(count)
    ]


def long_rows(length: int) -> list[TokenRow]:
    """Rows of `length` tokens for every step, the same number of tokens in each."""
    return [row(number, length) for number in range(STEPS * TOKENS_OF_A_STEP // length)]


def trunk_rows(trunk: int) -> list[TokenRow]:
    """Rows with `trunk` tokens in common and 32 of their own."""
    draw = random.Random(trunk)
    common = [draw.randrange(1000, 40_000) for _ in range(trunk)]
    own = (row(number, OWN) for number in range(STEPS * ROWS_PER_STEP))
    return [TokenRow(common + one.ids, [False] * trunk + one.trained) for one in own]


def row(seed: int, length: int) -> TokenRow:
    """Random tokens, the last half of them trained."""
    draw = random.Random(seed)
    return TokenRow([draw.randrange(1000, 40_000) for _ in range(length)], [place >= length // 2 for place in range(length)])


def seconds(model: LoadedModel, rows: list[TokenRow], rows_per_step: int) -> float:
    """Median seconds of a step, everything of the loop included; the micro-batch is the one that a run would choose."""
    recipe = Recipe(
        weights=Lora(dropout=0.0),
        optimiser=AdamW(lr=1e-5, weight_decay=0.0),
        schedule=Schedule(kind="constant", warmup=0),
        budget=Budget(epochs=1, rows_per_step=rows_per_step, patience=0),
    )
    recipe, _ = resolve(recipe, model, rows, model.context, None)
    batch = recipe.budget.tokens_per_batch
    assert batch is not None
    weights = Weights(model.network, 1e-5, (0.9, 0.999), 1e-8, 0.0)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder, recomputing(model, bool(recipe.budget.recompute)):
        run = Run(model, objective_of(recipe.method), rows, [], recipe, Plan(STEPS, frozenset(), batch, 1e-5), weights, Path(folder), clock)
        clock.last = time.perf_counter()
        run_loop(run, RunState())
    found = statistics.median(clock.seconds[1:])
    print(f"  {len(rows):,} rows, {len(rows[0].ids):,} tokens each, micro-batches of {batch:,}: {found:.2f} s a step", flush=True)
    return found


def drawing(panels: tuple[Series, ...]) -> str:
    """The panels side by side as one SVG."""
    parts = [f'<g transform="translate({i * (WIDTH + 20)} 0)">{"".join(panel(one))}</g>' for i, one in enumerate(panels)]
    style = "text{font:12px sans-serif;fill:#444}.t{font-weight:bold;fill:#111}path{fill:none;stroke:#0a6ebd;stroke-width:2}circle{fill:#0a6ebd}line{stroke:#ccc}"
    whole = len(panels) * (WIDTH + 20)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {HEIGHT}" width="{whole}" role="img"><title>How cost grows</title><style>{style}</style><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'


def panel(series: Series) -> list[str]:
    """One panel: sizes evenly spaced, throughput from zero."""
    top = max(value for _, value in series.points) * 1.15
    places = [LEFT + 24 + i * (WIDTH - LEFT - 48) / max(1, len(series.points) - 1) for i in range(len(series.points))]
    heights = [BOTTOM - value / top * (BOTTOM - 30) for _, value in series.points]
    path = " ".join(f"{'M' if i == 0 else 'L'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(zip(places, heights, strict=True)))
    parts = [
        f'<text class="t" x="{LEFT}" y="16">{series.unit} by {series.title}</text>',
        f'<line x1="{LEFT}" x2="{WIDTH}" y1="{BOTTOM}" y2="{BOTTOM}"/>',
    ]
    for (size, value), x, y in zip(series.points, places, heights, strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/><text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle">{value:,.4g}</text>')
        parts.append(f'<text x="{x:.1f}" y="{BOTTOM + 16}" text-anchor="middle">{size:,}</text>')
    return [*parts, f'<path d="{path}"/>', f'<text x="{LEFT}" y="{BOTTOM + 32}">{series.across}</text>']


if __name__ == "__main__":
    sys.exit(main())
