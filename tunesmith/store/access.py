"""A secret that a client sends ↔ a key with its scopes and limits. The secret itself is stored nowhere: only its sha256."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from sqlalchemy import Row, insert, select, update

from tunesmith.errors import BadProject, NotFound
from tunesmith.store.database import Database
from tunesmith.store.tables import ACCESS

Scope = Literal["read", "train", "serve", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "sk-ts-"
PRESET = "preset"
"""The name of the key that comes from the environment."""
SEEN_GAP_S = 60.0
"""`last_used_at` is written at most so often: a busy key does not write for every request."""
LEAST_SECRET = 16


@dataclass(frozen=True)
class Limits:
    """What a key may use; None: what the server allows everybody."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    body_bytes: int | None = None
    """Of one request that is not an upload."""
    own_only: bool = False
    """The key sees nothing that other keys made."""
    personal_data_blocks: bool = False
    """A fine-tuning job whose data hold personal data fails, instead of warning."""
    stored_bytes: int | None = None
    """Of its files together."""
    active_jobs: int | None = None
    """Fine-tuning jobs, batches and runs of evals that have not ended."""


@dataclass(frozen=True)
class Key:
    """One key."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: float
    """Unix time, seconds; so are the others."""
    last_used_at: float | None = None
    revoked_at: float | None = None
    limits: Limits = field(default_factory=Limits)


class Keys:
    """The keys of one store. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def create(self, name: str, scopes: Sequence[str] = SCOPES, limits: Limits | None = None, *, secret: str | None = None) -> tuple[Key, str]:
        """(a new key, its secret): this is the only moment at which the secret is known.

        Raises: BadProject for a scope that there is not, for a name that a live key has, and for a secret that was used before, is too short or
        cannot be sent in a header.
        """
        known = tuple(scope for scope in SCOPES if scope in scopes)
        if not known or len(known) < len(set(scopes)):
            raise BadProject("no such scope", where="scopes", got=", ".join(scopes) or "none", expected="some of " + ", ".join(SCOPES))
        chosen = secret if secret is not None else PREFIX + secrets.token_urlsafe(32)
        if len(chosen) < LEAST_SECRET or not chosen.isascii() or not chosen.isprintable() or " " in chosen:
            expected = f"at least {LEAST_SECRET} printable ASCII characters without spaces"
            raise BadProject("this cannot be a key", where=name, got=f"{len(chosen)} characters", expected=expected, fix="choose another")
        key = Key(id="key_" + _random(16), name=name, scopes=known, created_at=time.time(), limits=limits or Limits())
        values = {"id": key.id, "name": name, "digest": digest(chosen), "scopes": list(known), "limits": asdict(key.limits)}
        with self.database.write() as connection:
            if connection.execute(select(ACCESS.c.id).where(ACCESS.c.digest == values["digest"])).first() is not None:
                raise BadProject("this key was used before", where=name, fix="choose another")
            if connection.execute(select(ACCESS.c.id).where(ACCESS.c.name == name, ACCESS.c.revoked_at.is_(None))).first() is not None:
                fix = "choose another name, or revoke the old key first: tunesmith keys revoke"
                raise BadProject("there is a key with this name", where=name, fix=fix)
            connection.execute(insert(ACCESS).values(**values, created_at=key.created_at))
        return key, chosen

    def preset(self, secret: str | None) -> Key | None:
        """The key for a secret from the environment, made where there is none yet; one that was preset before is revoked.

        Raises: BadProject if this very key was revoked, and what `create` raises.
        """
        with self.database.read() as connection:
            rows = connection.execute(select(ACCESS).where(ACCESS.c.name == PRESET)).all()
        wanted = digest(secret) if secret is not None else ""
        for row in rows:
            if row.revoked_at is None and not hmac.compare_digest(row.digest, wanted):
                self.revoke(row.id)
        if secret is None:
            return None
        found = self.find(secret)
        if found is not None:
            return found
        return self.create(PRESET, SCOPES, secret=secret)[0]

    def find(self, secret: str) -> Key | None:
        """The key with this secret, if it was not revoked; that it was used is remembered."""
        wanted = digest(secret)
        with self.database.read() as connection:
            row = connection.execute(select(ACCESS).where(ACCESS.c.digest == wanted)).one_or_none()
        # The row was found by a digest, whose digits a guesser cannot steer; the comparison keeps this true should the query ever change.
        if row is None or not hmac.compare_digest(row.digest, wanted) or row.revoked_at is not None:
            return None
        now = time.time()
        if row.last_used_at is None or now - row.last_used_at > SEEN_GAP_S:
            with self.database.write() as connection:
                connection.execute(update(ACCESS).where(ACCESS.c.id == row.id).values(last_used_at=now))
        return _key(row)

    def get(self, name: str) -> Key:
        """The key with this id, or the only live one with this name.

        Raises: NotFound.
        """
        every = self.list()
        found = [key for key in every if key.id == name] or [key for key in every if key.name == name and key.revoked_at is None]
        if len(found) == 1:
            return found[0]
        fix = "use its id; `tunesmith keys list` shows all"
        raise NotFound("could be any of several keys" if found else "there is no such key", where=name, got=f"{len(every)} keys", fix=fix)

    def list(self) -> list[Key]:
        """Every key, newest first, revoked ones included."""
        with self.database.read() as connection:
            return [_key(row) for row in connection.execute(select(ACCESS).order_by(ACCESS.c.created_at.desc(), ACCESS.c.id))]

    def revoke(self, key_id: str) -> Key:
        """The key, which is good for nothing from now on.

        Raises: NotFound.
        """
        key = self.get(key_id)
        with self.database.write() as connection:
            connection.execute(update(ACCESS).where(ACCESS.c.id == key.id, ACCESS.c.revoked_at.is_(None)).values(revoked_at=time.time()))
        return self.get(key.id)


def digest(secret: str) -> str:
    """sha256 (64 hex digits) of a secret. Secrets are random and long, so that a slow hash would only slow us down."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _random(length: int) -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))


def _key(row: Row[Any]) -> Key:
    return Key(row.id, row.name, tuple(row.scopes), row.created_at, row.last_used_at, row.revoked_at, Limits(**row.limits))
