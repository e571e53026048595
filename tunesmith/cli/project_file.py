"""A path on the command line → the Project in it, or what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tunesmith.errors import BadProject
from tunesmith.spec.project import Project, parse_project


@dataclass(frozen=True)
class ProjectFile:
    """A project file that was read and found sound."""

    path: Path
    """Absolute: a worker may have another working directory."""
    given: str
    """As the user wrote it, for commands that are printed."""
    project: Project
    overrides: tuple[str, ...]

    def payload(self) -> dict[str, object]:
        """What a worker needs to read it again."""
        return {"project": str(self.path), "overrides": list(self.overrides)}

    def arguments(self) -> list[str]:
        """The words that name it on a command line."""
        return [self.given, *(word for text in self.overrides for word in ("--set", text))]


def read_project(path: Path, overrides: Sequence[str] | None = None) -> ProjectFile:
    """The project file at `path`, with `--set` values laid over it.

    Raises: BadProject if it is missing, a folder, not UTF-8, or not a sound project.
    """
    where = str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise BadProject(
            "there is no such file", where=where, expected="a project file (TOML)", fix=f"{nearby(path)}`tunesmith init DATA` writes one"
        ) from None
    except IsADirectoryError:
        inside = path / "project.toml"
        fix = f"write {inside}" if inside.exists() else "name the project file in it"
        raise BadProject("is a folder", where=where, expected="a project file (TOML)", fix=fix) from None
    except UnicodeDecodeError as error:
        got = f"byte 0x{error.object[error.start]:02x} at offset {error.start}"
        fix = data_fix(path) if path.suffix.lower() != ".toml" else "save it as UTF-8"
        raise BadProject("is not UTF-8 text", where=where, got=got, expected="a project file (TOML)", fix=fix) from None
    except OSError as error:
        raise BadProject(
            f"cannot be read: {error.strerror}", where=where, expected="a readable project file (TOML)", fix="look at its permissions"
        ) from None
    if path.suffix.lower() in DATA_SUFFIXES:
        raise BadProject("is a data file, not a project file", where=where, expected="a project file (TOML)", fix=data_fix(path))
    chosen = tuple(overrides or ())
    return ProjectFile(path.absolute(), where, parse_project(text, where, chosen), chosen)


DATA_SUFFIXES = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".txt", ".md"})


def data_fix(path: Path) -> str:
    """What to do with a file that is data."""
    return f"write a project for it: tunesmith init {path}"


def nearby(path: Path) -> str:
    """Project files that stand in the same folder, for the fix."""
    folder = path.parent
    found = sorted(str(p) for p in folder.glob("*.toml"))[:3] if folder.is_dir() else []
    return f"did you mean {' or '.join(found)}? else " if found else ""
