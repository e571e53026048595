"""What a model wrote → the program or query in it."""

from __future__ import annotations

import re

_THOUGHT = re.compile(r"\A\s*<think>.*?</think>\s*", re.S)
_FENCE = re.compile(r"^[ \t]*(```+|~~~+)[^\n`]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.S | re.M)


def unfenced(answer: str) -> str:
    """The first fenced block where there is one, else the whole answer; a thought before it is no part of it.

    >>> unfenced("Here it is:\\n```sql\\nSELECT 1\\n```\\nIt counts.")
    'SELECT 1\\n'
    """
    text = _THOUGHT.sub("", answer)
    found = _FENCE.search(text)
    return found[2] if found else text
