"""Turns of many threads → the lines with which an author ends most of them: a signature that no closing words announce."""

from __future__ import annotations

from collections import Counter

from tunesmith.data.fold import fold, key

LINES = 4
"""At the end of a turn that may belong to a signature."""
MIN_TURNS = 3
MIN_SHARE = 0.3
MAX_CHARACTERS = 80
MAX_KNOWN = 500_000


class Endings:
    """Counts the last lines of each author's turns; then takes off those that come again and again."""

    def __init__(self) -> None:
        self._lines: Counter[int] = Counter()
        self._turns: Counter[int] = Counter()

    def see(self, author: str, text: str) -> None:
        """One turn, as its author wrote it."""
        who = key(author)
        if len(self._lines) >= MAX_KNOWN and who not in self._turns:
            return
        self._turns[who] += 1
        lines = [line for line in text.split("\n") if line.strip()]
        self._lines.update({key(f"{author}\0{fold(line)}") for line in lines[1:][-LINES:] if may_sign(line)})

    def without(self, author: str, text: str) -> str:
        """The text without its author's usual last lines; the first line always stays."""
        needed = max(MIN_TURNS, MIN_SHARE * self._turns[key(author)])
        lines = text.split("\n")
        end = len(lines)
        for _ in range(LINES):
            while end > 1 and not lines[end - 1].strip():
                end -= 1
            if end <= 1 or not may_sign(lines[end - 1]) or self._lines[key(f"{author}\0{fold(lines[end - 1])}")] < needed:
                break
            end -= 1
        return "\n".join(lines[:end]).rstrip()


def may_sign(line: str) -> bool:
    """True for a line that is no sentence.

    >>> may_sign("Ann | Acme Support"), may_sign("Is there anything else?")
    (True, False)
    """
    text = line.strip()
    return 0 < len(text) <= MAX_CHARACTERS and text[-1] not in ".?!:;)"
