"""A chat or a raw completion, as a client asks it → the rows that answer it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, assert_never
from weakref import WeakKeyDictionary

from pydantic import Field
from transformers import PreTrainedTokenizerBase

from tunesmith.answer.as_measured import no_threshold, refuse_impossible, sources_of
from tunesmith.answer.asked import JsonObject, JsonSchema, Sampling, Target, Text, conversation
from tunesmith.answer.grammar import Choosing, Grammar, calls, calls_or_answer, checked_schema, json_schema
from tunesmith.answer.residents import Resident
from tunesmith.answer.sample import seeded
from tunesmith.answer.telling import Telling
from tunesmith.answer.ticket import Calling, LiveRow, Prepared, Ticket
from tunesmith.answer.tools import may_call
from tunesmith.errors import BadProject, DoesNotFit, Unsupported
from tunesmith.model.load import LoadedModel
from tunesmith.model.tool_words import CallForm
from tunesmith.spec.candidate import Decoding
from tunesmith.spec.chat import Conversation
from tunesmith.spec.elected import Elected
from tunesmith.spec.noun import Noun

MOST_LOGPROBS = 5
"""Of a raw completion."""

SCHEMA = "response_format.json_schema.schema"
_LONGEST: WeakKeyDictionary[PreTrainedTokenizerBase, int] = WeakKeyDictionary()
SystemPrompt = Literal["applied", "own", "none"]


class Named(Noun):
    """The one tool that has to be called."""

    name: str


@dataclass(frozen=True)
class Said:
    """A conversation as a model sees it."""

    conversation: Conversation
    system_prompt: SystemPrompt
    """Whose system message it has."""
    sources: list[dict[str, str]] | None
    """What was looked up and stands before the question, as a client is told; None where nothing is looked up."""


class Chat(Noun):
    """One conversation to be answered."""

    target: Target
    messages: list[Any]
    tools: list[Any] | None = None
    tool_choice: Literal["auto", "none", "required"] | Named = "auto"
    parallel_tool_calls: bool = True
    sampling: Sampling = Sampling()
    choices: tuple[str, ...] = ()
    """The closed set of answers; empty: free text. One of them is always said to its end, whatever `max_tokens` says: half a choice is none."""
    no_prompt: bool = False
    """Leave out the prompt that the model was tuned with."""
    decline: bool = False
    """Say what the candidate says instead where it is less sure than its threshold."""

    def prepare(self, ticket: Ticket, resident: Resident) -> Prepared:
        """The rows.

        Raises: DoesNotFit if the conversation leaves no room for an answer; BadData, BadProject, Unsupported.
        """
        if resident.elected is None:
            if self.decline:
                raise no_threshold(str(resident.target))
            return self._prepared(ticket, resident)
        found = self.as_measured(resident.elected)._prepared(ticket, resident)
        for row in found.rows:
            row.chances = []
        return replace(found, threshold=resident.elected.threshold if self.decline else None)

    def as_measured(self, elected: Elected) -> Chat:
        """The request with what the candidate was measured with, wherever this one says nothing.

        Raises: Unsupported for what the candidate cannot do: nothing is left out in silence.
        """
        refuse_impossible(elected, self.sampling, [name for name in ("tools", "choices", "no_prompt", "decline") if getattr(self, name)])
        given, measured = self.sampling, elected.decoding
        filled = {
            "max_tokens": None if elected.is_fixed else measured.max_new_tokens if given.max_tokens is None else given.max_tokens,
            "stop": given.stop or measured.stop,
            "seed": measured.seed if given.seed is None else given.seed,
        }
        return self.model_copy(update={"choices": measured.choices or self.choices, "sampling": given.model_copy(update=filled)})

    def _prepared(self, ticket: Ticket, resident: Resident) -> Prepared:
        model = resident.house.model
        asked = self.said(resident)
        prompt = _prompt(model, asked.conversation)
        calling, grammar = self._calling(resident, asked.conversation)
        if calling is not None and calling.forced:
            prompt = prompt + model.template.guard.encode(calling.forced)
        choosing = Choosing(self.choices, model) if self.choices else None
        start = choosing.start() if choosing is not None else []
        room = _room(model, prompt, self.sampling) if choosing is None else _room(model, prompt, Sampling(), least=choosing.longest)
        seed = _seed(self.sampling)
        _check_bias(model, self.sampling)
        rows = []
        for index in range(self.sampling.n):
            telling = Telling(model.tokenizer, self.sampling.stop, special=calling is not None, held=_holding(calling))
            row = LiveRow(ticket, index, [*prompt, *start], 0, [*prompt, *start], room, self.sampling, seeded(seed, index), telling)
            row.calling = calling
            row.constraint = Choosing(self.choices, model) if choosing is not None else grammar.copy() if grammar is not None else None
            if isinstance(row.constraint, Choosing):
                row.constraint.start()
            if calling is not None:
                telling.give(calling.forced)
            rows.append(row)
        return Prepared(rows, [prompt], asked.system_prompt, sources=asked.sources)

    def said(self, resident: Resident) -> Said:
        """The conversation as the model sees it: what is looked up for it, and the prompt, stand in front."""
        shown = self.tools if self.tool_choice != "none" else None
        if shown is None and self.tool_choice not in ("auto", "none"):
            raise BadProject("there is no tool to call", where="tool_choice", fix="give tools, or leave tool_choice out")
        asked = conversation(self.messages, shown)
        own = any(m.role in ("system", "developer") for m in asked.messages[:1])
        sources = None
        if resident.finder is not None:
            _refuse_endless(resident.house.model, asked)
            tokens = self.sampling.max_tokens or resident.finder.decoding.max_new_tokens
            resident.finder.decoding = Decoding(choices=self.choices, max_new_tokens=tokens)
            [grounded] = resident.finder.ground([asked])
            asked, sources = grounded.conversation, sources_of(resident.finder.retriever, grounded.shown)
        applied = asked if self.no_prompt else resident.prompt.apply(asked)
        whose: SystemPrompt = "own" if own else "applied" if applied is not asked and resident.prompt.system else "none"
        return Said(applied, whose, sources)

    def _calling(self, resident: Resident, said: Conversation) -> tuple[Calling | None, Grammar | None]:
        """(how tools may be called, the grammar that the answer has to follow)."""
        model = resident.house.model
        if self.choices and (self.tools or not isinstance(self.sampling.form, Text)):
            raise BadProject("an answer among choices is neither a call nor JSON", where="choices", fix="leave one of them out")
        functions = [dict(tool["function"]) for tool in self.tools or ()] if self.tool_choice != "none" else []
        if not functions:
            return None, _form_grammar(model, self.sampling)
        names = frozenset(str(function["name"]) for function in functions)
        form = resident.house.form
        if self.tool_choice == "auto":
            return Calling(form, names, self.parallel_tool_calls), self._free_grammar(model, form, functions)
        if isinstance(self.tool_choice, Named):
            functions = [f for f in functions if f["name"] == self.tool_choice.name]
            if not functions:
                raise BadProject(
                    "no such tool",
                    where="tool_choice",
                    got=self.tool_choice.name[:60],
                    expected=f"one of {', '.join(sorted(names))}",
                    fix="correct it",
                )
        grammar = Grammar.of(calls(form.closing, form.key, functions), model, "tools")
        return Calling(form, names, self.parallel_tool_calls, forced=form.opening), grammar

    def _free_grammar(self, model: LoadedModel, form: CallForm, functions: list[dict[str, Any]]) -> Grammar | None:
        """What keeps calls that may be made to their schemas, and an answer to its own; None where neither has one to keep."""
        answer = _schema(self.sampling)
        if answer is None and not any(function.get("strict") for function in functions):
            return None
        kept = [f if f.get("strict") else {**f, "parameters": {"type": "object"}} for f in functions]
        return Grammar.of(calls_or_answer(model, form, kept, self.parallel_tool_calls, answer), model, "tools")


class Complete(Noun):
    """Raw prompts to be continued: no template."""

    target: Target
    prompts: tuple[str | tuple[int, ...], ...] = Field(min_length=1, max_length=2048)
    echo: bool = False
    best_of: int = Field(default=0, ge=0, le=20)
    """0: as many as are told."""
    suffix: str | None = None
    sampling: Sampling = Sampling()

    def prepare(self, ticket: Ticket, resident: Resident) -> Prepared:
        """The rows.

        Raises: DoesNotFit, BadProject, Unsupported.
        """
        if resident.elected is not None:
            raise Unsupported("a candidate answers conversations", where="model", fix="ask it for a chat completion")
        model, sampling = resident.house.model, self.sampling
        self._check(sampling)
        _check_bias(model, sampling)
        each = max(self.best_of, sampling.n)
        seed, grammar = _seed(sampling), _form_grammar(model, sampling)
        prompts = [_encoded(model, prompt, i) for i, prompt in enumerate(self.prompts)]
        rows = []
        for number, prompt in enumerate(prompts):
            room = _room(model, prompt, sampling, least=0 if sampling.max_tokens == 0 else 1)
            for i in range(each):
                index = number * each + i
                telling = Telling(model.tokenizer, sampling.stop, strips=False)
                row = LiveRow(ticket, index, prompt, number, list(prompt), room, sampling, seeded(seed, index), telling)
                row.constraint = grammar.copy() if grammar is not None else None
                if self.echo:
                    row.echo = _shown(model, self.prompts[number])
                    row.scored = [] if sampling.logprobs else None
                rows.append(row)
        return Prepared(rows, prompts, best_of=each if each > sampling.n else 0)

    def _check(self, sampling: Sampling) -> None:
        if self.suffix is not None:
            raise Unsupported("text cannot be inserted before a suffix", where="suffix", fix="leave it out")
        if sampling.top_logprobs > MOST_LOGPROBS:
            raise BadProject(
                "is too many", where="logprobs", got=str(sampling.top_logprobs), expected=f"at most {MOST_LOGPROBS}", fix="ask for fewer"
            )
        if self.best_of and self.best_of < sampling.n:
            raise BadProject("is less than n", where="best_of", got=str(self.best_of), expected=f"at least {sampling.n}", fix="correct it")


def count(chat: Chat, resident: Resident) -> int:
    """Tokens of a conversation's prompt.

    Raises: BadData.
    """
    asked = chat if resident.elected is None else chat.as_measured(resident.elected)
    return len(_prompt(resident.house.model, asked.said(resident).conversation))


def _holding(calling: Calling | None) -> Any:
    return None if calling is None else lambda text: may_call(text, calling.form)


def _prompt(model: LoadedModel, said: Conversation) -> list[int]:
    """The conversation's tokens.

    Raises: DoesNotFit, without counting them, for what is hopelessly long.
    """
    _refuse_endless(model, said)
    return model.template.prompt(said)


def _refuse_endless(model: LoadedModel, said: Conversation) -> None:
    """Refuse a conversation that cannot fit, without looking at its tokens."""
    characters = sum(len(m.content or "") + sum(len(call.function.arguments) for call in m.tool_calls or ()) for m in said.messages)
    _refuse_hopeless(model, characters + len(json.dumps(said.tools or ())))
    if 2 * len(said.messages) > model.context:  # each has a beginning and an end
        raise _too_long(model, f"{len(said.messages)} messages")


def _refuse_hopeless(model: LoadedModel, characters: int) -> None:
    """Refuse what is so long that it cannot fit, before minutes go into its tokens."""
    longest = longest_token(model)
    if characters > model.context * longest:
        raise _too_long(model, f"at least {characters // longest} tokens")


def longest_token(model: LoadedModel) -> int:
    """Characters of the tokenizer's longest token, at least."""
    if model.tokenizer not in _LONGEST:
        _LONGEST[model.tokenizer] = max(16, *(len(token) for token in model.tokenizer.get_vocab()))
    return _LONGEST[model.tokenizer]


def _too_long(model: LoadedModel, got: str, least: int = 1) -> DoesNotFit:
    return DoesNotFit(
        "the prompt is longer than the model's context", where=f"model {model.local.id}", got=got, expected=f"at most {model.context - least}",
        fix="shorten the messages, or choose a model with a longer context",
    )  # fmt: skip


def _room(model: LoadedModel, prompt: Sequence[int], sampling: Sampling, least: int = 1) -> int:
    """Tokens that an answer may have."""
    if len(prompt) + least > model.context:
        raise _too_long(model, f"{len(prompt)} tokens", least)
    left = model.context - len(prompt)
    return left if sampling.max_tokens is None else min(left, sampling.max_tokens)


def _seed(sampling: Sampling) -> int:
    return secrets.randbits(48) if sampling.seed is None else sampling.seed


def _check_bias(model: LoadedModel, sampling: Sampling) -> None:
    size = model.head.weight.shape[0]
    wrong = [token for token in sampling.logit_bias if not 0 <= token < size]
    if wrong:
        raise BadProject("is no token of this model", where="logit_bias", got=str(wrong[0]), expected=f"0 to {size - 1}", fix="leave it out")


def _schema(sampling: Sampling) -> Any | None:
    """What JSON has to fit; None for text.

    Raises: Unsupported for what is no schema.
    """
    form = sampling.form
    match form:
        case Text():
            return None
        case JsonObject():
            return {"type": "object"}
        case JsonSchema():
            return checked_schema(form.schema_, SCHEMA)
        case _:
            assert_never(form)


def _form_grammar(model: LoadedModel, sampling: Sampling) -> Grammar | None:
    schema = _schema(sampling)
    return None if schema is None else Grammar.of(json_schema(schema, SCHEMA), model, SCHEMA)


def _encoded(model: LoadedModel, prompt: str | tuple[int, ...], number: int) -> list[int]:
    """A raw prompt's tokens, with what the tokenizer puts first; control tokens in it are what they are: whoever asks writes the whole prompt."""
    if isinstance(prompt, str):
        _refuse_hopeless(model, len(prompt))
        ids: list[int] = model.tokenizer.encode(prompt)
    else:
        ids, size = list(prompt), model.head.weight.shape[0]
        wrong = [token for token in ids if not 0 <= token < size]
        if wrong:
            raise BadProject(
                "is no token of this model", where=f"prompts[{number}]", got=str(wrong[0]), expected=f"0 to {size - 1}", fix="correct it"
            )
    if not ids:
        ids = [model.tokenizer.bos_token_id if model.tokenizer.bos_token_id is not None else model.template.end_id]
    return ids


def _shown(model: LoadedModel, prompt: str | tuple[int, ...]) -> str:
    if isinstance(prompt, str):
        return prompt
    text = model.tokenizer.decode(list(prompt))
    assert isinstance(text, str)
    return text
