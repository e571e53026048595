"""Messages as files write them → checked Message nouns: roles, contents, tool calls, weights.

Each check names the key, the value and the rule; what is wrong with a row is one RowFault.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from tunesmith.data.sources.fault import RowFault
from tunesmith.errors import excerpt
from tunesmith.spec.chat import ROLES, Conversation, FunctionCall, Message, Role, ToolCall

ALIASES = {"human": "user", "customer": "user", "prompter": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant", "ai": "assistant",
           "chatgpt": "assistant", "agent": "assistant", "function": "tool", "observation": "tool"}  # fmt: skip


def conversation(messages: Any, tools: Any, renamed: Mapping[str, str], key: str = "messages") -> Conversation:
    """A conversation that ends with an assistant's turn to learn from.

    Raises: RowFault naming the first turn that breaks a rule.
    """
    turns = message_list(messages, renamed, key)
    check_turns(turns, key)
    return Conversation(messages=turns, tools=tool_list(tools))


def message_list(messages: Any, renamed: Mapping[str, str], key: str = "messages") -> tuple[Message, ...]:
    """Messages, each checked alone.

    Raises: RowFault.
    """
    if not isinstance(messages, list | tuple):
        raise RowFault("bad_messages", f"`{key}` is {excerpt(messages)}; expected a list of messages")
    if not messages:
        raise RowFault("empty", f"`{key}` is an empty list")
    return tuple(message(item, f"{key}[{i}]", renamed) for i, item in enumerate(messages))


def message(item: Any, at: str, renamed: Mapping[str, str]) -> Message:
    """One message.

    Raises: RowFault.
    """
    if not isinstance(item, dict):
        raise RowFault("bad_messages", f"`{at}` is {excerpt(item)}; expected an object with `role` and `content`")
    role = known_role(item.get("role"), f"{at}.role", renamed)
    calls = tool_calls(item.get("tool_calls"), f"{at}.tool_calls")
    if item.get("function_call") is not None:
        raise RowFault("bad_tool", f"`{at}.function_call` is the old form; write `tool_calls`")
    if calls and role != "assistant":
        raise RowFault("bad_tool", f"`{at}.tool_calls` stands in a message of role {role}; only an assistant calls tools")
    content = text_of(item.get("content"), f"{at}.content")
    if not (content and content.strip()) and not calls:
        raise RowFault("empty", f"`{at}.content` is empty")
    call_id = item.get("tool_call_id")
    if role == "tool" and not isinstance(call_id, str):
        raise RowFault(
            "bad_tool", f"`{at}.tool_call_id` is {'missing' if call_id is None else excerpt(call_id)}; a tool's message names the call it answers"
        )
    name = item.get("name")
    if name is not None and not isinstance(name, str):
        raise RowFault("bad_messages", f"`{at}.name` is {excerpt(name)}; expected text")
    return Message(role=role, content=content or None, name=name, tool_calls=calls, tool_call_id=call_id, weight=weight(item.get("weight"), role, at))


def known_role(role: Any, at: str, renamed: Mapping[str, str]) -> Role:
    """One of our roles, after `rename_roles`.

    Raises: RowFault with the renaming that would help.
    """
    if isinstance(role, str):
        role = renamed.get(role, role)
        if role in ROLES:
            return cast(Role, role)
        likely = ALIASES.get(role.strip().lower(), role.strip().lower())
        fix = f'; fix: rename_roles = {{ {json.dumps(role, ensure_ascii=True)[:60]} = "{likely if likely in ROLES else "user"}" }} in this source'
        raise RowFault("unknown_role", f"`{at}` is {excerpt(role)}; expected one of {', '.join(ROLES)}{fix}")
    raise RowFault("unknown_role", f"`{at}` is {'missing' if role is None else excerpt(role)}; expected one of {', '.join(ROLES)}")


def weight(value: Any, role: str, at: str) -> Literal[0, 1] | None:
    """0, 1 or None.

    Raises: RowFault for anything else, or a weight on a turn that is never trained on.
    """
    if value is None:
        return None
    if isinstance(value, bool) or value not in (0, 1):
        raise RowFault("bad_weight", f"`{at}.weight` is {excerpt(value)}; expected 0 or 1")
    if role != "assistant":
        raise RowFault("bad_weight", f"`{at}.weight` stands in a message of role {role}; only an assistant's turn is trained on")
    return 1 if value else 0


def text_of(content: Any, at: str) -> str | None:
    """The text of a message's content; a list of text parts is joined.

    Raises: RowFault for images, audio and whatever else is not text.
    """
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, list | tuple):
        for i, part in enumerate(content):
            if not (isinstance(part, dict) and part.get("type", "text") == "text" and isinstance(part.get("text"), str)):
                kind = part.get("type") if isinstance(part, dict) else part
                raise RowFault("not_text", f"`{at}[{i}]` is {excerpt(kind)}; only text can be trained on")
        return "".join(part["text"] for part in content)
    raise RowFault("not_text", f"`{at}` is {excerpt(content)}; expected text")


def tool_calls(calls: Any, at: str) -> tuple[ToolCall, ...] | None:
    """The calls of an assistant's message.

    Raises: RowFault.
    """
    if calls is None or (isinstance(calls, list | tuple) and not calls):
        return None
    if not isinstance(calls, list | tuple):
        raise RowFault("bad_tool", f"`{at}` is {excerpt(calls)}; expected a list of calls")
    return tuple(_tool_call(call, f"{at}[{i}]") for i, call in enumerate(calls))


def _tool_call(call: Any, at: str) -> ToolCall:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
        raise RowFault(
            "bad_tool", f'`{at}` has no function name; expected {{"id": …, "type": "function", "function": {{"name": …, "arguments": …}}}}'
        )
    if not isinstance(call.get("id"), str) or not call["id"]:
        raise RowFault("bad_tool", f"`{at}.id` is missing; a call needs an id that the tool's message can name")
    if call.get("type", "function") != "function":
        raise RowFault("bad_tool", f'`{at}.type` is {excerpt(call["type"])}; expected "function"')
    return ToolCall(
        id=call["id"], function=FunctionCall(name=function["name"], arguments=arguments_text(function.get("arguments"), f"{at}.function.arguments"))
    )


def arguments_text(arguments: Any, at: str) -> str:
    """The arguments as JSON text: as written if they are text, else written out.

    Raises: RowFault if the text is not a JSON object.
    """
    if isinstance(arguments, dict):
        return json.dumps({key: value for key, value in arguments.items() if value is not None}, ensure_ascii=False)
    try:
        if isinstance(arguments, str) and isinstance(json.loads(arguments or "{}"), dict):
            return arguments or "{}"
    except (ValueError, RecursionError):
        pass
    raise RowFault("bad_tool", f"`{at}` is {'missing' if arguments is None else excerpt(arguments)}; expected the JSON text of an object")


def tool_list(tools: Any) -> tuple[dict[str, Any], ...] | None:
    """The tools an assistant may call; a JSON text of the list is accepted too.

    Raises: RowFault.
    """
    if isinstance(tools, str) and tools.strip():
        try:
            tools = json.loads(tools)
        except (ValueError, RecursionError):
            raise RowFault("bad_tool", f"`tools` is {excerpt(tools)}; expected a list of tools") from None
    if not tools:
        return None
    if not isinstance(tools, list | tuple) or not all(isinstance(tool, dict) for tool in tools):
        raise RowFault("bad_tool", f"`tools` is {excerpt(tools)}; expected a list of tools")
    for i, tool in enumerate(tools):
        function = tool.get("function", tool)
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise RowFault("bad_tool", f"`tools[{i}]` has no function name")
    return tuple(tools)


def check_turns(turns: Sequence[Message], key: str) -> None:
    """Nothing, if the conversation can be learnt from.

    Raises: RowFault if nothing is asked, nothing answers, or a tool's message answers no call.
    """
    answers = [m for m in turns if m.role == "assistant"]
    if not answers:
        raise RowFault("no_answer", f"`{key}` has no assistant's turn; there is nothing to learn from it")
    if turns[-1].role != "assistant":
        raise RowFault(
            "unanswered", f"the last of `{key}` is of role {turns[-1].role}; a row ends with the assistant's answer; fix: remove the turns after it"
        )
    if not any(m.weight != 0 for m in answers):
        raise RowFault("no_answer", f"every assistant's turn of `{key}` has weight 0; there is nothing to learn from it")
    if not any(m.role in ("user", "tool") for m in turns):
        raise RowFault("no_question", f"`{key}` has no user's turn; nothing is asked")
    asked: set[str] = set()
    for i, turn in enumerate(turns):
        asked.update(call.id for call in turn.tool_calls or ())
        if turn.role == "tool" and turn.tool_call_id not in asked:
            raise RowFault("bad_tool", f"`{key}[{i}].tool_call_id` is {excerpt(turn.tool_call_id)}, which no call before it bears")
