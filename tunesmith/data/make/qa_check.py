"""A question, its answer and its quote → nothing, or the reason why the row cannot be used. Pure rules, each with its measure.

What a teacher makes up is caught three times: the quote has to stand in the document, the answer's numbers have to stand there too, and the
question, asked again with the document only, has to get an answer that agrees (round trip; Alberti et al. 2019, "Synthetic QA corpora
generation with roundtrip consistency", arXiv 1906.05416, who keep a pair if the second answer equals the first; free answers cannot be equal, so
ours compares words).
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from tunesmith.data.make.lexicon import FUNCTION_WORDS, NEGATIONS, SMALL_NUMBERS
from tunesmith.data.make.qa_ask import Check, Pair
from tunesmith.data.make.qa_sections import Section
from tunesmith.measure.text import normalise, token_f1, words
from tunesmith.spec.making import Cited
from tunesmith.spec.making_teacher import TaughtWishes

MAX_QUESTION, MAX_ANSWER = 600, 6_000
"""Characters."""
QUOTE_WORDS = 3
"""A shorter quote stands in almost every text."""
SHORT_ANSWER_WORDS = 30
"""Up to so many words a negation that only one of two answers has means that they contradict one another."""
NUMBER = re.compile(r"\d+(?:[.,'\u00a0\u202f]\d+)*")
_DIGITS = re.compile(r"\d+")
STEM = 5
_TEXT = "(?:passage|text|excerpt|paragraph|snippet)"
_PAPER = "(?:passage|text|excerpt|paragraph|snippet|document|article|section|page|chapter|table|figure|material|context|information|source|list|example|code)"
TO_TEXT = re.compile(
    "|".join(
        (
            rf"\b(?:according to|based on|in|from|per|by|of) (?:the|this|that) {_TEXT}\b(?! (?:field|box|file|editor|area|mode|widget|version|message|string))",
            rf"\b(?:according to|based on) (?:the|this|that) (?:\w+ )?(?:{_PAPER}|authors?)\b",
            r"\b(?:in|from|of|by|on) this (?:document|article|section|page|chapter|table|figure|material|context|guide|tutorial|list)\b",
            rf"\b(?:the|this) (?:above|following|preceding|given|provided|quoted|attached|aforementioned) {_PAPER}\b",
            rf"\b(?:does|do|did) (?:the|this) (?:{_TEXT}|document|article|authors?|section|table) \w+",
            r"\bthe authors? (?:says?|mentions?|means?|claims?|suggests?|recommends?|describes?|states?)\b",
            r"\b(?:im|in dem|laut(?: dem)?|aus dem|gemäß dem|nach dem) (?:obigen |vorliegenden |gegebenen |folgenden )?(?:text|abschnitt|dokument|artikel|auszug|textabschnitt)\b",
            r"\bin (?:der|dieser) (?:passage|textpassage|textstelle)\b",
            r"\b(?:dans|selon|d['’]après) (?:le |ce |la |cette |l['’]|cet )(?:texte|passage|document|extrait|article|section|paragraphe|auteur)\b",
            r"\b(?:en|según) (?:el|este|la|esta) (?:texto|pasaje|documento|fragmento|artículo|sección|párrafo)\b",
            r"\b(?:nel|secondo il|in questo|dal) (?:testo|brano|documento|passaggio|paragrafo)\b",
            r"\b(?:no|segundo o|neste|de acordo com o) (?:texto|documento|trecho|parágrafo)\b",
            r"\b(?:in de|volgens de|in deze|volgens deze) (?:tekst|passage|alinea)\b",
        )
    ),
    re.I,
)
"""Words about a text that only somebody who sees the document understands."""
TO_PLACE = re.compile(
    rf"\b{_PAPER} (?:above|below)\b|\b(?:mentioned|described|stated|listed|shown|discussed|quoted|explained|provided|given) (?:above|below|here|earlier|previously)\b"
    r"|\boben (?:genannt|erwähnt|beschrieben|aufgeführt)|\bci-dess(?:us|ous)\b|\b(?:mencionad|descrit)[oa]s? (?:arriba|anteriormente)\b",
    re.I,
)
"""The same for places; an answer may point at its own lines, a question has none."""
_MARKER = re.compile(r"^\s*\(?\d{1,3}[.)]\s", re.M)


class Fault(NamedTuple):
    """Why a pair is not used: a stable word, and what a person reads."""

    reason: str
    message: str


def cited(pair: Pair, section: Section) -> Cited | Fault:
    """Where the pair's quote stands; or the first thing that is wrong with the pair before anybody is asked again."""
    question, answer = pair.question.strip(), pair.answer.strip()
    if not words(question) or not answer:
        return Fault("empty", "the question or the answer is empty")
    if len(question) > MAX_QUESTION or len(answer) > MAX_ANSWER:
        return Fault(
            "too_long",
            f"the question has {len(question):,} and the answer {len(answer):,} characters; at most {MAX_QUESTION:,} and {MAX_ANSWER:,} are used",
        )
    if TO_TEXT.search(question) or TO_PLACE.search(question) or TO_TEXT.search(answer):
        return Fault("refers_to_the_passage", "the question or the answer speaks of a passage that nobody will see")
    if len(words(pair.quote)) < QUOTE_WORDS:
        return Fault("short_quote", f"the quote has fewer than {QUOTE_WORDS} words and proves nothing")
    found = section.find(pair.quote)
    if found is None:
        return Fault("quote_not_found", "the quote does not stand in the document, word for word")
    invented = digit_numbers(_MARKER.sub("", answer)) - every_number("\n".join((*section.headings, section.text)))
    if invented:
        return Fault("number_not_found", f"the answer holds {len(invented)} numbers that do not stand in the document")
    return found


def agreed(pair: Pair, check: Check, wishes: TaughtWishes) -> Fault | None:
    """What speaks against the pair after its question was answered again; None if both answers agree."""
    if not check.is_answerable or not words(check.answer):
        return Fault("not_answerable", "with the document alone the teacher could not answer the question")
    first, second = pair.answer, check.answer
    if not (numbers(first) <= numbers(second) or numbers(second) <= numbers(first)):
        return Fault("answers_differ", "asked again, the teacher gave another number")
    if is_negated(first) != is_negated(second) and max(len(words(first)), len(words(second))) <= SHORT_ANSWER_WORDS:
        return Fault("answers_differ", "asked again, the teacher said the opposite, or said it without the negation")
    f1, inside = agreement(pair, check)
    if f1 < wishes.agreement and inside < wishes.containment:
        told = f"token F1 {f1:.2f} (needs {wishes.agreement:g}), containment {inside:.2f} (needs {wishes.containment:g})"
        return Fault("answers_differ", f"asked again, the teacher answered otherwise: {told}")
    return None


def agreement(pair: Pair, check: Check) -> tuple[float, float]:
    """(token F1, containment) of what both answers say beyond the question, by their gists.

    Words of the question stand in every answer to it, right or wrong; they count only where an answer has no others.

    >>> agreement(Pair(question="Where is it stored?", answer="It is stored in the cache folder.", quote=""), Check(is_answerable=True, answer="In the cache."))
    (0.6666666666666666, 1.0)
    """
    asked = set(gist(pair.question).split())
    first, second = (gist(text).split() for text in (pair.answer, check.answer))
    beyond = [[word for word in some if word not in asked] for some in (first, second)]
    mine, theirs = (" ".join(some) for some in (beyond if all(beyond) else (first, second)))
    return token_f1(mine, theirs), containment(mine, theirs)


def gist(text: str) -> str:
    """The words that carry a text, each cut to its first letters so that its endings do not count; small numbers in digits.

    A text of nothing but function words stays as it is. Cutting words is the stemmer that needs no language (McNamee & Mayfield 2004, "Character
    n-gram tokenization for European language text retrieval"): `changed` and `changes` meet, `cache` and `cash` do not.

    >>> gist("The lists are changed three times.")
    'lists chang 3 times'
    """
    every = [SMALL_NUMBERS.get(word, word) for word in words(text)]
    return " ".join(word[:STEM] for word in every if word not in FUNCTION_WORDS and word not in NEGATIONS) or " ".join(every)


def containment(first: str, second: str) -> float:
    """Share of the shorter text's normalised words that the longer one has too, as bags; 0 where a text has none.

    >>> containment("14 days", "You have 14 days to object.")
    1.0
    """
    mine, theirs = Counter(normalise(first).split()), Counter(normalise(second).split())
    shorter = min(mine.total(), theirs.total())
    return (mine & theirs).total() / shorter if shorter else 0.0


def numbers(text: str) -> set[str]:
    """The numbers in a text by their digits alone, so that `1,500` is `1500`; small ones may be English words.

    >>> sorted(numbers("1,500 rows in 2.5 s, three times"))
    ['1500', '25', '3']
    """
    return digit_numbers(text) | {SMALL_NUMBERS[word] for word in SMALL_NUMBERS.keys() & words(text)}


def digit_numbers(text: str) -> set[str]:
    """The numbers that are written in digits."""
    return {_digits(number) for number in NUMBER.findall(text)}


def _digits(number: str) -> str:
    return "".join(_DIGITS.findall(number)).lstrip("0") or "0"


def every_number(text: str) -> set[str]:
    """The numbers of a text, and their parts: of `1,2,3` also 1, 2 and 3."""
    return numbers(text) | {_digits(run) for run in _DIGITS.findall(text)}


def is_negated(text: str) -> bool:
    """True if a text says that something is not so, in one of a dozen languages."""
    return not NEGATIONS.isdisjoint(words(text))
