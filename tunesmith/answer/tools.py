"""Tools, and what a model says → calls: the model's own way to write calls, found by asking its template, and read back from text.

A template that knows tools shows by one example how its model spells a call; that form is what a forced call is written in, and it is looked
for first. What is not a call stays text. Templates that know no tools: `model/tool_words.py`.
"""

from __future__ import annotations

import json
import re
import secrets
import string
from collections.abc import Iterable, Mapping
from typing import Any

from tunesmith.errors import BadData
from tunesmith.model.template import Template
from tunesmith.model.tool_words import HERMES, PROBE_KEY, PROBE_NAME, PROBE_TOOL, CallForm, loaded
from tunesmith.spec.chat import Conversation, FunctionCall, Message, ToolCall

VALUE = "probe_value"
LETTERS = string.ascii_letters + string.digits
KEYS = ("arguments", "parameters")
MISTRAL = CallForm("[TOOL_CALLS] [", "]")
MARKS = ("<tool_call>", "[TOOL_CALLS]", "<|python_tag|>")


def call_form(template: Template) -> CallForm:
    """How the model's own template writes a call."""
    if not template.knows_tools:
        return HERMES
    call = ToolCall(id="probe1234", function=FunctionCall(name=PROBE_NAME, arguments=json.dumps({PROBE_KEY: VALUE})))
    asked = Conversation(messages=(Message(role="user", content="ping"),), tools=(PROBE_TOOL,))
    try:
        before = _text(template, asked)
        after = _text(template, asked.answered((Message(role="assistant", tool_calls=(call,)),)))
    except BadData:
        return HERMES
    said = after[len(before) :] if after.startswith(before) else after[after.rfind(PROBE_NAME) - 200 :]
    for start in [found.start() for found in re.finditer(re.escape("{"), said)]:
        value, end = _object(said, start)
        key = next(
            (key for key in KEYS if isinstance(value, dict) and value.get("name") == PROBE_NAME and value.get(key) == {PROBE_KEY: VALUE}), None
        )
        if key is not None:
            closing = said[end:]
            cut = min((closing.find(stop) for stop in template.guard.spellings if stop in closing), default=len(closing))
            return CallForm(said[:start], closing[:cut], key)
    return HERMES


def _text(template: Template, conversation: Conversation) -> str:
    ends = conversation.messages[-1].role == "assistant"
    ids = template.render(conversation).ids if ends else template.prompt(conversation)
    text = template.tokenizer.decode(ids)
    assert isinstance(text, str)
    return text


def may_call(text: str, form: CallForm) -> int:
    """Where in `text` a call begins or may begin to be written, or its length.

    >>> may_call("Let me see. <tool_c", HERMES)
    12
    """
    marks = [mark for mark in dict.fromkeys((form.mark, *MARKS)) if mark]
    found = [text.find(mark) for mark in marks if mark in text]
    lead = len(text) - len(text.lstrip())
    if text[lead : lead + 1] in ("{", "["):
        found.append(lead)
    sizes = (size for mark in marks for size in range(min(len(mark), len(text)), 0, -1) if text.endswith(mark[:size]))
    return min([*found, len(text) - max(sizes, default=0)])


def read_calls(text: str, form: CallForm, names: Iterable[str]) -> tuple[str, tuple[ToolCall, ...]]:
    """(text before the calls, the calls); (text, ()) where there is no call, or one that no tool of `names` could take."""
    known = frozenset(names)
    for mark, end in ((form.mark, form.closing.strip()), ("<tool_call>", "</tool_call>"), ("[TOOL_CALLS]", ""), ("<|python_tag|>", ""), ("", "")):
        before, found, rest = text.partition(mark) if mark else ("", "", text)
        if mark and not found:
            continue
        calls = _calls(rest, mark, end, known)
        if calls:
            return before.strip(), calls
    return text, ()


def _calls(text: str, mark: str, end: str, known: frozenset[str]) -> tuple[ToolCall, ...]:
    """The calls of which `text` consists, or none: half understood is not understood."""
    calls: list[ToolCall] = []
    while text := text.strip().removeprefix(mark).strip().removeprefix(";").strip():
        value, stop = _object(text, 0)
        many = value if isinstance(value, list) else [value]
        made = [_call(one, known) for one in many]
        if not many or any(call is None for call in made):
            return ()
        calls += [call for call in made if call is not None]
        text = text[stop:].strip()
        if end:
            text = text.removeprefix(end)
    return tuple(calls)


def _call(value: Any, known: frozenset[str]) -> ToolCall | None:
    if isinstance(value, Mapping) and isinstance(value.get("function"), Mapping):
        value = value["function"]
    if not isinstance(value, Mapping) or value.get("name") not in known:
        return None
    arguments: Any = next((value[key] for key in KEYS if key in value), {})
    if isinstance(arguments, str) and loaded(arguments) is not None:
        arguments = loaded(arguments)
    if not isinstance(arguments, dict):
        return None
    name = "call_" + "".join(secrets.choice(LETTERS) for _ in range(24))
    return ToolCall(id=name, function=FunctionCall(name=value["name"], arguments=json.dumps(arguments, ensure_ascii=False)))


def _object(text: str, start: int) -> tuple[Any, int]:
    """(the JSON value that begins there, where it ends); (None, start) if none does."""
    try:
        return json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, start
