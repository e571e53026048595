"""One request → the rows that answer it, and the lines that tell its client how they go on."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from llguidance import LLTokenizer

from tunesmith.answer.asked import Sampling, Target
from tunesmith.answer.grammar import Choosing, Constraint, vocabulary
from tunesmith.answer.residents import Resident
from tunesmith.answer.telling import Heard, Piece, Telling
from tunesmith.answer.tools import read_calls
from tunesmith.errors import TunesmithError
from tunesmith.model.tool_words import CallForm
from tunesmith.spec.suite import Threshold


@dataclass(frozen=True)
class Calling:
    """How a row may call tools."""

    form: CallForm
    names: frozenset[str]
    parallel: bool
    forced: str = ""
    """What was put into its mouth: the beginning of a call."""


@dataclass(eq=False)
class LiveRow:
    """One answer being written (a `Line` of the desk)."""

    ticket: Ticket
    index: int
    prompt: list[int]
    prompt_number: int
    feed: list[int]
    room: int
    """Tokens that it may say."""
    sampling: Sampling
    generator: torch.Generator
    telling: Telling
    constraint: Constraint | None = None
    calling: Calling | None = None
    echo: str | None = None
    """The prompt as it is to be shown before the answer."""
    scored: list[Heard] | None = None
    """Of its prompt's tokens, where they are asked for; None where they are not."""
    said: list[int] = field(default_factory=list)
    counts: Counter[int] = field(default_factory=Counter)
    logprob: float = 0.0
    """Sum over what it said."""
    confidence: float = 1.0
    """Of a choice."""
    chances: list[float] | None = None
    """Probability of each token that it said, where somebody wants to know how sure it is."""
    is_read: bool = False
    """Whether its prompt was read once."""
    finished: bool = False
    reason: str = ""
    pieces: list[Piece] = field(default_factory=list)
    """What was not sent, because the best of several is wanted, or because it may not be sure enough."""

    @property
    def hears(self) -> bool:
        """Whether log-probabilities are asked for."""
        return self.sampling.logprobs

    @property
    def certainty(self) -> float | None:
        """As evaluation has it: a choice's probability, or the mean probability of a free answer's tokens; None where nobody asked."""
        if isinstance(self.constraint, Choosing):
            return self.confidence
        return sum(self.chances) / len(self.chances) if self.chances else None

    def restart(self) -> None:
        """Read everything again: its place was given to another."""
        self.feed = self.prompt + self.said
        if self.scored is not None and not self.is_read:
            self.scored.clear()


@dataclass(frozen=True, eq=False)
class Prepared:
    """A request in tokens."""

    rows: list[LiveRow]
    prompts: list[list[int]]
    system_prompt: str = "none"
    best_of: int = 0
    """Rows per prompt of which the best `n` are told; 0: all are."""
    sources: list[dict[str, str]] | None = None
    """What stands before the question, where something was looked up."""
    threshold: Threshold | None = None
    """An answer is told at its end, and only if this lets it pass; None: told as it comes."""


@dataclass(eq=False)
class Ticket:
    """One request on its way. `tell` gets lines as the protocol has them, in the thread that answers."""

    owner: str
    target: Target
    prepare: Callable[[Ticket, Resident], Prepared]
    tell: Callable[[list[dict[str, Any]]], None]
    deadline: float | None = None
    """By the monotonic clock."""
    order: int = 0
    prepared: Prepared | None = None
    waiting: list[LiveRow] = field(default_factory=list)
    """Rows that have no place yet, first one first."""
    is_started: bool = False
    is_over: bool = False
    lines: list[dict[str, Any]] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)
    cached: int = 0

    def line(self, line: Mapping[str, Any]) -> None:
        """Say something with the next `flush`."""
        self.lines.append(dict(line))

    def flush(self) -> None:
        """Pass on what there is to say."""
        if self.lines:
            lines, self.lines = self.lines, []
            self.tell(lines)

    def fail(self, error: TunesmithError | dict[str, object]) -> None:
        """End with an error."""
        if not self.is_over:
            self.end()
            self.line({"error": error.to_json() if isinstance(error, TunesmithError) else error})
            self.flush()

    def end(self) -> None:
        """No row goes on."""
        self.is_over = True
        self.waiting = []
        for row in self.prepared.rows if self.prepared else ():
            row.finished = True

    def is_late(self) -> bool:
        """Whether its deadline has passed."""
        return self.deadline is not None and time.monotonic() > self.deadline

    def start(self, resident: Resident, cached: int) -> None:
        """Tell that the first row has a place."""
        if self.is_started or self.prepared is None:
            return
        self.is_started, self.cached = True, cached
        facts = {"prompt_tokens": self.prompt_tokens, "cached_tokens": cached, "system_prompt": self.prepared.system_prompt}
        looked_up = {} if self.prepared.sources is None else {"sources": self.prepared.sources}
        self.line({"start": facts | {"model": str(resident.target)} | looked_up})

    @property
    def prompt_tokens(self) -> int:
        """Of all prompts, each once."""
        return sum(len(prompt) for prompt in self.prepared.prompts) if self.prepared else 0

    @property
    def wants_best(self) -> bool:
        """Whether only the best of several answers are told."""
        return self.prepared is not None and self.prepared.best_of > 0

    @property
    def holds(self) -> bool:
        """Whether nothing is told of an answer before its end."""
        return self.prepared is not None and (self.prepared.best_of > 0 or self.prepared.threshold is not None)

    def show(self, row: LiveRow, piece: Piece | None, tokenizer: LLTokenizer | None) -> None:
        """Tell a piece of a row, or keep it until the best rows are known."""
        if piece is None:
            return
        if self.holds:
            row.pieces.append(piece)
        else:
            self.line(_delta(row.index, piece, tokenizer if row.hears else None))

    def close_row(self, row: LiveRow, resident: Resident) -> None:
        """A row has said everything: the rest of its text or its calls, and why it ended; after the last row, the end."""
        tokenizer = vocabulary(resident.house.model) if row.hears else None
        calls = None
        if row.calling is not None:
            text = row.telling.unshown()
            before, found = read_calls(text, row.calling.form, row.calling.names)
            if found:
                row.telling.drop()
                if before:
                    self.show(row, Piece(before), tokenizer)
                chosen = found if row.calling.parallel else found[:1]
                calls = [{"id": c.id, "name": c.function.name, "arguments": c.function.arguments} for c in chosen]
        if isinstance(row.constraint, Choosing):
            row.telling.give(row.constraint.chosen)
        self.show(row, row.telling.rest(), tokenizer)
        assert self.prepared is not None
        if not self.prepared.best_of:
            self._tell(row, calls, self.prepared.threshold, tokenizer)
        if all(other.finished for other in self.prepared.rows):
            self._close(self.prepared, tokenizer)

    def _tell(self, row: LiveRow, calls: list[dict[str, Any]] | None, threshold: Threshold | None, tokenizer: LLTokenizer | None) -> None:
        """What was held back of a row, unless it is declined; its calls, and why it ended."""
        sure = row.certainty
        finish: dict[str, Any] = {"index": row.index, "reason": "tool_calls" if calls else row.reason}
        if sure is not None:
            finish["confidence"] = sure
        if threshold is not None:
            finish["declined"] = threshold.declines(sure)
        if finish.get("declined") and threshold is not None:
            finish["reason"], calls, row.pieces = "stop", None, [Piece(threshold.instead or "")]
        for piece in row.pieces:
            self.line(_delta(row.index, piece, tokenizer))
        if calls is not None:
            self.line({"tool_calls": {"index": row.index, "calls": calls}})
        self.line({"finish": finish})

    def _close(self, prepared: Prepared, tokenizer: LLTokenizer | None) -> None:
        if prepared.best_of:
            self._tell_best(prepared, tokenizer)
        completion = sum(len(row.said) for row in prepared.rows)
        usage = {"prompt_tokens": self.prompt_tokens, "completion_tokens": completion, "cached_tokens": self.cached}
        self.line({"end": {"usage": usage}})
        self.is_over = True

    def _tell_best(self, prepared: Prepared, tokenizer: LLTokenizer | None) -> None:
        """Of each prompt's rows the `n` with the highest log-probability per token, numbered anew."""
        index = 0
        for number in range(len(prepared.prompts)):
            rows = [row for row in prepared.rows if row.prompt_number == number]
            rows.sort(key=lambda row: (-row.logprob / max(1, len(row.said)), row.index))
            for row in rows[: rows[0].sampling.n]:
                for piece in row.pieces:
                    self.line(_delta(index, piece, tokenizer if row.hears else None))
                self.line({"finish": {"index": index, "reason": row.reason}})
                index += 1


def _delta(index: int, piece: Piece, tokenizer: LLTokenizer | None) -> dict[str, Any]:
    logprobs = None if tokenizer is None else [_told(heard, tokenizer) for heard in piece.heard]
    return {"delta": {"index": index, "text": piece.text, "logprobs": logprobs}}


def _told(heard: Heard, tokenizer: LLTokenizer) -> dict[str, Any]:
    return {**_spelt(heard.token, heard.logprob, tokenizer), "top": [_spelt(token, logprob, tokenizer) for token, logprob in heard.top]}


def _spelt(token: int, logprob: float | None, tokenizer: LLTokenizer) -> dict[str, Any]:
    """A token's text, which is written as bytes where it is only a part of a letter."""
    raw = tokenizer.decode_bytes([token])
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = "bytes:" + "".join(f"\\x{byte:02x}" for byte in raw)
    return {"token": text, "logprob": logprob, "bytes": list(raw)}
