"""Two texts → one number in [0, 1], by the metrics that OpenAI's `text_similarity` grader names.

BLEU and ROUGE-L are those of `measure/text.py`. METEOR here aligns equal words only: without WordNet and a stemmer it stays a little below the
published metric where synonyms or inflections would have matched.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from rapidfuzz import fuzz, utils

from tunesmith.measure.text import bleu, rouge_l, words

Similarity = Literal[
    "cosine", "fuzzy_match", "bleu", "gleu", "meteor", "rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5", "rouge_l"
]  # fmt: skip
GLEU_ORDER = 4
METEOR_ALPHA, METEOR_BETA, METEOR_GAMMA = 0.9, 3.0, 0.5


def fuzzy_match(answer: str, reference: str) -> float:
    """How alike two texts are by edits, of the whole, of parts and of sorted words: RapidFuzz's weighted ratio, case and punctuation aside.

    >>> fuzzy_match("Card arrival!", "card arrival")
    1.0
    """
    if answer == reference:
        return 1.0
    return float(fuzz.WRatio(answer, reference, processor=utils.default_process)) / 100


def ngrams(tokens: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    """How often each run of `order` words occurs."""
    return Counter(tuple(tokens[i : i + order]) for i in range(len(tokens) - order + 1))


def rouge_n(answer: str, reference: str, order: int) -> float:
    """F1 of the runs of `order` words; 1 for equal texts that are too short to have any.

    >>> rouge_n("the cat sat", "the cat is", 1)
    0.6666666666666666

    Source: Lin 2004, as `rouge-score` computes it (without stemming).
    """
    mine, theirs = words(answer), words(reference)
    ours, wanted = ngrams(mine, order), ngrams(theirs, order)
    if not ours or not wanted:
        return float(mine == theirs)
    return 2 * (ours & wanted).total() / (ours.total() + wanted.total())


def gleu(answer: str, reference: str) -> float:
    """The smaller of precision and recall over all runs of 1 to 4 words.

    >>> gleu("the cat sat", "the cat is")
    0.5

    Source: Wu et al. 2016 (arXiv 1609.08144), section 5, "GLEU score".
    """
    mine, theirs = words(answer), words(reference)
    if not mine or not theirs:
        return float(mine == theirs)
    both = ours = wanted = 0
    for order in range(1, GLEU_ORDER + 1):
        first, second = ngrams(mine, order), ngrams(theirs, order)
        both, ours, wanted = both + (first & second).total(), ours + first.total(), wanted + second.total()
    return both / max(ours, wanted)


def meteor(answer: str, reference: str) -> float:
    """Recall-weighted F of the equal words, less a penalty for every break in their order.

    Equal texts of few words stay below 1, as published: one run of three words costs 0.5 / 27.

    Source: Banerjee & Lavie 2005, with the weights of Lavie & Agarwal 2007 (alpha 0.9, beta 3, gamma 0.5), exact matches only.
    """
    mine, theirs = words(answer), words(reference)
    if not mine or not theirs:
        return float(mine == theirs)
    pairs = aligned(mine, theirs)
    if not pairs:
        return 0.0
    precision, recall = len(pairs) / len(mine), len(pairs) / len(theirs)
    mean = precision * recall / (METEOR_ALPHA * precision + (1 - METEOR_ALPHA) * recall)
    chunks = 1 + sum(second != (first[0] + 1, first[1] + 1) for first, second in pairwise(pairs))
    return mean * (1 - METEOR_GAMMA * math.pow(chunks / len(pairs), METEOR_BETA))


def aligned(mine: Sequence[str], theirs: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of places with equal words, each used once; the next one in the reference is preferred, so that runs stay together."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(theirs):
        places.setdefault(word, []).append(place)
    pairs: list[tuple[int, int]] = []
    last = -1
    for place, word in enumerate(mine):
        left = places.get(word)
        if left:
            chosen = last + 1 if last + 1 in left else left[0]
            left.remove(chosen)
            pairs.append((place, chosen))
            last = chosen
    return pairs


def cosine(first: Sequence[float], second: Sequence[float]) -> float:
    """The cosine of two vectors; directions that point away from one another count as 0.

    >>> cosine([1.0, 0.0], [2.0, 0.0]), cosine([1.0, 0.0], [-1.0, 0.0])
    (1.0, 0.0)
    """
    norms = math.hypot(*first) * math.hypot(*second)
    return min(1.0, max(0.0, sum(a * b for a, b in zip(first, second, strict=True)) / norms)) if norms else 0.0


def similarity(metric: Similarity, answer: str, reference: str) -> float:
    """The metric, in [0, 1]. `cosine` needs vectors: see there."""
    match metric:
        case "rouge_1" | "rouge_2" | "rouge_3" | "rouge_4" | "rouge_5":
            return rouge_n(answer, reference, int(metric[-1]))
        case "cosine":
            raise AssertionError("cosine is of vectors")
        case "fuzzy_match":
            return fuzzy_match(answer, reference)
        case "bleu":
            return min(1.0, bleu(answer, reference))  # sacrebleu's percent of equal texts is a rounding error above 100
        case "gleu":
            return gleu(answer, reference)
        case "meteor":
            return meteor(answer, reference)
        case "rouge_l":
            return rouge_l(answer, reference)
