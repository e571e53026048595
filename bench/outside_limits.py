"""Where a user's domain ends: the limits of `tunesmith/data/make/outside_distance.py`, fixed on CLINC150 and checked on BANKING77.

    python -m bench.outside_limits --clinc data_full.json --domains domains.json --banking folder-with-train.csv-and-test.csv

Each of CLINC150's ten domains is the user's in turn (its training questions, all or some of them). Asked are the domain's held-out questions, which
must not be declined, and those of the other domains and the out-of-scope ones, which may. Shown is which share of each lies below fixed limits, and
below the limit that the rule takes from the rows. Then each domain, and BANKING77, with all that is shipped: which topics are taken for the user's own.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.readers import banking77
from bench.vectors import vectors
from tunesmith.data.make.outside_distance import Domain, Embed, own_topics
from tunesmith.data.make.outside_pool import shipped_questions

GRID = [round(0.2 + 0.05 * i, 2) for i in range(13)]
F32 = NDArray[np.float32]


def kept_vectors(texts: Sequence[str], name: str) -> Embed:
    """An encoder for these texts that computes each once and keeps it."""
    distinct = list(dict.fromkeys(texts))
    found = vectors(distinct, name).every()
    place = {text: i for i, text in enumerate(distinct)}
    return lambda some: np.asarray(found[[place[text] for text in some]], dtype=np.float32)


def below(similarity: F32) -> list[float]:
    """Share below each limit of the grid."""
    return [float((similarity < limit).mean()) for limit in GRID]


def show(name: str, rows: dict[str, list[F32]]) -> None:
    """A table: shares below each limit, and the worst domain's."""
    print(f"\n{name}\n{'':<34}" + "".join(f"{limit:>7.2f}" for limit in GRID))
    for what, found in rows.items():
        print(f"{what:<34}" + "".join(f"{share:>7.1%}" for share in below(np.concatenate(found))))
        worst = [max(shares) for shares in zip(*(below(one) for one in found), strict=True)]
        print(f"{'  worst domain' if 'in scope' in what else '  best domain':<34}" + "".join(f"{share:>7.1%}" for share in worst))


def on_clinc(full: dict[str, list[list[str]]], domains: dict[str, list[str]], embed: Embed | None, part: float) -> dict[str, list[F32]]:
    """Similarities of what is asked, by what it is, a list entry for each domain; what the rule makes of them is printed."""
    shares = []
    outside = [text for text, _ in full["oos_test"]]
    background = [one.text for one in shipped_questions()]
    found: dict[str, list[F32]] = {"in scope, held out": [], "of other domains": [], "out of scope of all": []}
    for number, intents in enumerate(domains.values()):
        own = [text for text, intent in full["train"] if intent in intents]
        own = random.Random(number).sample(own, round(part * len(own)))
        inside = [text for text, intent in full["test"] if intent in intents]
        others = [text for text, intent in full["test"] if intent not in intents]
        domain = Domain(own, background, embed)
        near = [domain.nearness(texts).similarity for texts in (inside, others, outside)]
        for what, similarity in zip(found, near, strict=True):
            found[what].append(similarity)
        limit = domain.limits.in_scope
        shares.append((limit, *(float((similarity < limit).mean()) for similarity in near)))
    table = np.asarray(shares)
    print(f"\nby the rule, {len(own):,} rows: limits {table[:, 0].min():.2f} to {table[:, 0].max():.2f}, mean {table[:, 0].mean():.2f}; below them")
    for what, column in zip(found, table[:, 1:].T, strict=True):
        print(f"  {what:<24}{column.mean():7.1%} (domains {column.min():.1%} to {column.max():.1%})")
    return found


def topics_taken(name: str, domain: Domain) -> None:
    """Print which topics are the user's, and what lies next to the limit."""
    shipped = shipped_questions()
    near = domain.nearness([one.text for one in shipped])
    mine = own_topics([one.topic for one in shipped], near)
    used = [
        (float(value), one) for value, one in zip(near.similarity, shipped, strict=True) if value < domain.limits.in_scope and one.topic not in mine
    ]
    close = sum(value >= domain.limits.near for value, _ in used)
    print(
        f"\n{name}, {domain.method}, limit {domain.limits.in_scope:.2f}: {len(used)} of {len(shipped)} shipped are used, {close} of them as near misses"
    )
    print(f"  its own topics: { {topic: round(share, 2) for topic, share in mine.items()} }")
    for value, one in sorted(used, key=lambda pair: -pair[0])[:12]:
        print(f"    {value:.2f} {one.topic:<24} {one.text}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clinc", type=Path, required=True)
    parser.add_argument("--domains", type=Path, required=True)
    parser.add_argument("--banking", type=Path, required=True, help="folder with train.csv and test.csv")
    parser.add_argument("--only-banking", action="store_true")
    given = parser.parse_args()
    full = json.loads(given.clinc.read_text(encoding="utf-8"))
    domains = json.loads(given.domains.read_text(encoding="utf-8"))
    texts = [text for split in ("train", "test", "oos_test") for text, _ in full[split]]
    ways: dict[str, Callable[[], Embed | None]] = {
        "sentence vectors": lambda: kept_vectors([*texts, *(one.text for one in shipped_questions())], "outside-clinc"),
        "words": lambda: None,
    }
    for way, embed in ways.items():
        for part in () if given.only_banking else (1.0, 0.3, 0.1, 0.04):
            show(f"CLINC150 by {way}, {part:.0%} of the domain's rows", on_clinc(full, domains, embed(), part))
    background = [one.text for one in shipped_questions()]
    for way, embed in ways.items():
        for name, intents in ({} if given.only_banking else domains).items():
            topics_taken(f"CLINC150 {name}", Domain([text for text, intent in full["train"] if intent in intents], background, embed()))
        own, asked = ([row.question for row in rows] for rows in banking77(given.banking)[1:3])
        domain = Domain(
            own, background, kept_vectors([*own, *asked, *background], f"outside-banking-{len(own)}") if way == "sentence vectors" else None
        )
        topics_taken("BANKING77", domain)
        print(f"  held-out questions below the limit: {(domain.nearness(asked).similarity < domain.limits.in_scope).mean():.1%}")


if __name__ == "__main__":
    main()
