"""Requests for long work → jobs in the store's database, each leased by at most one live process.

A lease is a holder (`host:pid`) and a moment until which its heartbeat is good. A running job whose holder is gone from this host, or whose
heartbeat is stale, is written back as `interrupted` by whoever looks at it next: nothing stays "running" for ever. The lease only keeps the
record honest; that two processes never write the same files is the kernel's business (`store/lease.py`).
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select, update

from tunesmith.errors import Busy, Interrupted, NotFound
from tunesmith.spec.job import FINAL, Job, JobKind, JobStatus
from tunesmith.store.artifacts import Store
from tunesmith.store.tables import JOBS

TTL_S = 60.0
"""A heartbeat is good for so long; workers send one every 2 s, so that even a machine that is swapping keeps its lease."""
Stop = Literal["interrupt", "cancel"]


class Queue:
    """The jobs of one store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.database = store.database

    def enqueue(self, kind: JobKind, title: str, payload: Mapping[str, Any]) -> Job:
        """A new job, waiting for a worker."""
        job = Job(id=f"job-{secrets.token_hex(4)}", kind=kind, status="queued", title=title, payload=dict(payload), created_at=time.time())
        fields = ("id", "kind", "status", "title", "payload", "created_at")
        with self.database.write() as connection:
            connection.execute(insert(JOBS).values({name: getattr(job, name) for name in fields}))
        return job

    def get(self, name: str) -> Job:
        """The job with this id, this unique beginning of an id (with or without `job-`), or the newest for `latest`.

        Raises: NotFound.
        """
        self.mend()
        with self.database.read() as connection:
            rows = connection.execute(select(JOBS).order_by(JOBS.c.created_at.desc())).all()
        if name == "latest" and rows:
            return _job(rows[0])
        exact = [row for row in rows if row.id == name]
        found = exact or [row for row in rows if name and row.id.startswith((name, f"job-{name}"))]
        if len(found) == 1:
            return _job(found[0])
        if found:
            raise NotFound(f"could be any of {len(found)} jobs", where=name, got=", ".join(row.id for row in found[:5]), fix="write more of the id")
        raise NotFound(
            "there is no such job",
            where=name or "''",
            got=f"{len(rows)} jobs",
            expected="a job's id, or the beginning of one",
            fix="look it up with `tunesmith jobs list`",
        )

    def list(self, limit: int = 20, status: JobStatus | None = None) -> list[Job]:
        """The newest jobs, newest first; of one status if it is given."""
        self.mend()
        query = select(JOBS).order_by(JOBS.c.created_at.desc(), JOBS.c.id).limit(limit)
        with self.database.read() as connection:
            return [_job(row) for row in connection.execute(query if status is None else query.where(JOBS.c.status == status))]

    def lease(self, job_id: str, holder: str, ttl_s: float = TTL_S, *, over: str | None = None) -> Job:
        """Take a queued job, or one whose holder is dead, or hand it on from the live holder `over`; it is running from now on.

        Raises: Busy when another live process has it; NotFound when it is finished (requeue it first).
        """
        now = time.time()
        with self.database.write() as connection:
            row = _row(connection, job_id)
            if row.status in FINAL:
                raise NotFound(f"is {row.status} already", where=job_id, fix="requeue it, or run the command again")
            if row.status == "running" and row.holder not in (holder, over) and is_alive(row, now):
                raise Busy("this job is running already", where=job_id, got=f"{row.holder}, {row.title}", fix="follow it, or wait until it is done")
            values = {"status": "running", "holder": holder, "lease_until": now + ttl_s, "started_at": row.started_at or now}
            connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(**values))
            return _job(_row(connection, job_id))

    def hand_on(self, job_id: str, giver: str, taker: str, ttl_s: float = TTL_S) -> Job:
        """Move the lease from one live or dead process to another; a job that `giver` does not hold any more stays as it is."""
        with self.database.write() as connection:
            held = (JOBS.c.id == job_id) & (JOBS.c.holder == giver) & (JOBS.c.status.in_(("running", "interrupted")))
            values = {"holder": taker, "lease_until": time.time() + ttl_s, "status": "running", "finished_at": None, "error": None}
            connection.execute(update(JOBS).where(held).values(**values))
            return _job(_row(connection, job_id))

    def heartbeat(self, job_id: str, holder: str, ttl_s: float = TTL_S) -> bool:
        """Prolong the lease; False where somebody else has it now, or the job is finished: the caller has to stop."""
        with self.database.write() as connection:
            # A holder that was asleep (a closed laptop) may find itself declared dead: nobody else took the job, so it goes on.
            mine = (JOBS.c.id == job_id) & (JOBS.c.holder == holder) & (JOBS.c.status.in_(("running", "interrupted")))
            values = {"lease_until": time.time() + ttl_s, "status": "running", "finished_at": None, "error": None}
            return connection.execute(update(JOBS).where(mine).values(**values)).rowcount == 1

    def interrupt(self, job_id: str) -> None:
        """Ask the worker to save and stop; a job that nobody has started yet is interrupted at once."""
        self._stop(job_id, "interrupt", "interrupted")

    def cancel(self, job_id: str) -> None:
        """As `interrupt`, and it is not meant to go on: the job ends as `cancelled`."""
        self._stop(job_id, "cancel", "cancelled")

    def _stop(self, job_id: str, how: Stop, status: JobStatus) -> None:
        with self.database.write() as connection:
            row = _row(connection, job_id)
            if row.status not in FINAL:
                at_once = {"status": status, "finished_at": time.time()} if row.status == "queued" else {}
                connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(stop=how, **at_once))

    def is_stopping(self, job_id: str) -> bool:
        """True once somebody asked the job to stop."""
        with self.database.read() as connection:
            return _row(connection, job_id).stop is not None

    def finish(self, job_id: str, result: Mapping[str, Any]) -> Job:
        """Record success."""
        return self._end(job_id, "succeeded", result=dict(result))

    def fail(self, job_id: str, error: Mapping[str, Any]) -> Job:
        """Record why the job ended; an interruption that somebody asked for is told from a failure by its code."""
        with self.database.read() as connection:
            stop = _row(connection, job_id).stop
        status: JobStatus = "failed"
        if error.get("code") == "interrupted":
            status = "cancelled" if stop == "cancel" else "interrupted"
        return self._end(job_id, status, error=dict(error))

    def _end(self, job_id: str, status: JobStatus, **values: Any) -> Job:
        with self.database.write() as connection:
            changes = {"status": status, "finished_at": time.time(), "holder": None, "lease_until": None, **values}
            connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(**changes))
            return _job(_row(connection, job_id))

    def requeue(self, job_id: str) -> Job:
        """A job that ended without success, waiting again; it goes on from what it had finished.

        Raises: Busy while it runs.
        """
        with self.database.write() as connection:
            row = _row(connection, job_id)
            if row.status == "running" and is_alive(row, time.time()):
                raise Busy("this job is running", where=job_id, got=str(row.holder), fix="interrupt it first")
            if row.status != "succeeded":
                fresh = {"status": "queued", "stop": None, "error": None, "finished_at": None, "holder": None, "lease_until": None}
                connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(**fresh))
            return _job(_row(connection, job_id))

    def mend(self) -> None:
        """Write back as interrupted every running job whose holder is dead; it ended at its last sign of life, not when somebody looked."""
        now = time.time()
        with self.database.read() as connection:
            dead = [row for row in connection.execute(select(JOBS).where(JOBS.c.status == "running")) if not is_alive(row, now)]
        for row in dead:
            error = died(row.id, str(row.holder)).to_json()
            # The holder stays: should it only have been asleep, its next heartbeat takes the verdict back.
            unchanged = (JOBS.c.id == row.id) & (JOBS.c.status == "running") & (JOBS.c.holder == row.holder) & (JOBS.c.lease_until == row.lease_until)
            with self.database.write() as connection:
                connection.execute(update(JOBS).where(unchanged).values(status="interrupted", finished_at=last_sign(row, now), error=error))


def died(job_id: str, holder: str) -> Interrupted:
    """The record of a job whose process is gone without a word."""
    return Interrupted("its process is gone", where=job_id, got=f"last held by {holder}", fix="run the command again: it goes on from what was saved")


def holder(pid: int) -> str:
    """`host:pid` of a process on this host."""
    return f"{socket.gethostname()}:{pid}"


def is_alive(row: Row[Any], now: float) -> bool:
    """True if the lease of a running job is good: its heartbeat is fresh and, on this host, its process is there."""
    if row.holder is None or row.lease_until is None or row.lease_until < now:
        return False
    host, _, pid = row.holder.rpartition(":")
    if host != socket.gethostname():
        return True
    return _is_running(int(pid))


def last_sign(row: Row[Any], now: float) -> float:
    """When the holder of a job was last heard of (Unix time): its last heartbeat, never before the job's start nor after `now`."""
    heard = row.lease_until - TTL_S if row.lease_until is not None else now
    return min(now, max(heard, row.started_at or heard))


def _is_running(pid: int) -> bool:
    """True if the process is there and not merely waiting to be buried: in a container nobody may ever bury an orphan."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is there, and somebody else's
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):  # no /proc here, or it ended between the two looks; the heartbeat decides
        return True


def _row(connection: Connection, job_id: str) -> Row[Any]:
    row = connection.execute(select(JOBS).where(JOBS.c.id == job_id)).one_or_none()
    if row is None:
        raise NotFound("there is no such job", where=job_id, fix="look it up with `tunesmith jobs list`")
    return row


def _job(row: Row[Any]) -> Job:
    return Job(**{name: getattr(row, name) for name in Job.model_fields})
