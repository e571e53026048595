"""A connection to a store of an older schema → the same store at the newest. Imported only when a step is due.

`import alembic.command` costs 60-120 ms on top of SQLAlchemy, and every `tunesmith --help` would pay it: `database.py` therefore compares
one row with `SCHEMA` and imports this module only where they differ, in practice once per store and upgrade.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def configuration() -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(connection: Connection) -> None:
    """Bring the connected database to the newest schema, inside the transaction that the caller has begun."""
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def known() -> list[str]:
    """The identifiers of all steps, oldest first."""
    return [step.revision for step in ScriptDirectory.from_config(configuration()).walk_revisions()][::-1]
