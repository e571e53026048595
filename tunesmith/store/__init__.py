"""Where nouns live: immutable folders with an index in SQLite, and a record of who did what."""
