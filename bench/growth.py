"""How cost grows: throughput against the number of rows, their length, and the length of a shared beginning → docs/growth.svg and a table.

    python -m bench.growth

One process, LoRA r 16 on SmolLM2-135M-Instruct, random tokens of which the last half are trained, median of three steps after one that warms up.
What is compared is ours with itself: the peers are in bench/train.py. Run nothing beside it.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.facts import matmul_peak
from bench.ours_train import Clock
from bench.work import ROOT, ROWS_PER_STEP, base
from tunesmith.model import lora
from tunesmith.model.device import apply, place
from tunesmith.model.load import LoadedModel, load
from tunesmith.settings import settings
from tunesmith.spec.recipe import AdamW, Budget, Lora, Recipe, Schedule
from tunesmith.train.examples import TokenRow
from tunesmith.train.loop import Plan, Run, run_loop
from tunesmith.train.methods import objective_of
from tunesmith.train.state import RunState, Weights

STEPS = 4
TOKENS_OF_A_ROW = 64
ROW_COUNTS = (1_000, 10_000, 100_000)
LENGTHS = (128, 256, 512, 1024, 2048, 4096)
TOKENS_OF_A_STEP = 8192
TRUNKS = (0, 64, 128, 256, 512, 1024)
OWN = 32
WIDTH, HEIGHT, LEFT, BOTTOM = 300, 190, 46, 150


@dataclass(frozen=True)
class Series:
    """One panel: what grows, and what was measured at each size."""

    title: str
    unit: str
    across: str
    points: tuple[tuple[int, float], ...]


def main() -> int:
    """Measure, print and draw."""
    placement = place(settings())
    apply(placement)
    model = load(base(), placement)
    lora.inject(model.network, Lora(r=16, alpha=32, dropout=0.0), 0.0, 0)
    rows = Series(
        "rows of the data set", "rows/s", "rows", tuple((n, ROWS_PER_STEP / seconds(model, short_rows(n), ROWS_PER_STEP)) for n in ROW_COUNTS)
    )
    lengths = Series(
        "length of a row", "tokens/s", "tokens", tuple((n, TOKENS_OF_A_STEP / seconds(model, long_rows(n), TOKENS_OF_A_STEP // n)) for n in LENGTHS)
    )
    shared = Series(
        "length of a shared beginning", "rows/s", "tokens", tuple((n, ROWS_PER_STEP / seconds(model, trunk_rows(n), ROWS_PER_STEP)) for n in TRUNKS)
    )
    panels = (rows, lengths, shared)
    print(f"bf16 matrix-product peak {matmul_peak() / 1e9:.0f} GFLOP/s")
    for panel in panels:
        print(f"{panel.title}: " + ", ".join(f"{size:,} → {value:,.1f} {panel.unit}" for size, value in panel.points))
    (ROOT / "docs" / "growth.svg").write_text(drawing(panels))
    return 0


def short_rows(count: int) -> list[TokenRow]:
    """Rows of one length."""
    return [row(number, TOKENS_OF_A_ROW) for number in range(count)]


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
    """Median seconds of a step, everything of the loop included."""
    recipe = Recipe(
        weights=Lora(dropout=0.0),
        optimiser=AdamW(lr=1e-5, weight_decay=0.0),
        schedule=Schedule(kind="constant", warmup=0),
        budget=Budget(rows_per_step=rows_per_step, tokens_per_batch=4096, patience=0),
    )
    weights = Weights(model.network, 1e-5, (0.9, 0.999), 1e-8, 0.0)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(model, objective_of(recipe.method), rows, [], recipe, Plan(STEPS, frozenset(), 4096, 1e-5), weights, Path(folder), clock)
        clock.last = time.perf_counter()
        run_loop(run, RunState())
    found = statistics.median(clock.seconds[1:])
    print(f"  {len(rows):,} rows, {len(rows[0].ids):,} tokens each: {found:.2f} s a step", flush=True)
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
    places = [LEFT + 24 + i * (WIDTH - LEFT - 48) / (len(series.points) - 1) for i in range(len(series.points))]
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
