"""Questions as token ids and a way of decoding → answers. The one path to an answer, for evaluation and for chat."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import astuple, dataclass, field, fields
from typing import Literal, Protocol

import torch
from torch import Tensor

from tunesmith.answer.choice import Node, forced, leaf, spelt, trie
from tunesmith.answer.desk import Desk
from tunesmith.answer.sample import cut_at_stop, pick, seeded
from tunesmith.answer.session import LEAST_TRUNK, Session, open_session
from tunesmith.errors import DoesNotFit
from tunesmith.model.forest import families, shared_by_all
from tunesmith.model.likelihood import score
from tunesmith.model.load import LoadedModel
from tunesmith.model.memory import ROWS_AT_ONCE, TOKENS_AT_ONCE
from tunesmith.spec.candidate import Answer, Decoding
from tunesmith.spec.chat import Conversation

LEAST_SHARE = 0.25
"""Of the longer row's own tokens, that rows have to share to be read together; below that rows of one length are worth more."""
REFILL = 8
"""Waiting rows come in, and the places of finished ones are cleared, once one in so many is free: both copy the cache."""


@dataclass
class Usage:
    """What the answers cost; `computed` counts shared tokens once."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    computed_tokens: int = 0

    def since(self, before: Usage) -> Usage:
        """What came to it after `before`, a copy of an earlier state."""
        return Usage(*(now - then for now, then in zip(astuple(self), astuple(before), strict=True)))

    @classmethod
    def total(cls, parts: Sequence[Counted]) -> Usage:
        """Of all parts together."""
        return cls(*(sum(getattr(part, one.name) for part in parts) for one in fields(cls)))


class Counted(Protocol):
    """Something with what it cost, in tokens as in `Usage`."""

    @property
    def prompt_tokens(self) -> int: ...
    @property
    def completion_tokens(self) -> int: ...
    @property
    def computed_tokens(self) -> int: ...


class Engine:
    """Answers questions with one model in memory."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.usage = Usage()

    def answer(
        self,
        conversations: Sequence[Conversation],
        decoding: Decoding,
        *,
        done: Callable[[int], None] = lambda n: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> list[Answer]:
        """One answer per conversation, in order. `done` hears how many are ready; work ends early, with fewer answers, once `stop()`.

        The answers do not depend on which rows are computed together, beyond the rounding of the model's dtype. A question that leaves no
        room for an answer in the model's context gets an empty one that says so: among many, one must not stop the others.
        """
        prompts = [self.model.template.prompt(c) for c in conversations]
        room = self.room(decoding)
        answers = {i: Answer(text="", prompt_tokens=len(p), finish="too_long") for i, p in enumerate(prompts) if len(p) > room}
        fitting = [i for i in range(len(prompts)) if i not in answers]
        work = self._choose if decoding.choices else self._write
        for number, answer in work([prompts[i] for i in fitting], decoding, fitting, stop):
            answers[number] = answer
            done(len(answers))
        return [answers[i] for i in sorted(answers)]

    @torch.inference_mode()
    def likelihood(self, conversations: Sequence[Conversation]) -> list[tuple[float, int]]:
        """For each conversation's last answer: its negative log-likelihood (nats) under the model, and its tokens (end-of-turn included).

        A conversation longer than the context is cut as in training.
        """
        asked = [c.question() for c in conversations]
        whole = [q.answered(c.messages[len(q.messages) :][:1]) for q, c in zip(asked, conversations, strict=True)]
        rows = [self.model.template.fit(c, self.model.context) for c in whole]
        found = [(0.0, 0)] * len(rows)
        for batch in batches([row.ids for row in rows], self.model.shares_prefixes):
            result = score(self.model, [rows[i] for i in batch])
            for place, total in zip(batch, result.sums(len(batch)).tolist(), strict=True):
                found[place] = (total, sum(rows[place].trained[1:]))
            self.usage.computed_tokens += result.computed
        return found

    def stream(self, conversation: Conversation, decoding: Decoding) -> Generator[str, None, Answer]:
        """The answer to one conversation in pieces of text that, joined, are the answer's; the generator returns the whole.

        Raises: DoesNotFit if the question leaves no room for an answer in the model's context.
        """
        prompt = self.model.template.prompt(conversation)
        self._check(prompt, decoding)
        if decoding.choices:
            [(_, chosen)] = self._choose([prompt], decoding, [0], lambda: False)
            yield chosen.text
            return chosen
        held = max([len(s) for s in decoding.stop], default=0)  # a stop string may be half written
        shown, row = "", Row(torch.Generator(), 0)
        for rows in self._decode([prompt], decoding, [0]):
            row = rows[0]
            text = self._answer(row, prompt, decoding).text
            ready = text if row.finished else text[: max(0, len(text) - held)].rstrip("\ufffd")  # so may a letter of several bytes
            if len(ready) > len(shown):
                yield ready[len(shown) :]
                shown = ready
        return self._answer(row, prompt, decoding)

    def room(self, decoding: Decoding) -> int:
        """The longest prompt, in tokens, that leaves room for an answer."""
        return self.model.context - (1 if not decoding.choices else max(len(self.model.template.answer(c)) for c in decoding.choices))

    def _check(self, prompt: list[int], decoding: Decoding) -> None:
        room = self.room(decoding)
        if len(prompt) > room:
            raise DoesNotFit(
                "a question is longer than the model's context", where=f"model {self.model.local.id}", got=f"{len(prompt)} tokens",
                expected=f"at most {room}", fix="shorten the question or its examples, or choose a model with a longer context",
            )  # fmt: skip

    @torch.inference_mode()
    def _choose(self, prompts: list[list[int]], decoding: Decoding, numbers: list[int], stop: Callable[[], bool]) -> Iterator[tuple[int, Answer]]:
        """Each row's number and answer, in batches."""
        tokens = spelt(self.model.template, decoding.choices)
        choices, root = list(tokens), trie(list(tokens.values()))
        shared = self._shared(prompts)
        session = open_session(self.model, shared)
        longest = max(len(ids) for ids in tokens.values())
        waiting = Waiting(prompts, self.model.shares_prefixes)
        while waiting.rows and not stop():
            batch = waiting.take(self._most([len(prompts[r]) - shared + longest for r in reversed(waiting.rows)]))
            before = session.computed
            found = self._descend(session, session.add([prompts[i] for i in batch]), root)
            session.keep([])
            self._count(session.computed - before, [prompts[i] for i in batch], [len(tokens[choices[place]]) for place, _ in found])
            for i, (place, chance) in zip(batch, found, strict=True):
                counts = {"prompt_tokens": len(prompts[i]), "completion_tokens": len(tokens[choices[place]])}
                yield numbers[i], Answer(text=choices[place], confidence=chance, finish="choice", **counts)

    def _descend(self, session: Session, hidden: Tensor, root: Node) -> list[tuple[int, float]]:
        """For each row of the session, whose prompt was read up to `hidden` [R, D], its choice in the trie and the probability; a row leaves when one choice is left."""
        count = len(hidden)
        start, node = forced(root)
        rows = list(range(count))
        if start and node.choice is None:
            hidden = session.extend([start] * count)
        nodes, chances = [node] * count, [1.0] * count
        while rows := [r for r in rows if leaf(nodes[r]) is None]:
            steps = []
            for r, state in zip(rows, hidden, strict=True):
                token, chance = self._branch(nodes[r], state)
                chances[r] *= chance
                tokens, nodes[r] = forced(nodes[r].children[token])
                steps.append([token, *tokens])
            going = [i for i, r in enumerate(rows) if leaf(nodes[r]) is None]
            if not going:
                break
            session.keep(going)
            rows, hidden = [rows[i] for i in going], session.extend([steps[i] for i in going])
        return [(leaf(node) or 0, chance) for node, chance in zip(nodes, chances, strict=True)]

    @torch.inference_mode()
    def answer_after(self, session: Session, hidden: Tensor, prompt: list[int], decoding: Decoding) -> Answer:
        """The answer to a session's only row, which has read its prompt up to `hidden` [1, D]. What it computes is not counted."""
        if decoding.choices:
            tokens = spelt(self.model.template, decoding.choices)
            [(place, chance)] = self._descend(session, hidden, trie(list(tokens.values())))
            text = list(tokens)[place]
            return Answer(text=text, confidence=chance, finish="choice", prompt_tokens=len(prompt), completion_tokens=len(tokens[text]))
        row = Row(seeded(decoding.seed, 0), min(decoding.max_new_tokens, self.model.context - len(prompt)))
        desk: Desk[Row] = Desk(session)
        desk.stand([row], hidden)
        while desk.going():
            desk.write(lambda ready, states: self._pick(ready, states, decoding))
            desk.read()
        return self._answer(row, prompt, decoding)

    def _branch(self, node: Node, state: Tensor) -> tuple[int, float]:
        """The most probable token among a node's children, and its probability among them."""
        tokens = list(node.children)
        logits = self.model.head.logits(state[None], torch.tensor(tokens, device=state.device))[0]
        best = int(logits.argmax())
        return tokens[best], float(logits.double().softmax(-1)[best])

    def _write(self, prompts: list[list[int]], decoding: Decoding, numbers: list[int], stop: Callable[[], bool]) -> Iterator[tuple[int, Answer]]:
        """Each row's number and answer, as they are finished."""
        told: set[int] = set()
        for rows in self._decode(prompts, decoding, numbers):
            for place in [i for i, row in enumerate(rows) if row.finished and i not in told]:
                told.add(place)
                yield numbers[place], self._answer(rows[place], prompts[place], decoding)
            if stop():
                return

    def _answer(self, row: Row, prompt: list[int], decoding: Decoding) -> Answer:
        text, stopped = cut_at_stop(self._text(row.tokens), decoding.stop)
        confidence = sum(row.chances) / len(row.chances) if row.chances else None
        finish: Literal["stop", "length"] = "stop" if stopped or row.ended else "length"
        return Answer(text=text.strip(), confidence=confidence, prompt_tokens=len(prompt), completion_tokens=len(row.chances), finish=finish)

    @torch.inference_mode()
    def _decode(self, prompts: list[list[int]], decoding: Decoding, numbers: list[int]) -> Iterator[list[Row]]:
        """Free text, token by token; yields all rows after each step. Finished rows leave and waiting ones take their place."""
        rooms = [min(decoding.max_new_tokens, self.model.context - len(p)) for p in prompts]
        rows = [Row(seeded(decoding.seed, n), room, i) for i, (n, room) in enumerate(zip(numbers, rooms, strict=True))]
        shared = self._shared(prompts)
        own = [len(p) - shared for p in prompts]
        desk: Desk[Row] = Desk(open_session(self.model, shared))
        waiting = Waiting(prompts, self.model.shares_prefixes)
        while waiting.rows or desk.going():
            going = desk.going()
            most = self._most([own[r] + rooms[r] for r in (*(desk.rows[i].place for i in going), *reversed(waiting.rows))])
            refill = bool(waiting.rows) and len(going) <= most - max(1, most // REFILL)
            if not desk.rows or refill or len(desk.rows) - len(going) > len(desk.rows) // REFILL:
                desk.clear(going)
            while refill and len(desk.rows) < most and waiting.rows:
                new = waiting.take(most - len(desk.rows))
                desk.stand([rows[r] for r in new], desk.session.add([prompts[r] for r in new]))
            desk.write(lambda ready, hidden: self._pick(ready, hidden, decoding))
            yield rows
            desk.read()
        self._count(desk.session.computed, prompts, [len(row.chances) for row in rows])

    def _pick(self, rows: list[Row], hidden: Tensor, decoding: Decoding) -> list[list[int]]:
        """The next token of each row, noted in the row."""
        tokens: list[int] = []
        chances: list[float] = []
        for logits in self.model.head.in_parts(hidden):
            generators = [row.generator for row in rows[len(tokens) : len(tokens) + len(logits)]]
            picked = pick(logits.cpu(), decoding.temperature, decoding.top_p, generators)
            tokens, chances = tokens + picked[0].tolist(), chances + picked[1].tolist()
        for row, token, chance in zip(rows, tokens, chances, strict=True):
            row.chances.append(chance)
            if token in self.model.template.stop_ids:
                row.ended = True
            else:
                row.tokens.append(token)
                row.stopped = bool(decoding.stop) and cut_at_stop(self._text(row.tokens), decoding.stop)[1]
            row.finished = row.ended or row.stopped or len(row.chances) == row.room
        return [[token] for token in tokens]

    def _shared(self, prompts: list[list[int]]) -> int:
        """Tokens that all prompts begin with, where it is worth keeping them once; short of the last of any, whose state is needed."""
        shared = min(shared_by_all(prompts), min(len(p) for p in prompts) - 1) if self.model.shares_prefixes and prompts else 0
        return shared if shared >= LEAST_TRUNK else 0

    def _most(self, lengths: list[int]) -> int:
        """How many of these rows, which need `lengths` tokens in the cache, may be answered together; at least one."""
        tokens = self.model.cache_bytes // self.model.shape.cached(self.model.placement.dtype)
        return max(1, sum(total <= tokens for total in itertools.accumulate(lengths[:ROWS_AT_ONCE])))

    def _text(self, tokens: list[int]) -> str:
        text = self.model.tokenizer.decode(tokens, skip_special_tokens=True)
        assert isinstance(text, str)
        return text

    def _count(self, computed: int, prompts: list[list[int]], completions: list[int]) -> None:
        self.usage.prompt_tokens += sum(len(p) for p in prompts)
        self.usage.completion_tokens += sum(completions)
        self.usage.computed_tokens += computed


@dataclass
class Row:
    """One answer being written."""

    generator: torch.Generator
    room: int
    """Tokens it may have at most."""
    place: int = 0
    """Of its prompt among those that are answered together."""
    tokens: list[int] = field(default_factory=list)
    chances: list[float] = field(default_factory=list)
    feed: list[int] = field(default_factory=list)
    """What the model has to read next."""
    ended: bool = False
    stopped: bool = False
    finished: bool = False


class Waiting:
    """Rows to be read, in such an order that those that share much stand together; else short ones come first.

    A model that cannot share reads rows padded or alone: then length is all that counts.
    """

    def __init__(self, prompts: Sequence[list[int]], shares: bool) -> None:
        self.rows: list[int] = []
        """Indices of the prompts; the last comes first."""
        if shares:
            found = families(prompts, LEAST_SHARE)
            self.own = [len(prompt) - found.trunk for prompt in prompts]
            """Tokens of each prompt that not all share."""
            self.more = list(self.own)
            """Those of them that the prompt before it does not begin with."""
            for members in found.members:
                for row in members[1:]:
                    self.more[row] -= found.common[row] - found.trunk
            self.whole = list(self.more)
            """The same, but for the first prompt of a family: what all of them need."""
            for members in found.members:
                self.whole[members[0]] = sum(self.more[row] for row in members)
            ordered = sorted(found.members, key=lambda members: max(self.own[row] for row in members))
            self.rows = [row for members in ordered for row in members][::-1]
        else:
            self.own = self.more = self.whole = [len(prompt) for prompt in prompts]
            self.rows = sorted(range(len(prompts)), key=lambda row: (self.own[row], row))[::-1]

    def take(self, most: int) -> list[int]:
        """The next rows to be read together: at most so many, and 4,096 tokens, but at least one row. What some share counts once, what all share never.

        A family that would fit alone is not begun where the rest of it does not fit.
        """
        new = [self.rows.pop()]
        used = self.own[new[0]]
        while self.rows and len(new) < most:
            row = self.rows[-1]
            if used + self.more[row] > TOKENS_AT_ONCE or used + self.whole[row] > TOKENS_AT_ONCE >= self.whole[row]:
                break
            new.append(self.rows.pop())
            used += self.more[row]
        return new


def batches(rows: Sequence[list[int]], shares: bool) -> list[list[int]]:
    """Indices of `rows` in groups to be computed together: at most 256 rows and 4,096 tokens, but at least one row.

    >>> batches([[1] * 5, [2] * 3000, [3] * 4, [4] * 3000], shares=True)
    [[2, 0, 1], [3]]
    """
    waiting, groups = Waiting(rows, shares), list[list[int]]()
    while waiting.rows:
        groups.append(waiting.take(ROWS_AT_ONCE))
    return groups
