"""A text and its paraphrase → whether numbers, names and negations are the same in both: what no paraphrase may change."""

from __future__ import annotations

import re
from collections import Counter

from tunesmith.data.make.lexicon import NEGATIONS, NUMBER_WORDS
from tunesmith.measure.text import words

_NUMBER = re.compile(r"\d+(?:[.,:/'\u00a0\u202f-]\d+)*")
_TOKEN = re.compile(r"[^\s,;!?()\"“”]+")


def kept(text: str, other: str) -> bool:
    """True if both texts have the same numbers, the same names and as many negations.

    >>> kept("I don't see 3 cards", "i do not see 3 cards"), kept("send 30", "send 3"), kept("I can pay", "I can't pay")
    (True, False, False)
    """
    return numbers(text) == numbers(other) and negations(text) == negations(other) and names(text) <= tokens(other) and names(other) <= tokens(text)


def numbers(text: str) -> Counter[str]:
    """Numbers in digits and in words, as they are written."""
    return Counter(_NUMBER.findall(text)) + Counter(word for word in words(text) if word in NUMBER_WORDS)


def negations(text: str) -> int:
    """How often a text says no."""
    joined = re.sub(r"\bcan not\b", "cannot", text, flags=re.I)
    return sum(word in NEGATIONS for word in words(joined))


def tokens(text: str) -> Counter[str]:
    """The words as they are written, without the marks around them."""
    return Counter(bare(token) for token in _TOKEN.findall(text))


def names(text: str) -> Counter[str]:
    """Words that must stay as they are, letter for letter: with a capital inside a sentence, with capitals or digits within, addresses, code.

    >>> sorted(names("My iPhone shows E15. Is Apple Pay down?"))
    ['Apple', 'E15', 'Pay', 'iPhone']
    """
    found: Counter[str] = Counter()
    starts = True
    for token in _TOKEN.finditer(text):
        word = bare(token[0])
        if word and is_name(word, starts=starts):
            found[word] += 1
        starts = token[0][-1:] in ".:" or text[token.end() : token.end() + 1] in ("?", "!")
    return found


def bare(token: str) -> str:
    """A word without points and quotes at its ends, and without 's.

    >>> bare("'Revolut's'."), bare("E15.")
    ('Revolut', 'E15')
    """
    return re.sub(r"['’]s\Z", "", token.strip(".:'’`*_-…"))


def is_name(word: str, *, starts: bool) -> bool:
    """True for a word that no rule may touch. `starts`: it begins a sentence, where a capital means nothing."""
    if word in ("I", "I'm", "I'd", "I'll", "I've", "I’m", "I’d", "I’ll", "I’ve"):
        return False
    inner = word[1:]
    odd = any(c.isdigit() or c in "@/\\_<>{}=#&+" for c in word) or any(c.isupper() for c in inner)
    return odd or (word[:1].isupper() and not starts)
