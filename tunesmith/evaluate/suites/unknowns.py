"""The user's own questions → questions about things that do not exist, by rules, each with what it was made of. Pure and deterministic.

    How do I block my card?                → thing        How do I block my trelvok?
    Which gate does Lufthansa use?         → name         Which gate does Zandrelk use?
    What does os.path.join do?             → identifier   What does os.path.brondel do?
    What changed in Python 3.11?           → number       What changed in Python 47.85?

Only what stands in the domain's own rows (so that it can be known) is replaced, and only by what stands nowhere in them. A model that knows its domain answers the
question and declines this one. Amounts, dates and ordinals are left alone: a transfer of 941 pounds is as answerable as one of 500.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tunesmith.evaluate.refusals import reference_of
from tunesmith.measure.text import words
from tunesmith.spec.chat import Conversation
from tunesmith.spec.dataset import Record
from tunesmith.spec.suite import SuiteLimits, Unknown, UnknownKind

KINDS: tuple[UnknownKind, ...] = ("identifier", "number", "name", "thing")
KNOWN_NAME, KNOWN_THING = 2, 3
"""Rows in which a name or a thing must stand, to be one of the domain."""
MOST_WORDS = 40
"""In a longer question the rest says so much that one word changed may not matter."""

_IDENTIFIER = re.compile(r"`[A-Za-z_][\w.]{1,40}(?:\(\))?`|\b[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?:\(\))?|\b[A-Za-z_]\w+\(\)|\b[a-z]+(?:_[a-z0-9]+)+\b")
_NUMBER = re.compile(
    r"(?P<what>(?<=[a-z,’'] )[A-Z][A-Za-z]+|\b(?:version|release|error|code|article|section|chapter|paragraph|model|rule|form|gate|platform|flight|bus|line|room))(?: (?:#|no\.? ?)?)"
    r"(?P<number>\d+(?:\.\d+)*)\b(?!\s*(?:%|:|am\b|pm\b|st\b|nd\b|rd\b|th\b|days?\b|hours?\b|minutes?\b|years?\b|dollars?\b|pounds?\b|euros?\b))"
)
_NAME = re.compile(r"(?<=[a-z,’'] )[A-Z][A-Za-z0-9&-]+(?: [A-Z][A-Za-z0-9&-]+){0,2}\b")
_THING = re.compile(
    r"\b(?i:my|your|our|the) (?P<thing>[a-z]{3,15})(?=\s*[?.!,;]|\s+(?:is|was|has|had|did|does|do|in|on|at|for|to|from|with|and|or|not|after|before|when|if|be|yet|still)\b|\s*$)",
    re.M,
)
_COMMON = re.compile(
    r"(?:I|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|January|February|March|April|May|June|July|August|September"
    r"|October|November|December|Christmas|Easter|English|German|French|Spanish|Mr|Mrs|Ms|Dr|OK|AM|PM)\Z"
)
"""Words with a capital letter that name nothing of a domain."""
_NO_THINGS = frozenset(
    words("own way time help name question problem answer fault mind best opinion life work house home day week month year friend family")
)
_ONSETS = ("b", "br", "d", "dr", "f", "fl", "g", "gr", "k", "kl", "m", "n", "p", "pl", "r", "s", "sk", "t", "tr", "v", "z", "zv")
_VOWELS = ("a", "e", "i", "o", "u")
_CODAS = ("l", "n", "r", "x", "k", "nd", "rv", "lt", "sk", "m")


@dataclass(frozen=True)
class Domain:
    """What stands in the user's rows: what a model was taught, and what is said anywhere."""

    names: Mapping[str, int]
    """Capitalised runs inside sentences → taught rows that hold them."""
    things: Mapping[str, int]
    """What comes after `my`, `your`, `our` or `the` → taught rows."""
    identifiers: frozenset[str]
    """Of taught rows."""
    numbers: frozenset[str]
    """Of taught rows."""
    words: frozenset[str]
    """Of all rows, folded; numbers included."""


def domain_of(taught: Sequence[Record], others: Sequence[Record]) -> Domain:
    """What stands in these rows, questions and answers."""
    names: Counter[str] = Counter()
    things: Counter[str] = Counter()
    identifiers: set[str] = set()
    numbers: set[str] = set()
    for text in map(text_of, taught):
        names.update(set(_NAME.findall(text)))
        things.update({found["thing"] for found in _THING.finditer(text.lower())})
        identifiers.update(_bare(found) for found in _IDENTIFIER.findall(text))
        numbers.update(re.findall(r"\d+(?:\.\d+)*", text))
    said = {word for row in (*taught, *others) for word in (*words(text_of(row)), *re.findall(r"\d+(?:\.\d+)*", text_of(row)))}
    return Domain(names, things, frozenset(identifiers), frozenset(numbers), frozenset(said))


def text_of(row: Record) -> str:
    """Everything that is said in a row."""
    return "\n".join(message.content or "" for message in row.conversation.messages) if row.conversation is not None else row.text or ""


def unknowns(rows: Sequence[Record], taught: Sequence[Record], limits: SuiteLimits) -> list[Unknown]:
    """Questions made of `rows` (in scope), at most the limits' number, kinds by turns; what `taught` rows hold counts as known. The order of rows does not matter."""
    domain = domain_of(taught, rows)
    by_kind: dict[UnknownKind, list[Unknown]] = defaultdict(list)
    for row in rows:
        for one in [*_made(row, domain, limits.seed)][: limits.unknown_per_row]:
            by_kind[one.kind].append(one)
    for some in by_kind.values():
        some.sort(key=lambda one: hashlib.sha256(f"{limits.seed} {one.parent} {one.question}".encode()).digest())
    turns = max(map(len, by_kind.values()), default=0)
    ordered = [by_kind[kind][turn] for turn in range(turns) for kind in KINDS if turn < len(by_kind[kind])]
    return ordered[: limits.unknown_questions]


def _made(row: Record, domain: Domain, seed: int) -> Iterator[Unknown]:
    """At most one question of each kind."""
    question = last_user_text(row.conversation) if row.conversation is not None else ""
    if not question or len(question.split()) > MOST_WORDS or not reference_of(row):
        return
    for kind in KINDS:
        found = RULES[kind](question, domain, f"{seed} {kind} {row.id}")
        if found is not None:
            text, replaced, invented = found
            yield Unknown(kind=kind, question=text, replaced=replaced, invented=invented, parent=row.id, origin=row.origin)


def last_user_text(conversation: Conversation) -> str:
    """What the user asked last."""
    return next((message.content or "" for message in reversed(conversation.question().messages) if message.role == "user"), "")


Rule = Callable[[str, Domain, str], "tuple[str, str, str] | None"]


def by_identifier(question: str, domain: Domain, key: str) -> tuple[str, str, str] | None:
    """The last part of a known identifier exchanged for an invented one."""
    for found in _IDENTIFIER.finditer(question):
        whole = found[0]
        bare = _bare(whole)
        if bare not in domain.identifiers or all(len(part) <= 2 for part in bare.split(".")):
            continue  # `e.g.` is none
        head, dot, last = bare.rpartition(".")
        invented = "_".join(coined(f"{key} {i}", domain) for i in range(last.count("_") + 1))
        strange = f"{head}{dot}{invented}"
        return question.replace(whole, whole.replace(bare, strange)), bare, strange
    return None


def by_number(question: str, domain: Domain, key: str) -> tuple[str, str, str] | None:
    """The number of a numbered thing exchanged for one that the data never name."""
    for found in _NUMBER.finditer(question):
        number = found["number"]
        strange = _strange_number(number, domain, key)
        if number in domain.numbers and not _COMMON.match(found["what"]) and strange is not None:
            made = question[: found.start("number")] + strange + question[found.end("number") :]
            return made, f"{found['what']} {number}", f"{found['what']} {strange}"
    return None


def by_name(question: str, domain: Domain, key: str) -> tuple[str, str, str] | None:
    """A name of the domain exchanged for an invented one."""
    for found in _NAME.finditer(question):
        name = found[0]
        if domain.names.get(name, 0) < KNOWN_NAME or any(_COMMON.match(part) for part in name.split()):
            continue
        invented = " ".join(coined(f"{key} {i}", domain).capitalize() for i in range(len(name.split())))
        return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", invented, question), name, invented
    return None


def by_thing(question: str, domain: Domain, key: str) -> tuple[str, str, str] | None:
    """A thing of the domain exchanged for an invented one; two things in one question are left alone: the other would say what is meant."""
    found = list(_THING.finditer(question))
    things = {one["thing"] for one in found}
    if len(things) != 1:
        return None
    thing = found[0]["thing"]
    if domain.things.get(thing, 0) < KNOWN_THING or thing in _NO_THINGS:
        return None
    invented = coined(key, domain) + ("s" if re.search(r"[^su]s\Z", thing) else "")
    return re.sub(rf"\b{thing}\b", invented, question), thing, invented


RULES: Mapping[UnknownKind, Rule] = {"identifier": by_identifier, "number": by_number, "name": by_name, "thing": by_thing}


def coined(key: str, domain: Domain) -> str:
    """A word of two syllables that does not stand in the data; the same key gives the same word."""
    for attempt in range(1000):
        drawn = hashlib.sha256(f"{key} {attempt}".encode()).digest()
        parts = (_ONSETS[drawn[0] % len(_ONSETS)], _VOWELS[drawn[1] % 5], _CODAS[drawn[2] % len(_CODAS)])
        more = (_ONSETS[drawn[3] % len(_ONSETS)], _VOWELS[drawn[4] % 5], _CODAS[drawn[5] % len(_CODAS)])
        word = "".join(parts + more)
        if word not in domain.words:
            return word
    raise AssertionError("the data hold every word that could be made up")


def _strange_number(number: str, domain: Domain, key: str) -> str | None:
    """A number of the same form that the data do not hold; None if there is none."""
    for attempt in range(100):
        drawn = hashlib.sha256(f"{key} {attempt}".encode()).digest()
        parts = []
        for i, part in enumerate(number.split(".")):
            low, high = (37, 99) if len(part) < 2 else (10 ** (len(part) - 1), 10 ** len(part) - 1)
            parts.append(str(low + int.from_bytes(drawn[4 * i : 4 * i + 4], "big") % (high - low + 1)))
        made = ".".join(parts)
        if made not in domain.words:
            return made
    return None


def _bare(identifier: str) -> str:
    return identifier.strip("`").removesuffix("()")
