"""The tables as SQLAlchemy Core sees them, at the newest schema. What each column means; `migrations/` says how it came to be."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, false

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
LOOKED_AT = Table(  # sets of rows that were looked at for a verdict, once each
    "looked_at",
    METADATA,
    Column("digest", String, primary_key=True),  # sha256 of `marks`: what the ledger's looks name
    Column("marks", LargeBinary, nullable=False),  # 8 bytes of each row's hash, sorted
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
    Column("stop", String),  # `interrupt`, `pause` or `cancel`, once somebody asked for it
    Column("owner", String),  # the id of the key that asked for it; NULL: the user of this machine
    Column("priority", Integer, nullable=False, server_default="0"),  # higher goes first
    Column("phase", String),  # of a fine-tuning job: `validating` or `training`
    Column("is_shared", Boolean, nullable=False, server_default=false()),  # any supervisor may run it, and goes on with it after a crash
    Column("attempts", Integer, nullable=False, server_default="0"),  # losses in a row, together with its supervisor, without having got on
    Column("not_before", Float),  # Unix time before which it is not tried again
    Column("worked_s", Float, nullable=False, server_default="0"),  # seconds in which holders had it, the present one's not among them
    Column("held_since", Float),  # Unix time from which the present holder's seconds count; NULL while nobody holds it
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
OBJECTS = Table(  # what the API stores: files, uploads, fine-tuned models, batches, evals …
    "objects",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=True),  # the order of creation, which pages follow
    Column("id", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("parent", String),  # the id of what it belongs to
    Column("owner", String),  # the id of the key that made it
    Column("created_at", Float, nullable=False),
    Column("body", JSON, nullable=False),
    Index("objects_of_a_kind", "kind", "parent", "seq"),
    sqlite_autoincrement=True,
)
ACCESS = Table(  # keys of the API
    "access",
    METADATA,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("digest", String, nullable=False, unique=True),  # sha256 of the key, which is stored nowhere
    Column("scopes", JSON, nullable=False),
    Column("limits", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("last_used_at", Float),
    Column("revoked_at", Float),
)
