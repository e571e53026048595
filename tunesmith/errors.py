"""Every error a user can meet, as one value: what happened, where, what was got, what is expected, and the fix.

TunesmithError                 exit  HTTP
├── BadProject                    2   400   a project file or an option that cannot be used
├── BadData                       2   400   rows that cannot be used
├── NotEnoughData                 2   400   the file is sound, but too little of it is left to train or to judge
├── NotFound                      2   404   a name that nothing in the store or the catalogue bears
├── UnsafeWeights                 2   400   pickles and remote code are never loaded
├── DamagedWeights                2   409   a file whose hash is not the recorded one
├── DoesNotFit                    2   400   more memory or context than there is
├── Unsupported                   2   400   a sound request that this build cannot serve
├── MissingDependency             2   400   an optional package is not installed
├── StoreUnusable                 3   503   read-only, full or damaged store
├── Busy                          4   409   somebody else holds what is asked for
├── Overloaded                    4   429   more is asked at once than can be answered in time
├── Alarm                         5   500   training found a problem with itself and stopped
└── Interrupted                 130   499   the user asked it to stop; the work is saved

A user's mistake prints without a traceback; anything that is not a TunesmithError is ours and prints with one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

EXCERPT_CHARACTERS = 60


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. `where` is a file with its line, a key or a name; `got` is shown escaped."""

    message: str
    where: str = ""
    got: str = ""
    expected: str = ""
    fix: str = ""

    def lines(self) -> list[str]:
        """The problem as the lines a person reads, control characters made visible."""
        head = f"{self.where}: {self.message}" if self.where else self.message
        rest = [f"  {name} {value}" for name, value in (("got", self.got), ("expected", self.expected)) if value]
        return [visible(line) for line in [head, *rest, *([f"  fix: {self.fix}"] if self.fix else [])]]


def visible(text: str) -> str:
    """`text` with every control character written as an escape, so that a hostile row cannot move a terminal's cursor.

    >>> visible("a\\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    return "".join(c if c == "\n" or (c.isprintable() and not 0xE000 <= ord(c) <= 0xF8FF) else c.encode("unicode_escape").decode() for c in text)


def excerpt(value: object, characters: int = EXCERPT_CHARACTERS) -> str:
    """The start of a hostile value, quoted, with control characters as escapes.

    >>> excerpt("a\\x1b[31m\\nb")
    '"a\\\\x1b[31m\\\\nb"'
    """
    text = value if isinstance(value, str) else repr(value)
    return '"' + visible(text[:characters] + ("…" if len(text) > characters else "")).replace("\n", "\\n") + '"'


class TunesmithError(Exception):
    """The root. `code` is stable and machine-readable; `problems` holds at least one problem, all found at once."""

    code = "error"
    exit_status = 2
    http_status = 400

    def __init__(
        self,
        message: str = "",
        *,
        where: str = "",
        got: str = "",
        expected: str = "",
        fix: str = "",
        problems: Sequence[Problem] = (),
    ) -> None:
        self.problems = tuple(problems) or (Problem(message, where, got, expected, fix),)
        self.message = message or self.problems[0].message
        super().__init__(str(self))

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.problems))

    def __str__(self) -> str:
        blocks = [line for problem in self.problems for line in problem.lines()]
        return f"{self.code} · " + "\n".join(blocks)

    def to_json(self) -> dict[str, object]:
        """The error as one JSON object, for `--json` and for job records."""
        return {"code": self.code, "message": self.message, "problems": [asdict(p) for p in self.problems]}


def _rebuild(kind: type[TunesmithError], message: str, problems: tuple[Problem, ...]) -> TunesmithError:
    return kind(message, problems=problems)


class BadProject(TunesmithError):
    """A project file, an option or a recipe that cannot be used as written."""

    code = "bad_project"


class BadData(TunesmithError):
    """Rows or files that cannot be read as training data."""

    code = "bad_record"


class NotEnoughData(TunesmithError):
    """Sound data, but too little of it to train on or to judge with."""

    code = "not_enough_data"


class NotFound(TunesmithError):
    """A name that nothing bears; the fix names the nearest known one."""

    code = "not_found"
    http_status = 404


class UnsafeWeights(TunesmithError):
    """Weights in a format that can run code when loaded, or a model that asks for remote code."""

    code = "unsafe_weights"


class DamagedWeights(TunesmithError):
    """A stored file whose content is not what was recorded when it was written."""

    code = "damaged_weights"
    http_status = 409


class DoesNotFit(TunesmithError):
    """More memory or context than there is, found before anything is loaded."""

    code = "does_not_fit"


class Unsupported(TunesmithError):
    """A sound request that this build cannot serve."""

    code = "unsupported"


class MissingDependency(TunesmithError):
    """An optional package that is not installed; the fix is the pip command."""

    code = "missing_dependency"


class StoreUnusable(TunesmithError):
    """The store cannot be written or read: read-only, full, or from a newer version."""

    code = "store_unusable"
    exit_status = 3
    http_status = 503


class Busy(TunesmithError):
    """Somebody else holds the lease; `got` names the holder."""

    code = "busy"
    exit_status = 4
    http_status = 409


class Overloaded(TunesmithError):
    """More is asked at once than can be answered in time; the same request may succeed later."""

    code = "overloaded"
    exit_status = 4
    http_status = 429


class Alarm(TunesmithError):
    """Training found a problem with itself: not-a-number, divergence, nothing learnt, out of memory."""

    code = "alarm"
    exit_status = 5
    http_status = 500


class Interrupted(TunesmithError):
    """The user asked for a stop; everything done so far is saved and `fix` is the command that goes on."""

    code = "interrupted"
    exit_status = 130
    http_status = 499


ERRORS: tuple[type[TunesmithError], ...] = (
    BadProject,
    BadData,
    NotEnoughData,
    NotFound,
    UnsafeWeights,
    DamagedWeights,
    DoesNotFit,
    Unsupported,
    MissingDependency,
    StoreUnusable,
    Busy,
    Overloaded,
    Alarm,
    Interrupted,
)


def from_json(body: dict[str, object]) -> TunesmithError:
    """The error that `to_json` described, for a door that shows what a worker met.

    Raises: KeyError if `body` is not such an object.
    """
    kinds = {kind.code: kind for kind in ERRORS}
    raw = body["problems"]
    assert isinstance(raw, list)
    return kinds.get(str(body["code"]), TunesmithError)(str(body["message"]), problems=[Problem(**p) for p in raw])
