"""An answer's tokens, as they come → pieces of text that may be shown, with their log-probabilities: joined, the pieces are the answer.

Nothing is shown that could still turn out to be something else: half a letter, the beginning of a stop string, white space that may be the
last, the beginning of a tool's call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from transformers import PreTrainedTokenizerBase

from tunesmith.answer.sample import cut_at_stop, unfinished

HALF = "\ufffd"


@dataclass(frozen=True)
class Heard:
    """One token's log-probability, and the most probable ones in its place."""

    token: int
    logprob: float | None
    """None for a prompt's first token."""
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Piece:
    """Text that is shown now, and the tokens that wrote it where somebody asked for their log-probabilities."""

    text: str
    heard: tuple[Heard, ...] = ()


@dataclass(eq=False)
class Telling:
    """One answer's text so far."""

    tokenizer: PreTrainedTokenizerBase
    stops: Sequence[str] = ()
    strips: bool = True
    """Whether white space around the answer belongs to the template rather than to the answer."""
    special: bool = False
    """Whether control tokens are shown, as a parser of calls needs them."""
    held: Callable[[str], int] | None = None
    """Where in a text begins what must not be shown yet."""
    tokens: list[int] = field(default_factory=list)
    text: str = ""
    """Everything that was written, what is not shown yet included."""
    is_stopped: bool = False
    """Whether a stop string was written; the text ends before it."""
    _shown: int = 0
    _begun: bool = False
    """Whether something was shown."""
    _base: int = 0
    _read: int = 0
    _heard: list[tuple[int, Heard]] = field(default_factory=list)

    def add(self, token: int, heard: Heard | None = None) -> None:
        """Take one more token."""
        if heard is not None:
            self._heard.append((len(self.text), heard))
        self.tokens.append(token)
        before, after = self._decode(self._base, self._read), self._decode(self._base, len(self.tokens))
        if len(after) > len(before) and not after.endswith(HALF):
            self._grow(after[len(before) :])
            self._base, self._read = self._read, len(self.tokens)

    def give(self, text: str) -> None:
        """Take text that is no token's, as a forced beginning."""
        self._grow(text)

    def piece(self) -> Piece | None:
        """What may be shown since the last time; None if there is nothing."""
        return self._show(len(self.text) - unfinished(self.text, self.stops) if not self.is_stopped else len(self.text), last=False)

    def rest(self) -> Piece | None:
        """What is left to show once the answer has ended."""
        tail = self._decode(self._base, len(self.tokens))[len(self._decode(self._base, self._read)) :]
        if tail and not self.is_stopped:
            self._grow(tail)
        self.held = None
        return self._show(len(self.text), last=True)

    def unshown(self) -> str:
        """What was written and not shown."""
        return self.text[self._shown :]

    def drop(self) -> None:
        """Never show what was not shown yet."""
        self.text, self._heard = self.text[: self._shown], []

    def _grow(self, text: str) -> None:
        if self.is_stopped:
            return
        longest = max((len(stop) for stop in self.stops), default=0)
        start = max(0, len(self.text) - longest)
        self.text += text
        cut, self.is_stopped = cut_at_stop(self.text[start:], self.stops)
        self.text = self.text[:start] + cut

    def _show(self, end: int, last: bool) -> Piece | None:
        if self.held is not None:
            end = min(end, self.held(self.text))
        if self.strips:
            if not self._begun:
                self._shown = min(end, len(self.text) - len(self.text.lstrip()))
            end = len(self.text[:end].rstrip()) if end > self._shown else end
        if end < self._shown or (end == self._shown and not last):
            return None
        text, self._shown = self.text[self._shown : end], max(end, self._shown)
        self._begun = self._begun or bool(text)
        heard = [one for at, one in self._heard if at < end or (last and not self.is_stopped)]
        self._heard = self._heard[len(heard) :]
        return Piece(text, tuple(heard)) if text or heard else None

    def _decode(self, start: int, stop: int) -> str:
        text = self.tokenizer.decode(self.tokens[start:stop], skip_special_tokens=not self.special)
        assert isinstance(text, str)
        return text
