"""Markdown → passages, parsed by markdown-it (CommonMark with tables), so that fences, nesting and references mean what they mean elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tunesmith.data.make import web
from tunesmith.data.make.outline import Numbers, Outline, barred, fenced, indented, one_line, plain, reflow, ticked
from tunesmith.spec.passage import Passage

BOLD_QUESTION, BOLD_LINE = 7, 8
"""Levels of lines in bold that head what follows; Markdown's own headings end at 6."""
MAX_FRONT_MATTER_LINES = 200
MAX_BOLD_CHARACTERS = 200
_FOOTNOTE = re.compile(r"\[\^[^\]\s]{1,60}\](:?)")
_FOOTNOTE_MARK = re.compile(r"\^\S{1,60}\Z")
_SUMMARY = re.compile(r"<summary\b[^>]*>(.*?)</summary>", re.I | re.S)
_TAG = re.compile(r"<[^>]*>")


def markdown_passages(lines: Sequence[str], file: str, depth: int) -> Iterator[Passage]:
    """The passages of a Markdown text; blocks nested deeper than `depth` are left to the parser, which flattens them."""
    parser = MarkdownIt("commonmark", {"maxNesting": depth}).enable(["table", "strikethrough"])
    tokens = parser.parse("\n".join(without_front_matter(lines)))
    yield from _Walk(tokens, Outline(file)).blocks(0, len(tokens))


def without_front_matter(lines: Sequence[str]) -> Sequence[str]:
    """The lines, those of a YAML block at the start made blank, so that numbers stay."""
    if not lines or lines[0].strip() != "---":
        return lines
    for end, line in enumerate(lines[1:MAX_FRONT_MATTER_LINES], 1):
        if line.strip() in ("---", "..."):
            return [""] * (end + 1) + list(lines[end + 1 :])
    return lines


class _Walk:
    """Over the flat tokens of one document."""

    def __init__(self, tokens: list[Token], outline: Outline) -> None:
        self.tokens, self.outline = tokens, outline
        self._details: list[float] = []

    def blocks(self, start: int, end: int) -> Iterator[Passage]:
        """The passages of the tokens from `start` to before `end`."""
        i = start
        while i < end:
            token = self.tokens[i]
            close = self._close(i) if token.nesting == 1 else i
            match token.type:
                case "heading_open":
                    text = plain(one_line(inline(self.tokens[i + 1])))
                    if text:
                        yield self.outline.heading(int(token.tag[1]), text, **spot(token))
                case "paragraph_open":
                    yield from self._paragraph(self.tokens[i + 1], token)
                case "bullet_list_open" | "ordered_list_open":
                    text = self._list(i, close)
                    if text:
                        yield self.outline.block("list", text, **spot(token))
                case "table_open":
                    rows = self._rows(i, close)
                    if rows:
                        yield self.outline.block("table", barred(rows), rows, **spot(token))
                case "fence" | "code_block":
                    yield from self._code(token)
                case "html_block":
                    yield from self._html(token)
                case "blockquote_open":
                    yield from self.blocks(i + 1, close)
            i = close + 1

    def _close(self, start: int) -> int:
        """The index of the token that closes the one at `start`."""
        level = 0
        for i in range(start, len(self.tokens)):
            level += self.tokens[i].nesting
            if level == 0:
                return i
        return len(self.tokens) - 1

    def _paragraph(self, content: Token, place: Token) -> Iterator[Passage]:
        raw = inline(content)
        if (note := _FOOTNOTE.match(raw)) and note[1]:  # the text of a footnote
            return
        bold, rest = run_in(content)
        asks = bold.rstrip(" :").endswith(("?", "？"))
        if bold and len(bold) <= MAX_BOLD_CHARACTERS and ((not rest and not bold.endswith((":", ".", ","))) or asks):
            yield self.outline.heading(BOLD_QUESTION if asks else BOLD_LINE, plain(one_line(bold.rstrip(" :"))), **spot(place))
            if rest:
                yield self.outline.block("paragraph", rest, **spot(place))
            return
        lines = _FOOTNOTE.sub("", raw).split("\n")
        said = [line[1:].strip() for line in lines[1:] if line.startswith(":")]
        text = reflow(lines)
        if said and len(said) == len(lines) - 1:
            rows = [(lines[0].strip(), reflow(said))]
            yield self.outline.block("definitions", f"{rows[0][0]}\n    {rows[0][1]}", rows, **spot(place))
        elif text:
            yield self.outline.block("paragraph", text, **spot(place))

    def _code(self, token: Token) -> Iterator[Passage]:
        if token.content.strip():
            language = token.info.split()[0] if token.info.strip() else None
            yield self.outline.block("code", token.content.rstrip("\n"), language=language, **spot(token))

    def _html(self, token: Token) -> Iterator[Passage]:
        html = token.content
        opens, closes = html.lower().count("<details"), html.lower().count("</details")
        line = token.map[0] + 1 if token.map else None
        if opens == closes:
            yield from web.fragment(html, self.outline, line)
            return
        for _ in range(opens - closes):
            self._details.append(max(self.outline.depth() + 1, BOLD_QUESTION))
        summary = _SUMMARY.search(html)
        if summary and self._details:
            yield self.outline.heading(self._details[-1], one_line(web.words(summary[1])), line=line, last_line=line)
        rest = _TAG.sub(" ", _SUMMARY.sub(" ", html))
        if rest.strip():
            yield self.outline.block("paragraph", one_line(web.words(rest)), line=line, last_line=line)
        for _ in range(closes - opens):
            if self._details:
                self.outline.close(self._details.pop())

    def _rows(self, start: int, end: int) -> list[list[str]]:
        rows: list[list[str]] = []
        for token in self.tokens[start:end]:
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "inline" and rows:
                rows[-1].append(one_line_of(token))
        return rows

    def _list(self, start: int, end: int) -> str:
        """The items between two tokens, nested lists and code inside them indented."""
        first = self.tokens[start].attrs.get("start", 1) if self.tokens[start].type.startswith("ordered") else None
        lines: list[str] = []
        i, number = start + 1, int(first) if first is not None else 0
        while i < end:
            close = self._close(i)
            mark = f"{number}. " if first is not None else "- "
            text = self._item(i + 1, close)
            if text:
                lines.append(mark + indented(text, len(mark)))
            number += 1
            i = close + 1
        return "\n".join(lines)

    def _item(self, start: int, end: int) -> str:
        """The blocks of one item as text."""
        parts: list[str] = []
        i = start
        while i < end:
            token = self.tokens[i]
            close = self._close(i) if token.nesting == 1 else i
            if token.type in ("paragraph_open", "heading_open"):
                parts.append(reflow(_FOOTNOTE.sub("", inline(self.tokens[i + 1])).split("\n")))
            elif token.type in ("fence", "code_block"):
                parts.append(fenced(token.content.rstrip("\n"), token.info.split()[0] if token.info.strip() else None))
            elif token.type.endswith("list_open"):
                parts.append(self._list(i, close))
            elif token.type == "table_open":
                parts.append(barred(self._rows(i, close)))
            elif token.type == "html_block":
                parts.append(web.words(token.content))
            elif token.type == "blockquote_open":
                parts.append(self._item(i + 1, close))
            i = close + 1
        return "\n".join(part for part in parts if part)


def spot(token: Token) -> Numbers:
    """The lines that a block token covers."""
    return {"line": token.map[0] + 1, "last_line": token.map[1]} if token.map else {"line": None, "last_line": None}


def one_line_of(token: Token) -> str:
    """The text of a table's cell."""
    return " ".join(_FOOTNOTE.sub("", inline(token)).split())


def inline(token: Token) -> str:
    """The text of an inline token: emphasis, links and images off, code in backticks, line ends kept."""
    children = token.children or []
    marks = {id(child) for before, child in pairwise(children) if before.type == "link_open" and _FOOTNOTE_MARK.match(child.content)}
    return "".join(_said(child) for child in children if id(child) not in marks)


def _said(child: Token) -> str:
    match child.type:
        case "text" | "text_special":
            return child.content
        case "code_inline":
            return ticked(child.content)
        case "softbreak" | "hardbreak":
            return "\n"
        case "html_inline":
            return "\n" if child.content.lower().startswith("<br") else ""
    return ""


def run_in(token: Token) -> tuple[str, str]:
    """(the words in bold at the beginning of a paragraph, what follows them); ("", …) where it does not begin in bold.

    A number before the bold words counts as a part of them.
    """
    children = list(token.children or ())
    while children and children[0].type in ("text", "softbreak") and not children[0].content.strip():
        children.pop(0)
    if not children or children[0].type != "strong_open":
        return "", ""
    level = 0
    for i, child in enumerate(children):
        level += child.nesting if child.type.startswith("strong") else 0
        if level == 0:
            bold = reflow("".join(map(_said, children[1:i])).split("\n"))
            rest = reflow(_FOOTNOTE.sub("", "".join(map(_said, children[i + 1 :]))).split("\n"))
            return bold, rest
    return "", ""
