"""A page's own data → the questions and answers that it states: schema.org's FAQPage and QAPage, as JSON-LD or as attributes."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Any

from tunesmith.data.make.web_tree import said, spaced, tidy, tree_of
from tunesmith.errors import BadData

MAX_JSON_CHARACTERS = 2_000_000
MAX_DEPTH = 40
BREAK = "\ue000"
"""Stands for the end of a line while the text of a value is gathered."""
Stated = tuple[int | None, str, str]
"""(line, question, answer)"""


def stated(root: Any) -> Iterator[Stated]:
    """Every question with an accepted answer that the page's data holds."""
    for script in root.iter("script"):
        if "ld+json" in (script.get("type") or "").lower():
            for question, answer in in_json(script.text or ""):
                yield script.sourceline, question, answer
    for element in root.iter():
        if isinstance(element.tag, str) and (element.get("itemtype") or "").rstrip("/").endswith("schema.org/Question"):
            name, answer = _property(element, "name"), _accepted(element)
            if name and answer:
                yield element.sourceline, name, answer


def in_json(text: str) -> Iterator[tuple[str, str]]:
    """The questions of one JSON-LD script; none where it is broken."""
    if len(text) > MAX_JSON_CHARACTERS:
        return
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    stack: list[tuple[Any, int]] = [(value, 0)]
    while stack:
        item, depth = stack.pop()
        if depth > MAX_DEPTH:
            continue
        if isinstance(item, list):
            stack.extend((inner, depth + 1) for inner in reversed(item))
        elif isinstance(item, dict):
            if item.get("@type") == "Question" or item.get("@type") == ["Question"]:
                pair = _question(item)
                if pair:
                    yield pair
            else:
                stack.extend((inner, depth + 1) for inner in reversed(list(item.values())) if isinstance(inner, dict | list))


def _question(item: dict[str, Any]) -> tuple[str, str] | None:
    answer = item.get("acceptedAnswer")
    if isinstance(answer, list):
        answer = answer[0] if answer else None
    text = answer.get("text") if isinstance(answer, dict) else None
    name = item.get("name") or item.get("text")
    if not isinstance(name, str) or not isinstance(text, str):
        return None
    question, said_ = " ".join(_text(name).split()), _text(text)
    return (question, said_) if question and said_ else None


def _text(markup: str) -> str:
    """The text of a value that may hold HTML: paragraphs and items of lists on lines of their own."""
    if "<" not in markup:
        return tidy(html.unescape(markup))
    try:
        root, _ = tree_of(f"<body>{markup}</body>", "")
    except BadData:
        return ""
    for element in root.iter("p", "div", "ul", "ol", "h2", "h3", "h4"):
        element.tail = BREAK + (element.tail or "")
    for item in root.iter("li"):
        item.text = BREAK + "- " + (item.text or "").lstrip()
    for line in root.iter("br"):
        line.tail = BREAK + (line.tail or "")
    lines = (tidy(part) for part in spaced("".join(root.itertext())).split(BREAK))
    return "\n".join(line for line in lines if line)


def _accepted(element: Any) -> str:
    for answer in element.iterdescendants():
        if answer.get("itemprop") == "acceptedAnswer":
            text = next((inner for inner in answer.iterdescendants() if inner.get("itemprop") == "text"), answer)
            return tidy(spaced(" ".join(text.itertext())))
    return ""


def _property(element: Any, name: str) -> str:
    for inner in element.iterdescendants():
        if inner.get("itemprop") == name:
            return str(inner.get("content") or said(inner))
    return ""
