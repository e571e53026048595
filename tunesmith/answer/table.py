"""The rows of one target that are being answered together → a step more for each: prompts are read in pieces, answers grow by a token."""

from __future__ import annotations

import torch
from torch import Tensor

from tunesmith.answer.desk import Desk
from tunesmith.answer.grammar import Choosing, vocabulary
from tunesmith.answer.prefixes import Prefixes
from tunesmith.answer.residents import Resident
from tunesmith.answer.sample import draw, likeliest, steer
from tunesmith.answer.session import Session, open_session
from tunesmith.answer.telling import Heard, Piece
from tunesmith.answer.ticket import LiveRow
from tunesmith.errors import TunesmithError
from tunesmith.model.few_rows import greatest

READ_AT_ONCE = 256
"""Tokens of prompts that are read in one step, while little stands before them: others who are being answered wait for them."""
FAR = 2048
"""Tokens before a token that make it take about twice as long."""
SCORED_AT_ONCE = 64
"""Prompt tokens whose log-probabilities are computed at once: each needs the whole vocabulary."""


class Table:
    """One target's rows."""

    def __init__(self, resident: Resident, prefixes: Prefixes) -> None:
        self.resident = resident
        self.prefixes = prefixes
        self.model = resident.house.model
        self.session: Session = open_session(self.model)
        self.desk: Desk[LiveRow] = Desk(self.session)

    @property
    def rows(self) -> list[LiveRow]:
        """Rows that are not finished."""
        return [row for row in self.desk.rows if not row.finished]

    def enter(self, row: LiveRow) -> int:
        """Give a row a place; returns how many tokens of its prompt need not be read."""
        kept = None
        if row.scored is None and self.session.reads_pieces:
            kept = self.prefixes.find(str(self.resident.target), row.ticket.owner, row.feed)
        self.session.enter([kept], [len(row.feed) + 1])
        device, width = self.model.placement.device, self.model.head.weight.shape[1]
        self.desk.stand([row], torch.zeros(1, width, dtype=self.model.head.weight.dtype, device=device))
        if kept is not None:
            row.feed = row.feed[kept.length :]
        return kept.length if kept is not None else 0

    def withdraw(self, row: LiveRow) -> None:
        """Take a row's place away; it has to be read again."""
        self.desk.clear([i for i, other in enumerate(self.desk.rows) if other is not row])
        row.restart()

    def step(self) -> None:
        """One more token for each row that has been read, and the next pieces of prompts."""
        self._clear()
        if not self.desk.rows:
            return
        self.resident.wear()
        self.desk.write(self._choose)
        self._clear()
        if not self.desk.rows:
            return
        portions = self._portions()
        fed = self.desk.read(lambda row: portions[id(row)])
        for place, tokens in enumerate(fed):
            row = self.desk.rows[place]
            if tokens and row.scored is not None and not row.is_read:
                self._score(row, self.session.states(place))
            if tokens and not row.feed and not row.is_read:
                self._was_read(row, place)

    def _clear(self) -> None:
        """Let finished rows go, and remember what they said for their owner's next question."""
        going = self.desk.going()
        if len(going) == len(self.desk.rows):
            return
        for place, row in enumerate(self.desk.rows):
            if row.finished and row.reason and row.scored is None and not isinstance(row.constraint, Choosing):
                self._keep(row, place)
        self.desk.clear(going)

    def _keep(self, row: LiveRow, place: int) -> None:
        read = len(row.prompt) + len(row.said) - 1  # what was said last was never fed
        if row.index == 0 and row.is_read and self.session.reads_pieces:
            ids = (row.prompt + row.said)[: min(read, self.session.lengths[place])]
            self.prefixes.keep(str(self.resident.target), row.ticket.owner, ids, self.session.copy(place, len(ids)))

    def _was_read(self, row: LiveRow, place: int) -> None:
        """A prompt was read to its end: what begins it like every other, and what its siblings need of it, is kept."""
        row.is_read = True
        if self.session.reads_pieces:
            self._share(row, place)
        if isinstance(row.constraint, Choosing) and row.constraint.is_complete:  # there is one choice
            self._finish(row, "stop")
        elif row.room == 0:
            self._finish(row, "length")

    def _share(self, row: LiveRow, place: int) -> None:
        name, public = str(self.resident.target), self.resident.public
        if row.prompt[: len(public)] == public and not self.prefixes.has(name, None, public):
            self.prefixes.keep(name, None, public, self.session.copy(place, len(public)))
        if any(other.prompt_number == row.prompt_number for other in row.ticket.waiting):
            self.prefixes.keep(name, row.ticket.owner, row.prompt, self.session.copy(place, len(row.prompt)))

    def _portions(self) -> dict[int, int]:
        """How many of its tokens each row reads in this step, by the row's identity.

        Whoever came first gets half of what may be read, so that he is not passed by for ever; else the shortest prompts go first.
        """
        found = {id(row): len(row.feed) for row in self.desk.rows}
        reading = [row for row in self.desk.rows if not row.is_read or len(row.feed) > 8]
        if not self.session.reads_pieces or sum(len(row.feed) for row in reading) <= READ_AT_ONCE:
            return found
        first = min(reading, key=lambda row: row.ticket.order)
        order = [first, *sorted((row for row in reading if row is not first), key=lambda row: (len(row.feed), row.ticket.order))]
        found |= {id(row): 0 for row in reading}
        left, cost = float(READ_AT_ONCE), {id(row): 1 + self._before(row) / FAR for row in reading}
        for row, most in [(first, left / 2), *((row, left) for row in order[1:]), (first, left)]:
            more = min(len(row.feed) - found[id(row)], int(min(left, most) / cost[id(row)]))
            found[id(row)] += more
            left -= more * cost[id(row)]
        return found

    def _before(self, row: LiveRow) -> int:
        """Tokens of a row that were read."""
        return self.session.lengths[self.desk.rows.index(row)]

    def _score(self, row: LiveRow, states: Tensor) -> None:
        """Log-probabilities of prompt tokens, from the states before them."""
        assert row.scored is not None
        if not row.scored:
            row.scored.append(Heard(row.prompt[0], None))
        for part in states.split(SCORED_AT_ONCE):  # type: ignore[no-untyped-call]
            logprobs = self.model.head.logits(part).cpu().log_softmax(-1)
            for line in logprobs:
                if len(row.scored) < len(row.prompt):
                    row.scored.append(_heard(line, row.prompt[len(row.scored)], row.sampling.top_logprobs))

    def _choose(self, rows: list[LiveRow], hidden: Tensor) -> list[list[int]]:
        """The next token of each row, and what follows it without an alternative. A request that turns out to be impossible ends, and no other."""
        logits = self.model.head.logits(hidden).cpu()
        plain = [i for i, row in enumerate(rows) if row.constraint is None and not row.sampling.steers and row.sampling.temperature == 0]
        picked = dict(zip(plain, greatest(logits[plain]).tolist(), strict=True)) if plain else {}
        steps: list[list[int]] = [[] for _ in rows]
        for i, row in enumerate(rows):
            try:
                steps[i] = [] if row.finished else self._say(row, logits[i], picked.get(i))  # a sibling's failure ends its whole request
            except TunesmithError as error:
                row.ticket.fail(error)
        return steps

    def _say(self, row: LiveRow, logits: Tensor, token: int | None) -> list[int]:
        self._echo(row)
        if token is None:
            token = self._drawn(row, logits)
        logprobs = logits.log_softmax(-1) if row.hears or row.ticket.wants_best else None
        if logprobs is not None:
            row.logprob += float(logprobs[token])
        if row.chances is not None:
            row.chances.append(float(logits.softmax(-1)[token]))
        row.said.append(token)
        if token in self.model.template.stop_ids and not isinstance(row.constraint, Choosing):
            self._finish(row, "stop")
            return []
        row.counts[token] += 1
        after = row.constraint.said(token) if row.constraint is not None else []
        if not isinstance(row.constraint, Choosing):
            row.telling.add(token, _heard(logprobs, token, row.sampling.top_logprobs) if row.hears and logprobs is not None else None)
        else:
            row.said += after
        if row.telling.is_stopped or (row.constraint is not None and row.constraint.is_complete):
            self._finish(row, "stop")
        elif len(row.said) >= row.room:
            self._finish(row, "length")
        else:
            row.ticket.show(row, row.telling.piece(), vocabulary(self.model) if row.hears else None)
        return [token, *after]

    def _drawn(self, row: LiveRow, logits: Tensor) -> int:
        allowed = row.constraint.allowed(len(logits)) if row.constraint is not None else None
        steered = steer(logits, row.sampling, row.counts, allowed)
        is_choice = isinstance(row.constraint, Choosing)
        temperature = 0.0 if is_choice else row.sampling.temperature
        token = draw(steered, temperature, row.sampling.top_p, row.generator)
        if is_choice:
            row.confidence *= float(steered.double().softmax(-1)[token])
        return token

    def _echo(self, row: LiveRow) -> None:
        """Show the prompt before the answer, once, where that is asked for."""
        if row.echo is not None:
            row.ticket.show(row, Piece(row.echo, tuple(row.scored or ())), vocabulary(self.model) if row.hears else None)
            row.echo = None

    def _finish(self, row: LiveRow, reason: str) -> None:
        self._echo(row)
        if isinstance(row.constraint, Choosing):
            row.said = self.model.template.answer(row.constraint.chosen)
        row.finished, row.reason = True, reason
        row.ticket.close_row(row, self.resident)


def _heard(logprobs: Tensor, token: int, top: int) -> Heard:
    return Heard(token, float(logprobs[token]), tuple(likeliest(logprobs, top)))
