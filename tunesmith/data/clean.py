"""A record as it was read → the record mended, or the reason why it cannot be used. Pure rules; each change is counted by its name.

Rules, in order: `mojibake` (ftfy: text that was decoded with the wrong encoding, and HTML entities, unless tags would come out of them),
`control_characters` (terminal escapes, NUL …; between two words a space takes their place; newline and tab stay, CRLF becomes newline; marks of
writing direction stay, since Arabic and Hebrew need them), `unicode_nfc`, and `outer_space` (white space around a text; a first
indent stays where the text has several lines, since it may be code). ASCII text without an odd character, most text by far, takes
none of these paths.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from html import unescape

import ftfy

from tunesmith.data.sources.fault import RowFault
from tunesmith.data.sources.reading import content_id
from tunesmith.spec.chat import Message
from tunesmith.spec.dataset import Cleaning, Record

RULES = ("mojibake", "control_characters", "unicode_nfc", "outer_space")
_FTFY = ftfy.TextFixerConfig(
    unescape_html="auto",
    uncurl_quotes=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    fix_line_breaks=False,
    fix_surrogates=False,
    remove_terminal_escapes=False,
    remove_control_chars=False,
    normalization=None,
    explain=False,
)
_AS_THEY_ARE = _FTFY._replace(unescape_html=False)
TAG = re.compile(
    r"</?(?:br|p|div|span|b|i|u|em|strong|a|ul|ol|li|td|tr|th|table|tbody|thead|font|h[1-6]|img|hr|sup|sub|center|blockquote|section|article|iframe|script|style|label|small)(?:\s+[a-zA-Z-]+\s?=[^<>]{0,300})?\s?/?>",
    re.IGNORECASE,
)
"""A tag of page layout."""
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u206a-\u206f\ufeff\ufff9-\ufffb]")
_BETWEEN_WORDS = re.compile(r"(?<=[^\W\d_]{2})[\x00-\x08\x0b-\x1f\x7f-\x9f]+(?=[^\W\d_])|(?<=[^\W\d_])[\x00-\x08\x0b-\x1f\x7f-\x9f]+(?=[^\W\d_]{2})")
"""Single letters with NUL between them are text in UTF-16 that was read as something else: there nothing stood between."""
_ODD = re.compile(r"[&\x00-\x08\x0b-\x1f\x7f-\U0010ffff]")


def repair(text: str) -> tuple[str, tuple[str, ...]]:
    """(the text mended, the rules that changed it).

    >>> repair("cafÃ© &amp; bar\\x07")
    ('café & bar', ('mojibake', 'control_characters'))
    """
    if not _ODD.search(text):
        return text, ()
    changed = []
    fixed = ftfy.fix_text(text, _AS_THEY_ARE if hides_tags(text) else _FTFY) if not text.isascii() or "&" in text else text
    if fixed != text:
        changed.append("mojibake")
    plain = fixed.replace("\r\n", "\n").replace("\r", "\n") if "\r" in fixed else fixed
    plain = _CONTROLS.sub("", _BETWEEN_WORDS.sub(" ", _ESCAPES.sub("", plain)))
    if plain != fixed:
        changed.append("control_characters")
    if not unicodedata.is_normalized("NFC", plain):
        plain = unicodedata.normalize("NFC", plain)
        changed.append("unicode_nfc")
    return plain, tuple(changed)


def hides_tags(text: str) -> bool:
    """True if there is a tag of page layout among the HTML entities of a text: whether it is meant, only a person can say.

    >>> hides_tags("&lt;p&gt;Hi"), hides_tags("5 &lt; 6 &amp; more")
    (True, False)
    """
    return "&" in text and "<" not in text and TAG.search(unescape(unescape(text))) is not None


def trim(text: str) -> str:
    """The text without white space around it; a text of several lines keeps its first indent.

    >>> trim(" card_lost \\n"), trim("\\n    if x:\\n        y\\n")
    ('card_lost', '    if x:\\n        y')
    """
    end = text.rstrip()
    return re.sub(r"\A(?:[^\S\n]*\n)+", "", end) if "\n" in end.lstrip() else end.lstrip()


def clean(row: Record, rules: Cleaning, tally: Counter[str]) -> Record:
    """The row with its texts mended; `tally` counts rows by the rule that changed them.

    Raises: RowFault, `empty` if nothing is left of a text, `too_long` if there is more than the rules allow.
    """
    if row.conversation is None:
        return _clean_document(row, rules, tally)
    changed: set[str] = set()
    messages = tuple(_clean_turn(m, rules, changed) for m in row.conversation.messages)
    rejected = tuple(_clean_turn(m, rules, changed) for m in row.rejected) if row.rejected else row.rejected
    label = _clean_text(row.label, rules, changed) if row.label is not None else None  # as the answer, which it often is
    columns = {name: _clean_text(value, rules, changed) for name, value in row.columns.items()} if row.columns is not None else None
    size = sum(len(m.content or "") for m in (*messages, *(rejected or ())))
    check_size(size, rules)
    if not changed:
        return row
    tally.update(changed)
    conversation = row.conversation.model_copy(update={"messages": messages})
    id_ = content_id(conversation, rejected, None, row.desirable)
    return row.model_copy(update={"id": id_, "conversation": conversation, "rejected": rejected, "label": label, "columns": columns})


def check_size(characters: int, rules: Cleaning) -> None:
    """Nothing, if a row is not too long.

    Raises: RowFault.
    """
    if characters > rules.max_characters:
        raise RowFault("too_long", f"has {characters:,} characters; `cleaning.max_characters` is {rules.max_characters:,}")


def _clean_document(row: Record, rules: Cleaning, tally: Counter[str]) -> Record:
    changed: set[str] = set()
    text = _clean_text(row.text or "", rules, changed)
    if not text:
        raise RowFault("empty", "holds nothing but white space and control characters")
    check_size(len(text), rules)
    tally.update(changed)
    return row.model_copy(update={"id": content_id(None, None, text), "text": text}) if changed else row


def _clean_turn(turn: Message, rules: Cleaning, changed: set[str]) -> Message:
    if turn.content is None:
        return turn
    text = _clean_text(turn.content, rules, changed)
    if text is turn.content:
        return turn
    if not text and not turn.tool_calls:
        raise RowFault("empty", f"the {turn.role}'s text holds nothing but white space and control characters")
    return turn.model_copy(update={"content": text or None})


def _clean_text(text: str, rules: Cleaning, changed: set[str]) -> str:
    mended, why = repair(text) if rules.repair_text else (text, ())
    changed.update(why)
    trimmed = trim(mended) if mended[:1].isspace() or mended[-1:].isspace() else mended
    if trimmed != mended:
        changed.add("outer_space")
    return trimmed
