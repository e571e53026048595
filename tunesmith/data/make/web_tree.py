"""HTML → a tree of elements, and elements → text: what is decoded, dropped and kept is decided here."""

from __future__ import annotations

import codecs
import re
from typing import Any

from tunesmith.data.make.outline import ticked
from tunesmith.data.make.packages import package
from tunesmith.errors import BadData

INLINE_CODE = {"code", "kbd", "samp", "tt", "var"}
BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hgroup",
        "hr",
        "html",
        "li",
        "main",
        "menu",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
DROPPED = frozenset(
    [
        "audio",
        "base",
        "canvas",
        "datalist",
        "embed",
        "footer",
        "head",
        "iframe",
        "input",
        "link",
        "map",
        "meta",
        "nav",
        "noscript",
        "object",
        "option",
        "script",
        "select",
        "style",
        "svg",
        "template",
        "textarea",
        "title",
        "video",
    ]
)
DROPPED_ROLES = frozenset({"navigation", "banner", "contentinfo", "complementary", "search", "menu", "menubar", "toolbar", "alert", "alertdialog"})
NOISE = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|menu|sidebar|sphinxsidebar|breadcrumbs?|footer|cookies?|consent|newsletter|share|sharing|social|related|"
    r"headerlink|anchor-link|skip-?link|skip-to-content|pagination|comments?|linenos?|gutter|toctree-wrapper|toc|table-of-contents|advert|ads?|banner|"
    r"popup|modal|feedback|edit-page|prev-next|screen-reader-text|sr-only|visually-hidden)(?:$|[\s_-])",
    re.I,
)
AROUND = re.compile(r"(?:has|with|no|without|is|show|hide)[_-]", re.I)
NOISE_CHARACTERS = 2_000
"""Of text in an element that may be dropped for its names alone; a larger one must be less than a third of the page."""
KEPT_ASIDE = re.compile(r"admonition|note|warning|tip|important|callout|caution|hint", re.I)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})|<\?xml[^>]{0,100}encoding=[\"']([\w.:-]{2,40})", re.I)
_FOOTNOTE_LINK = re.compile(r"#(?:fn|cite|id\d+$|footnote)", re.I)
_SPACE = re.compile(r"[^\S\n]*\n[^\S\n]*")


def decoded(data: bytes) -> str:
    """The text of a page: by its mark, by what it says of itself, as UTF-8, or as Western."""
    for mark, codec in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if data.startswith(mark):
            return data.decode(codec, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    said = _CHARSET.search(data[:4096])
    name = (said[1] or said[2]).decode("ascii", "replace") if said else "cp1252"
    try:
        return data.decode(name, "replace")
    except (LookupError, UnicodeError):
        return data.decode("cp1252", "replace")


def tree_of(text: str, file: str) -> tuple[Any, bool]:
    """(the root element, whether the parser gave up on nesting).

    Raises: BadData if nothing can be made of it.
    """
    etree = package("lxml.etree", "lxml", "reading HTML")
    parser = etree.HTMLParser(encoding="utf-8", recover=True, no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        root = etree.fromstring(text.replace("\0", "").encode("utf-8", "replace"), parser)
    except etree.LxmlError as error:
        raise BadData("cannot be read as HTML", where=file, got=str(error)[:120], fix="save the page again") from None
    if root is None:
        raise BadData("holds no HTML", where=file, got="no element", fix="save the page again")
    return root, any("xcessive depth" in entry.message for entry in parser.error_log)


def is_dropped(element: Any) -> bool:
    """True for what is not a part of what the page says."""
    tag = element.tag
    if not isinstance(tag, str) or tag in DROPPED or element.get("role") in DROPPED_ROLES:
        return True
    named = f"{element.get('class') or ''} {element.get('id') or ''}"
    if tag == "aside":
        return not KEPT_ASIDE.search(named)
    if tag in ("body", "main", "html", "article") or element.get("role") == "main":
        return False
    if tag == "header":
        return element.find(".//nav") is not None
    return len(named) > 1 and tag not in ("h1", "h2", "h3", "h4", "h5", "h6", "p", "pre", "code") and is_noise(element, named)


def is_noise(element: Any, named: str) -> bool:
    """True if the names of an element say that it is furniture of the page, and it does not hold the page itself."""
    if not any(NOISE.search(word) and not AROUND.match(word) for word in named.split()):
        return False
    size = sum(len(text) for text in element.itertext())
    return size < NOISE_CHARACTERS or size * 3 < sum(len(text) for text in element.getroottree().getroot().itertext())


def is_footnote_mark(element: Any) -> bool:
    """True for the small number that leads to a footnote."""
    target = element.get("href") or ""
    return element.tag == "a" and target.startswith("#") and bool(_FOOTNOTE_LINK.match(target)) and len("".join(element.itertext())) <= 5


def has_blocks(element: Any) -> bool:
    """True if some block stands inside the element."""
    return any(isinstance(inner.tag, str) and inner.tag in BLOCKS for inner in element.iterdescendants())


def raw_inline(element: Any) -> str:
    """The text inside an inline element, spaces as they are; `<br>` is a line end (the page's own ones are spaces)."""
    if not isinstance(element.tag, str) or is_dropped(element) or is_footnote_mark(element):
        return ""
    if element.tag == "br":
        return "\n"
    if element.tag in INLINE_CODE:
        return ticked("".join(element.itertext()))
    parts = [spaced(element.text)]
    for child in element:
        gap = " " if child.tag in BLOCKS else ""
        parts += [gap, raw_inline(child), gap, spaced(child.tail)]
    return "".join(parts)


def spaced(text: str | None) -> str:
    """Text of the page, in which a line end means a space."""
    return text.replace("\n", " ").replace("\r", " ") if text else ""


def tidy(text: str) -> str:
    """Runs of spaces as one, none at the ends of lines."""
    return _SPACE.sub("\n", re.sub(r"[^\S\n]+", " ", text)).strip()


def said(element: Any) -> str:
    """The text of an element that holds no blocks."""
    return tidy(raw_inline(element))


def code_text(element: Any) -> str:
    """The text of a `<pre>`, as it stands."""
    parts: list[str] = []

    def collect(node: Any) -> None:
        if not isinstance(node.tag, str) or (node is not element and is_dropped(node)):
            return
        if node.tag == "br":
            parts.append("\n")
        parts.append(node.text or "")
        for child in node:
            collect(child)
            parts.append(child.tail or "")

    collect(element)
    return "".join(parts).replace("\r\n", "\n").strip("\n").rstrip()


def language_of(element: Any) -> str | None:
    """The language that a `<pre>`, its `<code>` or a frame around it names."""
    near = [element, *element.iterdescendants("code"), *list(element.iterancestors())[:2]]
    for node in near:
        found = re.search(r"(?:^|\s)(?:language|lang|highlight(?:-source)?|brush:)-?\s?([\w+#]{1,20})(?:\s|$)", node.get("class") or "")
        if found and found[1] not in ("default", "none", "notranslate", "text"):
            return found[1]
    return None
