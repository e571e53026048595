"""An answer and the checks of an instruction → whether it did as it was told. Pure; each check is a value of `spec/probe.py`.

The checks look at form and at words, never at what an answer is worth: an instruction is chosen so that its form can be seen. Where a strict
reading would punish what any reader lets pass (a full stop behind the one word that was asked for, a code fence around JSON), it is let pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import assert_never

from tunesmith.measure.text import NOT_JSON, read_json
from tunesmith.spec.probe import (
    AnyOf,
    Begins,
    Bullets,
    Case,
    Characters,
    Check,
    Ends,
    Exactly,
    Excludes,
    Includes,
    InstructionProbe,
    Json,
    JsonList,
    Language,
    LanguageCode,
    Lines,
    Number,
    Numbered,
    Order,
    Paragraphs,
    Pattern,
    Repeats,
    Sentences,
    Separated,
    Without,
    Words,
    Wrapped,
)

FEWEST_COMMON = 2
"""Frequent words of a language without which it cannot be told."""
_COMMON: Mapping[LanguageCode, str] = {
    "en": "the of and to in is it that was for on are with as his they at be this have from or had by my your not you i he she we where",
    "de": "der die das und ist in ein eine nicht ich mit es sich auf den dem im mein meine sehr hat sind war auch einen wir er sie aus",
    "fr": "le la les de des et est un une il elle je en que qui dans pas pour ce sur au avec mon ma très fait nous du sont plus a",
    "es": "el la los las de y es en un una que mi con por se no su para como está tiene muy mis del al hay yo son más",
    "it": "il la lo gli le di e è un una che mi con per non sono del della mio mia nel ho molto come si io al anche i colazione mangio",
    "pt": "o a os as de e é em um uma que com por não se do da minha meu para como muito está no na eu são mais ao tem",
}
COMMON: Mapping[LanguageCode, frozenset[str]] = {code: frozenset(words.split()) for code, words in _COMMON.items()}
"""Words that almost every sentence of a language holds some of."""
FENCE = re.compile(r"```[a-zA-Z]*\s*\n?(.*?)\s*```", re.DOTALL)
BULLET = re.compile(r"\s*[-*•]\s+\S")
NUMBER = re.compile(r"\s*(\d+)[.)]\s*\S")
SENTENCE_END = re.compile(r"[.!?…]+(?=[\"'”’)\]*]*(?:\s|$))")
ABBREVIATION = re.compile(r"\b(Mr|Mrs|Ms|Dr|St|e\.g|i\.e|etc)\.(?=\s)")
PLAIN_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
OUTER = re.compile(r"^\W+|\W+$")
CLOSING = "\"'”’»)]* "


def complies(answer: str, probe: InstructionProbe) -> bool:
    """True if the answer does everything that the instruction asks for; silence never does."""
    return bool(answer.strip()) and all(holds(check, answer) for check in probe.checks)


def holds(check: Check, answer: str) -> bool:
    """True if one check holds of the answer.

    >>> holds(Words(least=2, most=3), "a short one"), holds(Ends(text="friend"), "He is my friend.")
    (True, True)
    """
    text = answer.strip()
    match check:
        case Words() | Characters() | Sentences() | Lines() | Paragraphs() | Bullets():
            return check.holds(amount(check, text))
        case Numbered():
            return [int(found[1]) for line in text.splitlines() if (found := NUMBER.match(line))] == list(range(1, check.count + 1))
        case Separated():
            parts = text.rstrip(".").split(check.by)
            return len(parts) == check.count and all(part.strip() for part in parts)
        case Includes():
            return all(places(one, text) for one in check.texts)
        case AnyOf():
            return any(places(one, text) for one in check.texts)
        case Excludes():
            return not any(places(one, text) for one in check.texts)
        case Order():
            return in_order(check.texts, text)
        case Repeats():
            return len(places(check.text, text)) == check.count
        case Without():
            return not set(check.characters) & set(text)
        case Begins() | Ends() | Wrapped():
            return at_the_edges(check, text)
        case Case():
            letters = [c for c in text if c.lower() != c.upper()]
            return bool(letters) and all(c == (c.upper() if check.letters == "upper" else c.lower()) for c in letters)
        case Exactly():
            return any(bare(one) == bare(text) for one in check.texts)
        case Number():
            plain = PLAIN_NUMBER.fullmatch(text.removesuffix("."))
            return plain is not None and check.low <= float(plain[0]) <= check.high
        case Pattern():
            return re.fullmatch(check.pattern, text) is not None
        case Json() | JsonList():
            return is_such_json(check, text)
        case Language():
            return is_in(check.code, text)
        case _:
            assert_never(check)


def amount(check: Words | Characters | Sentences | Lines | Paragraphs | Bullets, text: str) -> int:
    """How many of what the check counts."""
    match check:
        case Words():
            return sum(any(c.isalnum() for c in word) for word in text.split())
        case Characters():
            return len(text)
        case Sentences():
            return sentences(text)
        case Lines():
            return sum(bool(line.strip()) for line in text.splitlines())
        case Paragraphs():
            return sum(bool(block.strip()) for block in re.split(r"\n\s*\n", text))
        case Bullets():
            return sum(BULLET.match(line) is not None for line in text.splitlines())
        case _:
            assert_never(check)


def sentences(text: str) -> int:
    """How many sentences: parts with a letter in them, up to a mark that ends a sentence or to the end of the text.

    >>> sentences("Mr. Hill came. Who sent him?"), sentences("1. no mark at the end"), sentences("?!")
    (2, 1, 0)
    """
    parts = SENTENCE_END.split(ABBREVIATION.sub(r"\1", text))
    return sum(any(c.isalpha() for c in part) for part in parts)


def folded(text: str) -> str:
    """Case and the form of apostrophes and quotation marks do not count."""
    return text.casefold().replace("’", "'").replace("“", '"').replace("”", '"')


def places(wanted: str, text: str) -> list[int]:
    """Where `wanted` stands in `text` as whole words.

    >>> places("cat", "Cats like a cat."), places("8:00", "at 8:00")
    ([12], [3])
    """
    return [found.start() for found in re.finditer(rf"(?<!\w){re.escape(folded(wanted))}(?!\w)", folded(text))]


def in_order(wanted: tuple[str, ...], text: str) -> bool:
    """True if each of them occurs, and the first occurrences stand in this order."""
    first = [places(one, text)[:1] for one in wanted]
    return all(first) and first == sorted(first)


def at_the_edges(check: Begins | Ends | Wrapped, text: str) -> bool:
    """True if the text begins or ends as it should."""
    match check:
        case Begins():
            rest = text[len(check.text) :]
            whole = len(check.text) == 1 or not check.text[-1].isalnum() or not rest[:1].isalnum()
            return text.startswith(check.text) and whole
        case Ends():
            last = OUTER.sub("", text) if check.text[-1].isalnum() else text.rstrip(CLOSING)
            before = folded(last).removesuffix(folded(check.text))
            whole = not check.text[0].isalnum() or not before[-1:].isalnum()
            return len(before) < len(folded(last)) and whole
        case Wrapped():
            inner = folded(text)
            return len(inner) > len(check.left + check.right) and inner.startswith(check.left) and inner.endswith(check.right)
        case _:
            assert_never(check)


def bare(text: str) -> str:
    """The words as they are, without outer marks, in one spacing.

    >>> bare(' "Yes." '), bare("The green  door!")
    ('yes', 'the green door')
    """
    return " ".join(OUTER.sub("", folded(text)).split())


def is_such_json(check: Json | JsonList, text: str) -> bool:
    """True if the text, or the one code fence that it is, holds JSON of that form."""
    fence = FENCE.fullmatch(text)
    value = read_json(fence[1] if fence else text)
    if value is NOT_JSON:
        return False
    if isinstance(check, Json):
        return isinstance(value, dict) and set(value) == set(check.keys)
    return isinstance(value, list) and len(value) == check.count


def is_in(code: LanguageCode, text: str) -> bool:
    """True if the text has at least two of the language's most frequent words, and of no other language more.

    >>> is_in("de", "Der Hund ist müde."), is_in("de", "The dog is tired.")
    (True, False)
    """
    found = re.findall(r"\w+", folded(text))
    hits = {name: sum(word in common for word in found) for name, common in COMMON.items()}
    return hits[code] >= FEWEST_COMMON and hits[code] == max(hits.values())
