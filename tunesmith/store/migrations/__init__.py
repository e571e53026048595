"""The schema's history, one file per step; alembic runs it (see `store/migrate.py`)."""
