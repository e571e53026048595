"""One thing wrong with one row → a reason that is counted and a message that a person can act on."""

from __future__ import annotations

FIX = "; fix: "
EXPECTED = "; expected "
FIXES = {
    "bad_json": "write the row as one whole JSON object",
    "bad_messages": 'write the messages as [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]',
    "bad_quotes": 'close the quote, or write "" for a quote inside a quoted field',
    "bad_row": "mend this value",
    "bad_tool": "write tool calls and tools as in OpenAI's chat format",
    "bad_weight": "write 0 or 1 on an assistant's turn, or leave the weight out",
    "empty": "fill it in, or remove the row",
    "encoding": "save the file as UTF-8, or mend these characters",
    "missing_key": "add the key, or remove the row",
    "no_answer": "add the answer, as an assistant's turn or in the answer's column, or remove the row",
    "no_group": "fill it in, or remove `group` from this source",
    "no_question": "add the user's turn, or remove the row",
    "not_a_number": "write a number or null",
    "not_an_object": "write the row as one JSON object with keys",
    "not_text": "write text, or name another column",
    "ragged_row": "give the row as many cells as the header",
    "same_answers": "remove the row, or give two answers that differ",
    "too_long": "shorten or split the row",
    "unanswered": "remove the turns after the last answer",
    "unknown_role": "use one of these roles, or set `rename_roles` in this source",
}
"""Reason → what usually mends it, for messages that do not say it themselves."""


class RowFault(Exception):
    """A row that cannot be used. `reason` is a stable word; `message` names key, value and rule."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        self.message = message
        super().__init__(message)


def with_fix(reason: str, message: str) -> str:
    """The message with a fix: its own, or the one that usually helps.

    >>> with_fix("empty", "`text` (the question) is empty")
    '`text` (the question) is empty; fix: fill it in, or remove the row'
    """
    return message if FIX in message or reason not in FIXES else f"{message}{FIX}{FIXES[reason]}"
