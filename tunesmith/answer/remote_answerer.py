"""A model behind a URL with its prompt → an answerer like any other: the yardstick. What it is asked leaves this machine, and only because it was configured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tunesmith.answer.engine import Usage
from tunesmith.answer.remote import Remote
from tunesmith.answer.replies import InMemory, Kept, replies
from tunesmith.answer.sample import cut_at_stop
from tunesmith.errors import Overloaded, Unsupported
from tunesmith.spec.candidate import Answer, Decoding
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.making_teacher import Asked, Failure, Reply

CHOICE = "Answer with exactly one of these, as it stands here, and with nothing else:\n{choices}"
QUOTES = "\"'`“”„«»"


@dataclass
class RemoteAnswerer:
    """Answers by asking an endpoint. It has no probabilities: neither a confidence nor a likelihood."""

    remote: Remote
    prompt: Prompt
    kept: Kept = field(default_factory=InMemory)
    """Where answers that were paid for are found again."""
    usage: Usage = field(default_factory=Usage)

    @property
    def remark(self) -> str:
        """As in `Answerer`."""
        return f"the questions were sent to {self.remote.there.name}; its model may change without notice"

    def answer(self, questions: Sequence[Conversation], decoding: Decoding, *, done: Callable[[int], None], stop: Callable[[], bool]) -> list[Answer]:
        """As in `Answerer`. A question that the endpoint refuses, or that is too long for it, gets an empty answer.

        Raises: Overloaded where some questions were not answered at all, which says nothing about the model; as `Remote.answer`.
        """
        asked = [self._asked(question, decoding) for question in questions]
        found = replies(self.remote, asked, self.kept, done=done, stop=stop)
        lost = [one for one in found if isinstance(one, Failure) and one.reason == "not_answered"]
        if lost:
            raise Overloaded(
                f"{len(lost)} of {len(asked)} questions were not answered", where=self.remote.there.name, got=lost[0].message,
                expected="an answer to each", fix="run the same command again when the endpoint is less busy",
            )  # fmt: skip
        answers: list[Answer] = []
        for one in found:
            if one is None:
                break
            answers.append(self._answer(one, decoding))
        return answers

    def likelihood(self, conversations: Sequence[Conversation]) -> None:
        """As in `Answerer`."""

    def _asked(self, question: Conversation, decoding: Decoding) -> Asked:
        """The request. Raises: Unsupported for what endpoints are not asked for here."""
        if decoding.top_p < 1:
            raise Unsupported("a remote model is not asked for `top_p`", where="decoding.top_p", got=f"{decoding.top_p:g}", fix="leave it at 1")
        if question.tools:
            raise Unsupported("a remote model is not given tools", where=self.remote.there.name, fix="leave this rival out")
        messages = self.prompt.apply(question).messages
        if decoding.choices:
            messages = constrained(messages, decoding.choices)
        return Asked(messages=messages, max_tokens=decoding.max_new_tokens, temperature=decoding.temperature, seed=decoding.seed)

    def _answer(self, reply: Reply | Failure, decoding: Decoding) -> Answer:
        if isinstance(reply, Failure):
            return Answer(text="", finish="too_long" if reply.reason == "too_long" else "stop")
        self.usage.prompt_tokens += reply.prompt_tokens
        self.usage.completion_tokens += reply.answer_tokens
        self.usage.computed_tokens += reply.prompt_tokens + reply.answer_tokens  # what the endpoint shares among requests is not told
        text, was_cut = cut_at_stop(reply.text, decoding.stop)
        choice = chosen(text, decoding.choices)
        finish = "choice" if choice is not None else "stop" if reply.is_whole or was_cut else "length"
        return Answer.model_validate(
            {
                "text": text if choice is None else choice,
                "prompt_tokens": reply.prompt_tokens,
                "completion_tokens": reply.answer_tokens,
                "finish": finish,
            }
        )


def constrained(messages: Sequence[Message], choices: Sequence[str]) -> tuple[Message, ...]:
    """The messages with the choices named in the system message, which is made where there is none: an endpoint cannot be held to them."""
    rule = CHOICE.format(choices="\n".join(choices))
    if messages and messages[0].role in ("system", "developer"):
        first = messages[0]
        return (first.model_copy(update={"content": f"{first.content}\n\n{rule}" if first.content else rule}), *messages[1:])
    return (Message(role="system", content=rule), *messages)


def chosen(text: str, choices: Sequence[str]) -> str | None:
    """The choice that an answer is, verbatim but for white space, quotation marks and a full stop around it; None where it is none.

    >>> chosen(' "card_lost".', ["card_lost", "refund"]), chosen("It is card_lost", ["card_lost"])
    ('card_lost', None)
    """
    plain = text.strip()
    for form in (plain, plain.strip(QUOTES), plain.rstrip(".").strip().strip(QUOTES), plain.strip(QUOTES).rstrip(".")):
        if form in choices:
            return form
    return None
