"""What one row of data is to the trainer: token sequences, and how much of a step's mean loss it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Example(Protocol):
    """One row of data, ready to train or evaluate on."""

    @property
    def sequences(self) -> tuple[TokenRow, ...]:
        """What goes through the model with a gradient."""

    @property
    def units(self) -> int:
        """Its share of the step: a step's loss is the sum over its examples, divided by their units."""


@dataclass(frozen=True)
class TokenRow:
    """One sequence; as an example, every trained token is a unit."""

    ids: list[int]
    trained: list[bool]

    @property
    def targets(self) -> int:
        """Tokens with a loss on them. The first token of a row has nothing before it that could predict it."""
        return sum(self.trained[1:])

    @property
    def sequences(self) -> tuple[TokenRow, ...]:
        """Itself."""
        return (self,)

    @property
    def units(self) -> int:
        """Its trained tokens."""
        return self.targets


@dataclass(frozen=True)
class Pair:
    """A question with a better and a worse answer."""

    chosen: TokenRow
    rejected: TokenRow
    reference: tuple[float, ...] = ()
    """Log-probabilities (nats) of both answers before training."""

    @property
    def sequences(self) -> tuple[TokenRow, ...]:
        """Chosen, rejected."""
        return self.chosen, self.rejected

    @property
    def scored(self) -> tuple[TokenRow, ...]:
        """What the reference is asked about."""
        return self.sequences

    @property
    def units(self) -> int:
        """One pair."""
        return 1


@dataclass(frozen=True)
class Rated:
    """A question with an answer that was liked or not."""

    row: TokenRow
    is_desirable: bool
    other: TokenRow | None = None
    """The question with another row's answer: what shows how far the model has moved at all."""
    reference: tuple[float, ...] = ()
    """Log-probabilities (nats) of both answers before training."""

    @property
    def sequences(self) -> tuple[TokenRow, ...]:
        """The row."""
        return (self.row,)

    @property
    def scored(self) -> tuple[TokenRow, ...]:
        """What the reference is asked about."""
        assert self.other is not None
        return self.row, self.other

    @property
    def units(self) -> int:
        """One rating."""
        return 1
