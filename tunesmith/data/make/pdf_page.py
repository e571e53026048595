"""A page of a PDF → runs of characters with their place and their font, by PDFium."""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

HYPHENS = frozenset({"\x02", "\ufffe", "\xad"})
"""What PDFium writes for a hyphen at the end of a line, and the soft hyphen."""
MAX_CHARACTERS = 300_000
BOLD_WEIGHT = 600
FIXED_PITCH = 1
GAP = 1.2
"""In font sizes: a wider space between two characters ends a run."""
RAISED = 0.75
"""A smaller part of the line's font size, above its baseline: the mark of a footnote."""
_BOLD = re.compile(r"bold|black|heavy|semibold|demi", re.I)
_FIXED = re.compile(r"courier|mono|consol|menlo|typewriter|cmtt|sourcecode", re.I)
NAME_BYTES = 128


@dataclass
class Run:
    """Characters of one font on one baseline, in points from the page's lower left corner."""

    text: str
    x0: float
    x1: float
    y: float
    size: float
    is_bold: bool = False
    is_fixed: bool = False


@dataclass(frozen=True)
class PageText:
    """What a page holds."""

    runs: list[Run]
    width: float
    height: float
    characters: int
    bad_characters: int
    """Those that stand for no letter: the font does not say which."""
    has_images: bool


def page_text(page: Any, raw: Any) -> PageText:
    """The runs of one page in the order in which the file draws them; `raw` is PDFium's own interface."""
    width, height = page.get_size()
    text = page.get_textpage()
    try:
        count = min(raw.FPDFText_CountChars(text), MAX_CHARACTERS)
        runs, bad = Reader(text, raw, page.get_rotation(), width, height).runs(count)
    finally:
        text.close()
    has_images = sum(len(run.text) for run in runs) < 20 and any(True for _ in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3))
    return PageText(runs, width, height, sum(len(run.text.strip()) for run in runs), bad, has_images)


class Reader:
    """Over the characters of one page."""

    def __init__(self, text: Any, raw: Any, rotation: int, width: float, height: float) -> None:
        self.text, self.raw = text, raw
        self.rotation, self.width, self.height = rotation % 360, width, height
        self._box = [ctypes.c_double() for _ in range(4)]
        self._origin = [ctypes.c_double() for _ in range(2)]
        self._name = ctypes.create_string_buffer(NAME_BYTES)
        self._flags = ctypes.c_int()
        self._object: int | None = None
        self._style = (False, False)
        """Whether the characters that are read now are bold, and whether they are of a typewriter's font."""

    def runs(self, count: int) -> tuple[list[Run], int]:
        """(the runs, characters that stand for no letter)."""
        found: list[Run] = []
        run: Run | None = None
        bad = 0
        for i in range(count):
            code = self.raw.FPDFText_GetUnicode(self.text, i)
            letter = chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
            if letter in "\r\n":
                run = None
                continue
            if letter.isspace():
                if run is not None and not run.text.endswith(" "):
                    run.text += " "
                continue
            if letter in HYPHENS:
                letter = "-"
            elif letter == "\ufffd" or unicodedata.category(letter) in ("Co", "Cn", "Cc"):
                bad += 1
                continue
            x0, x1, y = self._place(i)
            size = self.raw.FPDFText_GetFontSize(self.text, i) or 1.0
            if run is not None and is_raised(run, y, size):
                continue
            self._look(i)
            if run is None or (run.is_bold, run.is_fixed) != self._style or not continues(run, x0, y, size):
                run = self._begin(i, x0, y, size)
                if run is None:
                    continue
                found.append(run)
            run.text += letter
            run.x1 = max(run.x1, x1)
        return [one for one in found if one.text.strip()], bad

    def _begin(self, i: int, x0: float, y: float, size: float) -> Run | None:
        """A new run; None where the text is turned, as watermarks and notes on the margin are."""
        angle = math.degrees(self.raw.FPDFText_GetCharAngle(self.text, i))
        if all(min(turned % 360, -turned % 360) > 5 for turned in (angle - self.rotation, angle + self.rotation)):
            return None
        return Run("", x0, x0, y, size, *self._style)

    def _look(self, i: int) -> None:
        """Find out the style of a character, where it is drawn by another command than the last one."""
        found = self.raw.FPDFText_GetTextObject(self.text, i)
        here = ctypes.cast(found, ctypes.c_void_p).value
        if here is not None and here == self._object:
            return
        self._object = here
        length = self.raw.FPDFText_GetFontInfo(self.text, i, self._name, NAME_BYTES, self._flags)
        name = self._name.raw[: max(0, min(length - 1, NAME_BYTES))].decode("utf-8", "replace") if length else ""
        is_bold = self.raw.FPDFText_GetFontWeight(self.text, i) >= BOLD_WEIGHT or bool(_BOLD.search(name))
        self._style = is_bold, bool(_FIXED.search(name)) or (bool(length) and bool(self._flags.value & FIXED_PITCH))

    def _place(self, i: int) -> tuple[float, float, float]:
        """(left, right, baseline) of a character as the page is looked at."""
        left, right, bottom, top = self._box
        x, y = self._origin
        self.raw.FPDFText_GetCharBox(self.text, i, left, right, bottom, top)
        self.raw.FPDFText_GetCharOrigin(self.text, i, x, y)
        match self.rotation:
            case 90:
                return bottom.value, top.value, self.height - x.value
            case 180:
                return self.width - right.value, self.width - left.value, self.height - y.value
            case 270:
                return self.width - top.value, self.width - bottom.value, x.value
        return left.value, right.value, y.value


def is_raised(run: Run, y: float, size: float) -> bool:
    """True for a small character above the line: a footnote's mark."""
    return size < RAISED * run.size and 0.2 * run.size < y - run.y < run.size


def continues(run: Run, x0: float, y: float, size: float) -> bool:
    """True if a character at this place goes on with the run."""
    return abs(y - run.y) <= 0.3 * max(run.size, size) and -0.5 * run.size < x0 - run.x1 <= GAP * run.size and abs(size - run.size) <= 0.15 * run.size
