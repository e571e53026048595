"""What the loop, and what prepares its rows, asks of a method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from tunesmith.model.load import LoadedModel
from tunesmith.model.template import Rendered, Template
from tunesmith.spec.chat import Conversation, Message
from tunesmith.spec.dataset import Record
from tunesmith.train.examples import TokenRow


@dataclass(frozen=True)
class Loss:
    """What one micro-batch gave."""

    total: Tensor
    """Scalar: the sum over the examples, with its graph."""
    right: Tensor | None
    """[E] True where an example is answered right, in the method's own sense; None while gradients are computed, when nobody asks."""
    computed: int
    """Tokens that went through the model."""
    hits: Tensor | None = None
    """Scalar: trained tokens that are the most probable ones, where the method tells."""


class Objective(Protocol):
    """One method. `E` are examples of the kind that `examples` makes."""

    reading: str
    """Name under which the share of right examples is reported."""
    by_loss: bool
    """Whether the best checkpoint is that with the lowest dev loss; else the one that answers most examples right."""
    has_reference: bool
    """Whether examples carry the log-probabilities under the model that training begins with."""

    def examples(self, record: Record, conversation: Conversation, template: Template, max_length: int) -> Iterator[tuple[Any, bool]]:
        """(example, whether it was cut) from a record whose prompt has been put in front: `conversation`."""

    def complete(self, examples: list[Any], max_length: int) -> list[Any]:
        """The examples with what they need of one another.

        Raises: NotEnoughData where they lack it.
        """

    def check(self, examples: Sequence[Any]) -> None:
        """Nothing, if there is something to learn from these.

        Raises: NotEnoughData.
        """

    def start(self, model: LoadedModel, examples: Sequence[Any], budget: int) -> Tensor:
        """[E, 2] what `reference` of the examples of one step is, computed in the micro-batches of `loss` and `before`; [E, 0] where the method has none."""

    def before(self, model: LoadedModel, examples: Sequence[Any], budget: int) -> Any:
        """What the loss needs to know of a whole step (or of the whole dev split), in passes of at most `budget` tokens."""

    def loss(self, model: LoadedModel, examples: Sequence[Any], before: Any) -> Loss:
        """The loss of one micro-batch."""


def question_and_answer(record: Record, conversation: Conversation) -> tuple[Conversation, tuple[Message, ...]]:
    """`conversation`, which is the record's behind a prompt, cut before the answer that was preferred or rated."""
    asked = len(conversation.messages) - (record.answer_turns or 1)
    return conversation.model_copy(update={"messages": conversation.messages[:asked]}), conversation.messages[asked:]


def token_row(rendered: Rendered) -> TokenRow:
    """A rendered row as the trainer knows it."""
    return TokenRow(rendered.ids, rendered.trained)
