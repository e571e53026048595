"""Near duplicates by datasketch, as its documentation does it: MinHash of 128 permutations, LSH at 0.8, candidates confirmed by exact Jaccard.

Reads {"texts": file with one text a line, "similarity": …}; the shingles are those of the project, as strings: word 5-grams, character 4-grams below
20 words. Prints seconds and the pairs that are confirmed.
"""

import json
import sys
import time
from pathlib import Path

from datasketch import MinHash, MinHashLSH


def shingles(text: str) -> set[str]:
    """The project's shingles of a folded text."""
    words = text.split(" ")
    if len(words) < 20:
        padded = text.ljust(4, "\0")
        return {padded[i : i + 4] for i in range(len(padded) - 3)}
    return {" ".join(words[i : i + 5]) for i in range(len(words) - 4)}


def main() -> None:
    """One run."""
    work = json.loads(Path(sys.argv[1]).read_text())
    texts = Path(work["texts"]).read_text(encoding="utf-8").split("\n")[:-1]
    started = time.perf_counter()
    sets = [shingles(text) for text in texts]
    lsh = MinHashLSH(threshold=work["similarity"], num_perm=128, params=tuple(work["bands"]) if work["bands"] else None)
    pairs: list[tuple[int, int]] = []
    for row, (text, mine) in enumerate(zip(texts, sets, strict=True)):
        sketch = MinHash(num_perm=128)
        sketch.update_batch([one.encode() for one in mine])
        for other in lsh.query(sketch):
            if (len(text.split(" ")) < 20) == (len(texts[other].split(" ")) < 20):
                both = len(mine & sets[other])
                if both / (len(mine) + len(sets[other]) - both) >= work["similarity"]:
                    pairs.append((other, row))
        lsh.insert(row, sketch)
    print(json.dumps({"seconds": time.perf_counter() - started, "pairs": pairs}))


if __name__ == "__main__":
    main()
