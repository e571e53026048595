"""The data doctor at size, and its near duplicates against datasketch in the same run.

    python -m bench.doctor size --rows 1000000        # format, exact and near duplicates, personal data, language: seconds by phase, peak memory
    python -m bench.doctor neighbours --rows 50000    # seconds and recall against datasketch, same shingles, same threshold
    python -m bench.doctor meaning --rows 100000      # with embeddings, semantic duplicates and label errors; TUNESMITH_HOME has minilm

Texts are drawn word by word as in the examples, so that rows share phrases. Planted: 2 % exact copies, 3 % near copies, personal data in 0.2 %.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench.facts import append
from bench.peers import child, python
from bench.prepare import Writer
from tunesmith.data.duplicates import Clusters, join_near_duplicates
from tunesmith.data.fold import fold
from tunesmith.data.neighbours import Tally
from tunesmith.data.shingles import is_short, shingle
from tunesmith.data.spool import BATCH_ROWS, Spool

SIMILARITY = 0.8
PEERS = {"datasketch": None, "datasketch, 25 bands of 5": (25, 5)}
"""Its own choice for the threshold, and the bands that find as much as ours do."""
COPIES, NEAR, PERSONAL = 0.02, 0.03, 0.002


def question(writer: Writer, words: tuple[int, int]) -> str:
    """A text that is no other one's copy."""
    return f"{writer.text(writer.rng.randint(*words))} {writer.rng.randrange(10**6)}"


def near_copy(writer: Writer, text: str) -> str:
    """The text with one typing slip, or with two words more."""
    if writer.rng.random() < 0.5:
        at = writer.rng.randrange(1, len(text) - 8)
        return text[:at] + text[at + 1 :] if text[at].isalpha() else text[:at] + "x" + text[at:]
    return f"{text} {writer.text(2)}"


def rows(count: int, words: tuple[int, int], seed: int) -> tuple[list[str], list[tuple[int, int]]]:
    """(texts, planted near pairs as row numbers)."""
    writer, texts, pairs = Writer(seed), [], []
    for row in range(count):
        draw = writer.rng.random()
        if row and draw < COPIES:
            texts.append(writer.rng.choice(texts))
        elif row and draw < COPIES + NEAR:
            other = writer.rng.randrange(row)
            texts.append(near_copy(writer, texts[other]))
            pairs.append((other, row))
        elif draw < COPIES + NEAR + PERSONAL:
            texts.append(f"{question(writer, words)} write to {writer.rng.choice('abcdefgh')}{row}@mail.org")
        else:
            texts.append(question(writer, words))
    return texts, pairs


def size(count: int, meaning: bool, seed: int) -> None:
    """Examine so many rows in a process of its own; seconds by what it says it does, and the peak of its and its children's memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        texts, _ = rows(count, (30, 46), seed)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            labels = random.Random(seed)
            writer.writerows([text, f"label_{labels.randrange(50)}"] for text in texts)
        del texts
        home = os.environ.get("TUNESMITH_HOME") if meaning else str(Path(folder) / "home")
        command = [sys.executable, "-m", "tunesmith", "data", "check", str(path), "--json", "--meaning", "on" if meaning else "off"]
        started = time.monotonic()
        process = subprocess.Popen(
            command, env={**os.environ, **({"TUNESMITH_HOME": home} if home else {})}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        peak = Peak(process.pid)
        out, _ = process.communicate()
        seconds = time.monotonic() - started
        peak.stop()
        found = json.loads(out)
        told = {f["kind"]: len(f["lines"]) for f in found["findings"]}
    print(f"{count:,} rows: {seconds:,.0f} s, {count / seconds:,.0f} rows/s, peak {peak.most / 2**30:.2f} GiB; {told}")
    append(
        {
            "work": f"doctor, {'by meaning' if meaning else 'mechanical'}, {count:,} rows",
            "side": "tunesmith",
            "rows_per_s": count / seconds,
            "peak_gb": peak.most / 2**30,
        }
    )


class Peak:
    """The most memory (proportional set size) that a process and its children held at once, looked at ten times a second."""

    def __init__(self, pid: int) -> None:
        self.most, self._done = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(pid,), daemon=True)
        self._thread.start()

    def _watch(self, pid: int) -> None:
        while not self._done.wait(0.2):
            try:
                family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
                self.most = max(self.most, sum(one.memory_full_info().pss for one in family))
            except psutil.Error:
                continue

    def stop(self) -> None:
        """Look no more."""
        self._done.set()
        self._thread.join()


def ours(texts: list[str]) -> tuple[float, np.ndarray[Any, Any]]:
    """(seconds, the cluster of each text): shingles, candidates, exact confirmation and typing slips, as the data stage does it."""
    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder) / "spool") as spool:
        started = time.perf_counter()
        for start in range(0, len(texts), BATCH_ROWS):
            spool.shingle(texts[start : start + BATCH_ROWS])
        _, known = spool.finish()
        clusters = Clusters(len(texts))
        join_near_duplicates(clusters, known, np.arange(len(texts)), SIMILARITY, Tally(), lambda done: None)
        return time.perf_counter() - started, clusters.roots()


def neighbours(count: int, rounds: int, seed: int) -> None:
    """Both sides on the same texts, in turns."""
    peer = [str(python("datasketch")), str(Path(__file__).parent / "peers" / "datasketch_pairs.py")]
    ratios: dict[str, list[float]] = {}
    for one in range(rounds):
        texts, _ = rows(count, (8, 46), seed + one)
        distinct = list(dict.fromkeys(map(fold, texts)))
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt", delete=False) as file:
            file.write("".join(f"{text}\n" for text in distinct))
        mine_s, roots = ours(distinct)
        sides = {"ours": (mine_s, roots)}
        for name, bands in PEERS.items():
            theirs = child(peer, {"texts": file.name, "similarity": SIMILARITY, "bands": bands}, None)
            if theirs is None:
                sys.exit(1)
            joined = Clusters(len(distinct))
            for a, b in theirs["pairs"]:
                joined.join(a, b)
            sides[name] = (theirs["seconds"], joined.roots())
        Path(file.name).unlink()
        planted = {(min(a, b), max(a, b)) for a, b in planted_pairs(distinct)}
        for name, (seconds, found) in sides.items():
            recall = sum(int(found[a] == found[b]) for a, b in planted) / len(planted)
            ratios.setdefault(name, []).append(seconds / mine_s)
            print(
                f"round {one + 1}  {name:<28} {seconds:6.1f} s  {seconds / mine_s:5.1f} ×  finds {recall:.1%} of {len(planted):,} pairs with Jaccard >= {SIMILARITY}"
            )
    for name, every in ratios.items():
        print(f"median   {name:<28} {statistics.median(every):5.1f} ×")
        append({"work": f"near duplicates, {count:,} rows", "side": name, "slower_than_ours": statistics.median(every), "rounds": rounds})


def planted_pairs(texts: list[str]) -> list[tuple[int, int]]:
    """Pairs that share their first or last 60 characters, and whose exact Jaccard similarity reaches the threshold: what both sides should find."""
    hashes, offsets = shingle(texts)
    sets = [frozenset(hashes[a:b].tolist()) for a, b in itertools.pairwise(offsets.tolist())]
    buckets: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        for part in {text[:60], text[-60:]}:
            buckets.setdefault(part, []).append(row)
    found = set()
    for group in buckets.values():
        for a, b in itertools.combinations(group[:50], 2):
            if is_short(texts[a]) == is_short(texts[b]) and len(sets[a] & sets[b]) >= SIMILARITY * len(sets[a] | sets[b]):
                found.add((a, b))
    return sorted(found)


def main() -> None:
    """One measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("size", "neighbours", "meaning"))
    parser.add_argument("--rows", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    match options.what:
        case "size":
            size(options.rows or 1_000_000, False, options.seed)
        case "meaning":
            size(options.rows or 100_000, True, options.seed)
        case "neighbours":
            neighbours(options.rows or 50_000, options.rounds, options.seed)


if __name__ == "__main__":
    main()
