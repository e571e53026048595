"""reStructuredText → passages, parsed by docutils without its transforms and with nothing that reads files, writes raw markup or runs code.

Sphinx's roles and directives are unknown to docutils: it leaves them as they stand, and they are read here (rst_roles.py). No global table of docutils
is changed, so that other programs in the process see the docutils they know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from tunesmith.data.make.outline import Numbers, Outline, barred, fenced, indented, listed, one_line, plain, reflow, ticked
from tunesmith.data.make.packages import package
from tunesmith.data.make.rst_roles import (
    CODE_DIRECTIVES,
    HIDDEN_DIRECTIVES,
    OBJECT_DIRECTIVES,
    TITLED_DIRECTIVES,
    VERSION_DIRECTIVES,
    Directive,
    directive,
    role_text,
)
from tunesmith.errors import BadData
from tunesmith.spec.passage import Passage

FOLDED, BOLD_LINE = 100.0, 200.0
"""Levels of headings that are no section titles: of what unfolds a text, and of a line in bold."""
MAX_BOLD_CHARACTERS = 200
SEARCH_LINES = 600
ADMONITIONS = frozenset(["attention", "caution", "danger", "error", "hint", "important", "note", "tip", "warning"])
SILENT = frozenset(
    [
        "comment",
        "target",
        "substitution_definition",
        "pending",
        "transition",
        "raw",
        "decoration",
        "meta",
        "footnote",
        "citation",
        "docinfo",
        "image",
        "title",
        "subtitle",
        "field_list",
        "problematic",
        "header",
        "footer",
    ]
)


def rst_passages(lines: Sequence[str], file: str, depth: int) -> Iterator[Passage]:
    """The passages of a reStructuredText document; directives nested deeper than `depth` are left out.

    Raises: BadData, MissingDependency.
    """
    try:
        yield from Walk(lines, Outline(file), depth).document("\n".join(lines))
    except RecursionError:
        raise BadData("is nested too deeply", where=file, expected="lists and quotes within each other a few times", fix="simplify it") from None


def parsed(text: str) -> Any:
    """The tree that docutils makes of a text: what it read, before any transform."""
    frontend = package("docutils.frontend", "docutils", "reading reStructuredText")
    rst = package("docutils.parsers.rst", "docutils", "reading reStructuredText")
    tools = package("docutils.utils", "docutils", "reading reStructuredText")
    settings = frontend.get_default_settings(rst.Parser)
    vars(settings).update(
        file_insertion_enabled=False,
        raw_enabled=False,
        halt_level=5,
        report_level=5,
        warning_stream=False,
        syntax_highlight="none",
        line_length_limit=1_000_000,
    )
    document = tools.new_document("text", settings)
    rst.Parser().parse(text, document)
    return document


class Walk:
    """Over the trees of one document, its directives' contents included."""

    def __init__(self, lines: Sequence[str], outline: Outline, depth: int) -> None:
        self.lines, self.outline, self.depth = lines, outline, depth
        self.labels: dict[str, str] = {}
        self.substitutions: dict[str, str] = {}
        self.language: str | None = None
        self._at = 0
        """Lines that lie behind."""

    def document(self, text: str, level: int = 0) -> Iterator[Passage]:
        """The passages of a whole text, or of what stands in a directive."""
        tree = parsed(text)
        self._collect(tree)
        yield from self.blocks(tree, level)

    def _collect(self, tree: Any) -> None:
        """Remember what labels and substitutions stand for."""
        waiting: list[str] = []
        for node in tree.findall():
            match node.tagname:
                case "target" if node.get("names") and not node.get("refuri"):
                    waiting += node["names"]
                case "section":
                    title = next((child for child in node.children if child.tagname == "title"), None)
                    if title is not None:
                        self.labels.update(dict.fromkeys(waiting, one_line(self.inline(title))))
                    waiting = []
                case "paragraph":
                    waiting = []
                case "substitution_definition":
                    self.substitutions.update(dict.fromkeys(node.get("names", ()), one_line(node.astext())[:200]))

    def blocks(self, node: Any, level: int) -> Iterator[Passage]:
        """The passages of the blocks in `node`; `level` counts sections."""
        for child in node.children:
            yield from self.block(child, level)

    def block(self, node: Any, level: int) -> Iterator[Passage]:
        """The passages of one block."""
        match node.tagname:
            case tag if tag in SILENT:
                return
            case "section":
                yield from self._section(node, level + 1)
            case "paragraph":
                yield from self._paragraph(node)
            case "bullet_list" | "enumerated_list":
                if text := self._list(node):
                    yield self.outline.block("list", text, **self.spot(node))
            case "definition_list":
                yield from self._terms(node, level)
            case "literal_block" | "doctest_block":
                yield from self._code(node)
            case "line_block":
                if text := self.text(node):
                    yield self.outline.block("paragraph", text, **self.spot(node))
            case "table":
                yield from self._table(node)
            case "system_message":
                yield from self._message(node, level)
            case "topic" if "contents" in node.get("classes", ()):
                return
            case "rubric":
                yield self.outline.heading(BOLD_LINE, plain(one_line(self.inline(node))), **self.spot(node))
            case "option_list":
                if text := self.text(node):
                    yield self.outline.block("list", text, **self.spot(node))
            case tag if tag in ADMONITIONS:
                yield from self._marked(f"{tag.capitalize()}: ", self.blocks(node, level))
            case "caption" | "attribution" | "math_block":
                if text := reflow(self.inline(node).split("\n")):
                    yield self.outline.block("paragraph", text, **self.spot(node))
            case _:
                yield from self.blocks(node, level)

    def _marked(self, mark: str, passages: Iterator[Passage]) -> Iterator[Passage]:
        """The passages, the first paragraph of which says what kind of remark they are."""
        for i, passage in enumerate(passages):
            first = i == 0 and passage.kind == "paragraph"
            yield passage.model_copy(update={"text": mark + passage.text}) if first else passage

    def _section(self, node: Any, level: int) -> Iterator[Passage]:
        title = next((child for child in node.children if child.tagname == "title"), None)
        text = plain(one_line(self.inline(title))) if title is not None else ""
        if text:
            yield self.outline.heading(level, text, **self.spot(title))
        yield from self.blocks(node, level)
        self.outline.close(level)

    def _paragraph(self, node: Any) -> Iterator[Passage]:
        text = reflow(self.inline(node).split("\n"))
        spot = self.spot(node)
        first = next((child for child in node.children if child.tagname != "#text" or child.astext().strip()), None)
        bold = one_line(self.inline(first)) if first is not None and first.tagname == "strong" else ""
        asks = bold.rstrip(" :").endswith(("?", "？"))
        if bold and len(bold) <= MAX_BOLD_CHARACTERS and text.startswith(bold) and ((text == bold and bold[-1] not in ":.,") or asks):
            yield self.outline.heading(FOLDED if asks else BOLD_LINE, plain(bold.rstrip(" :")), **spot)
            text = text[len(bold) :].strip()
        if text:
            yield self.outline.block("paragraph", text, **spot)

    def _code(self, node: Any) -> Iterator[Passage]:
        code = node.astext().strip("\n").rstrip()
        if code.strip():
            yield self.outline.block("code", code, language=self._language(node), **self.spot(node))

    def _language(self, node: Any) -> str | None:
        if node.tagname == "doctest_block" or node.astext().lstrip().startswith(">>> "):
            return "pycon"
        classes = [name for name in node.get("classes", ()) if name != "code"]
        return classes[0] if classes else self.language

    def _list(self, node: Any) -> str:
        items = [self.text(item) for item in node.children if item.tagname == "list_item"]
        start = int(node.get("start", 1)) if node.tagname == "enumerated_list" else None
        return listed([item for item in items if item], start)

    def _terms(self, node: Any, level: int) -> Iterator[Passage]:
        """A definition list: as pairs, or where a term asks or much is said, as headings with what stands under them."""
        entries = [(self._term(item), next((c for c in item.children if c.tagname == "definition"), None)) for item in node.children]
        rich = any(meaning is not None and next(iter(meaning.findall(_is_rich)), None) is not None for _, meaning in entries)
        if rich or any(term.endswith("?") for term, _ in entries):
            for item, (term, meaning) in zip(node.children, entries, strict=True):
                yield self.outline.heading(FOLDED, plain(term), **self.spot(item.children[0]))
                if meaning is not None:
                    yield from self.blocks(meaning, level)
            self.outline.close(FOLDED)
            return
        rows = [(term, self.text(meaning)) for term, meaning in entries if meaning is not None]
        rows = [(term, meaning) for term, meaning in rows if term and meaning]
        if rows:
            text = "\n".join(f"{term}\n    {indented(meaning, 4)}" for term, meaning in rows)
            yield self.outline.block("definitions", text, rows, **self.spot(node))

    def _term(self, item: Any) -> str:
        return one_line(", ".join(self.inline(child) for child in item.children if child.tagname == "term"))

    def _table(self, node: Any) -> Iterator[Passage]:
        rows = [tuple(self.text(cell) for cell in row.children) for row in node.findall(lambda n: n.tagname == "row")]
        rows = [row for row in rows if any(row)]
        if rows:
            has_header = next(iter(node.findall(lambda n: n.tagname == "thead")), None) is not None
            yield self.outline.block("table", barred(rows, has_header=has_header), rows, **self.spot(node))

    def _message(self, node: Any, level: int) -> Iterator[Passage]:
        """What docutils could not take, as far as it is a directive that we know or a title that stands where none may."""
        raw = next((child.astext() for child in node.children if child.tagname == "literal_block"), "")
        found = directive(raw)
        if found is not None:
            yield from self._directive(found, level)
            return
        head, _, line = raw.partition("\n")
        if head.strip() and re.fullmatch(r"([^\w\s])\1{2,}", line.strip()) and "level inconsistent" in node.astext():
            yield self.outline.heading(max(level, 1), plain(one_line(head)), **self._find([head]))

    def _directive(self, found: Directive, level: int) -> Iterator[Passage]:
        name = found.name
        if name == "highlight":
            self.language = found.argument.split()[0] if found.argument and found.argument != "none" else None
        if name in HIDDEN_DIRECTIVES or level > self.depth:
            return
        if name in CODE_DIRECTIVES:
            code = "\n".join(found.content)
            if code:
                language = found.argument.split()[0] if found.argument and name in ("code", "code-block", "sourcecode") else self.language
                language = "pycon" if code.lstrip().startswith(">>> ") else "python" if name == "testcode" else language
                yield self.outline.block("code", code, language=None if language == "none" else language, **self._find(found.content))
            return
        if name in VERSION_DIRECTIVES:
            version, _, rest = found.argument.partition(" ")
            body = self.document("\n".join([rest, *found.content]), level + 1)
            yield from self._marked(f"{VERSION_DIRECTIVES[name]} {version}: ", body)
            return
        heads = bool(found.argument) and (name in TITLED_DIRECTIVES or found.argument.endswith("?") or OBJECT_DIRECTIVES.match(name) is not None)
        if heads:
            text = plain(one_line(self._inline_text(found.argument)))
            yield self.outline.heading(FOLDED, text, **self._find([found.argument]))
        yield from self.document("\n".join(found.content), level + 1)
        if heads:
            self.outline.close(FOLDED)

    def _inline_text(self, text: str) -> str:
        """The text of a directive's argument."""
        paragraph = next((node for node in parsed(text).children if node.tagname == "paragraph"), None)
        return self.inline(paragraph) if paragraph is not None else text

    def text(self, node: Any) -> str:
        """What stands in an item, a cell or a definition, as text."""
        parts: list[str] = []
        for child in node.children:
            match child.tagname:
                case tag if tag in SILENT:
                    continue
                case "paragraph":
                    parts.append(reflow(self.inline(child).split("\n")))
                case "line" | "description_string" | "option_string" | "caption" | "attribution":
                    parts.append(self.inline(child))
                case "literal_block" | "doctest_block":
                    parts.append(fenced(child.astext().rstrip("\n"), self._language(child)))
                case "bullet_list" | "enumerated_list":
                    parts.append(self._list(child))
                case "definition_list":
                    parts += [f"{self._term(item)}: {self.text(item)}" for item in child.children]
                case "term" | "classifier":
                    continue
                case "system_message":
                    parts += [_shown(passage) for passage in self._inner(child)]
                case "#text":
                    parts.append(child.astext())
                case _:
                    parts.append(self.text(child))
        return "\n".join(part for part in parts if part.strip())

    def _inner(self, node: Any) -> list[Passage]:
        """The passages of a directive inside an item; the outline stays as it is."""
        inner = Walk(self.lines, Outline(self.outline.file), self.depth)
        inner.labels, inner.language, inner._at = self.labels, self.language, self._at
        return list(inner.block(node, 1))

    def inline(self, node: Any) -> str:
        """The text of an inline tree: marks and links off, code in backticks, line ends kept."""
        match node.tagname:
            case "#text":
                return str(node.astext())
            case "literal" | "math":
                return ticked(node.astext())
            case "problematic":
                return role_text(node.astext(), self.labels)
            case "substitution_reference":
                return self.substitutions.get(node.get("refname", ""), str(node.astext()))
            case "system_message" | "image" | "raw":
                return ""
        text = ""
        for child in node.children:
            is_mark = child.tagname in ("footnote_reference", "citation_reference")  # the space before it belongs to the mark
            text = text.rstrip() if is_mark else text + self.inline(child)
        return text

    def spot(self, node: Any) -> Numbers:
        """The lines of the source that a node was read from, looked for from where the last one was found."""
        raws = [n.rawsource for n in node.findall(_is_leaf) if getattr(n, "rawsource", "").strip()] or [node.astext()]
        found = self._find(raws[0].strip("\n").split("\n"))
        if len(raws) > 1:
            found["last_line"] = self._find(raws[-1].strip("\n").split("\n"))["last_line"]
        return found

    def _find(self, raw: Sequence[str]) -> Numbers:
        """The lines that begin with this text; where it is not found, the place reached so far."""
        first = next((line.strip() for line in raw if line.strip()), "")
        window = range(self._at, min(len(self.lines), self._at + SEARCH_LINES) if first else self._at)
        at = next((i for i in window if self.lines[i].strip().endswith(first)), None)
        if at is None:  # in a table, other cells stand behind it
            at = next((i for i in window if first in self.lines[i]), None)
        if at is None:
            return {"line": self._at + 1, "last_line": self._at + 1}
        self._at = min(len(self.lines), at + max(1, len(raw)))
        return {"line": at + 1, "last_line": self._at}


def _is_leaf(node: Any) -> bool:
    return node.tagname in ("paragraph", "literal_block", "doctest_block", "title", "term", "line")


def _is_rich(node: Any) -> bool:
    return node.tagname in ("literal_block", "doctest_block", "table", "bullet_list", "enumerated_list", "definition_list")


def _shown(passage: Passage) -> str:
    return fenced(passage.text, passage.language) if passage.kind == "code" else passage.text
