"""What `tunesmith data make` is asked for: documents, logs or rows, the wishes of one kind of making, and where the rows go."""

from __future__ import annotations

from tunesmith.spec.dataset import Source
from tunesmith.spec.making import CorpusWishes, MakingKind, QuestionWishes, ThreadWishes
from tunesmith.spec.making_teacher import OutsideWishes, ParaphraseWishes, TaughtWishes, Teacher
from tunesmith.spec.noun import Noun


class MakeOrder(Noun):
    """One making. Exactly the wishes of its kind are set."""

    kind: MakingKind
    root: str
    """Folder that names are relative to."""
    paths: tuple[str, ...] = ()
    """Documents or logs: files, or folders with all that is in them."""
    sources: tuple[Source, ...] = ()
    """The user's own rows: what rows out of scope and paraphrases are made for, and what a teacher's questions must not repeat."""
    questions: QuestionWishes | None = None
    threads: ThreadWishes | None = None
    corpus: CorpusWishes | None = None
    taught: TaughtWishes | None = None
    outside: OutsideWishes | None = None
    paraphrases: ParaphraseWishes | None = None
    teacher: Teacher | None = None
    encoder: str | None = None
    """Compares questions by meaning; None: by their words."""
    out: str
    """The file to be written."""
    only_made: bool = False
    """Leave the user's own rows out of it."""
    force: bool = False
    """Write over a file that is there already."""
    estimate_only: bool = False
    """Tell what a teacher would cost, and ask it nothing."""
