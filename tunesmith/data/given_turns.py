"""Messages of a fine-tuning example → Message nouns; every rule that is broken is noted, and reading goes on.

Nothing is dropped: names, weights, tool calls, refusals and the deprecated function calls all reach the noun. `function_call` and
`function` messages become tool calls and tool messages, since that is how the model will be asked when it serves.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tunesmith.data.given_words import MESSAGE_ROLES, Faults, quoted
from tunesmith.spec.chat import FunctionCall, Message, Role, ToolCall

OWN_KEYS: dict[str, frozenset[str]] = {
    "assistant": frozenset({"tool_calls", "function_call", "refusal", "weight", "audio", "annotations"}),
    "tool": frozenset({"tool_call_id"}),
}
"""What a message of this role may hold beside `role`, `content` and `name`."""
KNOWN_KEYS = frozenset({"role", "content", "name"}).union(*OWN_KEYS.values())
"""Columnar writers fill absent keys with null: a known key that is null is absent."""
EMPTY_ONLY = ("audio", "annotations")
"""Keys of a chat answer that have no place in training; they may stand there without a value."""
PICTURES = ("image_url", "image", "input_image", "image_file")
STRING = "Input should be a valid string"
OBJECT = "Input should be a valid dictionary or object to extract fields from"


@dataclass
class _Scene:
    """The example so far: which calls were made, so that answers find theirs."""

    faults: Faults
    place: str
    number: int = 0
    ids: set[str] = field(default_factory=set)
    open_functions: dict[str, deque[str]] = field(default_factory=dict)
    """Function name → ids given to its deprecated calls that no message has answered."""

    def tell(self, words: str, fix: str = "") -> None:
        """Something wrong with the message that is being read; `words` follow its number."""
        self.faults.row(f", {self.place} {self.number}{words}", fix)


def turns(items: Any, faults: Faults, key: str = "messages", place: str = "message") -> tuple[Message, ...] | None:
    """The messages under `key`; None if one of them is unusable, which `faults` then says."""
    if not isinstance(items, list):
        faults.row(f", {key} Input should be a valid list", f"write `{key}` as a list of messages")
        return None
    before = faults.told
    scene = _Scene(faults, place)
    read: list[Message] = []
    for number, item in enumerate(items, 1):
        scene.number = number
        found = _message(item, scene)
        if found is not None:
            read.append(found)
    return tuple(read) if faults.told == before else None


def _message(item: Any, scene: _Scene) -> Message | None:
    """One message, or None if its role is not known."""
    if not isinstance(item, dict):
        scene.tell(f" {OBJECT}", 'write a message as {"role": …, "content": …}')
        return None
    if "role" not in item:
        scene.tell(" Discriminator 'role' is missing in value", "add `role`: system, user, assistant or tool")
        return None
    said = item["role"]
    if said not in MESSAGE_ROLES if isinstance(said, str) else True:
        expected = ", ".join(f"'{role}'" for role in MESSAGE_ROLES)
        shown = quoted(said)[1:-1] if isinstance(said, str) else quoted(json.dumps(said))[1:-1]
        scene.tell(f" Input tag '{shown}' found using 'role' does not match any of the expected tags: {expected}", "use one of these roles")
        return None
    for key, value in item.items():
        if key not in ("role", "content", "name") and not _belongs(key, value, said):
            scene.faults.extra(key, f", {scene.place} {scene.number}")
    told = scene.faults.told
    name = item.get("name")
    if name is not None and not isinstance(name, str):
        scene.tell(f": name {STRING}")
        name = None
    role: Role = "tool" if said == "function" else said
    content = _text(item.get("content"), said, scene)
    weight = _weight(item.get("weight"), said, scene)
    if said == "assistant":
        return _assistant(item, content, name, weight, scene, told)
    if content is None:
        if item.get("content") in (None, []):
            scene.tell(": content required", "add `content`, or remove the message")
        return None
    call_id = _answered_call(item, said, name, scene) if role == "tool" else None
    return Message(role=role, content=content, name=name, tool_call_id=call_id)


def _belongs(key: str, value: Any, role: str) -> bool:
    """True if the role's messages have this key, if some role has it and here it is empty, or if it is told elsewhere."""
    if key in EMPTY_ONLY:
        return not value
    return key in OWN_KEYS.get(role, ()) or key == "weight" or (value is None and key in KNOWN_KEYS)


def _weight(value: Any, role: str, scene: _Scene) -> Literal[0, 1] | None:
    if value is None:
        return None
    if role != "assistant" or isinstance(value, bool) or not isinstance(value, int | float) or value not in (0, 1):
        fix = "only an assistant's message has a weight" if role != "assistant" else "write 0 (context only) or 1 (trained), or leave it out"
        scene.tell(": Invalid value for 'weight', must be 0 or 1", fix)
        return None
    return 1 if value else 0


def _text(content: Any, role: str, scene: _Scene) -> str | None:
    """The text of a message's content, its parts joined; None where there is none."""
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list):
        scene.tell(f": content {STRING}", "write text, or a list of text parts")
        return None
    texts = [_part(part, i, role, scene) for i, part in enumerate(content)]
    return "".join(text for text in texts if text is not None) if texts and None not in texts else None  # None: told already, or no part


def _part(part: Any, index: int, role: str, scene: _Scene) -> str | None:
    if not isinstance(part, dict):
        scene.tell(f": content[{index}] {OBJECT}", 'write a part as {"type": "text", "text": …}')
        return None
    kind = part.get("type")
    if kind in PICTURES if isinstance(kind, str) else False:
        scene.faults.images()
        return None
    allowed = ("text", "refusal") if role == "assistant" else ("text",)
    if kind not in allowed:
        expected = ", ".join(f"'{one}'" for one in allowed)
        shown = quoted(kind if isinstance(kind, str) else json.dumps(kind))[1:-1]
        scene.tell(f": content[{index}] Input tag '{shown}' found using 'type' does not match any of the expected tags: {expected}", "only text")
        return None
    text = part.get(kind)
    if not isinstance(text, str):
        scene.tell(f": content[{index}].{kind} {STRING}")
        return None
    for key in part.keys() - {"type", kind}:
        if part[key] is not None:
            scene.faults.extra(key, f", {scene.place} {scene.number}")
    return text


def _assistant(item: dict[str, Any], content: str | None, name: str | None, weight: Literal[0, 1] | None, scene: _Scene, told: int) -> Message:
    """The assistant's message; `told` is how much was told before its values were looked at."""
    refusal = item.get("refusal")
    if refusal is not None and not isinstance(refusal, str):
        scene.tell(f": refusal {STRING}")
    elif refusal:
        content = f"{content}\n{refusal}" if content else refusal  # a refusal is what the assistant says
    calls = _calls(item, scene)
    if not content and not calls and scene.faults.told == told:
        scene.tell(": content or tool_calls required", "write what the assistant answers, or remove the example")
    return Message(role="assistant", content=content, name=name, tool_calls=tuple(calls) or None, weight=weight)


def _calls(item: dict[str, Any], scene: _Scene) -> list[ToolCall]:
    """The calls of an assistant's message; a deprecated one gets an id."""
    raw = item.get("tool_calls")
    found: list[ToolCall] = []
    if raw is not None and not isinstance(raw, list):
        scene.tell(": tool_calls Input should be a valid list")
    for i, call in enumerate(raw if isinstance(raw, list) else []):
        where = f"tool_calls[{i}]"
        if not isinstance(call, dict):
            scene.tell(f": {where} {OBJECT}")
            continue
        if not isinstance(call.get("id"), str) or not call["id"]:
            scene.tell(f": {where}.id {STRING if 'id' in call else 'is missing'}", "give the call an id that the tool's message can name")
        if call.get("type", "function") != "function":
            scene.tell(f": {where}.type must be 'function'")
        function = _function(call.get("function"), f"{where}.function", scene)
        if function is not None and isinstance(call.get("id"), str):
            scene.ids.add(call["id"])
            found.append(ToolCall(id=call["id"], function=function))
    if item.get("function_call") is not None:
        function = _function(item["function_call"], "function_call", scene)
        if function is not None:
            number = len(scene.ids) + 1
            while (call_id := f"call_{number}") in scene.ids:
                number += 1
            scene.ids.add(call_id)
            scene.open_functions.setdefault(function.name, deque()).append(call_id)
            found.append(ToolCall(id=call_id, function=function))
    return found


def _function(value: Any, where: str, scene: _Scene) -> FunctionCall | None:
    if not isinstance(value, dict):
        scene.tell(f": {where} {OBJECT}", 'write {"name": …, "arguments": "{…}"}')
        return None
    if not isinstance(value.get("name"), str) or not value["name"]:
        scene.tell(f": {where}.name {STRING if 'name' in value else 'is missing'}")
        return None
    arguments = value.get("arguments")
    if not isinstance(arguments, str):
        fix = "write the arguments as JSON text, as the model would"
        scene.tell(f": {where}.arguments {STRING if 'arguments' in value else 'is missing'}", fix)
        return None
    if not _is_json_object(arguments):
        scene.tell(f": {where}.arguments is not valid JSON", "write the JSON text of an object, or {} where there are none")
        return None
    return FunctionCall(name=value["name"], arguments=arguments or "{}")


def _is_json_object(text: str) -> bool:
    try:
        return not text or isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _answered_call(item: dict[str, Any], role: str, name: str | None, scene: _Scene) -> str | None:
    """The id of the call that a tool's or a function's message answers."""
    if role == "function":
        waiting = scene.open_functions.get(name or "")
        if not waiting:
            scene.tell(f": no function_call for {quoted(name or '')} stands before this message", "name the function that was called")
            return None
        return waiting.popleft()
    call_id = item.get("tool_call_id")
    if not isinstance(call_id, str):
        scene.tell(f": tool_call_id {STRING if 'tool_call_id' in item else 'is missing'}", "name the call that this message answers")
        return None
    if call_id not in scene.ids:
        scene.tell(f": tool_call_id {quoted(call_id)} does not match any preceding tool call", "use the id of a call that stands before it")
    return call_id


def check_answered(messages: Sequence[Message], faults: Faults) -> None:
    """A supervised example ends with an assistant's message, and at least one of them is trained."""
    answers = [message for message in messages if message.role == "assistant"]
    if not answers:
        faults.row(": at least one assistant message is required", "add the answer to learn, or remove the example")
    elif len(messages) == 1:
        faults.row(": a message must stand before the assistant's", "add what the assistant answers to; a system or user message will do")
    elif messages[-1].role != "assistant":
        faults.row(": Last message must be from the assistant", "remove the messages after the last answer")
    elif all(message.weight == 0 for message in answers):
        faults.row(": all assistant messages have weight 0, so there is nothing to train on", "give one of them weight 1, or remove the example")
