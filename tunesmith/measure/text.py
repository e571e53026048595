"""Two texts → how alike they are: folding, token-F1, ROUGE-L, chrF and BLEU counts, JSON validity and equality.

Everything is in [0, 1]. chrF and BLEU come as *counts per row* (`chrf_counts`, `bleu_counts`) and as a formula over summed counts
(`chrf_of`, `bleu_of`), because the corpus metric is a function of the sums: that lets a bootstrap of 10,000 corpora be one matrix product.
"""

from __future__ import annotations

import json
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics import BLEU

Array = NDArray[np.float64]

CHRF_ORDER = 6
CHRF_BETA = 2.0
BLEU_ORDER = 4

UNSPACED = re.compile("([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")
"""Scripts written without spaces (Thai, Lao, Burmese, Khmer, Kana, Han): each character counts as a word."""
ARTICLES = frozenset({"a", "an", "the"})
SENTENCE_BLEU = BLEU(effective_order=True)


def folded(text: str) -> str:
    """`text` in the form in which equal words are equal: NFKC, case folded.

    >>> folded("ＣＡＦＥ\\u0301")
    'café'
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def single_spaced(text: str) -> str:
    """`text` folded, with single spaces: what differs in case or layout alone becomes equal.

    >>> single_spaced(" It  is\\nfive. ")
    'it is five.'
    """
    return " ".join(folded(text).split())


def words(text: str) -> list[str]:
    """The words of `text`, folded, without punctuation; combining marks stay with their letter."""
    kept = "".join(c for c in folded(text) if c not in string.punctuation and not unicodedata.category(c).startswith("P"))
    return UNSPACED.sub(r" \1 ", kept).split()


def normalise(text: str) -> str:
    """`text` as SQuAD compares answers: folded, without punctuation and English articles, single spaces.

    >>> normalise(" The  Bank's card, please! ")
    'banks card please'

    Source: the official SQuAD v1.1 evaluation script, `normalize_answer`; ours folds Unicode as well.
    """
    return " ".join(word for word in words(text) if word not in ARTICLES)


def token_f1(answer: str, reference: str) -> float:
    """Harmonic mean of precision and recall of the normalised words, as bags; 1 where both are empty.

    >>> token_f1("reset the card", "reset card now")
    0.8
    """
    mine, theirs = Counter(normalise(answer).split()), Counter(normalise(reference).split())
    if not mine or not theirs:
        return float(mine == theirs)
    return 2 * (mine & theirs).total() / (mine.total() + theirs.total())


def rouge_l(answer: str, reference: str) -> float:
    """F1 of the longest common subsequence of words; 1 where both are empty.

    >>> rouge_l("the cat sat on the mat", "the cat is on the mat")
    0.8333333333333334

    Source: Lin 2004, ROUGE-L with beta = 1, as `rouge-score` computes it (without stemming).
    """
    mine, theirs = words(answer), words(reference)
    if not mine or not theirs:
        return float(mine == theirs)
    return 2 * common_subsequence(mine, theirs) / (len(mine) + len(theirs))


def common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, one big-integer step per word of `second` instead of one step per pair.

    Source: Hyyrö 2004, "Bit-parallel LCS-length computation revisited": a zero bit in `row` marks a position where the length grows.
    """
    places: dict[str, int] = {}
    for index, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << index
    full = (1 << len(first)) - 1
    row = full
    for word in second:
        match = row & places.get(word, 0)
        row = ((row + match) | (row - match)) & full
    return len(first) - row.bit_count()


def chrf_counts(answer: str, reference: str) -> list[float]:
    """Character n-grams of the answer, of the reference and of both, for n = 1 … 6: 18 numbers, white space left out."""
    mine, theirs = "".join(answer.split()), "".join(reference.split())
    counts: list[list[float]] = [[], [], []]
    for n in range(1, CHRF_ORDER + 1):
        ours, wanted = (Counter(text[i : i + n] for i in range(len(text) - n + 1)) for text in (mine, theirs))
        found = (ours.total() if wanted else 0, wanted.total(), (ours & wanted).total())  # sacrebleu: lengths the reference lacks do not count
        for column, number in zip(counts, found, strict=True):
            column.append(float(number))
    return [number for column in counts for number in column]


def chrf_of(sums: Array) -> Array:
    """chrF2 in [0, 1] from summed counts; (…, 18) → (…).

    Source: Popović 2015, with sacrebleu's effective order: only lengths n that both sides have are averaged.
    """
    mine, theirs, both = np.split(sums, 3, axis=-1)
    counted = (mine > 0) & (theirs > 0)
    order = np.maximum(counted.sum(axis=-1), 1)
    precision = np.where(counted, both / np.maximum(mine, 1), 0.0).sum(axis=-1) / order
    recall = np.where(counted, both / np.maximum(theirs, 1), 0.0).sum(axis=-1) / order
    weight = CHRF_BETA**2
    bottom = weight * precision + recall
    return np.where(bottom > 0, (1 + weight) * precision * recall / np.where(bottom > 0, bottom, 1), 0.0)


def bleu_counts(answer: str, reference: str) -> list[float]:
    """Words of the answer, words of the reference, matched n-grams and all n-grams for n = 1 … 4: 10 numbers (13a tokens)."""
    found = SENTENCE_BLEU.sentence_score(answer, [reference])
    return [float(number) for number in (found.sys_len, found.ref_len, *found.counts, *found.totals)]


def bleu_of(sums: Array) -> Array:
    """Corpus BLEU in [0, 1] from summed counts, exponential smoothing; (…, 10) → (…). 0 where nothing matches at all.

    Source: sacrebleu 2.6.0 `BLEU.compute_bleu` with smooth_method="exp".
    """
    mine, theirs, matched, total = sums[..., 0], sums[..., 1], sums[..., 2 : 2 + BLEU_ORDER], sums[..., 2 + BLEU_ORDER :]
    empty = (matched == 0) & (total > 0)
    smoothed = np.where(empty, 0.5 ** np.cumsum(empty, axis=-1), matched)
    with np.errstate(divide="ignore"):
        logs = np.log(smoothed / np.maximum(total, 1)).mean(axis=-1)
    brevity = np.minimum(0.0, 1 - theirs / np.maximum(mine, 1))
    return np.where((matched.sum(axis=-1) > 0) & (total > 0).all(axis=-1), np.exp(brevity + logs), 0.0)


def chrf(answer: str, reference: str) -> float:
    """chrF2 of one answer, in [0, 1]."""
    return float(chrf_of(np.array(chrf_counts(answer, reference))))


def bleu(answer: str, reference: str) -> float:
    """BLEU of one answer, in [0, 1], over the n-gram lengths that the answer has (sacrebleu's effective order)."""
    return float(SENTENCE_BLEU.sentence_score(answer, [reference]).score) / 100


class NotJson:
    """What `read_json` returns for text that is no JSON; equal to nothing but itself."""


NOT_JSON = NotJson()


def read_json(text: str) -> Any:
    """The value that `text` holds, or NOT_JSON. Strict: no NaN, no repeated key, no code fence, no bottomless nesting."""
    try:
        return json.loads(text, parse_constant=refuse_constant, object_pairs_hook=unique_keys)
    except (ValueError, RecursionError):
        return NOT_JSON


def refuse_constant(name: str) -> None:
    """Raises: ValueError always; NaN and Infinity are no JSON."""
    raise ValueError(name)


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object with these keys. Raises: ValueError if one is repeated: which of the values holds would be a guess."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated key")
    return found


def is_json(text: str) -> bool:
    """True if `text` is one JSON value."""
    return read_json(text) is not NOT_JSON


def spread_json(text: str) -> str:
    """JSON with a space between its parts, so that `{"a":1}` has the same words as `{ "a": 1 }`; other text as it is."""
    value = read_json(text)
    try:
        return text if value is NOT_JSON else json.dumps(value, ensure_ascii=False, separators=(" , ", " : "))
    except RecursionError:  # parsed, but nested too deep to be written again
        return text


def same_json(answer: str, reference: str) -> bool:
    """True if both are JSON with equal values: the order of keys and white space do not count, `1` equals `1.0`, not `true`.

    >>> same_json('{"a": 1, "b": [true]}', '{"b":[true],"a":1.0}'), same_json("1", "true")
    (True, False)
    """
    first, second = read_json(answer), read_json(reference)
    try:
        return first is not NOT_JSON and second is not NOT_JSON and equal(first, second)
    except RecursionError:  # both parsed, nested a thousand deep: too deep to walk in Python, so only the same text counts as equal
        return answer.strip() == reference.strip()


def equal(first: Any, second: Any) -> bool:
    """Deep equality of two JSON values in which a truth value is no number."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(equal(value, second[key]) for key, value in first.items())
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(equal, first, second))
    return isinstance(first, bool) == isinstance(second, bool) and bool(first == second)
