"""A project file (TOML) → a Project, or every problem it has at once."""

from __future__ import annotations

import copy
import difflib
import json
import re
import tomllib
from collections.abc import Sequence
from typing import Annotated, Any, get_args

from pydantic import BaseModel, Field, ValidationError, model_validator

from tunesmith.errors import BadProject, Problem
from tunesmith.spec.dataset import Cleaning, Source, SplitRule
from tunesmith.spec.noun import Noun
from tunesmith.spec.recipe import Recipe
from tunesmith.spec.task import Goal, Task

DEFAULT_MODEL = "smollm2-135m-instruct"
DEFAULT_EMBEDDER = "all-minilm-l6-v2"


class Rivals(Noun):
    """What the tuned model is compared with, on the same rows."""

    prompts: bool = True
    """Zero-shot with every written prompt on dev; the best goes on to test."""
    few_shot: Annotated[int, Field(ge=0, le=64)] = 8
    """Worked examples in the few-shot prompt; 0 leaves this rival out."""
    majority: bool = True
    """The most frequent answer (tasks with labels)."""
    classifier: bool = True
    """Logistic regression over sentence embeddings (tasks with labels)."""
    embedder: str = DEFAULT_EMBEDDER
    """Catalogue id of the embedding model."""


class Project(Noun):
    """Everything one run of the line depends on."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    """Lower-case letters, digits, dots and dashes; the tuned model is registered under it."""
    model: str | None = None
    """Base model: catalogue id, folder or hub id. None: the embedded SmolLM2-135M-Instruct, or the base of `start`."""
    start: str | None = None
    """Name of a checkpoint or a registered model to continue from; its prompt, template and adapter settings are inherited."""
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    task: Task = Task()
    goal: Goal = Goal()
    cleaning: Cleaning = Cleaning()
    split: SplitRule = SplitRule()
    rivals: Rivals = Rivals()
    train: Recipe = Recipe()
    questions: tuple[str, ...] = ()
    """Asked of the finished model at the end of the run."""

    @model_validator(mode="after")
    def _one_root(self) -> Project:
        if self.start is not None and self.model is not None:
            raise ValueError("`model` and `start` exclude each other: a continued model keeps its base")
        return self

    def base(self) -> str:
        """The base model that is used when nothing is continued."""
        return self.model or DEFAULT_MODEL


def parse_project(text: str, where: str, overrides: Sequence[str] = ()) -> Project:
    """The project that `text` (TOML) describes, with `overrides` (`key.path=value`) laid over it; `where` names it in messages.

    The file must be sound by itself, so that a problem is named after the place it was written in.

    Raises: BadProject with all problems at once: syntax, unknown keys with the nearest known one, values out of range.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadProject(
            f"is not TOML: {error}", where=where, expected="key = value lines, strings in quotes", fix="see examples/router/project.toml"
        ) from None
    project = validated(raw, where)
    return validated(overridden(raw, overrides), "--set " + " ".join(overrides)) if overrides else project


def validated(raw: dict[str, Any], where: str) -> Project:
    """The project in `raw`.

    Raises: BadProject with all problems at once.
    """
    try:
        return Project.model_validate(raw)
    except ValidationError as error:
        raise BadProject(problems=problems(error, Project, where)) from None


def overridden(raw: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of `raw` in which every `key.path=value` is set; the value is TOML, a single bare word counts as a string.

    >>> overridden({"train": {"seed": 1}}, ["train.seed=2", "model=qwen3-0.6b"])
    {'train': {'seed': 2}, 'model': 'qwen3-0.6b'}

    Raises: BadProject if one is not of this form, or names a place inside something that is not a table.
    """
    result = copy.deepcopy(raw)
    for text in overrides:
        key, sign, value = text.partition("=")
        path = [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", key.strip())]
        if not sign or not path:
            raise BadProject(
                "is not `key=value`", where="--set", got=text[:80], expected="key.path=value", fix="write for example --set train.optimiser.lr=3e-4"
            )
        here: Any = result
        for part in path[:-1]:
            try:
                here = here.setdefault(part, {}) if isinstance(here, dict) else here[part]
            except (IndexError, TypeError, KeyError):
                raise BadProject(
                    f"there is no `{key.strip()}` in this project", where=f"--set {text[:80]}", fix="see the project file for what there is"
                ) from None
        try:
            here[path[-1]] = toml_value(value.strip(), text)
        except (IndexError, TypeError):
            raise BadProject(
                f"there is no `{key.strip()}` in this project", where=f"--set {text[:80]}", fix="see the project file for what there is"
            ) from None
    return result


def toml_value(value: str, where: str) -> Any:
    """The value that a piece of TOML stands for; a bare word stands for itself.

    Raises: BadProject if it is neither.
    """
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        if re.fullmatch(r"[^\W\d][\w./:-]*", value):
            return value
        raise BadProject(
            "is not a TOML value", where=f"--set {where[:80]}", got=value[:80], expected="a number, true, false, a word, or a string in quotes"
        ) from None


def problems(error: ValidationError, noun: type[BaseModel], where: str) -> list[Problem]:
    """Every fault pydantic found, in the words of the file."""
    found = []
    for fault in error.errors(include_url=False):
        path = [part for part in fault["loc"] if part not in ("lora", "full")]  # the tag of a union is not a key of the file
        key = dotted(path)
        if fault["type"] == "extra_forbidden":
            known = known_keys(noun, path[:-1])
            near = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.5)
            fix = f"write `{near[0]}`" if near else "remove it"
            found.append(Problem(f"unknown key `{key}`", where, got=str(path[-1]), expected="one of " + ", ".join(known), fix=fix))
        elif fault["type"] == "missing":
            found.append(Problem(f"`{key}` is missing", where, expected=describe(noun, path), fix=f"add {path[-1]} = …"))
        else:
            message = fault["msg"].removeprefix("Value error, ")
            got = "" if fault["type"] == "value_error" else repr(fault["input"])[:80]
            found.append(
                Problem(
                    f"`{key}`: {message}" if key else message,
                    where,
                    got=got,
                    expected=describe(noun, path),
                    fix=f"change `{key}`" if key else "remove one of them",
                )
            )
    return found


def dotted(path: list[Any]) -> str:
    """A key as TOML people read it: `sources[0].file`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


def nouns_in(annotation: Any) -> list[type[BaseModel]]:
    """Every model class named anywhere in a type annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [noun for part in get_args(annotation) for noun in nouns_in(part)]


def nouns_at(noun: type[BaseModel], path: list[Any]) -> list[type[BaseModel]]:
    """The classes that may stand at `path` below `noun`."""
    here = [noun]
    for part in path:
        if isinstance(part, str):
            here = [n for h in here if part in h.model_fields for n in nouns_in(h.model_fields[part].annotation)]
    return here


def known_keys(noun: type[BaseModel], path: list[Any]) -> list[str]:
    """The keys that are allowed in the table at `path`."""
    return sorted({key for n in nouns_at(noun, path) for key in n.model_fields})


def describe(noun: type[BaseModel], path: list[Any]) -> str:
    """What a field is for, from its docstring."""
    if not path or not isinstance(path[-1], str):
        return ""
    for owner in nouns_at(noun, path[:-1]):
        if path[-1] in owner.model_fields:
            return (owner.model_fields[path[-1]].description or "").split("\n")[0]
    return ""


def to_toml(project: Project) -> str:
    """The project with every default written out, as TOML that `parse_project` reads back to an equal project.

    >>> print(to_toml(Project(name="a", sources=(Source(file="a.csv"),))).splitlines()[0])
    name = "a"
    """
    return "\n".join(_toml_table(project.model_dump(mode="json"), "")).strip() + "\n"


def _toml_table(table: dict[str, Any], path: str) -> list[str]:
    """Plain values first, then tables, then arrays of tables: the order that TOML wants. None is left out: it is what absence means."""
    plain = {k: v for k, v in table.items() if v is not None and not _is_table(v)}
    lines = [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in plain.items()]
    for key, value in table.items():
        name = f"{path}.{_toml_key(key)}" if path else _toml_key(key)
        if isinstance(value, dict) and value:
            lines += ["", f"[{name}]", *_toml_table(value, name)]
        elif isinstance(value, list) and _is_table(value):
            for item in value:
                lines += ["", f"[[{name}]]", *_toml_table(item, name)]
    return lines


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _toml_key(key: str) -> str:
    return key if key and all(c.isascii() and (c.isalnum() or c in "-_") for c in key) else _toml_value(key)


def _toml_value(value: Any) -> str:
    """A value as TOML: JSON's strings and numbers are TOML's too, once control characters are escaped."""
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(v) for v in value) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
