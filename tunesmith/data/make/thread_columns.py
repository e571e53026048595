"""Rows of a log → which column is the thread, the author, the time, the text …, each with its reason, and times of any common form → seconds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from tunesmith.data.sources.columns import Guess
from tunesmith.spec.making import ThreadWishes

NAMES: dict[str, tuple[str, ...]] = {
    "thread": ("ticket_id", "ticket_number", "ticket_no", "ticket", "thread_id", "thread_ts", "thread", "conversation_id", "conversation", "case_id", "case_number",
               "case", "issue_id", "issue", "chat_id", "session_id", "session", "dialog_id", "dialogue_id", "incident_number", "request_id", "topic_id", "issue_number"),
    "reply_to": ("in_reply_to", "in_response_to_tweet_id", "reply_to", "in_response_to", "reply_to_id", "parent_message_id", "parent_id"),
    "id": ("id", "message_id", "tweet_id", "comment_id", "msg_id", "post_id"),
    "role": ("role", "author_role", "author_type", "sender_type", "sender_role", "user_type", "user_role", "participant_type", "speaker_role", "direction", "inbound",
             "is_agent", "is_staff", "from_agent", "is_customer", "side", "party", "speaker", "sender", "from", "author", "source", "type"),
    "email": ("email", "from_email", "author_email", "sender_email", "email_address", "from_address", "user_email", "mail"),
    "author": ("author", "author_name", "author_id", "sender", "sender_name", "sender_id", "from", "from_name", "user_name", "username", "user_login", "author_login",
               "user", "user_id", "name", "agent_name", "speaker", "participant", "creator", "created_by", "commenter", "writer", "reporter", "requester", "from_id"),
    "time": ("created_at", "timestamp", "time", "date", "sent_at", "datetime", "created", "ts", "posted_at", "sent", "date_created", "created_time", "created_on"),
    "subject": ("subject", "title", "ticket_subject"),
    "text": ("text", "plain_body", "body_text", "message", "message_text", "body", "comment", "content", "comment_body", "utterance", "msg", "reply", "description",
             "html_body", "value"),
    "internal": ("is_internal", "internal", "private", "is_private", "is_note", "public", "is_public", "visibility"),
}  # fmt: skip
SIDES: dict[str, str] = {
    **dict.fromkeys(("agent", "support", "staff", "operator", "admin", "representative", "rep", "assistant", "outbound", "outgoing", "out", "employee", "team", "helpdesk", "supporter", "advisor", "adviser", "consultant", "seller", "gpt"), "agent"),
    **dict.fromkeys(("customer", "user", "client", "requester", "end-user", "end_user", "enduser", "visitor", "inbound", "incoming", "in", "contact", "lead", "guest", "buyer", "patient", "member", "caller", "human", "reporter"), "customer"),
    **dict.fromkeys(("bot", "system", "automation", "chatbot", "workflow", "trigger", "robot"), "bot"),
}  # fmt: skip
TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
ROLE_SHARE = 0.9
_SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
_NUMERIC_DATE = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{2,4})[,\s]*(?:(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([AaPp])?\.?[Mm]?\.?)?\s*$")


@dataclass
class Columns:
    """What was settled for one file: kind → column, and why."""

    named: dict[str, Guess] = field(default_factory=dict)
    is_day_first: bool | None = None

    def of(self, kind: str) -> str | None:
        """The column of a kind; None if there is none."""
        return self.named[kind].column if kind in self.named else None

    def reasons(self) -> str:
        """All of them, in one line."""
        return "; ".join(f"{kind} = {guess.column} ({guess.reason})" for kind, guess in self.named.items())


def settle(rows: Sequence[dict[str, Any]], wishes: ThreadWishes) -> Columns:
    """The columns of a log, by the user's word, by their names, and by what stands in them."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    found = Columns()
    for kind in ("thread", "author", "role", "email", "time", "text", "subject", "reply_to", "id"):
        wish = getattr(wishes, kind)
        if wish is not None:
            found.named[kind] = Guess(wish, "as you named it")
    for kind, names in NAMES.items():
        if kind in found.named:
            continue
        taken = {guess.column for other, guess in found.named.items() if not (kind == "author" and other == "role")}
        free = {snake(column): column for column in reversed(columns) if column not in taken}
        for name in names:
            if name in free and fits(kind, free[name], rows):
                found.named[kind] = Guess(free[name], f"named `{name}`" + WHY.get(kind, ""))
                break
    if "text" not in found.named:
        longest = max(
            (column for column in columns if column not in {g.column for g in found.named.values()}), key=lambda c: mean_length(c, rows), default=None
        )
        if longest is not None and mean_length(longest, rows) >= 15:
            found.named["text"] = Guess(longest, "the longest text that is left")
    time = found.of("time")
    found.is_day_first = day_first([row.get(time) for row in rows]) if time else None
    return found


WHY = {"thread": ", and its values repeat", "role": ", and its values say who is who"}


def fits(kind: str, column: str, rows: Sequence[dict[str, Any]]) -> bool:
    """True if what stands in a column is what its name promises."""
    values = [text_of(row.get(column)) for row in rows]
    filled = [value for value in values if value]
    if not filled:
        return False
    match kind:
        case "thread":
            return len(set(filled)) < len(filled)
        case "role":
            truths = [value for value in filled if value.lower() in TRUTHS]
            if column_means_truth(column):
                return len(truths) >= ROLE_SHARE * len(filled)
            return sum(value.lower() in SIDES for value in filled) >= ROLE_SHARE * len(filled)
        case "time":
            return sum(seconds(value, False) is not None for value in filled) >= ROLE_SHARE * len(filled)
        case "email":
            return sum("@" in value for value in filled) >= ROLE_SHARE * len(filled)
        case "text":
            return any(any(c.isalpha() for c in value) for value in filled)
    return True


def column_means_truth(column: str) -> bool:
    """True for a column that says by true or false on which side an author is."""
    return snake(column) in ("inbound", "is_agent", "is_staff", "from_agent", "is_customer")


def side_of(column: str, value: Any) -> str:
    """`agent`, `customer` or `bot` as a role column says it; empty if it does not.

    >>> side_of("inbound", "True"), side_of("author_type", "Staff"), side_of("author_type", "")
    ('customer', 'agent', '')
    """
    text = text_of(value).lower()
    if column_means_truth(column) and text in TRUTHS:
        is_customer = TRUTHS[text] == (snake(column) in ("inbound", "is_customer"))
        return "customer" if is_customer else "agent"
    return SIDES.get(text, "")


def is_internal(column: str | None, value: Any) -> bool:
    """True for a note that the customer never saw."""
    text = text_of(value).lower()
    if column is None or not text:
        return False
    if snake(column) in ("public", "is_public"):
        return TRUTHS.get(text) is False
    return TRUTHS.get(text) is True or text in ("internal", "private", "note")


def snake(name: str) -> str:
    """A column's name in lower case with underscores.

    >>> snake("Ticket ID"), snake("createdAt")
    ('ticket_id', 'created_at')
    """
    return "_".join(part.lower() for part in _SNAKE.split(name) if part)


def text_of(value: Any) -> str:
    """A cell as text: parts of a list joined, an absent one empty."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, list):
        return "".join(text_of(part.get("text") if isinstance(part, dict) else part) for part in value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def mean_length(column: str, rows: Sequence[dict[str, Any]]) -> float:
    """Characters of a column's values, on average."""
    return sum(len(text_of(row.get(column))) for row in rows) / max(1, len(rows))


def day_first(values: Sequence[Any]) -> bool | None:
    """True if dates such as 31/01/2025 begin with the day, False if with the month; None if nothing tells."""
    parts = [(int(found[1]), int(found[2])) for value in values if (found := _NUMERIC_DATE.match(text_of(value)))]
    if any(first > 12 for first, _ in parts):
        return True
    return False if any(second > 12 for _, second in parts) else None


def seconds(value: Any, is_day_first: bool | None) -> float | None:
    """A time as Unix seconds; None if it is not understood, or could be two different days.

    >>> seconds("2025-01-31T10:00:00Z", None), seconds("1738317600.25", None), seconds("31/01/2025 10:00", True)
    (1738317600.0, 1738317600.25, 1738317600.0)
    """
    text = text_of(value)
    if not text or len(text) > 60:
        return None
    if re.fullmatch(r"\d{9,10}(?:\.\d+)?|\d{12,13}", text):
        number = float(text)
        return number / 1000 if number > 1e11 else number
    try:
        return _stamp(datetime.fromisoformat(text.replace(" UTC", "+00:00")))
    except (ValueError, OverflowError):
        pass
    if found := _NUMERIC_DATE.match(text):
        return _numeric(found, is_day_first)
    try:
        return _stamp(parsedate_to_datetime(text))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _stamp(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _numeric(found: re.Match[str], is_day_first: bool | None) -> float | None:
    first, second, year = int(found[1]), int(found[2]), int(found[3])
    if is_day_first is None and first != second:
        return None
    day, month = (first, second) if is_day_first else (second, first)
    hour = int(found[4] or 0)
    if found[7]:
        hour = hour % 12 + (12 if found[7].lower() == "p" else 0)
    try:
        return datetime(year if year > 99 else 2000 + year, month, day, hour, int(found[5] or 0), int(found[6] or 0), tzinfo=UTC).timestamp()
    except ValueError:
        return None
