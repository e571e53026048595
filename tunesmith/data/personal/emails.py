"""A text → the e-mail addresses in it; looked for around each `@`, and in spelt-out forms as `jane (at) mail (dot) org`."""

from __future__ import annotations

import re

from tunesmith.data.personal.kinds import Span

_LETTER = r"[^\W_\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
"""Thai, Chinese, Japanese and Korean sentences run into an address without a space."""
_LOCAL = re.compile(rf"{_LETTER}(?:(?:{_LETTER}|[._%+'’&-]){{0,62}}(?:{_LETTER}|[_%+-]))?\Z")
_DOMAIN = re.compile(
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?:[A-Za-z]{2,24}(?![A-Za-z0-9])|[^\W\d_A-Za-z\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,24}|xn--[a-z0-9-]{2,59})"
)
_SPELT = re.compile(
    r"[A-Za-z0-9](?<![\w.-][A-Za-z0-9])[A-Za-z0-9._+-]{0,63}\s?[\[({<]\s?at\s?[\])}>]\s?"
    r"[A-Za-z0-9-]{1,63}(?:(?:\s?[\[({<]\s?dot\s?[\])}>]\s?|\sdot\s|\.)[A-Za-z0-9-]{1,63}){1,4}(?![\w-])",
    re.IGNORECASE | re.ASCII,
)
_AT_WORD = re.compile(r"[\[({<]\s?[aA][tT]\s?[\])}>]")
_EXAMPLES = re.compile(
    r"(?:.*\.)?(?:example\.(?:com|org|net|edu)|example|test|invalid|localhost|local|localdomain|(?:your|my)?(?:domain|company|site|website|organization)\.(?:com|org|net))\Z"
)
"""Source: RFC 2606 and RFC 6761; domains that stand for one to fill in."""
_FILES = re.compile(
    r"\.(?:png|jpe?g|gif|svg|webp|ico|css|js|jsx|ts|tsx|map|json|ya?ml|toml|xml|html?|php|txt|csv|pdf|exe|dll|whl|tar|gz|service|shape|dtype|transpose|weight|bias)\Z"
)
"""`logo@2x.png`, `x@w.shape`, a unit of systemd."""


def emails(text: str) -> list[Span]:
    """The e-mail addresses of somebody; domains reserved for examples do not count.

    >>> emails("Write to eve@mail.org, not to me@example.com.")
    [Span(kind='email', start=9, end=21)]
    """
    found: list[Span] = []
    at = text.find("@")
    while at >= 0:
        local = _LOCAL.search(text[max(0, at - 64) : at])
        domain = local and _DOMAIN.match(text, at + 1)
        if local and domain and is_mailbox(local[0], domain[0], text[domain.end() : domain.end() + 1]) and not is_login(text, at):
            found.append(Span("email", at - len(local[0]), domain.end()))
        at = text.find("@", at + 1)
    if ("(" in text or "[" in text or "{" in text or "<" in text) and _AT_WORD.search(text):
        found += [Span("email", *m.span()) for m in _SPELT.finditer(text) if not _EXAMPLES.match(plain(m[0]).split("@")[-1])]
    return found


def is_mailbox(local: str, domain: str, follows: str) -> bool:
    """True if local part and domain are an address: not an example's, a file's name or the login of a code host."""
    domain = domain.lower()
    if ".." in local or _EXAMPLES.match(domain) or _FILES.search(domain):
        return False
    return not (local == "git" and follows in ("", ":", "/"))


def plain(address: str) -> str:
    """An address without what hides it, in lower case: equal for all its spellings.

    >>> plain("Jane (at) mail [dot] ORG")
    'jane@mail.org'
    """
    address = re.sub(r"\s?[\[({<]\s?at\s?[\])}>]\s?", "@", address.lower())
    return re.sub(r"\s?[\[({<]\s?dot\s?[\])}>]\s?|\sdot\s", ".", address)


def is_login(text: str, at: int) -> bool:
    """True if what stands before the `@` is the user of an address such as `https://user:word@host`."""
    head = text[max(0, at - 150) : at]
    scheme = head.rfind("://")
    return scheme >= 0 and not re.search(r"[\s/?]", head[scheme + 3 :])
