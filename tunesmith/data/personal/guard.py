"""A record with personal data or secrets → what the project decided: refused, its rows dropped, redacted, or kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Literal

from tunesmith.data.personal.redact import Placeholders, redact
from tunesmith.data.personal.spans import KINDS, kinds_in
from tunesmith.data.sources.fault import FIX, RowFault
from tunesmith.data.sources.reading import content_id
from tunesmith.spec.chat import FunctionCall, Message, ToolCall
from tunesmith.spec.dataset import Record

Rule = Literal["refuse", "redact", "drop", "keep"]
DECIDE = 'decide in the project, [cleaning] personal_data = "redact" (placeholders), "drop" (the rows) or "keep", or mend the file first: tunesmith data fix'


class Guard:
    """One per data set: the same value gets the same placeholder in all of its rows."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._book = Placeholders()

    def passed(self, record: Record, tally: Counter[str]) -> Record:
        """The record as it may be used; `tally` counts redacted rows and those that were kept by decision.

        Raises: RowFault, `personal_data` where nothing is decided, `personal` where such rows are dropped.
        """
        text = "\n".join(_texts(record))
        kinds = kinds_in(text)
        if not kinds:
            return record
        named = ", ".join(KINDS[kind].title for kind in kinds)
        match self.rule:
            case "refuse":
                raise RowFault("personal_data", f"holds personal data or secrets ({named}){FIX}{DECIDE}")
            case "drop":
                raise RowFault("personal", f"holds personal data or secrets ({named})")
            case "keep":
                tally["personal_data_kept"] += 1
                return record
            case "redact":
                tally["personal_data"] += 1
                return redacted(record, self._hide)

    def _hide(self, text: str) -> str:
        return redact(text, self._book)[0]


def _texts(record: Record) -> list[str]:
    assert record.conversation is not None
    found = []
    for message in (*record.conversation.messages, *(record.rejected or ())):
        found.append(message.content or "")
        found += [call.function.arguments for call in message.tool_calls or ()]
    return [*found, *(record.columns or {}).values()]


def redacted(record: Record, hide: Callable[[str], str]) -> Record:
    """The record with every text of it through `hide`; label, group and columns too, since they often repeat a text."""
    assert record.conversation is not None

    def turn(message: Message) -> Message:
        calls = tuple(_call(call, hide) for call in message.tool_calls) if message.tool_calls else message.tool_calls
        return message.model_copy(update={"content": hide(message.content) if message.content else message.content, "tool_calls": calls})

    conversation = record.conversation.model_copy(update={"messages": tuple(map(turn, record.conversation.messages))})
    rejected = tuple(map(turn, record.rejected)) if record.rejected else record.rejected
    return record.model_copy(
        update={
            "id": content_id(conversation, rejected, None, record.desirable),
            "conversation": conversation,
            "rejected": rejected,
            "label": hide(record.label) if record.label else record.label,
            "group": hide(record.group) if record.group else record.group,
            "columns": {name: hide(value) for name, value in record.columns.items()} if record.columns else record.columns,
        }
    )


def _call(call: ToolCall, hide: Callable[[str], str]) -> ToolCall:
    function: FunctionCall = call.function.model_copy(update={"arguments": hide(call.function.arguments)})
    return call.model_copy(update={"function": function})
