"""`after` and `limit` of a list → one page of it, in the form that the official clients walk through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Literal, TypeVar

from fastapi import Query
from pydantic import BaseModel

from tunesmith.console.failures import ApiError, Reply
from tunesmith.errors import NotFound

After = Annotated[str | None, Query(max_length=256, description="The id behind which the page begins.")]
Order = Annotated[Literal["asc", "desc"], Query()]
T = TypeVar("T")


@contextmanager
def known(after: str | None) -> Iterator[None]:
    """What is raised inside for an unknown `after` → the answer for it."""
    try:
        yield
    except NotFound:
        raise unknown(after) from None


def unknown(after: str | None) -> ApiError:
    """The answer to a page that begins behind something that is not there."""
    return ApiError(400, f"No such object: {str(after)[:120]}", param="after", code="invalid_value")


def listing(items: Sequence[BaseModel], has_more: bool) -> Reply:
    """The page as an answer; `items` have ids."""
    data = [item.model_dump(mode="json") for item in items]
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return Reply({"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": has_more})


def cut(items: Sequence[T], name_of: Callable[[T], str], after: str | None, limit: int) -> tuple[list[T], bool]:
    """(the items behind the one called `after`, whether there are more), for lists that are made in memory.

    >>> cut(["a", "b", "c"], str, "a", 1)
    (['b'], True)

    Raises: ApiError 400 if nothing is called `after`.
    """
    start = 0
    if after is not None:
        found = [place for place, item in enumerate(items) if name_of(item) == after]
        if not found:
            raise unknown(after)
        start = found[0] + 1
    return list(items[start : start + limit]), start + limit < len(items)
