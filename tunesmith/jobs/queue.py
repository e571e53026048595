"""Requests for long work → jobs in the store's database, each leased by at most one live process.

A lease is a holder (`host:pid`) and a moment until which its heartbeat is good. A running job whose holder is gone from this host, or whose
heartbeat is stale, is written back by whoever looks at it next: a shared job waits for a supervisor again, one that belonged to a command is
`interrupted`. Nothing stays "running" for ever. The lease only keeps the record honest; that two processes never write the same files is the
kernel's business (`store/lease.py`). Which job comes next: `turns.py`.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from tunesmith.errors import Busy, Interrupted, NotFound
from tunesmith.jobs.turns import next_job
from tunesmith.spec.job import FINAL, Job, JobKind, JobStatus, Phase, Stop
from tunesmith.store.artifacts import Store
from tunesmith.store.tables import JOBS

TTL_S = 60.0
"""A heartbeat is good for so long; workers send one every 2 s, so that even a machine that is swapping keeps its lease."""
LOSSES = 10
"""A shared job that is lost so often together with its supervisor, without getting on in between, has failed."""
BACK_OFF_S, LONGEST_BACK_OFF_S = 0.5, 60.0
"""A shared job waits so long after its first loss, and twice as long after each further one, up to the second number."""
BUSY_S = 5.0
"""A shared job that met work in somebody else's hands tries again after so long."""
UNDER_WAY: tuple[JobStatus, ...] = ("running", "interrupted")
"""States in which a holder may still be at work: `interrupted` is what a holder that was only asleep finds."""


class Queue:
    """The jobs of one store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.database = store.database

    def enqueue(
        self,
        kind: JobKind,
        title: str,
        payload: Mapping[str, Any],
        *,
        name: str | None = None,
        owner: str | None = None,
        priority: int = 0,
        phase: Phase | None = None,
        shared: bool = False,
    ) -> Job:
        """A new job, waiting for a worker; `name` is its id, chosen here if it is not given."""
        job = Job(
            id=name or f"job-{secrets.token_hex(4)}", kind=kind, status="queued", title=title, payload=dict(payload), created_at=time.time(),
            owner=owner, priority=priority, phase=phase, is_shared=shared,
        )  # fmt: skip
        with self.database.write() as connection:
            connection.execute(insert(JOBS).values(job.model_dump(mode="json")))
        return job

    def get(self, name: str) -> Job:
        """The job with this id, this unique beginning of an id (with or without `job-`), or the newest for `latest`.

        Raises: NotFound.
        """
        self.mend()
        with self.database.read() as connection:
            exact = connection.execute(select(JOBS).where(JOBS.c.id == name)).one_or_none()
            if exact is not None:
                return _job(exact)
            rows = connection.execute(select(JOBS).order_by(JOBS.c.created_at.desc())).all()
        if name == "latest" and rows:
            return _job(rows[0])
        found = [row for row in rows if name and row.id.startswith((name, f"job-{name}"))]
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

    def newest(self, limit: int = 20, status: JobStatus | None = None) -> list[Job]:
        """The newest jobs, newest first; of one status if it is given."""
        self.mend()
        query = select(JOBS).order_by(JOBS.c.created_at.desc(), JOBS.c.id).limit(limit)
        with self.database.read() as connection:
            return [_job(row) for row in connection.execute(query if status is None else query.where(JOBS.c.status == status))]

    def page(
        self, kind: JobKind, *, owner: str | None = None, after: str | None = None, limit: int = 20, where: Callable[[Job], bool] = lambda job: True
    ) -> tuple[list[Job], bool]:
        """(jobs of one kind, newest first, behind the job `after`; whether there are more).

        Raises: NotFound if there is no job `after`.
        """
        self.mend()
        with self.database.read() as connection:
            conditions: list[ColumnElement[bool]] = [JOBS.c.kind == kind]
            if owner is not None:
                conditions.append(JOBS.c.owner == owner)
            if after is not None:
                last = _row(connection, after)
                behind = (JOBS.c.created_at < last.created_at) | ((JOBS.c.created_at == last.created_at) & (JOBS.c.id < last.id))
                conditions.append(behind)
            query = select(JOBS).where(*conditions).order_by(JOBS.c.created_at.desc(), JOBS.c.id.desc())
            found: list[Job] = []
            for row in connection.execute(query):
                job = _job(row)
                if where(job):
                    if len(found) == limit:
                        return found, True
                    found.append(job)
        return found, False

    def claim(self, holder: str, devices: int, ttl_s: float = TTL_S, *, followed: Collection[str] = ()) -> Job | None:
        """The shared job whose turn it is, leased to `holder`; None while none may run on `devices` devices.

        Nor while one of the jobs `followed` by the holder has ended (it was cancelled, or is just being buried): its worker may still have its device.
        """
        self.mend()
        now = time.time()
        with self.database.write() as connection:
            rows = [_job(row) for row in connection.execute(select(JOBS).where(JOBS.c.status.in_(("queued", "running"))))]
            early = set(connection.execute(select(JOBS.c.id).where(JOBS.c.not_before > now)).scalars())
            chosen = next_job([job for job in rows if job.id not in early], devices)
            if chosen is None or not {job.id for job in rows if job.status == "running"}.issuperset(followed):
                return None
            values = {"status": "running", "holder": holder, "lease_until": now + ttl_s, "started_at": chosen.started_at or now, "held_since": now}
            connection.execute(update(JOBS).where(JOBS.c.id == chosen.id).values(**values))
            return _job(_row(connection, chosen.id))

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
            values |= going_on(row, now) if row.holder in (holder, over) else let_go(row, last_sign(row, now)) | {"held_since": now}
            connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(**values))
            return _job(_row(connection, job_id))

    def hand_on(self, job_id: str, giver: str, taker: str, ttl_s: float = TTL_S) -> Job:
        """Move the lease from one live or dead process to another; a job that `giver` does not hold any more stays as it is."""
        with self.database.write() as connection:
            row, now = _row(connection, job_id), time.time()
            if row.holder == giver and row.status in UNDER_WAY:
                values = {"holder": taker, "lease_until": now + ttl_s, "status": "running", "finished_at": None, "error": None}
                connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(**values, **going_on(row, now)))
            return _job(_row(connection, job_id))

    def heartbeat(self, job_id: str, holder: str, ttl_s: float = TTL_S) -> bool:
        """Prolong the lease; False where somebody else has it now, or the job is finished: the caller has to stop."""
        with self.database.write() as connection:
            # A holder that was asleep (a closed laptop) may find itself declared dead: nobody else took the job, so it goes on.
            row, now = _row(connection, job_id), time.time()
            if row.holder != holder or row.status not in UNDER_WAY:
                return False
            values = {"lease_until": now + ttl_s, "status": "running", "finished_at": None, "error": None}
            connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(**values, **going_on(row, now)))
            return True

    def got_on(self, job_id: str) -> None:
        """Note that a job has got on: the losses before do not count any more."""
        with self.database.write() as connection:
            connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(attempts=0))

    def enter(self, job_id: str, phase: Phase) -> None:
        """Move a job into another phase."""
        with self.database.write() as connection:
            connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(phase=phase))

    def wait_again(self, job_id: str, holder: str) -> Job:
        """A running job that `holder` gives back between two steps, because what comes next has to wait for its turn."""
        with self.database.write() as connection:
            row = _row(connection, job_id)
            if row.holder == holder and row.status == "running":
                values = {"status": "queued", "holder": None, "lease_until": None, **let_go(row, time.time())}
                connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(**values))
            return _job(_row(connection, job_id))

    def interrupt(self, job_id: str) -> None:
        """Ask the worker to save and stop; a job that nobody has started yet is interrupted at once, unless it is shared: that waits on."""
        self._stop(job_id, "interrupt", "interrupted")

    def pause(self, job_id: str) -> Job:
        """Ask the worker to save and stop until `resume`; a waiting job is paused at once.

        Raises: Busy for a job that has ended.
        """
        return self._stop(job_id, "pause", "paused", refuse="pause")

    def cancel(self, job_id: str) -> Job:
        """End the job, at once for everybody who looks; its worker is stopped by whoever watches it.

        Raises: Busy for a job that has ended.
        """
        with self.database.write() as connection:
            row = _row(connection, job_id)
            _refuse_ended(row, "cancel")
            now = time.time()
            values = {"status": "cancelled", "finished_at": now, "stop": "cancel", **let_go(row, now)}
            connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(**values))
            return _job(_row(connection, job_id))

    def resume(self, job_id: str) -> Job:
        """A paused job, waiting for its turn again.

        Raises: Busy for a job that is not paused, nor told to.
        """
        with self.database.write() as connection:
            row = _row(connection, job_id)
            if row.status == "paused":
                values: dict[str, Any] = {"status": "queued", "stop": None}
            elif row.status == "running" and row.stop == "pause":
                values = {"stop": "resume"}
            else:
                raise Busy("is not paused", where=job_id, got=row.status, expected="a paused job", fix="pause it first, or leave it as it is")
            connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(**values))
            return _job(_row(connection, job_id))

    def _stop(self, job_id: str, how: Stop, status: JobStatus, refuse: str | None = None) -> Job:
        with self.database.write() as connection:
            row = _row(connection, job_id)
            if refuse is not None:
                _refuse_ended(row, refuse)
            if row.status == "queued" and not (how == "interrupt" and row.is_shared):
                ended = {"finished_at": time.time()} if status in FINAL else {}
                connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(stop=how, status=status, **ended))
            elif row.status == "running":
                connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(stop=how))
            return _job(_row(connection, job_id))

    def is_stopping(self, job_id: str) -> bool:
        """True once somebody asked the job to stop."""
        return self.stop_asked(job_id) is not None

    def stop_asked(self, job_id: str) -> Stop | None:
        """What somebody asked the running job for."""
        with self.database.read() as connection:
            stop: Stop | None = _row(connection, job_id).stop
            return stop

    def finish(self, job_id: str, result: Mapping[str, Any]) -> Job:
        """Record success; a job that was cancelled meanwhile stays cancelled."""
        return self._end(job_id, "succeeded", result=dict(result))

    def fail(self, job_id: str, error: Mapping[str, Any]) -> Job:
        """Record why the job stopped; what somebody asked for is told from a failure by its code.

        A shared job that was interrupted (its supervisor ends) waits for the next supervisor; a paused one waits for its user.
        """
        with self.database.read() as connection:
            row = _row(connection, job_id)
        if error.get("code") == "busy" and row.is_shared:  # a command has what it needs: it tries again
            return self._end(job_id, "queued", not_before=time.time() + BUSY_S)
        if error.get("code") != "interrupted":
            return self._end(job_id, "failed", error=dict(error))
        if row.stop == "pause":
            return self._end(job_id, "paused", stop=None)
        if row.stop == "resume" or (row.is_shared and row.stop != "cancel"):
            return self._end(job_id, "queued", stop=None)
        return self._end(job_id, "cancelled" if row.stop == "cancel" else "interrupted", error=dict(error))

    def _end(self, job_id: str, status: JobStatus, **values: Any) -> Job:
        with self.database.write() as connection:
            now = time.time()
            ended = {"finished_at": now} if status in FINAL else {}
            changes = {"status": status, "holder": None, "lease_until": None, **let_go(_row(connection, job_id), now), **ended, **values}
            connection.execute(update(JOBS).where(JOBS.c.id == job_id, JOBS.c.status != "cancelled").values(**changes))
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
                fresh = {"status": "queued", "stop": None, "error": None, "finished_at": None, "holder": None, "lease_until": None, "attempts": 0}
                fresh |= let_go(row, last_sign(row, time.time()))
                connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(**fresh))
            return _job(_row(connection, job_id))

    def mend(self) -> None:
        """Write back every running job whose holder is dead; it ended at its last sign of life, not when somebody looked."""
        now = time.time()
        with self.database.read() as connection:
            dead = [row for row in connection.execute(select(JOBS).where(JOBS.c.status == "running")) if not is_alive(row, now)]
        for row in dead:
            unchanged = (JOBS.c.id == row.id) & (JOBS.c.status == "running") & (JOBS.c.holder == row.holder) & (JOBS.c.lease_until == row.lease_until)
            values = after_death(row, now) if row.is_shared else given_up(row, now)
            with self.database.write() as connection:
                connection.execute(update(JOBS).where(unchanged).values(**values, **let_go(row, last_sign(row, now))))


def given_up(row: Row[Any], now: float) -> dict[str, Any]:
    """What becomes of a dead command's job. The holder stays: should it only have been asleep, its next heartbeat takes the verdict back."""
    return {"status": "interrupted", "finished_at": last_sign(row, now), "error": died(row.id, str(row.holder)).to_json()}


def after_death(row: Row[Any], now: float) -> dict[str, Any]:
    """What becomes of a shared job whose holder is dead: it waits for its next try, or it has failed for good."""
    free = {"holder": None, "lease_until": None}
    attempts = row.attempts + 1
    if row.stop == "pause":
        return free | {"status": "paused", "stop": None}
    if attempts >= LOSSES:
        error = died(row.id, str(row.holder), attempts).to_json()
        return free | {"status": "failed", "finished_at": last_sign(row, now), "error": error, "attempts": attempts}
    wait = min(LONGEST_BACK_OFF_S, BACK_OFF_S * 2 ** (attempts - 1))
    return free | {"status": "queued", "stop": None, "attempts": attempts, "not_before": now + wait}


def let_go(row: Row[Any], at: float) -> dict[str, Any]:
    """The clock of a job that nobody holds from `at` on: its holder's seconds are added to those before."""
    return {"worked_s": row.worked_s + (max(0.0, at - row.held_since) if row.held_since is not None else 0.0), "held_since": None}


def going_on(row: Row[Any], now: float) -> dict[str, Any]:
    """The clock of a job that stays in live hands: as it was, without the silence of a holder that was asleep (a closed laptop)."""
    if row.held_since is not None and row.lease_until is not None and row.lease_until >= now:
        return {}
    return let_go(row, last_sign(row, now)) | {"held_since": now}


def died(job_id: str, holder: str, times: int = 1) -> Interrupted:
    """The record of a job whose process is gone without a word."""
    what = "its process is gone" if times == 1 else f"its process was lost {times} times without getting on"
    return Interrupted(what, where=job_id, got=f"last held by {holder}", fix="run the command again: it goes on from what was saved")


def _refuse_ended(row: Row[Any], what: str) -> None:
    if row.status in FINAL:
        raise Busy(f"has ended already and cannot be stopped ({what})", where=row.id, got=row.status, fix="leave it as it is")


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
