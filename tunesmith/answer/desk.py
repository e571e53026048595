"""Rows in one session → one token more for each: the step that evaluation, chat and the service share.

A row has tokens to feed (its prompt, or what was picked last). In `write` every row that has been fed picks what comes next; in `read` the
rows' tokens go through the model. Who comes in, and how many, is the caller's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor

from tunesmith.answer.session import Session


class Line(Protocol):
    """One answer being written."""

    finished: bool
    feed: list[int]
    """Tokens that the model has not read yet."""


L = TypeVar("L", bound=Line)


class Desk(Generic[L]):
    """The rows of one session, in its order."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.rows: list[L] = []
        """Finished ones that were not cleared away included."""
        self.hidden: Tensor | None = None
        """[R, D] each row's last hidden state; means nothing for a row that has something to feed."""

    def going(self) -> list[int]:
        """Places of the rows that are not finished."""
        return [i for i, row in enumerate(self.rows) if not row.finished]

    def clear(self, going: list[int]) -> None:
        """Keep these places only."""
        self.session.keep(going)
        self.rows = [self.rows[i] for i in going]
        self.hidden = None if self.hidden is None else self.hidden[going]

    def stand(self, rows: Sequence[L], states: Tensor) -> None:
        """Add rows that the session has read already, with their hidden states."""
        self.rows += rows
        self.hidden = states if self.hidden is None else torch.cat([self.hidden, states])

    def write(self, choose: Callable[[list[L], Tensor], list[list[int]]]) -> None:
        """Let every row that waits for nothing choose its next tokens, to be fed unless it finishes with them."""
        ready = [i for i, row in enumerate(self.rows) if not row.finished and not row.feed]
        if not ready:
            return
        assert self.hidden is not None
        rows = [self.rows[i] for i in ready]
        for row, tokens in zip(rows, choose(rows, self.hidden[ready]), strict=True):
            row.feed = [] if row.finished else tokens

    def read(self, portion: Callable[[L], int] | None = None) -> list[list[int]]:
        """Feed each row `portion` of its tokens (all by default); returns what was fed."""
        steps = [[] if row.finished else row.feed[: portion(row)] if portion else row.feed for row in self.rows]
        if any(steps):
            self.hidden = self.session.extend(steps)
            for row, tokens in zip(self.rows, steps, strict=True):
                row.feed = row.feed[len(tokens) :]
        return steps
