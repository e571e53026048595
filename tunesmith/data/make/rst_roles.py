"""Sphinx's roles and directives, which plain docutils does not know → what they say, and what is to be done with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tunesmith.data.make.outline import ticked

CALLED = frozenset({"func", "meth", "c:func", "py:func", "py:meth", "cpp:func", "js:func"})
CODE_ROLES = CALLED | frozenset(
    [
        "attr",
        "class",
        "const",
        "data",
        "envvar",
        "exc",
        "file",
        "keyword",
        "macro",
        "makevar",
        "mod",
        "obj",
        "opcode",
        "option",
        "samp",
        "source",
        "token",
        "type",
        "c:data",
        "c:macro",
        "c:member",
        "c:struct",
        "c:type",
        "py:attr",
        "py:class",
        "py:const",
        "py:data",
        "py:exc",
        "py:mod",
        "py:obj",
        "cpp:class",
        "cpp:type",
        "command",
        "regexp",
        "decorator",
    ]
)
CODE_DIRECTIVES = frozenset(
    [
        "code",
        "code-block",
        "sourcecode",
        "doctest",
        "testcode",
        "testoutput",
        "prompt",
        "ipython",
        "parsed-literal",
        "productionlist",
        "highlight-block",
    ]
)
HIDDEN_DIRECTIVES = frozenset(
    [
        "index",
        "toctree",
        "contents",
        "testsetup",
        "testcleanup",
        "sectionauthor",
        "codeauthor",
        "currentmodule",
        "module",
        "py:module",
        "py:currentmodule",
        "raw",
        "include",
        "literalinclude",
        "autoclass",
        "automodule",
        "autofunction",
        "automethod",
        "autodata",
        "autoexception",
        "autosummary",
        "todo",
        "todolist",
        "image",
        "figure",
        "graphviz",
        "digraph",
        "plantuml",
        "mermaid",
        "tabularcolumns",
        "default-domain",
        "meta",
        "seealso",
        "highlight",
        "default-role",
        "role",
        "title",
        "date",
        "sectnum",
        "header",
        "footer",
        "target-notes",
        "unicode",
        "replace",
        "deprecated-removed",
        "availability",
        "audit-event",
        "c:namespace",
    ]
)
VERSION_DIRECTIVES = {
    "versionadded": "Added in version",
    "versionchanged": "Changed in version",
    "deprecated": "Deprecated since version",
    "versionremoved": "Removed in version",
}
TITLED_DIRECTIVES = frozenset(
    ["dropdown", "collapse", "details", "toggle", "tab", "tab-item", "group-tab", "admonition", "topic", "sidebar", "rubric"]
)
OBJECT_DIRECTIVES = re.compile(r"(?:(?:py|c|cpp|js|rst):)?(?:function|method|class|attribute|data|exception|staticmethod|classmethod|decorator|property|macro|type|member|struct|enum|var|option|envvar|confval|describe|object)$")  # fmt: skip
ROLE = re.compile(r":([\w:+.-]+):`([^`]*)`\Z", re.S)
ROLE_BEHIND = re.compile(r"`([^`]*)`:([\w:+.-]+):\Z", re.S)
_TITLED = re.compile(r"(.*?)\s*<([^<>]*)>\s*\Z", re.S)
_PLAIN_NAME = re.compile(r"[\w.$*-]+(?:\(.*\))?\Z", re.S)
_DIRECTIVE = re.compile(r"\s*\.\. (?:\|[^|]*\| )?([\w:+.-]+?) ?::(?: +(.*))?\Z")
_OPTION = re.compile(r"\s*:[\w-]+:")


def role_text(raw: str, labels: Mapping[str, str]) -> str:
    """What a role says; `labels`: the headings that labels of this document stand for.

    >>> role_text(":meth:`~list.append`", {}), role_text(":ref:`the guide <guide-index>`", {}), role_text(":ref:`guide-index`", {})
    ('`append()`', 'the guide', 'guide index')
    """
    before, behind = ROLE.match(raw), ROLE_BEHIND.match(raw)
    if not before and not behind:
        return raw
    role, body = (before[1], before[2]) if before else (behind[2], behind[1])  # type: ignore[index]  # one of them matched
    body = " ".join(body.split())
    titled = _TITLED.match(body)
    title, target = (titled[1].strip(), titled[2].strip()) if titled else ("", body)
    if role in CODE_ROLES:
        if title:
            return ticked(title) if _PLAIN_NAME.match(title) else title
        name = target.lstrip("!")
        name = name.lstrip("~").rpartition(".")[2] if name.startswith("~") else name
        if role in ("file", "samp"):
            name = name.replace("{", "").replace("}", "")
        return ticked(name + "()" if role in CALLED and not name.endswith(")") else name)
    if title:
        return title
    if role in ("ref", "numref", "std:ref"):
        return labels.get(target.lower(), re.sub(r"[-_]+", " ", target))
    if role == "doc":
        return re.sub(r"[-_]+", " ", target.rpartition("/")[2])
    if role == "menuselection":
        return target.replace("-->", "→")
    if role in ("pep", "rfc"):
        return f"{role.upper()} {target}"
    return target.lstrip("!~").replace("&", "") if role == "guilabel" else target.lstrip("!~")


@dataclass(frozen=True)
class Directive:
    """A directive that docutils could not take."""

    name: str
    argument: str
    content: tuple[str, ...]
    """Its lines, moved to the margin."""


def directive(block: str) -> Directive | None:
    """The directive that a block of raw text is; None if it is none.

    >>> directive(".. versionchanged:: 3.3\\n   Raises OSError.")
    Directive(name='versionchanged', argument='3.3', content=('Raises OSError.',))
    """
    head, *rest = block.split("\n")
    found = _DIRECTIVE.match(head)
    if not found:
        return None
    while rest and _OPTION.match(rest[0]):
        rest.pop(0)
    margin = min((len(line) - len(line.lstrip()) for line in rest if line.strip()), default=0)
    content = [line[margin:].rstrip() for line in rest]
    while content and not content[0]:
        content.pop(0)
    while content and not content[-1]:
        content.pop()
    return Directive(found[1].lower(), (found[2] or "").strip(), tuple(content))
