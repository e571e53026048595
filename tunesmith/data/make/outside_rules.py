"""A user's own questions → near misses by rule: questions in the domain's words that nobody there answers. English.

    How do I block my card?       → slot          How do I block my library card?
    What are your opening hours?  → name          What are IKEA's opening hours?
    (a thing they ask about)      → attribute     Which university did the inventor of the card go to?
    (the same)                    → false_premise You promised a free kayak with every card; when will mine be delivered?

No word that is put in may stand in the user's own rows: a library's router must not learn to decline questions about library cards.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tunesmith.data.make.lexicon import DETERMINERS, NO_THINGS
from tunesmith.data.make.outside_pool import Words
from tunesmith.measure.text import words

LEAST_USES, LEAST_SHARE, MOST_THINGS = 3, 0.001, 40
"""A thing counts as one of the domain if so many questions, and such a share of them, name it after `my`, `your` or `our`; the most frequent are taken."""
MOST_WORDS = 16
"""A longer question says so much of the domain that one word changed does not lead out of it."""
_THING = re.compile(
    r"\b(?:my|your|our)\s+([a-z]{3,15})(?=\s*[?.!,;]|\s+(?:is|was|has|had|did|does|do|in|on|at|for|to|from|with|and|or|not|after|before|when|if|be|yet|still|again|today)\b|\s*$)"
)
_PLURAL = re.compile(r"[^su]s\Z")
_YOUR = re.compile(r"\byour\b(?!\s+(?:help|time|support|answer|assistance))", re.I)
_YOU = re.compile(r"(?<!how )\b(do|are|will)\s+you\b(?:\s+(?:guys|all|people)\b)?(?!\s+(?:think|know|mean|tell|help|want|need|have\s+to))", re.I)
_YOURSELF = re.compile(r"\byou(?:r|rs)?\b", re.I)
_SENTENCE_END = re.compile(r"[.?!]\s+\S")
_DOES = {"do": "does", "are": "is", "will": "will"}
"""`did you` is left out: what another company did to a customer may well be the user's business. In `how do you` everybody is asked, not the company."""


@dataclass(frozen=True)
class Vocabulary:
    """The words of the user's own rows, folded."""

    known: Collection[str]

    def knows(self, text: str) -> bool:
        """True if one of the words of `text` stands in the user's rows; short function words do not count."""
        return any(word in self.known for word in words(text) if len(word) > 2)


def vocabulary(texts: Iterable[str]) -> Vocabulary:
    """The words of all these texts."""
    return Vocabulary(frozenset(word for text in texts for word in words(text)))


def things(questions: Iterable[str]) -> list[str]:
    """What the questions are about, most frequent first: the words that come after `my`, `your` or `our` at least LEAST_USES times.

    >>> things(["Where is my card?", "my card is lost", "block my card", "it is my fault"])
    ['card']
    """
    texts = [question.lower() for question in questions]
    counts = Counter(thing for text in texts for thing in set(_THING.findall(text)))
    least = max(LEAST_USES, LEAST_SHARE * len(texts))
    found = [thing for thing, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])) if n >= least]
    return [thing for thing in found if thing not in NO_THINGS and not _PLURAL.search(thing)][:MOST_THINGS]


def is_simple(question: str) -> bool:
    """True for one sentence of few words: there a word changed changes what is asked."""
    return len(question.split()) <= MOST_WORDS and not _SENTENCE_END.search(question.strip())


def by_name(question: str, own_names: Sequence[str], foreign: Sequence[str], rng: random.Random) -> str | None:
    """The question about another company: in place of the user's own names, or of `you` and `your`; None where neither stands there.

    >>> by_name("What are your opening hours?", (), ["IKEA"], random.Random(0))
    "What are IKEA's opening hours?"
    """
    if not foreign or not is_simple(question):
        return None
    name = rng.choice(list(foreign))
    for own in sorted(own_names, key=len, reverse=True):
        found = re.compile(rf"(?<!\w){re.escape(own)}(?!\w)", re.I)
        if found.search(question):
            return found.sub(lambda _: name, question)
    made = _YOUR.sub(possessive(name), question)
    made = _YOU.sub(lambda found: f"{_cased(_DOES[found[1].lower()], found[0])} {name}", made)
    return made if made != question and not _YOURSELF.search(made) else None


def possessive(name: str) -> str:
    """What stands before a thing that the company has; a name that is one already stays.

    >>> possessive("IKEA"), possessive("McDonald's")
    ("IKEA's", "McDonald's")
    """
    return name if name.endswith(("'s", "’s")) else f"{name}'s"


def by_slot(question: str, slots: Mapping[str, Sequence[str]], own: Vocabulary, rng: random.Random) -> str | None:
    """The question about another thing of the same name; None where it names none that has one.

    >>> by_slot("How do I block my card?", {"card": ["library"]}, vocabulary([]), random.Random(0))
    'How do I block my library card?'
    """
    tokens = re.findall(r"[\w'’-]+|[^\w'’-]+", question)
    places = [i for i in range(2, len(tokens)) if slot_of(tokens[i], slots) and tokens[i - 1] == " " and tokens[i - 2].lower() in DETERMINERS]
    if not is_simple(question) or sum(slot_of(token, slots) is not None for token in tokens) != 1:
        return None  # of two things one would stay the user's
    choices = [(i, word) for i in places for word in slots[slot_of(tokens[i], slots) or ""] if not own.knows(word)]
    if not choices:
        return None
    place, word = rng.choice(choices)
    if _YOURSELF.search("".join(tokens[: place - 2] + tokens[place:])):
        return None  # `from your ATM` keeps it in the domain
    if tokens[place - 2].lower() in ("a", "an"):
        tokens[place - 2] = _cased(article(word), tokens[place - 2])
    return "".join([*tokens[:place], f"{word} ", *tokens[place:]])


def slot_of(word: str, slots: Mapping[str, Sequence[str]]) -> str | None:
    """The slot that a word fills, in singular or plural; None where it fills none."""
    lower = word.lower()
    singulars = (lower, lower.removesuffix("s"), lower.removesuffix("es"), lower.removesuffix("ies") + "y")
    return next((name for name in slots if name.lower() in singulars and (name.lower() == lower or lower.endswith("s"))), None)


def by_attribute(known: Sequence[str], own_names: Sequence[str], given: Words) -> Iterator[tuple[str, str]]:
    """(question, the thing it names): what nobody there knows about a thing of the domain; first every thing once, then again."""
    for number in range(max(len(given.attributes), 1)):
        for offset, thing in enumerate(known):
            yield with_article(given.attributes[(number + offset) % len(given.attributes)].format(noun=thing)), thing
    for frame in given.attributes_of_names:
        for name in own_names:
            yield frame.format(name=name), name


def by_false_premise(known: Sequence[str], own: Vocabulary, given: Words, rng: random.Random) -> Iterator[tuple[str, str]]:
    """(question, the thing it names) with a premise that is not so."""
    strange = [thing for thing in given.things if not own.knows(thing)]
    places = [place for place in given.places if not own.knows(place)]
    names = [name for name in given.names if not own.knows(name)]
    if not (strange and places and names):
        return
    for number in range(len(given.false_premises)):
        for offset, thing in enumerate(known):
            frame = given.false_premises[(number + offset) % len(given.false_premises)]
            filled = frame.format(noun=thing, thing=rng.choice(strange), place=rng.choice(places), name=rng.choice(names))
            yield with_article(filled), thing


def article(word: str) -> str:
    """`a` or `an`, by the first letter.

    >>> article("airport"), article("pizza"), article("university"), article("ukulele"), article("hour")
    ('an', 'a', 'a', 'a', 'an')
    """
    lower = word.lower()
    if re.match(r"uni|use|usu|uku|eu|one\b|once|ut[ei]", lower):
        return "a"
    return "an" if re.match(r"[aeiou]|hour|hono|heir|x-", lower) else "a"


def with_article(text: str) -> str:
    """The text with every `a` and `an` as the next word wants it.

    >>> with_article("a account and an card")
    'an account and a card'
    """
    return re.sub(r"\b(an?) (?=(\w+))", lambda found: f"{_cased(article(found[2]), found[1])} ", text, flags=re.I)


def _cased(word: str, like: str) -> str:
    return word.capitalize() if like[:1].isupper() else word
