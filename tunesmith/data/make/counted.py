"""A maker's rows, what it left out and what it says → the same, counted for its manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tunesmith.data.make.tally import Tally
from tunesmith.spec.job import Monitor, Note, Spoken
from tunesmith.spec.making import Made
from tunesmith.spec.passage import Skipped


def counted(found: Iterable[Made | Skipped], tally: Tally) -> Iterator[Made | Skipped]:
    """The same, one unit read for each of them: rows are used, the others are problems with their reasons."""
    for one in found:
        tally.read += 1
        if isinstance(one, Made):
            tally.used += 1
            yield tally.made(one)
        else:
            yield tally.skip(one)


@dataclass(frozen=True)
class Noting:
    """A monitor that also puts down, for the manifest, what it is told to say to a person."""

    monitor: Monitor
    tally: Tally

    def emit(self, event: Spoken) -> None:
        """Pass the event on."""
        if isinstance(event, Note):
            self.tally.because(event.text)
        self.monitor.emit(event)

    def stopping(self) -> bool:
        """As the monitor says."""
        return self.monitor.stopping()
