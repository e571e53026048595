"""Given vectors → the rows that SemHash calls duplicates, and how long it took. Runs in the environment of bench/peers/semhash.txt.

    python semhash_pairs.py work.json     # {"vectors": FILE.npy, "threshold": 0.95, "ann": true}

The vectors are handed over as they are; record i is the text "i". The last line printed is one JSON object.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
from semhash import SemHash


class Given:
    """An encoder that knows the vectors already."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors

    def encode(self, inputs: list[str], **_: object) -> np.ndarray:
        """The vectors of records by their numbers."""
        return self.vectors[[int(text) for text in inputs]]


def main() -> None:
    """Find the duplicates, and say how it went."""
    work = json.loads(Path(sys.argv[1]).read_text())
    vectors = np.load(work["vectors"])
    records = [str(i) for i in range(len(vectors))]
    started = time.perf_counter()
    options = {} if work["ann"] else {"ann_backend": "basic"}
    index = SemHash.from_records(records=records, model=Given(vectors), **options)
    found = index.self_deduplicate(threshold=work["threshold"])
    seconds = time.perf_counter() - started
    duplicates = found.filtered
    pairs = {tuple(sorted((int(one.record), int(other)))) for one in duplicates for other, _ in one.duplicates}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "duplicates": len(duplicates), "pairs": sorted(pairs), "peak_bytes": peak}))


if __name__ == "__main__":
    main()
