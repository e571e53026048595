"""A conversation → token ids and the mask of trained tokens. The one rendering: training, evaluation and serving call it.

A conversation is rendered as text by the model's own chat template and cut where each assistant turn begins; the pieces are tokenised one
by one. So the tokens before an answer are exactly those that serving feeds the model, whatever the answer begins with, and the mask needs
no marks inside the template. A turn's mask covers its content and its end-of-turn token, and nothing else.

Templates that rewrite earlier turns (reasoning models drop old thoughts) cannot be cut like this: such a conversation becomes one row per
trained turn, each rendered as it would be served.

What people write never becomes a control token (see `guard`), so no row and no user can end a turn or forge one.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from transformers import PreTrainedTokenizerBase

from tunesmith.errors import BadData, Unsupported
from tunesmith.model.guard import Guard
from tunesmith.model.tool_words import PROBE_NAME, PROBE_TOOL, written_out
from tunesmith.spec.chat import Conversation, Message

PLAIN = (
    "{% for m in messages %}"
    "{% if m.role == 'system' %}{{ m.content }}\n\n"
    "{% elif m.role == 'assistant' %}Answer: {{ m.content }}{{ eos_token }}\n\n"
    "{% else %}Question: {{ m.content }}\n{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}Answer:{% endif %}"
)
"""For base models that bring no template. It needs no token that the model has never seen; what the tokenizer puts first comes first."""
TEMPLATE_SECONDS = 5.0
PROBE = Conversation(messages=(Message(role="user", content="ping"), Message(role="assistant", content="pong")))


@dataclass(frozen=True)
class Rendered:
    """A row as tokens. `trained[i]` is True where token i is one that the model learns to say."""

    ids: list[int]
    trained: list[bool]
    truncated: bool = False

    @property
    def prompt_length(self) -> int:
        """Tokens before the first trained one."""
        return self.trained.index(True) if True in self.trained else len(self.ids)


class Template:
    """A tokenizer with its chat template.

    Raises: Unsupported if the template fails on a plain question and answer, or takes longer than 5 seconds for it.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop_ids: tuple[int, ...] = ()) -> None:
        self.tokenizer = tokenizer
        self.guard = Guard(tokenizer)
        self.is_default = not tokenizer.chat_template
        self.source: str = _plain_template(tokenizer) if self.is_default else _default_of(tokenizer.chat_template)
        self.knows_tools = True
        """Whether the template shows its model the tools it is given; else they are written out in words."""
        self._try()
        self.knows_tools = self._shows_tools()
        after = self.guard.encode(self._text(PROBE, 2, False).rpartition("pong")[2])
        end_id = next((token for token in reversed(after) if token in self.guard.ids), tokenizer.eos_token_id)
        if end_id is None:
            raise Unsupported("the tokenizer has no end-of-sequence token, so an answer could never end", where="tokenizer", fix="use another model")
        self.end_id: int = end_id
        self.stop_ids = tuple(sorted({self.end_id, *stop_ids, *([tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else [])}))

    @property
    def digest(self) -> str:
        """sha256 of the template's text."""
        return hashlib.sha256(self.source.encode()).hexdigest()

    def prompt(self, conversation: Conversation) -> list[int]:
        """Token ids up to where the assistant begins to speak."""
        return [token for text, _ in self._pieces(self.guard.cover(conversation), open_end=True) for token in self.guard.encode(text)]

    def answer(self, text: str) -> list[int]:
        """Token ids of `text` as an assistant's turn, with its end-of-turn token: what is trained and what a choice is made of."""
        said = Conversation(messages=(PROBE.messages[0], Message(role="assistant", content=text)))
        return self._turn(self._pieces(self.guard.cover(said))[-1][0])[0]

    def rows(self, conversation: Conversation, max_length: int) -> Iterator[Rendered]:
        """The rows to train on: one, or one per trained turn where the template rewrites history. Longer rows are cut and say so."""
        turns = [i for i, m in enumerate(conversation.messages) if m.role == "assistant" and m.weight != 0]
        if not turns:
            return
        if self._chains(self.guard.cover(conversation)):
            yield self.fit(conversation, max_length)
            return
        for turn in turns:
            question = conversation.model_copy(update={"messages": conversation.messages[:turn]})
            yield self.fit(question.answered((conversation.messages[turn],)), max_length)

    def fit(self, conversation: Conversation, max_length: int) -> Rendered:
        """`conversation` in at most `max_length` tokens: oldest turns go first, then the front of the question, last the answer's end."""
        row = self.render(conversation)
        if len(row.ids) <= max_length:
            return row
        row = self.render(self.shortened(conversation, max_length))
        return Rendered(row.ids[:max_length], row.trained[:max_length], truncated=True)

    def shortened(self, conversation: Conversation, max_length: int) -> Conversation:
        """`conversation` without its oldest turns, then without the front of its question, until it has at most `max_length` tokens or neither is left."""
        row = self.render(conversation)
        while len(row.ids) > max_length and (shorter := _without_oldest_turn(conversation)) is not None:
            conversation = shorter
            row = self.render(conversation)
        question = next((i for i, m in enumerate(conversation.messages) if m.role == "user"), None)
        kept = self.guard.plain(conversation.messages[question].content or "") if question is not None else []
        while question is not None and len(row.ids) > max_length and kept:
            kept = kept[len(row.ids) - max_length :]  # again if need be: the cut may change how neighbours are joined
            messages = list(conversation.messages)
            messages[question] = messages[question].model_copy(update={"content": self._decode(kept)})
            conversation = conversation.model_copy(update={"messages": tuple(messages)})
            row = self.render(conversation)
        return conversation

    def render(self, conversation: Conversation) -> Rendered:
        """The whole conversation; every assistant turn with weight 1 is trained."""
        ids: list[int] = []
        trained: list[bool] = []
        for text, message in self._pieces(self.guard.cover(conversation)):
            if message is None:
                tokens = self.guard.encode(text)
                flags = [False] * len(tokens)
            else:
                tokens, rest = self._turn(text)
                flags = [message.weight != 0] * len(tokens) + [False] * len(rest)
                tokens = tokens + rest
            ids += tokens
            trained += flags
        return Rendered(ids, trained)

    def _turn(self, text: str) -> tuple[list[int], list[int]]:
        """An assistant's piece → (what it says with its end-of-turn token, what the template puts behind it)."""
        tokens = self.guard.encode(text)
        ends = (*self.stop_ids, self.end_id)
        end = next((i for i in range(len(tokens) - 1, -1, -1) if tokens[i] in ends), None)
        return ([*tokens, self.end_id], []) if end is None else (tokens[: end + 1], tokens[end + 1 :])

    def _pieces(self, conversation: Conversation, open_end: bool = False) -> list[tuple[str, Message | None]]:
        """The rendered text, cut: (text, None) for what is given, (text, message) for an assistant's turn."""
        pieces: list[tuple[str, Message | None]] = []
        done = ""
        messages = conversation.messages
        for i, message in enumerate(messages):
            if message.role != "assistant":
                continue
            before, after = self._text(conversation, i, True), self._text(conversation, i + 1, False)
            if not before.startswith(done):  # history was rewritten: what came before is now this text
                pieces, done = [], ""
            pieces.append((before[len(done) :], None))
            if after.startswith(before):
                pieces.append((after[len(before) :], message))
                done = after
            else:  # what opens a turn is not how it looks afterwards, as with an open thought: the turn itself is what follows it
                said = _said(before, after, message.content or "")
                pieces.append((said, message))
                done = before + said
        if open_end or not messages or messages[-1].role != "assistant":
            text = self._text(conversation, len(messages), open_end)
            if not text.startswith(done):
                pieces, done = [], ""
            pieces.append((text[len(done) :], None))
        return pieces

    def _chains(self, conversation: Conversation) -> bool:
        """True if each turn's text continues the text before it, so that one row can train all turns."""
        turns = [i for i, m in enumerate(conversation.messages) if m.role == "assistant"]
        if len(turns) < 2:
            return True
        texts = [text for i in turns for text in (self._text(conversation, i, True), self._text(conversation, i + 1, False))]
        return all(later.startswith(earlier) for earlier, later in pairwise(texts))

    def _text(self, conversation: Conversation, count: int, open_end: bool) -> str:
        """The first `count` messages as text; `open_end` adds what makes the assistant speak."""
        if count == 0 and not open_end:
            return ""
        part = conversation.model_copy(update={"messages": conversation.messages[:count]})
        shown = part if self.knows_tools else written_out(part)
        try:
            text = self.tokenizer.apply_chat_template(
                [_plain(m) for m in shown.messages],
                tools=list(shown.tools) if shown.tools else None,
                chat_template=self.source,
                tokenize=False,
                add_generation_prompt=open_end,
            )
        except Exception as error:  # a template is foreign code: whatever it raises is about this conversation
            raise BadData(
                f"the model's chat template refuses this conversation: {str(error)[:200]}",
                got=" → ".join(m.role for m in conversation.messages[:count]),
                expected="roles in the order that the template knows, usually system, user, assistant, user …",
                fix="mend the order of the messages, or choose another base model",
            ) from None
        assert isinstance(text, str)
        return text

    def _shows_tools(self) -> bool:
        asked = Conversation(messages=PROBE.messages[:1], tools=(PROBE_TOOL,))
        try:
            return PROBE_NAME in self._text(asked, 1, True)
        except BadData:
            return False

    def _decode(self, ids: list[int]) -> str:
        """The text of some tokens; a letter of which only the last bytes are left is dropped."""
        text = self.tokenizer.decode(ids)
        assert isinstance(text, str)
        return text.lstrip("\ufffd")

    def _try(self) -> None:
        """Render the probe under a time limit: a template is foreign code, if sandboxed.

        The rendering thread watches the clock itself, line by line, so that an endless loop ends with the limit. The wait outside is for
        what takes long within one line.
        """
        failed: list[BaseException] = []
        until = [time.monotonic() + TEMPLATE_SECONDS]

        def watch(frame: Any, event: str, argument: Any) -> Any:
            if until and time.monotonic() > until[0]:
                until.clear()  # once: what handles the error must not be stopped in turn
                raise TimeoutError(f"no result after {TEMPLATE_SECONDS:g} s")
            return watch

        def attempt() -> None:
            sys.settrace(watch)
            try:
                text = self._text(PROBE, 2, False)
                if "ping" not in text or "pong" not in text:
                    failed.append(BadData("it leaves out the question or the answer"))
            except BadData as error:
                failed.append(error)

        thread = threading.Thread(target=attempt, daemon=True)
        thread.start()
        thread.join(TEMPLATE_SECONDS + 1)
        if thread.is_alive() or failed:
            why = str(failed[0]) if failed else f"no result after {TEMPLATE_SECONDS:g} s"
            raise Unsupported(
                "the model's chat template cannot render a question and an answer", where="chat template", got=why, fix="use another model"
            )


def _plain_template(tokenizer: PreTrainedTokenizerBase) -> str:
    """PLAIN, behind the token that the model has always seen first, where its tokenizer adds one."""
    start = tokenizer.bos_token_id
    return ("{{ bos_token }}" if start is not None and tokenizer.encode("A")[:1] == [start] else "") + PLAIN


def _said(before: str, after: str, content: str) -> str:
    """What an assistant's turn adds, where the text with it does not continue the text that opens it."""
    if content and content in after:
        return after[after.rfind(content) :]
    same = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after)))
    return after[after.rfind("\n", 0, same) + 1 :]


def _default_of(template: str | dict[str, str]) -> str:
    return template if isinstance(template, str) else template.get("default") or next(iter(template.values()))


def _plain(message: Message) -> dict[str, Any]:
    """A message as templates expect it: no empty fields, calls with parsed arguments, `developer` under its older name."""
    raw = message.model_dump(mode="json", exclude_none=True, exclude={"weight"})
    raw["role"] = "system" if message.role == "developer" else message.role
    raw.setdefault("content", "")
    for call in raw.get("tool_calls", ()):
        try:
            arguments = json.loads(call["function"]["arguments"])
        except json.JSONDecodeError:
            continue  # the template gets the text as it stands
        if isinstance(arguments, dict):
            call["function"]["arguments"] = arguments
    return raw


def _without_oldest_turn(conversation: Conversation) -> Conversation | None:
    """`conversation` short of its oldest user turn and what answered it; None when only one is left."""
    users = [i for i, m in enumerate(conversation.messages) if m.role == "user"]
    if len(users) < 2:
        return None
    return conversation.model_copy(update={"messages": conversation.messages[: users[0]] + conversation.messages[users[1] :]})
