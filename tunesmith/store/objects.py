"""What the API keeps (files, uploads, fine-tuned models, batches, evals …) ↔ rows of one table, read in pages."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, select, update

from tunesmith.errors import NotFound
from tunesmith.store.database import Database
from tunesmith.store.tables import OBJECTS


@dataclass(frozen=True)
class Stored:
    """One object."""

    seq: int
    id: str
    kind: str
    parent: str | None
    """The id of what it belongs to."""
    owner: str | None
    """The id of the key that made it."""
    created_at: float
    """Unix time, seconds."""
    body: dict[str, Any]


@dataclass(frozen=True)
class Page:
    """Some objects in order, and whether there are more behind them."""

    items: list[Stored]
    has_more: bool


class Objects:
    """The objects of one store. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, kind: str, name: str, body: Mapping[str, Any], *, parent: str | None = None, owner: str | None = None) -> Stored:
        """A new object; `name` is its id, unique among all kinds."""
        values = {"id": name, "kind": kind, "parent": parent, "owner": owner, "created_at": time.time(), "body": dict(body)}
        with self.database.write() as connection:
            connection.execute(insert(OBJECTS).values(**values))
            return _stored(connection.execute(select(OBJECTS).where(OBJECTS.c.id == name)).one())

    def get(self, kind: str, name: str) -> Stored:
        """The object with this id.

        Raises: NotFound.
        """
        with self.database.read() as connection:
            return _found(connection.execute(select(OBJECTS).where(OBJECTS.c.id == name, OBJECTS.c.kind == kind)).one_or_none(), kind, name)

    def change(self, kind: str, name: str, how: Callable[[dict[str, Any]], Mapping[str, Any]]) -> Stored:
        """The object with the body that `how` makes of its present one, in one transaction: nothing is written between reading and writing.

        Raises: NotFound, and what `how` raises, in which case nothing has changed.
        """
        mine = (OBJECTS.c.id == name) & (OBJECTS.c.kind == kind)
        with self.database.write() as connection:
            row = _found(connection.execute(select(OBJECTS).where(mine)).one_or_none(), kind, name)
            connection.execute(update(OBJECTS).where(mine).values(body=dict(how(row.body))))
            return _stored(connection.execute(select(OBJECTS).where(mine)).one())

    def remove(self, kind: str, name: str) -> None:
        """Delete the object.

        Raises: NotFound.
        """
        with self.database.write() as connection:
            if not connection.execute(delete(OBJECTS).where(OBJECTS.c.id == name, OBJECTS.c.kind == kind)).rowcount:
                raise _missing(kind, name)

    def page(
        self,
        kind: str,
        *,
        parent: str | None = None,
        after: str | None = None,
        limit: int | None = None,
        newest_first: bool = True,
        where: Callable[[Stored], bool] = lambda stored: True,
    ) -> Page:
        """The objects of a kind (of one parent, if it is given) behind the object `after`, at most `limit`, that `where` holds for.

        Raises: NotFound if there is no object `after`.
        """
        column = OBJECTS.c.seq
        conditions: list[ColumnElement[bool]] = [OBJECTS.c.kind == kind]
        if parent is not None:
            conditions.append(OBJECTS.c.parent == parent)
        if after is not None:
            seq = self.get(kind, after).seq
            conditions.append(column < seq if newest_first else column > seq)
        items: list[Stored] = []
        with self.database.read() as connection:
            for row in connection.execute(select(OBJECTS).where(*conditions).order_by(column.desc() if newest_first else column)):
                stored = _stored(row)
                if not where(stored):
                    continue
                if limit is not None and len(items) == limit:
                    return Page(items, True)
                items.append(stored)
        return Page(items, False)


def _stored(row: Row[Any]) -> Stored:
    return Stored(**{name: getattr(row, name) for name in Stored.__annotations__})


def _found(row: Row[Any] | None, kind: str, name: str) -> Stored:
    if row is None:
        raise _missing(kind, name)
    return _stored(row)


def _missing(kind: str, name: str) -> NotFound:
    return NotFound(f"there is no such {kind}", where=name, expected=f"the id of a {kind}", fix="look it up in the list")
