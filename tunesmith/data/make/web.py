"""HTML → passages: headings, lists, tables, code and questions that unfold keep their structure; the furniture of the page is left out.

The walk is our own, over libxml2's tree: what trafilatura returns has neither `<details>` nor definition lists nor lines. Where a page does not say
which part of it is the main one, trafilatura judges which of our passages belong to it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from tunesmith.data.fold import fold
from tunesmith.data.make import web_faq
from tunesmith.data.make.outline import Outline, barred, fenced, indented, one_line, plain, written
from tunesmith.data.make.packages import package
from tunesmith.data.make.web_tree import BLOCKS, code_text, decoded, has_blocks, is_dropped, language_of, raw_inline, said, spaced, tidy, tree_of
from tunesmith.spec.passage import Passage, Skipped, Spot

UNFOLDS, BOLD_LINE = 7.0, 8.0
"""Levels of headings that HTML does not call so: what unfolds a text, and a line in bold."""
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
SECTIONS = frozenset({"section", "article", "li", "details", "dd", "td", "main"})
MAX_BOLD_CHARACTERS = 200
QUESTION_ENDS = ("?", "？", "؟")
_QUESTION_CLASS = re.compile(r"(?:^|[\s_-])question(?:$|[\s_-])", re.I)
_ANSWER_CLASS = re.compile(r"(?:^|[\s_-])answer(?:$|[\s_-])", re.I)
JUDGED_SHARE = 0.3
"""Trafilatura's judgement is not followed where it would leave less of the page's text than this."""
KEY_CHARACTERS = 60


def html_passages(data: bytes, file: str, depth: int) -> Iterator[Passage | Skipped]:
    """The passages of a page; elements nested deeper than `depth` become plain paragraphs.

    Raises: BadData.
    """
    text = decoded(data)
    root, cut = tree_of(text, file)
    if cut:
        yield Skipped(spot=Spot(file=file), reason="too_deep", message="is nested so deeply that the end of the page was not read", fix="simplify it")
    walk = Walk(Outline(file), depth)
    for line, question, answer in web_faq.stated(root):
        yield walk.outline.block("faq", f"{question}\n    {answer}", [(question, answer)], line=line)
    main = main_part(root)
    if main is not None:
        yield from walk.inside(main, 0)
    else:
        body = root.find("body")
        yield from judged(list(walk.inside(root if body is None else body, 0)), text)


def main_part(root: Any) -> Any:
    """The one element that the page calls its main part; None if there is none, or several."""
    for path in (".//main", ".//*[@role='main']", ".//article"):
        found = root.findall(path)
        if len(found) == 1 and len("".join(found[0].itertext()).split()) >= 5:
            return found[0]
    return None


def judged(passages: Sequence[Passage], text: str) -> list[Passage]:
    """The passages that trafilatura takes for the main part of the page, and those whose structure it does not know."""
    if sum(len(passage.text) for passage in passages) < 1_000:
        return list(passages)
    trafilatura = package("trafilatura", "trafilatura", "reading HTML without a marked main part")
    main = trafilatura.extract(text, output_format="txt", include_comments=False, include_tables=True, favor_recall=True)
    haystack = fold(main or "")
    kept = [p.kind in ("code", "definitions") or is_asked(p) or fold(p.text)[:KEY_CHARACTERS] in haystack for p in passages]
    if sum(len(p.text) for p, keep in zip(passages, kept, strict=True) if keep) < JUDGED_SHARE * sum(len(p.text) for p in passages):
        return list(passages)
    return [p for p, keep in zip(passages, kept, strict=True) if keep]


def is_asked(passage: Passage) -> bool:
    """True for a question that heads something, and for what stands under it."""
    over = (*passage.headings, passage.text) if passage.kind == "heading" else passage.headings
    return any(text.endswith(QUESTION_ENDS) for text in over)


def fragment(html: str, outline: Outline, line: int | None) -> Iterator[Passage]:
    """The passages of a piece of HTML that stands in another document, on that document's lines.

    Raises: BadData.
    """
    if not html.strip():
        return
    root, _ = tree_of(f"<body>{html}</body>", outline.file)
    for passage in Walk(outline, 60).inside(root, 0):
        yield passage.model_copy(update={"spot": Spot(file=outline.file, line=line, last_line=line)})


def words(html: str) -> str:
    """The text of a piece of HTML, one passage a paragraph."""
    if "<" not in html and "&" not in html:
        return tidy(html)
    if not html.strip():
        return ""
    return "\n\n".join(written(passage) for passage in fragment(html, Outline(""), None))


class Walk:
    """Over the elements of one page, feeding one outline."""

    def __init__(self, outline: Outline, depth: int) -> None:
        self.outline, self.depth = outline, depth
        self._ends: dict[Any, float] = {}
        """Element → level of the headings that end with it."""

    def inside(self, element: Any, level: int) -> Iterator[Passage]:
        """The passages of what stands in `element`, its own tag aside."""
        if level > self.depth:
            text = tidy(spaced("".join(element.itertext())))
            if text:
                yield self.outline.block("paragraph", text, line=element.sourceline)
            return
        waiting: list[str] = [spaced(element.text)]
        line = element.sourceline
        for child in element:
            tag = child.tag
            if not isinstance(tag, str) or is_dropped(child):
                waiting.append(" ")
            elif tag in BLOCKS or tag == "button" or has_blocks(child):
                yield from self._loose(waiting, line)
                waiting, line = [], child.sourceline
                yield from self.block(child, level + 1)
            else:
                waiting.append(raw_inline(child))
            waiting.append(spaced(child.tail))
        yield from self._loose(waiting, line)
        if element in self._ends:
            self.outline.close(self._ends.pop(element))

    def _loose(self, parts: list[str], line: int | None) -> Iterator[Passage]:
        text = tidy("".join(parts))
        if text:
            yield self.outline.block("paragraph", text, line=line)

    def block(self, element: Any, level: int) -> Iterator[Passage]:
        """The passages of one block."""
        line = element.sourceline
        match element.tag:
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                yield from self._heading(element, float(element.tag[1]))
            case "p":
                yield from self._paragraph(element)
            case "summary":
                yield from self._heading(element, max(self.outline.depth() + 1, UNFOLDS))
            case "pre":
                if code := code_text(element):
                    yield self.outline.block("code", code, language=language_of(element), line=line)
            case "ul" | "ol" | "menu":
                yield from self._list(element, level)
            case "dl":
                yield from self._terms(element, level)
            case "table":
                yield from self._table(element, level)
            case "hr":
                return
            case _ if unfolds(element) or is_marked_question(element):
                yield from self._heading(element, UNFOLDS)
            case "button":
                return
            case _:
                yield from self.inside(element, level)

    def _heading(self, element: Any, level: float) -> Iterator[Passage]:
        text = plain(one_line(tidy(raw_inline(element))))
        if not text:
            return
        yield self.outline.heading(level, text, line=element.sourceline, last_line=element.sourceline)
        end = scope(element, level)
        if end is not None:
            self._ends[end] = min(level, self._ends.get(end, level))

    def _paragraph(self, element: Any) -> Iterator[Passage]:
        text, bold = said(element), bold_start(element)
        asks = bold.rstrip(" :").endswith(QUESTION_ENDS)
        rest = text[len(bold) :].strip() if text.startswith(bold) else ""
        if bold and len(bold) <= MAX_BOLD_CHARACTERS and ((text == bold and not bold.endswith((":", ".", ","))) or (asks and text.startswith(bold))):
            yield self.outline.heading(UNFOLDS if asks else BOLD_LINE, plain(one_line(bold.rstrip(" :"))), line=element.sourceline)
            text = rest
        if text:
            yield self.outline.block("paragraph", text, line=element.sourceline)

    def _list(self, element: Any, level: int) -> Iterator[Passage]:
        if next(element.iter(*HEADINGS, "details", "dl"), None) is not None:
            yield from self.inside(element, level)
            return
        links = list(element.iter("a"))
        text = self.text_of_list(element, level)
        if text and not (len(links) >= 3 and leads_within(element, links)):
            yield self.outline.block("list", text, line=element.sourceline)

    def text_of_list(self, element: Any, level: int) -> str:
        """The items, nested lists and code inside them indented."""
        number = int(element.get("start") or 1) if element.tag == "ol" and (element.get("start") or "1").isdecimal() else 1
        lines = []
        for item in element:
            if not isinstance(item.tag, str) or is_dropped(item):
                continue
            if item.tag in ("ul", "ol"):  # directly in a list: wrong, and common
                lines.append("  " + indented(self.text_of_list(item, level + 1), 2))
                continue
            mark = f"{number}. " if element.tag == "ol" else "- "
            text = self.text_inside(item, level + 1)
            if text:
                lines.append(mark + indented(text, len(mark)))
                number += 1
        return "\n".join(lines)

    def text_inside(self, element: Any, level: int) -> str:
        """What stands in an item or a cell, as text."""
        if level > self.depth:
            return tidy(spaced("".join(element.itertext())))
        parts: list[str] = []
        waiting = [spaced(element.text)]

        def end() -> None:
            text = tidy("".join(waiting))
            waiting.clear()
            if text:
                parts.append(text)

        for child in element:
            if not isinstance(child.tag, str) or is_dropped(child):
                waiting.append(spaced(child.tail))
                continue
            if child.tag in BLOCKS or has_blocks(child):
                end()
                parts.append(self._text_of_block(child, level))
            else:
                waiting.append(raw_inline(child))
            waiting.append(spaced(child.tail))
        end()
        return "\n".join(part for part in parts if part)

    def _text_of_block(self, element: Any, level: int) -> str:
        if element.tag == "pre":
            code = code_text(element)
            return fenced(code, language_of(element)) if code else ""
        if element.tag in ("ul", "ol", "menu"):
            return self.text_of_list(element, level)
        return self.text_inside(element, level + 1)

    def _terms(self, element: Any, level: int) -> Iterator[Passage]:
        """A definition list: as pairs where they are short, else each term as a heading over what is said of it."""
        entries = [child for child in element.iterdescendants("dt", "dd") if next(child.iterancestors("dl"), None) is element]
        rich = any(e.tag == "dd" and next(e.iter("pre", "table", "dl", "ul", "ol", *HEADINGS), None) is not None for e in entries)
        asks = any(e.tag == "dt" and said(e).endswith(QUESTION_ENDS) for e in entries)
        if rich or asks:
            over = self.outline.depth()
            for entry in entries:
                if entry.tag == "dt":
                    yield from self._heading(entry, max(over + 1, UNFOLDS))
                else:
                    yield from self.inside(entry, level + 1)
            self.outline.close(max(over + 1, UNFOLDS))
            return
        rows: list[tuple[str, str]] = []
        term = ""
        for entry in entries:
            if entry.tag == "dt":
                term = one_line(said(entry))
            elif term and (meaning := self.text_inside(entry, level + 1)):
                rows.append((term, meaning))
        if rows:
            yield self.outline.block("definitions", "\n".join(f"{t}\n    {indented(m, 4)}" for t, m in rows), rows, line=element.sourceline)

    def _table(self, element: Any, level: int) -> Iterator[Passage]:
        lines = [row for row in element.iter("tr") if next(row.iterancestors("table"), None) is element]
        cells = [[cell for cell in row if cell.tag in ("td", "th") and not is_dropped(cell)] for row in lines]
        frames = any(next(cell.iter("table", "pre", "dl", *HEADINGS), None) is not None for row in cells for cell in row)
        frames = frames or any(is_marked_question(row) for row in lines)
        if frames or max((len(row) for row in cells), default=0) < 2:
            yield from self.inside(element, level)
            return
        caption = element.find("caption")
        if caption is not None and said(caption):
            yield self.outline.block("paragraph", said(caption), line=element.sourceline)
        rows = [tuple(self.text_inside(cell, level + 1) for cell in row) for row in cells if row]
        rows = [row for row in rows if any(row)]
        if rows:
            yield self.outline.block("table", barred(rows), rows, line=element.sourceline)


def leads_within(element: Any, links: Sequence[Any]) -> bool:
    """True if a list is nothing but links into its own page or site: a table of contents, or a menu."""
    targets = [link.get("href") or "" for link in links]
    linked = sum(len("".join("".join(link.itertext()).split())) for link in links)
    all_of_it = len("".join("".join(element.itertext()).split()))
    if all(target.startswith("#") for target in targets):
        return linked >= 0.8 * all_of_it
    return len(links) > 3 and linked >= 0.95 * all_of_it and linked <= 40 * len(links) and not any("://" in target for target in targets)


def is_marked_question(element: Any) -> bool:
    """True for an element that is called a question, with one called an answer behind it."""
    if not _QUESTION_CLASS.search(element.get("class") or "") or len("".join(element.itertext())) > 2 * MAX_BOLD_CHARACTERS:
        return False
    behind = element.getnext()
    return behind is not None and bool(_ANSWER_CLASS.search(behind.get("class") or ""))


def unfolds(element: Any) -> bool:
    """True for a button or its like that asks a question: the answer stands behind it."""
    if element.tag != "button" and element.get("role") != "button" and element.get("aria-controls") is None and element.get("aria-expanded") is None:
        return False
    text = said(element) if not has_blocks(element) else tidy(spaced("".join(element.itertext())))
    return text.endswith(QUESTION_ENDS) and len(text) <= MAX_BOLD_CHARACTERS + 100


def scope(element: Any, level: float) -> Any:
    """The element with which the text under a heading ends; None: it ends with the next heading of its level."""
    own = len("".join("".join(element.itertext()).split()))
    for over in element.iterancestors():
        if over.tag in ("body", "html"):
            return None
        if over.tag in SECTIONS:
            return over
        if len("".join("".join(over.itertext()).split())) > own:
            if level >= UNFOLDS or is_one_of_many(over):
                return over
            own = sys.maxsize  # a heading of the page; only a section around it can end it
    return None


def is_one_of_many(element: Any) -> bool:
    """True for an element with one heading in it, beside others of its name with one each: the entries of a list of questions."""
    beside = [other for other in (element.getprevious(), element.getnext()) if other is not None]
    like = [other for other in beside if other.tag == element.tag and other.get("class") == element.get("class")]
    return bool(like) and all(sum(1 for _ in one.iter(*HEADINGS)) == 1 for one in (element, *like))


def bold_start(element: Any) -> str:
    """The words in bold that a paragraph begins with; empty where it begins otherwise."""
    if (element.text or "").strip() or not len(element):
        return ""
    first = element[0]
    return said(first) if first.tag in ("b", "strong") and not is_dropped(first) else ""
