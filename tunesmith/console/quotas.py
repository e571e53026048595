"""What a key holds already, in bytes of files and in work that has not ended → whether there is room for more.

Everything is counted in the store, so that a restart forgets nothing. Whoever adds something does it inside the block that counted: two requests
at once cannot take the same room.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select

from tunesmith.console.access import Caller
from tunesmith.console.configuration import Configuration
from tunesmith.console.failures import ApiError, too_large
from tunesmith.spec.wire_batches import FINAL
from tunesmith.spec.wire_evals import PENDING
from tunesmith.store.database import Database
from tunesmith.store.tables import JOBS, OBJECTS

ENDED = ("succeeded", "failed", "cancelled")
"""States of a job that nothing follows."""


@dataclass(frozen=True)
class Room:
    """How much may be added."""

    bytes: int
    refusal: ApiError
    """The answer to more."""


class Quotas:
    """What the keys of one server hold. Threads may share it."""

    def __init__(self, database: Database, configuration: Configuration) -> None:
        self.database = database
        self.configuration = configuration
        self._lock = threading.Lock()

    def stored(self, key_id: str) -> int:
        """Bytes of the key's files, and of the parts of its uploads."""
        query = select(func.sum(OBJECTS.c.body["bytes"].as_integer())).where(OBJECTS.c.kind.in_(("file", "part")), OBJECTS.c.owner == key_id)
        with self.database.read() as connection:
            return connection.execute(query).scalar() or 0

    def active(self, key_id: str) -> int:
        """The key's fine-tuning jobs, batches and runs of evals that have not ended."""
        status = OBJECTS.c.body["status"].as_string()
        jobs = select(func.count()).where(JOBS.c.owner == key_id, JOBS.c.status.not_in(ENDED))
        others = select(func.count()).where(
            OBJECTS.c.owner == key_id,
            or_(and_(OBJECTS.c.kind == "batch", status.not_in(tuple(FINAL))), and_(OBJECTS.c.kind == "run", status.in_(tuple(PENDING)))),
        )
        with self.database.read() as connection:
            return connection.execute(jobs).scalar_one() + connection.execute(others).scalar_one()

    def room(self, caller: Caller, most: int) -> Room:
        """How large the key's next file may be: at most `most` bytes."""
        limit, used = self._storage(caller), self.stored(caller.key_id)
        if limit - used < most:
            return Room(max(0, limit - used), storage_full(limit, used))
        return Room(most, too_large(most))

    @contextmanager
    def storing(self, caller: Caller, size_bytes: int) -> Iterator[None]:
        """A block that adds a file of this size. Raises: ApiError 429 `insufficient_quota` where there is no room for it."""
        with self._lock:
            limit, used = self._storage(caller), self.stored(caller.key_id)
            if used + size_bytes > limit:
                raise storage_full(limit, used)
            yield

    @contextmanager
    def working(self, caller: Caller) -> Iterator[None]:
        """A block that adds a job, a batch or a run. Raises: ApiError 429 `rate_limit_exceeded` where the key has too many."""
        with self._lock:
            self.refuse_more_work(caller)
            yield

    def refuse_more_work(self, caller: Caller) -> None:
        """Raises: as `working` does; for whoever wants to know before the work of adding begins."""
        own = caller.limits.active_jobs
        limit, active = own if own is not None else self.configuration.active_jobs, self.active(caller.key_id)
        if active >= limit:
            raise ApiError(
                429,
                f"This key has {active:,} jobs that have not ended (fine-tuning, batches and runs of evals), and may have {limit:,}. "
                "Wait until one has ended, or cancel one.",
                "requests",
                code="rate_limit_exceeded",
                headers=AT_REST,
            )

    def _storage(self, caller: Caller) -> int:
        own = caller.limits.stored_bytes
        return own if own is not None else self.configuration.stored_bytes


AT_REST = {"x-should-retry": "false"}
"""Another moment changes nothing: clients must not try again by themselves."""
UNREAD = {"connection": "close"}
"""The rest of the file is not waited for."""


def storage_full(limit: int, used: int) -> ApiError:
    """The answer to a file for which a key has no room."""
    message = f"You exceeded your current quota: the files of this key have {used:,} bytes, and may have {limit:,}. Delete some of them."
    return ApiError(429, message, "insufficient_quota", code="insufficient_quota", headers=AT_REST | UNREAD)
