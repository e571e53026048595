"""A monitor that keeps what it hears, for tests of what is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from tunesmith.spec.job import Event


@dataclass
class Ears:
    """`stops`: what it answers when asked whether to stop."""

    stops: bool = False
    heard: list[Event] = field(default_factory=list)

    def emit(self, event: Event) -> None:
        """Keep the event."""
        self.heard.append(event)

    def stopping(self) -> bool:
        """As it was made."""
        return self.stops
