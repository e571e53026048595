"""A JSON schema, any JSON object, a tool's call, or a closed set of answers → which tokens may come next.

JSON is kept by llguidance, which walks the schema's grammar and the tokenizer's vocabulary together. White space between JSON's parts is
limited: a small model that is let would go on indenting for ever.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np
import torch
from llguidance import LLMatcher, LLTokenizer
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from tunesmith.answer.choice import Node, forced, leaf, spelt, trie
from tunesmith.errors import Unsupported
from tunesmith.model.load import LoadedModel
from tunesmith.model.tool_words import CallForm

WHITE_SPACE = "[ \\n\\t]{0,12}"
KEPT_OPTIONS = {"whitespace_pattern": WHITE_SPACE, "whitespace_flexible": True, "lenient": False, "item_separator": ",", "key_separator": ":"}
"""Given last, so that no schema changes them."""
MOST_CHARACTERS = 200_000
"""Of a schema; hosted services take less."""
_TOKENIZERS: WeakKeyDictionary[PreTrainedTokenizerBase, LLTokenizer] = WeakKeyDictionary()


class Constraint(Protocol):
    """What an answer has to be, token by token."""

    def allowed(self, size: int) -> Tensor:
        """[size] True for the tokens that may come next."""

    def said(self, token: int) -> list[int]:
        """Take note of a token; returns further tokens that follow without an alternative."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing may follow but the end of the turn."""


def vocabulary(model: LoadedModel) -> LLTokenizer:
    """The model's tokenizer as the grammar library takes it, made once.

    Raises: Unsupported for tokenizers that only exist in Python.
    """
    tokenizer = model.tokenizer
    if tokenizer not in _TOKENIZERS:
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise Unsupported("this model's tokenizer cannot be constrained", where=model.local.id, fix="ask for free text")
        size = max(len(tokenizer), model.head.weight.shape[0])
        _TOKENIZERS[tokenizer] = LLTokenizer(backend.to_str(), n_vocab=size, eos_token=list(model.template.stop_ids))
    return _TOKENIZERS[tokenizer]


def json_schema(schema: Any, where: str) -> str:
    """The grammar of JSON that fits a schema.

    Raises: Unsupported for what is no schema; what the library cannot keep is found out by `Grammar.of`.
    """
    try:
        return LLMatcher.grammar_from_json_schema(json.dumps(checked_schema(schema, where)), overrides=KEPT_OPTIONS)  # type: ignore[arg-type]
    except ValueError as error:
        raise _refused(str(error), where) from None


def checked_schema(schema: Any, where: str) -> Any:
    """`schema`, if it may be one.

    Raises: Unsupported.
    """
    size = len(json.dumps(schema))
    if size > MOST_CHARACTERS:
        raise Unsupported(
            "the schema is too long", where=where, got=f"{size:,} characters", expected=f"at most {MOST_CHARACTERS:,}", fix="shorten it"
        )
    if not isinstance(schema, Mapping):
        raise Unsupported("is no JSON schema", where=where, got=type(schema).__name__, expected="an object", fix="correct it")
    return schema


def literal(text: str) -> str:
    """A text as a Lark grammar spells it."""
    return json.dumps(text)


def calls(closing: str, key: str, tools: Sequence[Mapping[str, Any]]) -> str:
    """The grammar of one call of one of `tools`, from its object on: what stands before it was put into the model's mouth.

    The arguments stand under `key`, `closing` after the object.
    """
    rules = [f"start: {' | '.join(f'call_{i}' for i in range(len(tools)))}"]
    return LLMatcher.grammar_from_lark("%llguidance {}\n" + "\n".join(rules + _call_rules(closing, key, tools)))


def calls_or_answer(model: LoadedModel, form: CallForm, tools: Sequence[Mapping[str, Any]], parallel: bool, schema: Any | None) -> str:
    """The grammar of text that may end in calls of `tools`, each fitting its schema; with `schema`, of calls or of JSON that fits it."""
    rest = form.opening.partition(form.mark)[2] if form.mark else ""
    opening = _spelt(model, form.mark) + (f" {literal(rest)}" if rest else "") if form.mark else ""
    every = " | ".join(f"call_{i}" for i in range(len(tools)))
    rules = [f"call: {every}", f"more: (SPACE {opening} call)*" if parallel and form.mark else 'more: ""', "SPACE: /[ \\n]{0,4}/"]
    if schema is not None:
        rules += [f"start: {opening} call more | answer", f"answer: %json {json.dumps({**schema, 'x-guidance': KEPT_OPTIONS})}"]
    elif not form.mark:
        rules += ["start: call | TEXT", "TEXT: /[^{](.|\\n)*/"]
    elif form.mark in model.template.guard.entries:
        rules += [f"start: TEXT | TEXT {opening} call more", "TEXT: /(.|\\n)*/"]
    else:
        rules += [f"start: TEXT | head {literal(rest) if rest else ''} call more", f"head[lazy]: TEXT {literal(form.mark)}", "TEXT: /(.|\\n)*/"]
    return LLMatcher.grammar_from_lark("%llguidance {}\n" + "\n".join(rules + _call_rules(form.closing, form.key, tools)))


def _spelt(model: LoadedModel, text: str) -> str:
    """A text in which control tokens are meant as such."""
    entry = model.template.guard.entries.get(text)
    return literal(text) if entry is None else f"<[{entry[0]}]>"


def _call_rules(closing: str, key: str, tools: Sequence[Mapping[str, Any]]) -> list[str]:
    """One rule `call_i` per tool."""
    rules = []
    for i, tool in enumerate(tools):
        head = literal(f'{{"name": {json.dumps(tool["name"])}, "{key}": ')
        schema = tool.get("parameters") or {"type": "object"}
        if not isinstance(schema, Mapping):
            raise Unsupported("is no JSON schema", where=f"tools[{i}].function.parameters", fix="correct it")
        body = {**schema, "x-guidance": KEPT_OPTIONS}
        rules += [f"call_{i}: {head} arguments_{i} {literal('}' + closing)}", f"arguments_{i}: %json {json.dumps(body)}"]
    return rules


def _refused(why: str, where: str) -> Unsupported:
    return Unsupported(
        f"this schema cannot be kept: {why.splitlines()[0][:200]}", where=where, expected="types, properties, enums, arrays, references and formats",
        fix="leave out what cannot be kept, or ask for json_object",
    )  # fmt: skip


@dataclass(eq=False)
class Grammar:
    """A grammar being followed."""

    matcher: LLMatcher

    @classmethod
    def of(cls, grammar: str, model: LoadedModel, where: str) -> Grammar:
        """The grammar at its beginning.

        Raises: Unsupported for one that the library refuses.
        """
        wrong, told = LLMatcher.validate_grammar_with_warnings(grammar, vocabulary(model))
        matcher = LLMatcher(vocabulary(model), grammar, log_level=0)
        if wrong or matcher.is_error():
            raise _refused(told[0] if told else matcher.get_error(), where)
        return cls(matcher)

    def allowed(self, size: int) -> Tensor:
        """As in `Constraint`.

        Raises: Unsupported where the schema turned out to be more than the library can follow.
        """
        bits = np.frombuffer(self.matcher.compute_bitmask(), dtype=np.uint8)
        if self.matcher.is_error():
            raise _refused(self.matcher.get_error(), "response_format")
        found = np.unpackbits(bits, bitorder="little")[:size].astype(bool)
        return torch.from_numpy(np.pad(found, (0, size - len(found))))

    def said(self, token: int) -> list[int]:
        """As in `Constraint`."""
        self.matcher.consume_token(token)
        return []

    @property
    def is_complete(self) -> bool:
        """As in `Constraint`."""
        return self.matcher.is_stopped()

    def copy(self) -> Grammar:
        """The same grammar at the same place, to be followed apart."""
        return Grammar(self.matcher.deep_copy())


class Choosing:
    """One of a closed set of answers: the trie of choices, walked as `Engine` walks it."""

    def __init__(self, choices: Sequence[str], model: LoadedModel) -> None:
        tokens = spelt(model.template, choices)
        self.choices = list(tokens)
        self.longest = max(len(one) for one in tokens.values())
        """Tokens of the longest choice."""
        self.node: Node = trie(list(tokens.values()))

    def start(self) -> list[int]:
        """Tokens with which every choice begins."""
        tokens, self.node = forced(self.node)
        return tokens

    def allowed(self, size: int) -> Tensor:
        """As in `Constraint`."""
        found = torch.zeros(size, dtype=torch.bool)
        found[list(self.node.children)] = True
        return found

    def said(self, token: int) -> list[int]:
        """As in `Constraint`."""
        tokens, self.node = forced(self.node.children[token])
        return tokens

    @property
    def is_complete(self) -> bool:
        """As in `Constraint`."""
        return leaf(self.node) is not None

    @property
    def chosen(self) -> str:
        """The choice that was reached."""
        found = leaf(self.node)
        assert found is not None, "asked before one was reached"
        return self.choices[found]
