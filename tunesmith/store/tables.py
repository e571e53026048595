"""The tables as SQLAlchemy Core sees them, at the newest schema. What each column means; `migrations/` says how it came to be."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Integer, MetaData, String, Table

METADATA = MetaData()

ARTIFACTS = Table(
    "artifacts",
    METADATA,
    Column("name", String, primary_key=True),
    Column("kind", String, nullable=False, index=True),
    Column("digest", String, nullable=False),  # sha256 over the sha256 of every payload file; the name holds its first 12 digits
    Column("key", String, nullable=False),  # the key of the step that made it first
    Column("stage", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("parents", JSON, nullable=False),
    Column("erased_at", Float),  # set when rows were forgotten: the content is not what it was, or gone
    Column("erased_why", String),
)
KEYS = Table("keys", METADATA, Column("key", String, primary_key=True), Column("artifact", String, nullable=False, index=True))
MODELS = Table(
    "models",
    METADATA,
    Column("name", String, primary_key=True),
    Column("version", Integer, primary_key=True),  # 1, 2 …
    Column("artifact", String, nullable=False),
    Column("at", Float, nullable=False),
)
LEDGER = Table(
    "ledger",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("actor", String, nullable=False),  # user@host
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False, index=True),
    Column("detail", JSON, nullable=False),
)
FORGETS = Table(  # intentions that are not carried out yet; empty but while `forget` works
    "forgets", METADATA, Column("id", Integer, primary_key=True), Column("at", Float, nullable=False), Column("plan", JSON, nullable=False)
)
FORGOTTEN = Table(  # rows that must not come back
    "forgotten",
    METADATA,
    Column("row_hash", String, primary_key=True),  # sha256 of the row's id
    Column("at", Float, nullable=False),
    Column("reason", String, nullable=False),
)
JOBS = Table(
    "jobs",
    METADATA,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("status", String, nullable=False, index=True),
    Column("title", String, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("result", JSON(none_as_null=True)),
    Column("error", JSON(none_as_null=True)),
    Column("holder", String),  # host:pid
    Column("lease_until", Float),  # the holder counts as dead from then on
    Column("stop", String),  # `interrupt` or `cancel`, once somebody asked for it
)
EVENTS = Table(
    "events",
    METADATA,
    Column("job", String, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("kind", String, nullable=False),
    Column("body", JSON, nullable=False),
)
