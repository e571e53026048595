"""Semantic duplicates: how fast, how many, and against SemHash on the same vectors.

    python -m bench.semantic --rows 100000                    # rows of about 60 tokens: embedding, pairs, label errors, in seconds
    python -m bench.semantic --peer --rows 20000              # examples/router's messages, repeated with slips: pairs of both sides
    python -m bench.semantic --threshold data_full.json banking77  # CLINC150, BANKING77: pairs above a cosine, and how many have the same label

SemHash (0.5, usearch underneath) is given the vectors and the threshold. Its index is approximate: pairs that it misses are counted.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.peers import child, python
from bench.prepare import Writer
from bench.readers import banking77, clinc150, numbered, table
from bench.vectors import encoder, same_question, vectors
from bench.work import ROOT, SCRATCH
from tunesmith.data.examine.closest import SAME_MEANING, alike, semantic_pairs
from tunesmith.data.examine.meaning import meanings
from tunesmith.data.examine.suspects import suspects
from tunesmith.spec.job import Silent

COSINES = (0.8, 0.85, 0.88, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98)
WORDS = 45
"""About 60 tokens of the encoder."""
LABELS = 150


def speed(rows: int) -> None:
    """Seconds of each step on rows of about 60 tokens with 150 labels."""
    writer = Writer(0)
    texts = [writer.text(writer.rng.randint(WORDS - 10, WORDS + 10)) for _ in range(rows)]
    texts = [writer.slip(random.choice(texts)) if i % 20 == 0 else text for i, text in enumerate(texts)]
    labels = np.random.default_rng(0).integers(0, LABELS, rows)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = meanings(texts, encoder(), Path(folder) / "vectors", Silent())
        tokens = _step(f"embedded {len(found.first):,} texts", begun)
        same = alike(found.vectors)
        pairs = _step(f"{same.pairs:,} pairs in {len(same.clusters):,} clusters", tokens)
        labels[: rows // 2] = np.asarray(found.vectors[found.number[: rows // 2], :LABELS], dtype=np.float32).argmax(axis=1)
        listed = suspects(found.every(), labels, same_question(texts), Silent())
        _step(f"{len(listed.listed):,} rows listed for their label, cleanlab believes {len(listed.believed):,} wrong", pairs)
    _step(f"{rows:,} rows in all, peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB", begun)


def _step(what: str, since: float) -> float:
    now = time.perf_counter()
    print(f"{now - since:8.1f} s  {what}", flush=True)
    return now


def threshold(path: Path, folder: Path) -> None:
    """Pairs at each cosine, and the share of them with the same label, on CLINC150 and BANKING77."""
    for given in (clinc150(path), banking77(folder)):
        texts, labels, _ = numbered(given.train)
        known = vectors(texts, f"{given.name.lower()}-train")
        own = labels[known.first]
        found = list(semantic_pairs(known.vectors, COSINES[0]))
        first, second, cosine = (np.concatenate([part[k] for part in found]) for k in range(3))
        print(given.name, f"{len(known.first)} different texts")
        for least in COSINES:
            over = cosine >= least
            same = own[first[over]] == own[second[over]]
            print(f"  cosine {least:.2f}: {int(over.sum()):7,} pairs, {same.mean() if len(same) else float('nan'):.2%} with the same label")


def against_peer(rows: int) -> None:
    """Pairs and seconds of both sides."""
    texts = [row["text"] for row in table(ROOT / "examples" / "router" / "bank.csv")]
    writer = Writer(0)
    while len(texts) < rows:
        texts.append(writer.slip(writer.rng.choice(texts)))
    known = np.asarray(vectors(texts[:rows], f"peer-{rows}").vectors, dtype=np.float32)
    file = SCRATCH / f"peer-{rows}.npy"
    np.save(file, known)
    started = time.perf_counter()
    mine = {(int(a), int(b)) for first, second, _ in semantic_pairs(known) for a, b in zip(first, second, strict=True)}
    print(f"tunesmith            {time.perf_counter() - started:7.2f} s  {len(mine):,} pairs")
    for name, is_approximate in (("SemHash, usearch", True), ("SemHash, exact", False)):
        command = [str(python("semhash")), str(ROOT / "bench" / "peers" / "semhash_pairs.py")]
        told = child(command, {"vectors": str(file), "threshold": SAME_MEANING, "ann": is_approximate}, None)
        if told is None:
            sys.exit(f"{name} does not run")
        theirs = {(a, b) for a, b in told["pairs"]}
        print(f"{name:<20} {told['seconds']:7.2f} s  {len(theirs):,} pairs, {len(mine - theirs):,} of ours missing, {len(theirs - mine):,} more")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--threshold", type=Path, nargs=2, metavar=("CLINC", "BANKING"))
    options = parser.parse_args()
    if options.threshold:
        threshold(*options.threshold)
    elif options.peer:
        against_peer(options.rows)
    else:
        speed(options.rows)


if __name__ == "__main__":
    main()
