"""A text → the same text with placeholders where personal data and secrets stood: `[EMAIL_1]`, the same value always the same placeholder.

What a placeholder stands for is held in memory while a data set is worked on, and is written nowhere.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence

from tunesmith.data.personal import emails, phones
from tunesmith.data.personal.kinds import SECRETS, Span
from tunesmith.data.personal.spans import KINDS, MAX_CHARACTERS, PLACEHOLDER, spans

BETWEEN = "\n\0\n"


class Placeholders:
    """The placeholders of one data set, numbered in the order in which the values first appear.

    Texts of the data set may hold such placeholders already. Let `reserve` see all of them before the first is handed out, and none is given twice.
    """

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], str] = {}
        self._last: Counter[str] = Counter()
        self._taken: set[str] = set()

    def __len__(self) -> int:
        return len(self._given)

    def reserve(self, text: str) -> None:
        """Keep the placeholders that stand in a text from being handed out."""
        if "[" in text:
            self._taken.update(PLACEHOLDER.findall(text))

    def placeholder(self, kind: str, value: str) -> str:
        """What stands for a value; the same for all its spellings.

        >>> book = Placeholders()
        >>> book.placeholder("email", "Eve@mail.org"), book.placeholder("email", "eve@mail.org"), book.placeholder("email", "bob@mail.org")
        ('[EMAIL_1]', '[EMAIL_1]', '[EMAIL_2]')
        """
        mark = KINDS[kind].mark
        found = self._given.get((mark, same(kind, value)))
        if found is None:
            found = self._next(mark)
            while found in self._taken:
                found = self._next(mark)
            self._given[mark, same(kind, value)] = found
        return found

    def _next(self, mark: str) -> str:
        self._last[mark] += 1
        return f"[{mark}_{self._last[mark]}]"


def redact(
    text: str, book: Placeholders, kinds: Collection[str] | None = None, find: Callable[[str], list[Span]] = spans
) -> tuple[str, tuple[str, ...]]:
    """(the text with placeholders, the kinds that were found in it); `kinds` None: all. What is redacted already does not change.

    >>> redact("Write to eve@mail.org", Placeholders())
    ('Write to [EMAIL_1]', ('email',))
    """
    book.reserve(text)
    done: list[str] = []
    found: set[str] = set()
    while text:
        piece, text = _cut(text)
        while places := [span for span in find(piece) if kinds is None or span.kind in kinds]:  # again, since what is gone may have hidden something
            found.update(span.kind for span in places)
            pieces, at = [], 0
            for span in places:
                pieces += [piece[at : span.start], book.placeholder(span.kind, piece[span.start : span.end])]
                at = span.end
            piece = "".join([*pieces, piece[at:]])
        done.append(piece)
    return "".join(done), tuple(kind for kind in KINDS if kind in found)


def redact_all(
    texts: Sequence[str], book: Placeholders, kinds: Collection[str] | None = None, find: Callable[[str], list[Span]] = spans
) -> tuple[list[str], tuple[str, ...]]:
    """(the texts of one row with placeholders, the kinds that were found); what one text asks for is found in the next, as in a conversation.

    >>> redact_all(["What is your BSN?", "111222333"], Placeholders())
    (['What is your BSN?', '[NATIONAL_ID_1]'], ('nl_bsn',))
    """
    made, found = redact(BETWEEN.join(texts), book, kinds, find)
    parts = made.split(BETWEEN)
    if len(parts) == len(texts):
        return parts, found
    each = [redact(text, book, kinds, find) for text in texts]  # a text that holds the separator itself
    return [text for text, _ in each], tuple(kind for kind in KINDS if any(kind in some for _, some in each))


def _cut(text: str) -> tuple[str, str]:
    """(as much of a text as is looked at in one go, the rest)."""
    if len(text) <= MAX_CHARACTERS:
        return text, ""
    at = text.rfind("\n", MAX_CHARACTERS // 2, MAX_CHARACTERS)
    at = at if at > 0 else MAX_CHARACTERS
    return text[:at], text[at:]


def same(kind: str, value: str) -> str:
    """What the spellings of a value have in common.

    >>> same("iban", "DE89 3704 0044 0532 0130 00"), same("email", "Eve@Mail.org")
    ('DE89370400440532013000', 'eve@mail.org')
    """
    if kind in SECRETS:
        return value
    if kind == "email":
        return emails.plain(value)
    if kind == "phone":
        return phones.plain(value)
    if kind == "ip_address":
        return str(ipaddress.ip_address(value))
    if kind in ("person", "location"):
        return " ".join(value.casefold().split())
    return re.sub(r"[\W_]", "", value).upper()
