"""An answer and its sources → what the sources do not hold: numbers and names, and the share of the answer's words that they do hold.

Without any model. Numbers, dates and times are compared by what they mean (`amounts.py`); names are words with a capital letter that does not
come from the beginning of a sentence. Scripts without capital letters (Arabic, Han, Devanagari …) have no names that could be told from other
words here: there only numbers are looked at. What can be derived from the source (a sum, a count, "yesterday") counts as unsupported.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tunesmith.measure.amount_words import MAGNITUDES, MONTHS, UNITS
from tunesmith.measure.amounts import Amount, Stated, agree, months_named, parts_of, said_in_words, same_day, stated, taken_days, western
from tunesmith.measure.name_words import ARTICLES, CONNECTING, GERMAN, OPENING, PRONOUNS
from tunesmith.measure.text import UNSPACED, folded

CONTENT_LETTERS = 4
"""Shorter words hold sentences together; what they say has a number or a capital letter."""
INFLECTION = 2
"""Letters at the end in which two forms of a word may differ."""
LATIN_STEM, OTHER_STEM = 5, 3
"""Letters at the beginning that both forms must share; Cyrillic and Greek names are short and always inflected."""
SHORTEST_NAME = 4
"""From which a name may be longer or shorter by an ending: Marks is of Mark."""
LONGEST_ACRONYM = 6
NOUN_LANGUAGE = 0.15
"""Share of German function words from which capitals inside sentences mark nouns and not names."""
_NAME_WORD = re.compile(r"(?<!\w)[^\W\d_](?:[\w'’.\u2010-]*\w)?")
_STOP = re.compile(r"[.!?…:;»«\"“”„()\[\]\n\r•*|。！？]|[-–—]\s")
_TITLES = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|Hr|Fr)\b\.?")
Token = tuple[int, str]


@dataclass(frozen=True)
class Ground:
    """What sources say, ready to be looked up."""

    said: Stated
    numbers: frozenset[float]
    """Every number, however it is written."""
    months: frozenset[int]
    words: frozenset[str]
    stems: frozenset[str]
    """Words without up to two letters at their end, by which inflected forms are found."""
    initials: frozenset[str]
    """Of capitalised words in a row: `who` for World Health Organization."""
    acronyms: frozenset[str]


def unsupported(answer: str, sources: Sequence[str]) -> tuple[str, ...]:
    """Numbers, dates and names of `answer` that no source holds, in their order, each once.

    >>> unsupported("Ann Lee paid 1,250 euros on 3 May.", ["On 2024-05-03 Mrs Lee paid € 1250."])
    ('Ann',)
    """
    answer = unicodedata.normalize("NFC", answer)
    ground = ground_of(tuple(sources))
    claims = stated(answer)
    minutes = {minute for _, minute in ground.said.minutes}
    missing = [amount.text for amount in claims.amounts if not holds(ground, amount)]
    missing += [day.text for day in claims.days if not same_day(day, ground.said.days, set(ground.months), set(ground.numbers))]
    missing += [text for text, minute in claims.minutes if minute not in minutes]
    flat = western(answer)
    placed = [(flat.find(text), text) for text in missing]
    placed += [(place, name) for place, run in names(taken_days(answer)[0]) for name in strangers(run, ground)]
    return tuple(dict.fromkeys(text.strip() for _, text in sorted(placed)))


def supported_share(answer: str, sources: Sequence[str]) -> float:
    """The share of the answer's content words that a source has, in that form or inflected; 0 for an answer without words.

    Content words have at least four letters, or a digit; in scripts without spaces every character counts.

    >>> supported_share("The visa costs 60 euros.", ["A visa costs sixty euros, 60 in all."])
    1.0
    """
    every = list(words_of(answer))
    content = [word for word in every if len(word) >= CONTENT_LETTERS or not word.isalpha() or UNSPACED.match(word)] or every
    if not content:
        return 0.0
    ground = ground_of(tuple(sources))
    return sum(is_known(word, ground) for word in content) / len(content)


@lru_cache(maxsize=64)
def ground_of(sources: tuple[str, ...]) -> Ground:
    """The sources, read once for all answers that are held against them."""
    text = unicodedata.normalize("NFC", "\n".join(sources))
    said = stated(text)
    numbers = {value for amount in said.amounts for value in (*amount.readings, *parts_of(amount))} | said_in_words(text)
    dated = [reading for day in said.days for reading in day.readings]
    numbers |= {float(part) for reading in dated for part in reading if part is not None}
    plain = frozenset(words_of(text))
    tokens = [found[0] for found in _NAME_WORD.finditer(text)]
    return Ground(
        said=said,
        numbers=frozenset(numbers),
        months=frozenset(months_named(text) | {month for _, month, _ in dated if month is not None}),
        words=plain,
        stems=frozenset(stem for word in plain for stem in stems_of(word, OTHER_STEM)),
        initials=frozenset(initials(tokens)),
        acronyms=frozenset(bare(word) for word in tokens if is_acronym(word)),
    )


def holds(ground: Ground, amount: Amount) -> bool:
    """True if a source states the amount: with its unit, in words, as a part of a date, or in parts where spaces separate its digits."""
    if not amount.readings:  # a version, the number of a paragraph: it has to stand there as it is
        return amount.text in {one.text for one in ground.said.amounts}
    if any(agree(amount, theirs) for theirs in ground.said.amounts):
        return True
    elsewhere = ground.numbers - {value for one in ground.said.amounts for value in one.readings}
    parts = parts_of(amount)
    return agree(amount, Amount(amount.text, elsewhere)) or (bool(parts) and ground.numbers.issuperset(parts))


def words_of(text: str) -> Iterator[str]:
    """The words of `text`, folded. Hyphens separate; what follows an apostrophe belongs to the word unless an article stands before it.

    >>> list(words_of("Ann's U.S. visa, l'avion"))
    ['ann', 'us', 'visa', 'l', 'avion']
    """
    for found in re.finditer(r"\w[\w.'’]*", UNSPACED.sub(r" \1 ", folded(text))):
        head, *rest = re.split(r"['’]", found[0])
        parts = (head, *rest) if len(head) < OTHER_STEM and rest != ["s"] else (head,)
        yield from (word for word in (part.replace(".", "") for part in parts) if word)


def bare(word: str) -> str:
    """A word folded, without points and hyphens: `U.S.` and `US` are one."""
    return re.sub(r"[.\u2010-]", "", folded(word))


def stems_of(word: str, shortest: int) -> Iterator[str]:
    """The word, and the word without one or two letters at its end, as far as `shortest` letters are left."""
    for end in range(max(shortest, len(word) - INFLECTION), len(word) + 1):
        yield word[:end]


def initials(tokens: Sequence[str]) -> Iterator[str]:
    """The initials of every two to six capitalised words in a row; small words between them do not count."""
    row: list[str] = []
    for token in (*tokens, "."):
        if token[0].isupper():
            row.append(folded(token)[0])
        elif folded(token) not in CONNECTING:
            yield from ("".join(row[start:end]) for start in range(len(row)) for end in range(start + 2, min(len(row), start + LONGEST_ACRONYM) + 1))
            row = []


def names(text: str) -> list[tuple[int, tuple[str, ...]]]:
    """(place, words) of each run of capitalised words that is a name: a lone word at the beginning of a sentence is none unless its form says so.

    >>> names("Yesterday Ann Lee of NASA met him. Paris was cold.")
    [(10, ('Ann', 'Lee')), (21, ('NASA',))]
    """
    text = _TITLES.sub(lambda found: " " * len(found[0]), text)
    tokens = [(found.start(), found[0]) for found in _NAME_WORD.finditer(text)]
    starts = {place for place in range(len(tokens)) if begins_sentence(text, tokens, place)}
    nouns = is_german([word for _, word in tokens])
    found = []
    for place, run in runs(text, tokens, starts):
        is_first = place in starts
        if is_first and folded(run[0][1]) in OPENING:
            run, is_first = run[1:], False
        elif nouns and place > 0 and tokens[place - 1][1].lower() in ARTICLES:  # das Unternehmen Grünwerk
            run = run[1:]
        if run and is_name(run[0][1], len(run), is_first=is_first, nouns=nouns):
            found.append((run[0][0], tuple(word for _, word in run)))
    return found


def runs(text: str, tokens: Sequence[Token], starts: set[int]) -> Iterator[tuple[int, Sequence[Token]]]:
    """(index, tokens) of each run of capitalised words with nothing but a space between them."""
    place = 0
    while place < len(tokens):
        end = place
        while (
            end < len(tokens) and is_capital(tokens[end][1]) and (end == place or (end not in starts and adjoins(text, tokens[end - 1], tokens[end])))
        ):
            end += 1
        if end > place:
            yield place, tokens[place:end]
        place = max(end, place + 1)


def begins_sentence(text: str, tokens: Sequence[Token], place: int) -> bool:
    """True for a word behind the end of a sentence, a quotation mark, a colon or a bullet. The point behind an initial ends nothing."""
    if place == 0:
        return True
    at, before = tokens[place - 1]
    between = text[at + len(before) : tokens[place][0]]
    return _STOP.search(between) is not None and not (len(before) == 1 and before.isupper() and between.strip() == ".")


def is_name(word: str, length: int, *, is_first: bool, nouns: bool) -> bool:
    """True if a run of `length` capitalised words that begins with `word` is a name, not a sentence's beginning, nor a noun where nouns have capitals."""
    if length > 1 or has_inner_capital(word):
        return True
    return not is_first and not nouns and folded(word) not in PRONOUNS


def is_capital(word: str) -> bool:
    """True for a word that begins with a capital letter, or has one inside (`iPhone`)."""
    return unicodedata.category(word[0]) in ("Lu", "Lt") or has_inner_capital(word)


def has_inner_capital(word: str) -> bool:
    """True for acronyms and words like `McDonald` and `iPhone`; longer words in capitals only are loud."""
    return any(c.isupper() for c in re.split(r"[\u2010-]", word)[0][1:]) and not (word.isupper() and len(word) > LONGEST_ACRONYM)


def is_acronym(word: str) -> bool:
    """True for two to six capital letters."""
    letters = word.replace(".", "")
    return 2 <= len(letters) <= LONGEST_ACRONYM and letters.isalpha() and letters.isupper()


def adjoins(text: str, first: Token, second: Token) -> bool:
    """True if nothing but a space stands between two words."""
    return text[first[0] + len(first[1]) : second[0]] in (" ", "\u00a0")


def is_german(words: Sequence[str]) -> bool:
    """True if so many words are German function words that a capital letter marks a noun."""
    return bool(words) and sum(word.lower() in GERMAN for word in words) >= NOUN_LANGUAGE * len(words)


def strangers(run: Sequence[str], ground: Ground) -> list[str]:
    """The words of a name that no source has; none where a source has the name by its initials."""
    if len(run) > 1 and "".join(folded(word)[0] for word in run) in ground.acronyms:
        return []
    return [word for word in run if len(word) > 1 and not is_familiar(word, ground)]


def is_familiar(word: str, ground: Ground) -> bool:
    """True if a source has this word of a name, what it is the initials of, its month, or every part of it; units are no names."""
    plain = bare(word)
    if plain in UNITS or plain in MAGNITUDES or is_known(plain, ground):
        return True
    if (is_acronym(word) and plain in ground.initials) or MONTHS.get(plain) in ground.months:
        return True
    return all(is_known(part, ground) for part in words_of(word))


def is_known(word: str, ground: Ground) -> bool:
    """True if a source has the word, or one that differs from it in its last two letters at most."""
    if word in ground.words:
        return True
    if not word.isalpha():
        return word.isdigit() and word.isascii() and float(word) in ground.numbers
    is_latin = all(c.isascii() or "LATIN" in unicodedata.name(c, "") for c in word)
    if is_latin and len(word) >= SHORTEST_NAME and word in ground.stems:
        return True
    if is_latin and any(len(word) - cut >= SHORTEST_NAME and word[:-cut] in ground.words for cut in range(1, INFLECTION + 1)):
        return True
    return not ground.stems.isdisjoint(stems_of(word, LATIN_STEM if is_latin else OTHER_STEM))
