"""A row → nothing, or the reason why the base model cannot read it: more tokens than its context holds.

Cutting such a row is no way out: evaluation and service cannot cut what is asked. A text has at most as many tokens as bytes, so that only rows of
more bytes than the context are counted, and reading stays as fast as without this check.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from tunesmith.data.fold import answered, said
from tunesmith.data.sources.fault import RowFault
from tunesmith.spec.dataset import Record


@dataclass(frozen=True)
class Room:
    """How many tokens a row may have; without a tokenizer or a context, any number."""

    tokenizer: Tokenizer | None
    context: int | None

    @classmethod
    def of(cls, path: Path | None, context: int | None) -> Room:
        """The room in a context of that many tokens, counted with the tokenizer.json at `path`, its own truncation switched off."""
        if path is None or context is None:
            return cls(None, None)
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(tokenizer, context)

    def check(self, row: Record) -> None:
        """Nothing, if the model can read the row.

        Raises: RowFault, `too_long`.
        """
        if self.tokenizer is None or self.context is None or row.conversation is None:
            return
        texts = [*(said(message) for message in row.conversation.messages[:-1]), answered(row)]
        if sum(len(text.encode()) for text in texts) <= self.context:
            return
        tokens = sum(len(one) for one in self.tokenizer.encode_batch_fast(texts, add_special_tokens=False))
        if tokens > self.context:
            fix = "shorten or split it, or choose a model with a longer context"
            raise RowFault("too_long", f"has {tokens:,} tokens; expected at most {self.context:,}, the model's context; fix: {fix}")
