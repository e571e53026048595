"""An id and a caller → the stored object, if there is one and he may see it. What it is called when it is missing is each route's own business."""

from __future__ import annotations

from tunesmith.console.access import Caller
from tunesmith.console.state import Console
from tunesmith.errors import NotFound
from tunesmith.store.objects import Stored


def seen(console: Console, caller: Caller, kind: str, name: str) -> Stored | None:
    """The object of this kind with this id; None where there is none, or it is none of this caller's."""
    try:
        stored = console.objects.get(kind, name)
    except NotFound:
        return None
    return stored if caller.sees(stored.owner) else None
