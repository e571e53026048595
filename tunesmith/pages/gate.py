"""Text from data or from the user → text that is safe and legible on a page; the template environment and the style that all reports share.

Everything passes two gates on its way into a page: `shown` (control and direction characters become escapes) and Jinja's autoescape. A page is one
self-contained file: no request, no script; phone, print, light, dark.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from tunesmith.errors import visible

_HARMLESS_SPACES = frozenset("\u00a0\u2009\u202f")  # unprintable to Python, but they are only spaces: our own numbers use them
_JOINERS = frozenset("\u200c\u200d")  # Persian and Indic spelling and emoji need them


def shown(text: str) -> str:
    """`text` with control and direction characters as escapes; joiners stay where a script needs them.

    >>> shown("a\\u202eb\\x00")
    'a\\\\u202eb\\\\x00'
    """
    return "".join(c if c in _HARMLESS_SPACES or _joins(text, i) else visible(c) for i, c in enumerate(text))


def _joins(text: str, i: int) -> bool:
    """True for a joiner between two characters outside ASCII: elsewhere it could only hide a difference."""
    return text[i] in _JOINERS and 0 < i < len(text) - 1 and not text[i - 1].isascii() and not text[i + 1].isascii()


def environment() -> Environment:
    """Templates whose every value goes through `shown`, then through autoescape."""
    made = Environment(autoescape=True, undefined=StrictUndefined, finalize=_gate, trim_blocks=True, lstrip_blocks=True)
    made.filters["breakable"] = _breakable
    return made


def _gate(value: Any) -> Any:
    return value if isinstance(value, Markup) else shown(str(value))


def _breakable(value: str | Markup) -> Markup:
    """A cell's text that may be broken after an underscore: labels are long words."""
    return value if isinstance(value, Markup) else Markup(escape(shown(value)).replace("_", Markup("_<wbr>")))


def resource(package: str, name: str) -> str:
    """The text of a file that lies beside the modules of `package`."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


@cache
def style() -> str:
    """The style sheet, as it stands between the <style> tags."""
    return resource("tunesmith.pages", "page.css")


@cache
def style_digest() -> str:
    """The style sheet's sha256 in base 64, for the page's content policy."""
    return base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
