"""The Python FAQ in reStructuredText → faq.csv: one row per heading question, with the text below it as the answer.

    python examples/faq/build.py examples/faq/documents   (with general.rst, programming.rst, design.rst …)

A light clean-up, no full parser: roles and links become their text, literal blocks stay as indented text, directives without prose go.
"""

from __future__ import annotations

import csv
import re
import sys
import textwrap
from pathlib import Path

FILES = ("general", "programming", "design", "library", "extending", "windows", "gui", "installed")
RULE = re.compile(r"^([=\-#*^~])\1{2,}$")
DROPPED = {"only", "contents", "index", "toctree", "highlight", "testsetup", "sectionauthor", "moduleauthor"}
PROSE = {"note": "Note: ", "seealso": "See also: ", "versionchanged": "Changed in version ", "warning": "Warning: "}
DIRECTIVE = re.compile(r"^(\s*)\.\. ([a-z-]+)::\s*(.*)$")
TARGET = re.compile(r"^\s*\.\. (_|\[|XXX|[A-Z])")


def inline(text: str) -> str:
    """A paragraph without markup: roles, links, literals and emphasis become the words they show."""
    text = re.sub(r":(?:c:)?(?:func|meth):`[~!]?([^`<]+)`", r"\1", text)
    text = re.sub(r":pep:`(\d+)`", r"PEP \1", text)
    text = re.sub(r":[a-z:]+:`([^`<]*?)\s*<[^`>]*>`", r"\1", text)
    text = re.sub(r":(?:ref|term):`([^`]*)`", lambda m: m[1].replace("-", " "), text)
    text = re.sub(r":[a-z:]+:`[~!]?([^`]*)`", r"\1", text)
    text = re.sub(r"`([^`<]+?)\s*<([^`>]+)>`__?", r"\1 (\2)", text)
    text = re.sub(r"``(.+?)``", r"\1", text)
    text = re.sub(r"`([^`]+)`_?", r"\1", text)
    text = re.sub(r"\*\*([^*\s][^*]*)\*\*", r"\1", text)
    text = re.sub(r"(?<![\w*])\*([^*\s][^*\n]*?)\*(?![\w*])", r"\1", text)
    text = re.sub(r"\s?\[[0-9#]\w*\]_", "", text)
    return text.replace("\\ ", "").replace("\\*", "*")


def paragraphs(lines: list[str]) -> list[list[str]]:
    """Runs of lines between blank ones."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [block for block in found if block]


def indent(block: list[str]) -> int:
    """Columns before the leftmost word of a block."""
    return min(len(line) - len(line.lstrip()) for line in block)


def clean(lines: list[str]) -> str:
    """The text of an answer: paragraphs refilled to one line each, literal blocks as they are, four columns in."""
    out: list[str] = []
    literal: int | None = None  # blocks further to the right than this column are literal; the first one sets how far
    dropped: int | None = None  # blocks further to the right than this column belong to a directive without prose
    for block in paragraphs(lines):
        column = indent(block)
        if dropped is not None and column > dropped:
            continue
        dropped = None
        if literal is not None and column > literal:
            literal = column - 1
            out.append(textwrap.indent(textwrap.dedent("\n".join(block)), "    "))
            continue
        literal = None
        if block[0].lstrip().startswith(">>>"):  # a doctest block needs no mark
            out.append(textwrap.indent(textwrap.dedent("\n".join(block)), "    "))
            continue
        match = DIRECTIVE.match(block[0])
        if match and match[2] in PROSE:
            block = [match[1] + PROSE[match[2]] + match[3], *block[1:]]
        elif match and match[2] in DROPPED:
            dropped = column
            continue
        elif match:  # a code block: its options follow on the same block, the code in the next
            literal = column
            continue
        elif TARGET.match(block[0]):  # a link target, a footnote or a comment, with all that is indented below it
            dropped = column
            continue
        text = "\n".join(block)
        if text.rstrip().endswith("::"):
            literal = column
            text = re.sub(r"\s*::$", "", text.rstrip()) + ("" if text.strip() == "::" else ":")
            if text.strip() in ("", ":"):
                continue
        out.append(inline(refill(text)))
    return re.sub(r"\n{3,}", "\n\n", "\n\n".join(part for part in out if part.strip()))


def refill(text: str) -> str:
    """One line per paragraph or list item; deeper lines of an item join it."""
    items: list[str] = []
    for line in text.split("\n"):
        bullet = re.match(r"\s*([*\-]|\d+[.)]|[#]\.)\s+", line)
        if bullet or not items:
            items.append(re.sub(r"^\s*\*\s+", "- ", line).strip())
        else:
            items[-1] += " " + line.strip()
    return "\n".join(items)


def headings(lines: list[str]) -> list[tuple[int, int, str]]:
    """(line where the heading begins, line after it, its text) in order; titles with a rule above count too."""
    found = []
    for i in range(1, len(lines)):
        over = i >= 2 and RULE.match(lines[i - 2]) is not None and lines[i - 2] == lines[i]
        if RULE.match(lines[i]) and lines[i - 1].strip() and not RULE.match(lines[i - 1]) and len(lines[i]) >= len(lines[i - 1].strip()):
            found.append((i - 2 if over else i - 1, i + 1, lines[i - 1].strip()))
    return found


def rows(text: str) -> list[tuple[str, str, str]]:
    """(question, answer, section) of one FAQ file; the section is its title without `FAQ`."""
    lines = text.split("\n")
    marks = headings(lines)
    section = re.sub(r"\s*(Python )?FAQ$|Frequently Asked Questions|^Python on |\"", "", marks[0][2]).strip() or marks[0][2]
    found = []
    for k, (_, after, title) in enumerate(marks):
        end = marks[k + 1][0] if k + 1 < len(marks) else len(lines)
        answer = clean(lines[after:end])
        if title.endswith(("?", ".", "!")) and answer and answer != "See the next question.":
            found.append((inline(title), answer, section))
    return found


def main() -> None:
    """Write faq.csv beside this script."""
    folder = Path(sys.argv[1])
    with (Path(__file__).parent / "faq.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("question", "answer", "section"))
        for name in FILES:
            writer.writerows(rows((folder / f"{name}.rst").read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
