"""A text → the same with what hurried people do to it: typing slips, capitals, marks. Rules for any language; None where one does not apply.

Numbers, names and words that say no are never touched (paraphrase_kept.py).
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Mapping

from tunesmith.data.make.lexicon import COMMON_ENGLISH, FIRST_WORDS, FUNCTION_WORDS, NEGATIONS, NUMBER_WORDS
from tunesmith.data.make.paraphrase_kept import bare, is_name, names
from tunesmith.data.make.paraphrase_words import ordinary_words
from tunesmith.measure.text import words

LEAST_LETTERS = 4
LIGHT_HITS = 5
LIGHT_WORDS = FUNCTION_WORDS | FIRST_WORDS | COMMON_ENGLISH
SHORT_WORD = 4
"""In languages whose words we do not know, a longer first word could be a name and keeps its capital."""
QWERTY = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
QWERTZ = ("qwertzuiop", "asdfghjkl", "yxcvbnm")
AZERTY = ("azertyuiop", "qsdfghjklm", "wxcvbn")
LAYOUTS = {"de": QWERTZ, "cs": QWERTZ, "sk": QWERTZ, "hu": QWERTZ, "sl": QWERTZ, "hr": QWERTZ, "fr": AZERTY}
"""By language; any other Latin script is typed on QWERTY."""
_MARK = re.compile(r"[?.!…]+\Z")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def neighbours(rows: tuple[str, ...]) -> Mapping[str, str]:
    """Each key → the keys around it: beside it, and above and below, where a row stands half a key to the right of the one above.

    >>> neighbours(QWERTY)["g"]
    'fhtyvb'
    """
    found: dict[str, str] = {}
    for number, row in enumerate(rows):
        for at, key in enumerate(row):
            beside = [row[i] for i in (at - 1, at + 1) if 0 <= i < len(row)]
            above = [rows[number - 1][i] for i in (at, at + 1) if number and i < len(rows[number - 1])]
            below = [rows[number + 1][i] for i in (at - 1, at) if number + 1 < len(rows) and 0 <= i < len(rows[number + 1])]
            found[key] = "".join((*beside, *above, *below))
    return found


_NEIGHBOURS: Mapping[tuple[str, ...], Mapping[str, str]] = {rows: neighbours(rows) for rows in (QWERTY, QWERTZ, AZERTY)}


def typo(text: str, rng: random.Random, language: str = "en") -> str | None:
    """One letter of one word hit beside, swapped, left out or doubled; never the first letter, never a name, a number or a word that says no.

    Words that only hold the sentence together are hit LIGHT_HITS times as often as others. Measured on BANKING77 with a classifier over sentence
    vectors that finds 93.2 % of the labels: 92.8 % after a slip in such a word, 82.6 % after one in any word of at least four letters.
    """
    is_small = text == text.lower() and language == "en"  # names cannot be told by their capitals: only words that are surely none are touched
    places = [m for m in re.finditer(r"[^\W\d_]+", text) if is_usable(text, m, is_small=is_small)]
    if not places:
        return None
    (match,) = rng.choices(places, [LIGHT_HITS if place[0] in LIGHT_WORDS else 1 for place in places])
    word = slip(match[0], rng, LAYOUTS.get(language, QWERTY))
    return text[: match.start()] + word + text[match.end() :] if word != match[0] else None


def is_usable(text: str, match: re.Match[str], *, is_small: bool) -> bool:
    """True for a word in small letters that may be misspelt."""
    word = match[0]
    around = re.search(r"\S*\Z", text[: match.start()]), re.match(r"\S*", text[match.end() :])
    token = (around[0][0] if around[0] else "") + word + (around[1][0] if around[1] else "")
    if len(word) < LEAST_LETTERS or not word.islower() or is_name(bare(token), starts=True) or "'" in token or "’" in token:
        return False
    return word not in NEGATIONS and word not in NUMBER_WORDS and (not is_small or word in ordinary_words())


def slip(word: str, rng: random.Random, layout: tuple[str, ...] = QWERTY) -> str:
    """The word with one slip behind its first letter; the word itself where the slip changes nothing."""
    at = rng.randrange(1, len(word))
    near = _NEIGHBOURS[layout].get(word[at], "")
    match rng.choice(("beside", "swap", "leave out", "double") if near else ("swap", "leave out", "double")):
        case "beside":
            return word[:at] + rng.choice(near) + word[at + 1 :]
        case "swap":
            at = min(at, len(word) - 2)
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        case "leave out":
            return word[:at] + word[at + 1 :]
        case _:
            return word[:at] + word[at] + word[at:]


def casing(text: str, rng: random.Random, language: str = "en") -> str | None:
    """The text without the capitals of its sentences, or, where it has none, with a first one. Whatever may be a name keeps its capital."""
    if text == text.lower():
        first = text.split(maxsplit=1)[:1]
        is_plain = text[:1].islower() and not is_name(bare(first[0]), starts=True)
        return text[:1].upper() + text[1:] if is_plain else None
    kept = names(text)

    def lowered(found: re.Match[str]) -> str:
        word = found[0].lower()
        is_plain = word.partition("'")[0] in {"i", "a"} | ordinary_words() if language == "en" else len(word) <= SHORT_WORD
        return word if is_plain and not _is_part(text, found, kept) else found[0]

    made = _WORD.sub(lowered, text)
    return made if made != text else None


def _is_part(text: str, found: re.Match[str], kept: Mapping[str, int]) -> bool:
    """True if the letters are a name, or a part of one (`E15`, `@Anna`)."""
    around = re.search(r"[^\s,;!?()\"“”]*\Z", text[: found.start()]), re.match(r"[^\s,;!?()\"“”]*", text[found.end() :])
    return found[0] in kept or bare((around[0][0] if around[0] else "") + found[0] + (around[1][0] if around[1] else "")) in kept


def punctuation(text: str, rng: random.Random) -> str | None:
    """The last mark left out, doubled or added; commas or apostrophes left out."""
    stripped = text.rstrip()
    mark = _MARK.search(stripped)
    made: list[str] = []
    if mark:
        made.append(stripped[: mark.start()].rstrip())
        made += [stripped + "?"] if mark[0] == "?" else [stripped + "!"] if mark[0] == "!" else []
    elif stripped and unicodedata.category(stripped[-1])[0] in "LN":
        made += (
            [stripped + "?", stripped + "."][:1]
            if re.match(r"(?:how|what|where|when|why|who|which|is|are|can|do|does|did)\b", stripped, re.I)
            else [stripped + "."]
        )
    if re.search(r"(?<=[^\W\d_]),\s", stripped):
        made.append(re.sub(r"(?<=[^\W\d_]),(?=\s)", "", stripped))
    if re.search(r"(?<=[a-z])['’](?=[a-z])", stripped):
        made.append(re.sub(r"(?<=[a-z])['’](?=[a-z])", "", stripped))
    made = [one for one in made if one != text and words(one) == words(text)]
    return rng.choice(made) if made else None


NOISE: Mapping[str, Callable[[str, random.Random, str], str | None]] = {
    "typo": typo,
    "punctuation": lambda text, rng, language: punctuation(text, rng),
    "casing": casing,
}
