"""Jobs, batches and evals that have ended → signed messages to the URLs that the server was started with, each sent until it was taken.

What has happened is read from the store, not heard: an ending that nobody noticed, because the server was down, is told of when it is up again.
A message to be sent is a row of its own until its receiver has said 2xx, so that it outlives the server. It may come twice (the same `webhook-id`
both times), never not at all within three days. Signed as Standard Webhooks prescribes: `client.webhooks.unwrap` of the openai package checks it.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from sqlalchemy import Select, and_, exists, literal, or_, select
from sqlalchemy.exc import IntegrityError

from tunesmith.console.addresses import Destination, destination, post, resolved
from tunesmith.console.state import Console
from tunesmith.console.webhooks_signing import secret_of, signed
from tunesmith.errors import NotFound, TunesmithError
from tunesmith.store.objects import Stored
from tunesmith.store.tables import JOBS, OBJECTS

LOG = structlog.get_logger("tunesmith.console")
LOOK_S = 1.0
ANSWER_S = 15.0
"""A receiver that has not answered by then has not taken the message."""
FIRST_WAIT_S, GROWTH, LONGEST_WAIT_S = 5.0, 4.0, 36_000.0
"""Before the second attempt, from one to the next, and at most (seconds)."""
KEPT_S = 72 * 3600.0
"""A message that nobody took in so long is dropped."""
GONE = 410
SINCE = "webhooks"
"""The object that says since when endings are told of."""
AT_ONCE = 20
JOB_ENDINGS = ("succeeded", "failed", "cancelled")
OBJECT_ENDINGS = {
    "batch": {name: f"batch.{name}" for name in ("completed", "failed", "expired", "cancelled")},
    "run": {"completed": "eval.run.succeeded", "failed": "eval.run.failed", "canceled": "eval.run.canceled"},
}
"""Kind of a stored object → its last states → the message about each."""


class Webhooks:
    """Everything that one server has to tell."""

    def __init__(self, console: Console) -> None:
        """Raises: BadProject for a URL or a secret that cannot be used."""
        self.console = console
        self.allow_private = console.configuration.private_webhooks
        urls = console.configuration.webhooks
        self.endpoints = {endpoint_id(url): destination(url, f"--webhook {url}", allow_private=self.allow_private) for url in urls}
        self.secret = secret_of(console.store.home) if self.endpoints else b""
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._send_for_ever, args=pair, name="webhook", daemon=True) for pair in self.endpoints.items()]
        if self._threads:
            self._threads.append(threading.Thread(target=self._look_for_ever, name="webhooks", daemon=True))

    def start(self) -> None:
        """Begin to look and to send. Without an endpoint nothing is told, neither now nor later.

        Raises: Unsupported for an endpoint in a private network that was not allowed.
        """
        if not self.endpoints:
            with suppress(NotFound):
                self.console.objects.remove("webhook", SINCE)
            return
        for there in self.endpoints.values():
            with suppress(OSError):  # a name that cannot be resolved now may be there later
                resolved(there, allow_private=self.allow_private)
        with suppress(IntegrityError):
            self.console.objects.add("webhook", SINCE, {"at": time.time()})
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; what was not sent waits in the store."""
        self._ending.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(LOOK_S)

    def _look_for_ever(self) -> None:
        while not self._ending.wait(LOOK_S):
            try:
                self.look()
            except TunesmithError as error:  # a full or busy disk: the next round tries again
                LOG.warning("looking for endings failed", failure=error.code)

    def look(self) -> None:
        """Put down a message for everything that has ended since there are webhooks."""
        since = float(self.console.objects.get("webhook", SINCE).body["at"])
        with self.console.store.database.read() as connection:
            found = [(row.event, f"fine_tuning.job.{row.status}", row.id) for row in connection.execute(ended_jobs(since))]
            found += [
                (row.event, OBJECT_ENDINGS[row.kind][row.status], row.id)
                for row in connection.execute(ended_objects())
                if max(row.created_at, row.body.get(f"{row.status}_at") or 0.0) >= since
            ]
        for event, kind, subject in found:
            self.announce(event, kind, subject)

    def announce(self, event: str, kind: str, subject: str) -> None:
        """Put down the message `kind` about `subject`, once for each event id."""
        body = {"id": event, "object": "event", "created_at": int(time.time()), "type": kind, "data": {"id": subject}}
        for endpoint in self.endpoints:
            with suppress(IntegrityError):
                self.console.objects.add("delivery", f"{event}.{endpoint}", {"event": body, "attempts": 0, "not_before": 0.0}, parent=endpoint)
        with suppress(IntegrityError):  # last: as long as it is not there the event counts as not announced
            self.console.objects.add("webhook", event, body)

    def _send_for_ever(self, endpoint: str, there: Destination) -> None:
        while not self._ending.wait(LOOK_S):
            try:
                self.send(endpoint, there)
            except TunesmithError as error:  # a full or busy disk: the next round tries again
                LOG.warning("sending webhooks failed", failure=error.code)

    def send(self, endpoint: str, there: Destination) -> None:
        """Try what is due to one receiver, oldest first."""
        now = time.time()
        due = self.console.objects.page("delivery", parent=endpoint, limit=AT_ONCE, newest_first=False, where=lambda one: is_due(one, now))
        for delivery in due.items:
            if self._ending.is_set():
                return
            why = self._try(delivery, there)
            if why is not None and self._ending.is_set():  # the next server tries again
                return
            if why is None or why == GONE or time.time() - delivery.created_at > KEPT_S:
                self.console.objects.remove("delivery", delivery.id)
                if why is not None:
                    LOG.warning("a webhook was given up", message=delivery.body["event"]["id"], to=there.name, failure=why)
            else:
                self.console.objects.change("delivery", delivery.id, after_failure)
                LOG.info("a webhook was not taken", message=delivery.body["event"]["id"], to=there.name, failure=why)

    def _try(self, delivery: Stored, there: Destination) -> int | str | None:
        """None once the receiver has taken it; else its status, or what went wrong."""
        event = delivery.body["event"]
        body = json.dumps(event, separators=(",", ":")).encode("ascii")
        headers = {"content-type": "application/json", "user-agent": "tunesmith-webhooks", **signed(event["id"], body, self.secret)}
        try:
            status = post(there, body, headers, allow_private=self.allow_private, within_s=ANSWER_S)
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        except TunesmithError as error:
            return error.code
        return None if 200 <= status < 300 else status


def ended_jobs(since: float) -> Select[tuple[str, str, str]]:
    """Fine-tuning jobs that ended then or later and were not announced: id, status, id of the event."""
    event = literal("evt_").concat(JOBS.c.id).concat("_").concat(JOBS.c.status)
    return select(JOBS.c.id, JOBS.c.status, event.label("event")).where(
        JOBS.c.kind == "finetune",
        JOBS.c.status.in_(JOB_ENDINGS),
        # A job whose process was found dead ended at its last sign of life, which may lie before.
        or_(JOBS.c.finished_at >= since, JOBS.c.created_at >= since),
        ~exists().where(OBJECTS.c.kind == "webhook", OBJECTS.c.id == event),
    )


def ended_objects() -> Select[tuple[Any, ...]]:
    """Batches and runs of evals that have ended and were not announced: id, kind, status, id of the event, body."""
    told = OBJECTS.alias()
    status = OBJECTS.c.body["status"].as_string()
    event = literal("evt_").concat(OBJECTS.c.id).concat("_").concat(status)
    return select(OBJECTS.c.id, OBJECTS.c.kind, OBJECTS.c.created_at, OBJECTS.c.body, status.label("status"), event.label("event")).where(
        or_(*(and_(OBJECTS.c.kind == kind, status.in_(list(names))) for kind, names in OBJECT_ENDINGS.items())),
        ~exists().where(told.c.kind == "webhook", told.c.id == event),
    )


def is_due(delivery: Stored, now: float) -> bool:
    """True if it may be tried; a clock that was set back keeps nothing waiting for longer than the longest wait."""
    not_before: float = delivery.body["not_before"]
    return not_before <= now or not_before > now + 2 * LONGEST_WAIT_S


def after_failure(body: Mapping[str, Any]) -> dict[str, Any]:
    """The delivery, waiting for its next attempt: ever longer, and not in step with others."""
    attempts = int(body["attempts"]) + 1
    wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * GROWTH ** (attempts - 1)) * random.uniform(0.9, 1.1)
    return {**body, "attempts": attempts, "not_before": time.time() + wait}


def endpoint_id(url: str) -> str:
    """A name for a URL under which its messages wait; the URL itself, which may hold a secret, is not stored."""
    return "hook_" + hashlib.sha256(url.encode()).hexdigest()[:16]


@contextmanager
def delivering(console: Console) -> Iterator[Webhooks]:
    """Webhooks that are sent until the block ends. Raises: what `Webhooks` and its `start` raise."""
    webhooks = Webhooks(console)
    webhooks.start()
    try:
        yield webhooks
    finally:
        webhooks.stop()
