"""A request with an `Idempotency-Key` → done once: the same key and body again bring the answer of the first time.

Kept for a day, per key of the API. While the first one is being answered, a second one is told to come again; what failed may be tried again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request
from sqlalchemy.exc import IntegrityError

from tunesmith.console.access import Caller
from tunesmith.console.failures import ApiError
from tunesmith.console.state import Console
from tunesmith.errors import NotFound
from tunesmith.spec.noun import digest

KEPT_S = 86_400
ABANDONED_S = 120.0
"""Whoever holds a key so long without an answer has died."""
LONGEST = 255


def request_key(request: Request) -> str | None:
    """The key that a client chose. Raises: ApiError 400 where it is too long."""
    key = request.headers.get("idempotency-key")
    if key is not None and len(key) > LONGEST:
        raise ApiError(400, f"The Idempotency-Key is too long: expected at most {LONGEST} characters.", "idempotency_error")
    return key or None


def once(console: Console, caller: Caller, key: str | None, what: str, body: Any, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` returns, or returned the first time that this caller asked for `what` with this key and body.

    Raises: ApiError 400 `idempotency_error` for another body, 409 while the first request is under way; whatever `make` raises.
    """
    if key is None:
        return make()
    name = "idem_" + hashlib.sha256(f"{caller.key_id}\n{what}\n{key}".encode("utf-8", "surrogatepass")).hexdigest()
    mine = digest(body)
    earlier = _begin(console, name, mine, caller.key_id)
    if earlier is not None:
        if earlier["digest"] != mine:
            raise ApiError(
                400, "Keys for idempotent requests can only be used with the same parameters they were first used with.", "idempotency_error"
            )
        if earlier["answer"] is None:
            raise ApiError(409, "A request with this Idempotency-Key is being answered.", "idempotency_error", headers={"retry-after": "1"})
        answer: dict[str, Any] = earlier["answer"]
        return answer
    try:
        made = make()
    except BaseException:
        console.objects.remove("idempotent", name)
        raise
    console.objects.change("idempotent", name, lambda old: {**old, "answer": made})
    return made


def _begin(console: Console, name: str, mine: str, owner: str) -> Mapping[str, Any] | None:
    """None if this request is the first with its key; else what is known of the first."""
    fresh = {"digest": mine, "answer": None, "at": time.time()}
    for _ in range(2):
        try:
            console.objects.add("idempotent", name, fresh, owner=owner)
            return None
        except IntegrityError:
            pass
        try:
            found = console.objects.get("idempotent", name).body
        except NotFound:  # the first one has just failed
            continue
        age_s = time.time() - found["at"]
        if age_s > KEPT_S or (found["answer"] is None and age_s > ABANDONED_S):
            console.objects.remove("idempotent", name)
            continue
        return found
    raise ApiError(409, "A request with this Idempotency-Key is being answered.", "idempotency_error", headers={"retry-after": "1"})
