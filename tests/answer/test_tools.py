"""Tool calls: the form that a template shows, the forms that models are known to write, and text that is none."""

from __future__ import annotations

import json

import pytest

from tests import tiny
from tunesmith.answer.tools import MISTRAL, call_form, may_call, read_calls
from tunesmith.model.template import Template
from tunesmith.model.tool_words import HERMES, CallForm, written_out
from tunesmith.spec.chat import Conversation, FunctionCall, Message, ToolCall

QWEN = (
    "{% if tools %}<|im_start|>system\n{% for t in tools %}{{ t | tojson }}\n{% endfor %}<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for c in m.tool_calls or [] %}\n<tool_call>\n{\"name\": \"{{ c.function.name }}\", \"arguments\": {{ c.function.arguments | tojson }}}\n</tool_call>{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)  # fmt: skip
LLAMA = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if tools and loop.first %}{{ tools | tojson }}{% endif %}"
    "{% if m.tool_calls %}{\"name\": \"{{ m.tool_calls[0].function.name }}\", \"parameters\": {{ m.tool_calls[0].function.arguments | tojson }}}"
    "{% else %}{{ m.content }}{% endif %}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)  # fmt: skip
LISTED = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if tools and loop.first %}{{ tools | tojson }}{% endif %}"
    "{% if m.tool_calls %}[TOOL_CALLS] [{% for c in m.tool_calls %}{{ {'name': c.function.name, 'arguments': c.function.arguments, 'id': c.id} | tojson }}{% endfor %}]"
    "{% else %}{{ m.content }}{% endif %}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)  # fmt: skip
NAMES = ("add", "find")
ADD = '{"name": "add", "arguments": {"x": 1}}'


def template(source: str | None, tmp_path) -> Template:
    return tiny.load(tiny.save(tmp_path / "model", template=source)).template


@pytest.mark.parametrize(
    ("source", "knows", "form"),
    [
        (tiny.CHATML, True, CallForm("<call>", "</call>")),
        (QWEN, True, CallForm("<tool_call>\n", "\n</tool_call>")),
        (LLAMA, True, CallForm("", "", "parameters")),
        (LISTED, True, CallForm("[TOOL_CALLS] [", "]")),
        (tiny.THINKING, False, HERMES),
        (None, False, HERMES),
    ],
    ids=["own", "qwen", "llama", "mistral", "none", "base"],
)
def test_a_template_shows_how_its_model_calls(tmp_path, source, knows, form):
    made = template(source, tmp_path)
    assert (made.knows_tools, call_form(made)) == (knows, form)


@pytest.mark.parametrize(
    ("text", "form", "before", "expected"),
    [
        (f"<tool_call>\n{ADD}\n</tool_call>", HERMES, "", [("add", {"x": 1})]),
        (f"Let me see.\n<tool_call>{ADD}</tool_call>\n<tool_call>{ADD}</tool_call>", HERMES, "Let me see.", [("add", {"x": 1})] * 2),
        (f"<tool_call>[{ADD}, {ADD}]</tool_call>", HERMES, "", [("add", {"x": 1})] * 2),
        (f"<tool_call>{ADD}", HERMES, "", [("add", {"x": 1})]),
        ('{"name": "find", "parameters": {"q": "é"}}', CallForm("", "", "parameters"), "", [("find", {"q": "é"})]),
        ('<|python_tag|>{"name": "find", "parameters": {}}', CallForm("", "", "parameters"), "", [("find", {})]),
        ('{"name": "find", "parameters": {}}; {"name": "add", "parameters": {"x": 2}}', CallForm("", "", "parameters"), "", [("find", {}), ("add", {"x": 2})]),
        (f"[TOOL_CALLS] [{ADD}]", MISTRAL, "", [("add", {"x": 1})]),
        (f"[TOOL_CALLS] [{ADD}, {ADD}]", MISTRAL, "", [("add", {"x": 1})] * 2),
        (f"<call>{ADD}</call>", CallForm("<call>", "</call>"), "", [("add", {"x": 1})]),
        ('{"type": "function", "function": {"name": "add", "arguments": "{\\"x\\": 1}"}}', HERMES, "", [("add", {"x": 1})]),
    ],
)  # fmt: skip
def test_calls_are_read_from_the_forms_that_models_write(text, form, before, expected):
    left, found = read_calls(text, form, NAMES)
    assert left == before
    assert [(call.function.name, json.loads(call.function.arguments)) for call in found] == expected
    assert len({call.id for call in found}) == len(found)
    assert all(call.id.startswith("call_") and len(call.id) == 29 for call in found)


@pytest.mark.parametrize(
    "text",
    [
        "The answer is 3.", "", '{"x": 1}', '{"name": "unknown", "arguments": {}}', f"<tool_call>{ADD}</tool_call> and more", f"{ADD} is how",
        '<tool_call>{"name": "add", "arguments": ', '<tool_call>{"name": "add", "arguments": [1]}</tool_call>', "[]", "[1, 2]", "<tool_call></tool_call>",
        "[" * 5000,
    ],
    ids=lambda text: text[:20] or "empty",
)  # fmt: skip
def test_anything_else_stays_text(text):
    assert read_calls(text, HERMES, NAMES) == (text, ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Let me see. <tool_c", 12), ("a < b", 5), ("a <", 2), (' {"na', 1), ("say {", 5), ("<tool_call>{", 0), ("", 0), ("[TOOL", 0), ("hello", 5)],
)
def test_text_is_held_from_where_a_call_may_begin(text, expected):
    assert may_call(text, HERMES) == expected


def test_a_template_without_tools_gets_them_in_the_system_message():
    tool = {"type": "function", "function": {"name": "add"}}
    call = ToolCall(id="1", function=FunctionCall(name="add", arguments='{"x": 1}'))
    asked = Conversation(
        messages=(
            Message(role="system", content="Be brief."),
            Message(role="user", content="1+1"),
            Message(role="assistant", content="So:", tool_calls=(call,)),
            Message(role="tool", content="2", tool_call_id="1"),
        ),
        tools=(tool,),
    )
    system, user, assistant, result = written_out(asked).messages
    assert (system.content or "").startswith("Be brief.\n\n# Tools\n")
    assert json.dumps(tool) in (system.content or "")
    assert user == asked.messages[1]
    assert assistant.content == f"So:\n<tool_call>\n{ADD}\n</tool_call>"
    assert (result.role, result.content) == ("user", "<tool_response>\n2\n</tool_response>")
    assert written_out(asked).tools is None
    alone = Conversation(messages=(Message(role="user", content="a"),), tools=(tool,))
    assert [m.role for m in written_out(alone).messages] == ["system", "user"]
    plain = Conversation(messages=(Message(role="user", content="a"),))
    assert written_out(plain) is plain
