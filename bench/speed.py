"""The last contest of each work in bench/results.csv, and where a step's time went → the tables of docs/speed.md.

    python -m bench.speed

Each stands between `<!-- name -->` and `<!-- /name -->`; the words around them are written by hand and stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from bench.facts import BREAKDOWN, RESULTS, read

PAGE = Path(__file__).resolve().parent.parent / "docs" / "speed.md"
Line = dict[str, str]
T = TypeVar("T")
COLUMNS: tuple[tuple[str, Callable[[Line], str]], ...] = (
    ("side", lambda line: line["side"]),
    ("rows/s", lambda line: line["rows_per_s"]),
    ("times slower", lambda line: "" if line["slower_than_ours"] == "1" else line["slower_than_ours"]),
    ("peak GB", lambda line: line["peak_gb"]),
    ("share of peak", lambda line: percent(line["share_of_peak"])),
    ("losses apart", lambda line: percent(line["trajectory_gap"])),
    ("in float32", lambda line: percent(line["float32_gap"])),
    ("same text", lambda line: percent(line["agreement"])),
)
"""Title → what a line says there; a column that no line fills is left out."""
ROUNDS = ("rounds", lambda line: line["rounds"])
"""For a table whose lines had not all as many."""
KINDS = {"product": "matrix products", "copy": "copies", "arithmetic": "other arithmetic"}
"""Kind of operation in bench/breakdown.csv → title."""
STEP = "step of "
"""With this before it, a name means where the work's time goes."""
LEAST_SHARE = 0.01
"""Of a step: smaller parts are not shown."""


def main() -> None:
    """Write the tables anew."""
    PAGE.write_text(renewed(PAGE.read_text(), read(RESULTS), read(BREAKDOWN)))


def renewed(page: str, results: Sequence[Line], breakdown: Sequence[Line]) -> str:
    """The page with its tables as the records have them.

    Raises: ValueError for a table of which the records know nothing.
    """

    def table(found: re.Match[str]) -> str:
        name = found[1]
        work = name.removeprefix(STEP)
        lines = last_run(results if work == name else breakdown, work)
        if not lines:
            raise ValueError(f"no line is recorded of {name!r}")
        return f"<!-- {name} -->\n{contest(lines) if work == name else steps(lines)}\n<!-- /{name} -->"

    return re.sub(r"<!-- ([^/>][^>]*) -->\n.*?<!-- /\1 -->", table, page, flags=re.DOTALL)


def last_run(lines: Sequence[Line], work: str) -> list[Line]:
    """The lines of the last run of a work: those of one day and one commit."""
    of_work = [line for line in lines if line["work"] == work]
    return [line for line in of_work if run(line) == run(of_work[-1])]


def run(line: Line) -> tuple[str, str]:
    """What the lines of one run have in common."""
    return line["date"], line["commit"].removesuffix("-dirty")


def contest(lines: Sequence[Line]) -> str:
    """All sides in a table, and under which conditions."""
    first = lines[0]
    peaks = " and ".join(f"{float(peak):.0f}" for peak in (first["matmul_gflops_before"], first["matmul_gflops"]) if peak)
    changed = " with changes that were not committed" if any(line["commit"].endswith("-dirty") for line in lines) else ""
    where = (
        f"{first['date']}, commit {run(first)[1]}{changed}, {first['processor'] or first['cpu']}, {first['threads']} threads, torch {first['torch']}"
    )
    rounds = {line["rounds"] for line in lines}
    said = f"; {first['rounds']} rounds" if len(rounds) == 1 else ""
    return f"{drawn(lines, COLUMNS if said else (*COLUMNS, ROUNDS))}\n\n{where}{said}; bf16 matrix products {peaks} GFLOP/s."


def steps(lines: Sequence[Line]) -> str:
    """Where the time of a step went, the largest part first."""
    shares: dict[str, dict[str, str]] = {}
    for line in lines:
        shares.setdefault(line["part"], {})[line["kind"]] = line["share"]
    rates = {line["part"]: f"{float(line['gflops']):.0f}" for line in lines if line["gflops"]}
    whole = {part: sum(map(float, kinds.values())) for part, kinds in shares.items()}
    shown = sorted((part for part in whole if whole[part] >= LEAST_SHARE), key=lambda part: -whole[part])
    columns: list[tuple[str, Callable[[str], str]]] = [("part", str), ("share", lambda part: percent(str(whole[part])))]
    columns += [(title, lambda part, kind=kind: percent(shares[part].get(kind, ""))) for kind, title in KINDS.items()]
    columns += [("GFLOP/s of its products", lambda part: rates.get(part, ""))]
    return f"{drawn(shown, columns)}\n\n{lines[0]['date']}, commit {run(lines[0])[1]}; parts under {LEAST_SHARE:.0%} are left out."


def drawn(things: Sequence[T], columns: Sequence[tuple[str, Callable[[T], str]]]) -> str:
    """A table in Markdown, a thing a row."""
    cells = {title: [cell(thing) for thing in things] for title, cell in columns}
    used = [title for title in cells if any(cells[title])]
    rows = [used, ["---"] * len(used), *([cells[title][i] for title in used] for i in range(len(things)))]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def percent(share: str) -> str:
    """A share as people read it.

    >>> percent("0.5923"), percent("0.002751"), percent("")
    ('59 %', '0.28 %', '')
    """
    if not share:
        return ""
    return f"{float(share):.0%}".replace("%", " %") if float(share) >= 0.1 else f"{100 * float(share):.2g} %"


if __name__ == "__main__":
    main()
