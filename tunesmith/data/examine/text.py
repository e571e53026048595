"""One row → what is wrong with its texts: encoding, debris of markup, fences, answers that break off, echo, loop, say nothing or are not the writer's own.

Checks of prose pass over labels, code and JSON. Each check looks first for something cheap that every hit has; a row of 300 characters takes about
20 microseconds.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator

import ftfy

from tunesmith.data.clean import TAG, hides_tags
from tunesmith.data.examine import phrases
from tunesmith.data.examine.view import Flag, View
from tunesmith.data.fold import fold

EXCERPT = 60
ECHO_CHARACTERS = 25
LOOP_WORDS = 16
LOOP_TIMES = 4
LOOP_SHARE = 0.5
BROKEN_WORDS = 6
"""Shorter answers may end as they like."""
_ODD = re.compile(r"[&\x00-\x08\x0b-\x1f\x7f-\U0010ffff]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u206a-\u206f\ufeff\ufff9-\ufffb]")
_MISREAD = re.compile(
    r"[\u00c2-\u00f4\u0102\u0103\u0139\u013a\u0110\u0111\u0143\u0144][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122\u0104-\u017f]"
)
"""A lead byte of UTF-8 and its continuation, read as Latin-1, Windows-1252 or Windows-1250."""
_FTFY = ftfy.TextFixerConfig(unescape_html=False, uncurl_quotes=False, fix_latin_ligatures=False, fix_character_width=False, fix_line_breaks=False,
                             fix_surrogates=False, remove_terminal_escapes=False, remove_control_chars=False, normalization=None, explain=False)  # fmt: skip
_ENTITY = re.compile(
    r"&(?:amp|lt|gt|quot|apos|nbsp|ndash|mdash|hellip|rsquo|lsquo|rdquo|ldquo|bull|middot|copy|reg|trade|euro|pound|deg|[a-zA-Z]{1,2}(?:uml|acute|grave|circ|tilde|cedil|slash|ring|lig)|#[0-9]{2,6}|#[xX][0-9a-fA-F]{2,6});"
)
_INLINE_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,200}`", re.DOTALL)
_FENCE = re.compile(r"\A\s*```[\w+-]*[ \t]*\n?(.*?)\n?[ \t]*```\s*\Z", re.DOTALL)
_CODE = re.compile(
    r"^\s*(?:def |class \w|import \w|from [\w.]+ import|#include|#!/|public |private |function\b|SELECT\b|INSERT |UPDATE |CREATE |var |let |const |return\b|for ?\(|if ?\(|while ?\(|<\?php|@\w+|\$ |>>> )|[;{}]\s*$|=> |\w\(\)",
    re.MULTILINE,
)
_LAST_LINE_ITEM = re.compile(r"\s*(?:[-*•+·–]|\(?[0-9a-zA-Z]{1,3}[.)]|#{1,6}|\||>|\w+:\s)\s?\S")
CUT_SHORT = "cut_short"
"""A flag that counts as `truncated_answer` in a file whose other answers have an end (endings.py)."""
FRAGMENT_WORDS = 3
_OPERATOR = re.compile(r"[\w)%] [*+×÷=−-]\Z|\d=\Z")
_ENDS = ".!?…。！？｡:;)\"'»”’“›]}>`*_~|)）」』】〉》।؟۔᠃።\u200b%°$€£©®™"


def check_text(view: View) -> list[Flag]:
    """What is wrong with the texts of a row, at most one flag of each kind.

    >>> check_text(View("What is your name?", "As an AI language model, I have no name.", "", "", None, False))
    [Flag(kind='boilerplate', note='As an AI')]
    """
    found: list[Flag] = []
    for text in (view.question, view.answer, view.rest, view.system):
        if text and _ODD.search(text):
            found += _encoding(text, view)
    if "<" in view.answer or "<" in view.question:
        found += _tags(view)
    answer = view.answer.strip()
    if answer.startswith("```"):
        found += _fenced(answer, view)
    if flag := unasked(view.question):
        found.append(flag)
    if not view.is_label:
        for check in PROSE:
            if flag := check(answer, view):
                found.append(flag)
    return found if len(found) < 2 else list({flag.kind: flag for flag in reversed(found)}.values())[::-1]


def _encoding(text: str, view: View) -> Iterator[Flag]:
    if "\ufffd" in text:
        yield Flag("lost_characters", around(text, text.index("\ufffd")))
    if match := _CONTROLS.search(text):
        yield Flag("control_characters", f"U+{ord(match[0]):04X} in {around(text, match.start())}")
    if "&" in text and (match := _ENTITY.search(text)) and _ENTITY.search(_INLINE_CODE.sub("", text)) and not is_about_markup(view):
        yield Flag("html_tags" if hides_tags(text) else "html_entities", around(text, match.start()))
    if not text.isascii() and (match := _MISREAD.search(text)) and ftfy.fix_text(text, _FTFY) != text:
        yield Flag("mojibake", around(text, match.start()))


def _tags(view: View) -> Iterator[Flag]:
    for text in (view.answer, view.question):
        match = TAG.search(text) if "<" in text else None
        if match and (match := TAG.search(_INLINE_CODE.sub("", text))) and not is_about_markup(view) and not _is_table(match):
            yield Flag("html_tags", match[0][:EXCERPT])
            return


def _is_table(match: re.Match[str]) -> bool:
    """True for a line break in a Markdown table, where nothing else can break a line."""
    start = match.string.rfind("\n", 0, match.start()) + 1
    return match.string[start:].lstrip().startswith("|")


def is_about_markup(view: View) -> bool:
    """True if the row is about markup, or its answer is a document in it."""
    return bool(phrases.ABOUT_MARKUP.search(view.question) or phrases.ABOUT_MARKUP.search(view.system)) or is_document(view.answer.strip())


def is_document(answer: str) -> bool:
    """True if an answer is markup from its first to its last letter."""
    return answer.startswith("<") and answer.endswith(">")


def _fenced(answer: str, view: View) -> Iterator[Flag]:
    match = _FENCE.match(answer)
    if match is None or "```" in match[1]:
        return
    body = match[1].strip()
    if holds_json(body):
        yield Flag("json_in_fence", body[:EXCERPT])
    elif view.is_label or (view.label is not None and view.label.strip() == body):
        yield Flag("label_in_fence", body[:EXCERPT])


def holds_json(text: str) -> bool:
    """True for a JSON object or array."""
    if text[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def empty(answer: str, view: View) -> Flag | None:
    """A filler in place of an answer."""
    if len(answer) <= 24 and (answer.lower() in phrases.FILLERS or is_filler(answer)):
        return Flag("empty_answer", answer)
    return None


def is_filler(answer: str) -> bool:
    """True if nothing but dashes and dots stands there."""
    return phrases.FILLER_SIGNS.issuperset(answer)


def echoes(answer: str, view: View) -> Flag | None:
    """An answer that is the question, or begins with all of it."""
    if answer[:6].casefold() != view.question.lstrip()[:6].casefold():
        return None
    question, said = fold(view.question), fold(answer)
    is_echo = said == question or (len(question) >= ECHO_CHARACTERS and said.startswith(question))
    return Flag("repeated_question", answer[:EXCERPT]) if is_echo and len(said) > 1 else None


def boilerplate(answer: str, view: View) -> Flag | None:
    """A stock phrase of an assistant, in a row that is not about assistants."""
    lower = answer.lower()
    marks = phrases.BOILERPLATE_MARKS if answer.isascii() else phrases.BOILERPLATE_MARKS + phrases.OTHER_BOILERPLATE_MARKS
    if not any(mark in lower for mark in marks):
        return None
    match = phrases.BOILERPLATE.search(answer)
    return Flag("boilerplate", match[0][:EXCERPT]) if match and not phrases.ABOUT_AI.search(view.question) else None


def placeholder(answer: str, view: View) -> Flag | None:
    """Text that was to be filled in and was not."""
    lower = answer.lower()
    if not any(mark in lower for mark in phrases.PLACEHOLDER_MARKS):
        return None
    for match in phrases.PLACEHOLDER.finditer(_INLINE_CODE.sub("", answer)):
        is_word = phrases.SHOUTED.fullmatch(match[0])
        if (not is_word or match[0].isupper()) and match[0].lower() not in view.question.lower() and not is_code(answer):
            return Flag("placeholder_text", match[0][:EXCERPT])
    return None


def unasked(question: str) -> Flag | None:
    """A question that is nothing but text that was to be filled in: one that speaks of such text has more words.

    >>> unasked("[INSERT QUESTION HERE]"), unasked("What does TODO mean?")
    (Flag(kind='placeholder_text', note='[INSERT QUESTION HERE]'), None)
    """
    lower = question.lower()
    if not any(mark in lower for mark in phrases.PLACEHOLDER_MARKS):
        return None
    match = phrases.PLACEHOLDER.search(question)
    if match is None or (phrases.SHOUTED.fullmatch(match[0]) and not match[0].isupper()):
        return None
    rest = question[: match.start()] + question[match.end() :]
    is_latin = lower.lstrip().startswith("lorem ipsum dolor")
    return Flag("placeholder_text", match[0][:EXCERPT]) if is_latin or not any(map(str.isalnum, rest)) else None


def loops(answer: str, view: View) -> Flag | None:
    """An answer half of which are the same four words again and again."""
    words = answer.split()
    if len(words) < LOOP_WORDS:
        spaced = len(words) * 30 < len(answer)
        if not spaced or len(answer) < 4 * LOOP_WORDS or is_code(answer):
            return None
        words = list(answer)  # a script without spaces, or one endless word
    elif len(set(words)) > 0.6 * len(words):
        return None
    grams = Counter(zip(words, words[1:], words[2:], words[3:], strict=False))
    again = [(gram, n) for gram, n in grams.items() if n >= LOOP_TIMES and any(any(map(str.isalpha, word)) for word in gram)]
    if sum(n for _, n in again) < LOOP_SHARE * (len(words) - 3) or is_code(answer):
        return None
    gram, times = max(again, key=lambda one: one[1])
    said = "".join(gram) if len(words[0]) == 1 == len(words[-1]) else " ".join(gram)
    return Flag("looping_answer", f"{times} times: {said[:40]}")


def breaks_off(answer: str, view: View) -> Flag | None:
    """An answer that ends where no answer ends, or leaves something open."""
    if not answer:
        return None
    if answer.count("```") % 2:
        return Flag("truncated_answer", "a code fence is left open")
    if answer[0] in "{[":
        return Flag("truncated_answer", "its JSON is left open") if is_open_json(answer) else None
    last = answer[-1]
    if not is_open(answer):
        return None
    words = answer.rsplit(None, 3)
    if len(answer) < 30 or answer.count(" ") < BROKEN_WORDS - 1 or is_code(answer) or "\n" in words[-1]:
        return None
    if last in ",(&/" or (last == "-" and answer[-2:-1].isalpha()) or words[-1].casefold() in phrases.NEVER_LAST:
        return None if is_item(answer) and last != "," else Flag("truncated_answer", "ends: …" + answer[-EXCERPT + 8 :].replace("\n", " "))
    opened = answer.rfind("(")
    if opened >= 0 and ")" not in answer[opened:] and answer.count("(") > answer.count(")") and len(answer) - opened < 300:
        return Flag("truncated_answer", "a bracket is left open: …" + answer[-40:].replace("\n", " "))
    if not is_item(answer) and (_OPERATOR.search(answer) or words[-1].casefold() in phrases.SELDOM_LAST or is_fragment(answer)):
        return Flag(CUT_SHORT, "ends: …" + answer[-EXCERPT + 8 :].replace("\n", " "))
    return None


def is_open(answer: str) -> bool:
    """True if an answer ends with a letter, a comma or a sign that something follows: no end where sentences have one.

    >>> is_open("It costs five"), is_open("It costs five."), is_open("5 *")
    (True, False, True)
    """
    return answer[-1:].isalpha() or answer[-1:] in tuple(",-(&/") or _OPERATOR.search(answer[-3:]) is not None


def is_fragment(answer: str) -> bool:
    """True if the last line is a word or two and has no end, while every line before has one.

    >>> is_fragment("She sold 24 clips.\\nNatalia sold"), is_fragment("24 clips\\nNatalia sold")
    (True, False)
    """
    *before, last = [line.strip() for line in answer.split("\n") if line.strip()]
    return bool(before) and len(last.split()) <= FRAGMENT_WORDS and last[-1].isalpha() and all(line[-1] in ".!?。！？" for line in before)


def is_item(answer: str) -> bool:
    """True if the last line is a heading or an item of a list, which need no end."""
    return _LAST_LINE_ITEM.match(answer[answer.rfind("\n") + 1 :]) is not None


def is_open_json(answer: str) -> bool:
    """True if the answer begins as JSON does and ends before its brackets are closed."""
    if answer[0] == "[" and re.match(r"\[[A-Za-z][^\]\n]{0,60}\]", answer):
        return False
    if not re.match(r'[\[{]\s*(?:["\[{\]}]|-?[0-9]|true|false|null)', answer) or holds_json(answer):
        return False
    depth, quoted, skip = 0, False, False
    for c in answer:
        if skip:
            skip = False
        elif quoted:
            skip, quoted = c == "\\", c != '"'
        elif c == '"':
            quoted = True
        else:
            depth += (c in "[{") - (c in "]}")
    return depth > 0 or quoted


def is_code(answer: str) -> bool:
    """True if a text holds code or a fence."""
    return "```" in answer or _CODE.search(answer) is not None


def around(text: str, at: int) -> str:
    """At most 60 characters around a place, on one line, what cannot be seen as spaces.

    >>> around("a" * 50 + "X" + "b" * 50, 50)
    'aaaaaaaaaaaaaaaaaaaaXbbbbbbbbbbbbbbbbbbb'
    """
    return "".join(c if c.isprintable() else " " for c in text[max(0, at - 20) : at + 20])


PROSE: tuple[Callable[[str, View], Flag | None], ...] = (empty, echoes, boilerplate, placeholder, loops, breaks_off)
