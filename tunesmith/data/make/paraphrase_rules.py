"""A text → the same in other words, one change at a time. English; each rule returns None where it does not apply.

    contraction   I am waiting                → I'm waiting
    politeness    Where is my card?           → Hi, where is my card?
    frame         How do I reset my PIN?      → What do I need to do to reset my PIN?
    phrase        It takes a lot of time      → It takes lots of time
    order         What do I do if it is lost? → If it is lost, what do I do?

Source of the kinds: what users really vary, after Ribeiro et al. 2020, "Beyond accuracy: behavioral testing of NLP models with CheckList"
(arXiv 2005.04118): changes that must not change a label.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from tunesmith.data.make.lexicon import FIRST_WORDS
from tunesmith.data.make.paraphrase_words import Frame, english

Rule = Callable[[str, random.Random], "str | None"]
CONTRACTED = frozenset({"do", "does", "did", "is", "are", "was", "were", "ca", "wo", "could", "would", "should", "has", "have", "had"})
"""What stands before `n't`."""
_VERBAL = re.compile(
    r"\b(?:\w+ing|\w+ed|that|which|who|whom|if|when|because|so|and|or|but|is|are|was|were|do|does|did|to|for|about|like|than|as|wrong)\b", re.I
)
_MARK = re.compile(r"[?.!…]+\Z")
_SUBJECT = r"(?:I|my|the|a|an|you|your|it|we|they|he|she|there|this|that|these|those|someone|somebody|one|our|their|his|her|I'm|it's|I've|i|im)"
_TRAILING = re.compile(rf"\A(?P<main>[^,.?!;:]{{6,}}?)\s+(?P<link>if|when|after|before|once)\s+(?P<clause>{_SUBJECT}\b[^,.?!;:]{{2,}})[?.!]*\Z", re.I)
_LEADING = re.compile(rf"\A(?P<link>if|when|after|before|once)\s+(?P<clause>{_SUBJECT}\b[^,.?!;:]{{2,}}),\s*(?P<main>[^,.?!;:]{{6,}})[?.!]*\Z", re.I)
_EMBEDDING = re.compile(
    r"\b(?:know|see|check|ask|asked|wonder|wondering|sure|certain|tell|tells|told|me|find out|determine|say|says|decide|about|of|matter|matters|explain|as|even|only|"
    r"what|how|since|until|till|just|right|shortly|long|soon|ever|notify|notified|show|shows|remember|confirm|verify|understand|care|depends?|on|and|or|is|are|was|were|be)\Z",
    re.I,
)
"""A main clause that ends so needs what follows, or is not over."""
_SENTENCES = re.compile(r"\A(?P<first>[^.?!]{8,}[.?!])\s+(?P<second>[^.?!]{8,}[.?!]?)\Z")
_ANAPHORA = re.compile(
    r"\b(?:it|its|it's|this|that|they|them|these|those|he|she|him|her|one|ones|there|so|then|also|instead|such|same|but|and|or|because|however|otherwise|thanks?|please|hi|hello|hey)\b",
    re.I,
)


def small(text: str) -> str:
    """The text as it stands inside a sentence.

    >>> small("How are you?"), small("Revolut is down"), small("I am here")
    ('how are you?', 'Revolut is down', 'I am here')
    """
    first = re.match(r"[A-Za-z]+(?=['’]?)", text)
    word = first[0].lower() if first else ""
    is_plain = word in FIRST_WORDS or (word.removesuffix("n") in CONTRACTED and text[len(word) : len(word) + 2] in ("'t", "’t"))
    return text[:1].lower() + text[1:] if is_plain and word != "i" else text


def large(text: str) -> str:
    """The text as it begins a sentence."""
    return text[:1].upper() + text[1:]


def like(text: str, made: str) -> str:
    """`made`, written as `text` is: in small letters, and without a last mark, where `text` is so."""
    if text == text.lower():
        made = made.lower()
    if not _MARK.search(text.rstrip()):
        made = _MARK.sub("", made.rstrip())
    return made


def contraction(text: str, rng: random.Random) -> str | None:
    """One form contracted, or one opened."""
    table = english()
    found = [(match, to) for pattern, to in (*table.contracting, *table.opening) for match in pattern.finditer(text)]
    if not found:
        return None
    match, to = rng.choice(found)
    return text[: match.start()] + _cased(to, match[0]) + text[match.end() :]


def _cased(made: str, given: str) -> str:
    """`made` with the case of what it replaces; `I` stays large unless what is replaced begins with a small one."""
    if given[:1].isupper():
        return large(made)
    return made if made[:1] == "I" and given[:1] == "I" else made[:1].lower() + made[1:]


def politeness(text: str, rng: random.Random) -> str | None:
    """A greeting or a thank-you put on, or the one that is there taken off."""
    polite = english().politeness
    bare = polite.off_after.sub("", polite.off_before.sub("", text))
    if bare != text:
        mark = _MARK.search(text.rstrip())
        asks = "?" if "?" in text else mark[0] if mark else ""
        taken = large(bare.rstrip(" ,")) if text[:1].isupper() else bare.rstrip(" ,")
        return (taken if _MARK.search(taken) else taken + asks) if len(bare.split()) > 1 else None
    frame = rng.choice((*polite.before, *polite.after))
    whole = text.strip() if _MARK.search(text.strip()) or "{Q} " not in frame else text.strip() + "."
    made = frame.format(q=small(whole), Q=large(whole))
    return like(text, made) if frame not in polite.after else made.lower() if text == text.lower() else made


def frame(text: str, rng: random.Random) -> str | None:
    """The text's frame exchanged for another one that means the same."""
    polite = english().politeness
    plain = polite.off_after.sub("", text.strip())
    found = [(one, held) for one in english().frames if (held := _held(one, plain)) is not None]
    if not found:
        return None
    one, held = rng.choice(found)
    others = [form for form, pattern in zip(one.forms, one.patterns, strict=True) if not pattern.match(plain)]
    place = "{np}" if "{np}" in one.forms[0] else "{x}"
    return like(text, rng.choice(others).replace(place, held)) if others else None


def _held(one: Frame, text: str) -> str | None:
    """What one of the frame's forms holds in the text; None if the text has none of them."""
    for form, pattern in zip(one.forms, one.patterns, strict=True):
        match = pattern.match(text)
        if match is None:
            continue
        held = match["held"].strip()
        if "{np}" in form and (len(held.split()) > 5 or _VERBAL.search(held.partition(" ")[2])):
            return None
        first = held.split()[0].lower()
        if one.verbs and first not in one.verbs:
            return None
        if first in ("i", "you", "we", "they", "it", "he", "she", "the", "my", "a", "not", "please", "be", "to") and "{x}" in form:
            return None
        return held
    return None


def phrase(text: str, rng: random.Random) -> str | None:
    """One phrase exchanged for another one that may stand there."""
    table = english()
    found = list(table.phrase.finditer(text))
    if not found:
        return None
    match = rng.choice(found)
    made = rng.choice(table.phrases[match[0].lower()])
    made = made if text == text.lower() else re.sub(r"\bi\b", "I", made)
    return text[: match.start()] + (large(made) if match[0][:1].isupper() else made) + text[match.end() :]


def order(text: str, rng: random.Random) -> str | None:
    """A clause with if, when, after, before or once moved to the other end; or two sentences exchanged where none points at the other."""
    stripped = text.strip()
    trailing = _TRAILING.match(stripped)
    if trailing and not _EMBEDDING.search(trailing["main"]):
        mark = _MARK.search(stripped)
        return like(text, f"{large(trailing['link'].lower())} {trailing['clause'].strip()}, {small(trailing['main'])}{mark[0] if mark else ''}")
    leading = _LEADING.match(stripped)
    if leading and not _EMBEDDING.search(leading["main"].strip()):
        mark = _MARK.search(stripped)
        return like(text, f"{large(leading['main'].strip())} {leading['link'].lower()} {leading['clause'].strip()}{mark[0] if mark else ''}")
    both = _SENTENCES.match(stripped)
    if both and not _ANAPHORA.search(both["second"]) and not _ANAPHORA.search(both["first"].split()[0]):
        second = both["second"] if _MARK.search(both["second"]) else both["second"] + "."
        return like(text, f"{large(second)} {large(both['first'])}")
    return None


RULES: dict[str, Rule] = {"contraction": contraction, "politeness": politeness, "frame": frame, "phrase": phrase, "order": order}
