"""Nothing → identifiers in the forms that OpenAI's clients know."""

from __future__ import annotations

import re
import secrets
import string

ALNUM = string.ascii_letters + string.digits
SAFE = re.compile(r"[A-Za-z0-9_-]{1,80}")
SAFE_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
"""The id of a base model: one name in the folder of models, never a way out of it."""


def new_id(prefix: str, length: int = 24) -> str:
    """A fresh id: the prefix and so many random letters and digits (24 of them hold 143 bits)."""
    return prefix + "".join(secrets.choice(ALNUM) for _ in range(length))


def is_plain(name: str) -> bool:
    """True if the name can be part of a path: nothing that comes from a request goes near the file system before this was asked."""
    return SAFE.fullmatch(name) is not None
