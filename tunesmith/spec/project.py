"""A project file (TOML) → a Project, or every problem it has at once."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from tunesmith.errors import BadProject, Problem
from tunesmith.spec.dataset import Cleaning, Source, SplitRule
from tunesmith.spec.faults import Places, dotted, path_of, problem, problems
from tunesmith.spec.forgetting import ProbeLimits
from tunesmith.spec.index import Document
from tunesmith.spec.judging import Judge
from tunesmith.spec.lines import Path
from tunesmith.spec.noun import Noun
from tunesmith.spec.plan import Decide
from tunesmith.spec.recipe import Recipe
from tunesmith.spec.suite import Examine
from tunesmith.spec.task import ABOUT_OUT_OF_SCOPE, UNBOUNDED, Goal, Task, form_of
from tunesmith.spec.verdict import Prices

DEFAULT_MODEL = "smollm2-135m-instruct"
DEFAULT_EMBEDDER = "all-minilm-l6-v2"
READ = 3
"""Passages of 180 words that a small model reads well and soon: about 900 tokens."""


class Yardstick(Noun):
    """A model elsewhere that all others are measured against, behind OpenAI's API. Every question it is asked leaves this machine."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    """Up to and without `/chat/completions`: `https://api.openai.com/v1`."""
    model: str
    key_variable: str | None = None
    """The environment variable that holds the key; None: the endpoint wants none."""
    allow_private: bool = False
    """Allow addresses inside a private network, and plain HTTP there."""
    may_leave: bool = False
    """It may be recommended: questions would then leave this machine for good. Else it is measured and never recommended."""


class Rivals(Noun):
    """What the tuned model is compared with, on the same rows."""

    prompts: bool = True
    """Zero-shot with every written prompt on dev; the best goes on to test."""
    few_shot: Annotated[int, Field(ge=0, le=64)] = 8
    """Worked examples in the few-shot prompt; 0 leaves this rival out."""
    few_shot_retrieved: Annotated[int, Field(ge=0, le=64)] | None = None
    """Worked examples that are looked up for each question among the training rows; 0 leaves this rival out. None: 8 where an answer is a label, else 3."""
    rag: Annotated[int, Field(ge=0, le=16)] = READ
    """Passages of `documents` that stand before each question, at most; 0 leaves out the untuned rivals that read them."""
    fine_tune: bool = True
    """Tune the base on the training rows: pilots, the search over settings, full trainings. False leaves all of them out, and so other bases."""
    fine_tune_rag: bool = True
    """Tune a model that reads passages of `documents`, as many as `rag` says (3 where that is 0). Its rows are long: it takes several times as long."""
    majority: bool = True
    """The most frequent answer (tasks with labels)."""
    classifier: bool = True
    """Logistic regression over sentence embeddings (tasks with labels)."""
    embedder: str = DEFAULT_EMBEDDER
    """Catalogue id of the embedding model, for the classifier and for what is looked up."""
    remote: Yardstick | None = None
    """None: nothing is asked elsewhere."""

    def passages_read(self) -> int:
        """Passages that a tuned reader is shown, at most."""
        return self.rag or READ


class Project(Noun):
    """Everything one run of the line depends on."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    """Lower-case letters, digits, dots and dashes; the tuned model is registered under it."""
    model: str | None = None
    """Base model: catalogue id, folder or hub id. None: the embedded SmolLM2-135M-Instruct, or the base of `start`."""
    start: str | None = None
    """Name of a checkpoint or a registered model to continue from; its prompt, template and adapter settings are inherited."""
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    documents: tuple[Document, ...] = ()
    """What can be looked up to answer from. Empty: nothing is, except training rows as worked examples."""
    task: Task = Task()
    goal: Goal = Goal()
    cleaning: Cleaning = Cleaning()
    split: SplitRule = SplitRule()
    rivals: Rivals = Rivals()
    train: Recipe = Recipe()
    decide: Decide = Decide()
    """How much is tried before the verdict."""
    prices: Prices = Prices()
    """What tokens and hours cost; empty: costs are counted in tokens and seconds alone."""
    probes: ProbeLimits = ProbeLimits()
    """How many of the shipped probes of general ability a tuned model is held against."""
    examine: Examine = Examine()
    """What the finalist that leads is examined for beside the metric, and where lines are drawn."""
    judge: Judge | None = None
    """A model that grades free answers beside the metrics; None: nobody does. It counts as evidence only where it agrees with labels of yours."""
    questions: tuple[str, ...] = ()
    """Asked of the finished model at the end of the run."""

    @model_validator(mode="after")
    def _one_root(self) -> Project:
        if self.start is not None and self.model is not None:
            raise ValueError("`model` and `start` exclude each other: a continued model keeps its base")
        return self

    def tunes(self) -> bool:
        """True if something is trained before the verdict."""
        return self.rivals.fine_tune or (bool(self.documents) and self.rivals.fine_tune_rag)

    def recommends(self) -> bool:
        """True if a rival is left that a verdict may recommend; whether the rows allow for it is not known yet."""
        rivals, reads = self.rivals, bool(self.documents) and self.rivals.rag > 0
        untuned = rivals.prompts or rivals.few_shot > 0 or rivals.few_shot_retrieved != 0 or reads or rivals.classifier
        return untuned or self.tunes() or (rivals.remote is not None and rivals.remote.may_leave)

    def base(self) -> str:
        """The base model that is used when nothing is continued."""
        return self.model or DEFAULT_MODEL

    def given(self) -> tuple[str, ...]:
        """The places of the project file that name something to judge answers by."""
        return (*self.task.given(), *(("judge",) if self.judge is not None else ()))


def parse_project(text: str, where: str, overrides: Sequence[str] = ()) -> Project:
    """The project that `text` (TOML) describes, with `overrides` (`key.path=value`) laid over it; `where` names it in messages.

    The file must be sound by itself, so that a problem is named after the place it was written in.

    Raises: BadProject with all problems at once: syntax, unknown keys with the nearest known one, values out of range.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise not_toml(error, text, where) from None
    project = validated(raw, Places(where, text))
    if not overrides:
        return project
    options = {key_path(option.partition("=")[0]): f"--set {option[:80]}" for option in overrides}
    return validated(overridden(raw, overrides), Places(where, text, options))


def not_toml(error: tomllib.TOMLDecodeError, text: str, where: str) -> BadProject:
    """The error for a file that is not TOML, with the line at which reading stopped."""
    message, found = str(error), re.search(r" \(at line (\d+), column (\d+)\)", str(error))
    if found:
        where, message = f"{where} line {found[1]}", message.replace(found[0], f" at column {found[2]}")
    written = text.split("\n")[int(found[1]) - 1].strip() if found else "the end of the file"
    return BadProject(
        f"is not TOML: {message}",
        where=where,
        got=repr(written[:80]),
        expected="key = value lines, strings in quotes",
        fix='put quotes around text: key = "value"; examples/router/project.toml shows all kinds of lines',
    )


def validated(raw: dict[str, Any], places: Places) -> Project:
    """The project in `raw`.

    Raises: BadProject with all problems at once.
    """
    try:
        project = Project.model_validate(raw)
    except ValidationError as error:
        found = [*problems(error, Project, places), *behind(error, raw, places)]
        raise BadProject(problems=sorted(found, key=_line)) from None
    if contradicted := contradictions(project, places):
        raise BadProject(problems=contradicted)
    return project


def _line(problem: Problem) -> int:
    """The line that a problem is on, by which they are told in the order of the file; those without one come first."""
    found = re.search(r" line (\d+)$", problem.where)
    return int(found[1]) if found else 0


def behind(error: ValidationError, raw: dict[str, Any], places: Places, before: Sequence[Path] = ()) -> list[Problem]:
    """What the faults hide that pydantic stopped at: problems that the project would have without them and those `before`."""
    faulty = [*before, *(path_of(fault) for fault in error.errors(include_url=False))]
    sound = without(raw, faulty)
    try:
        project = Project.model_validate(sound)
    except ValidationError as second:
        whole = [fault for fault in second.errors(include_url=False) if not path_of(fault)]
        if not whole or () in faulty:
            return []
        return [*(problem(fault, (), Project, places) for fault in whole), *behind(second, sound, places, faulty)]
    in_task = [path[1] for path in faulty if len(path) > 1 and path[0] == "task"]
    guessed = ("task",) in faulty or any(key == "out_of_scope" or key not in Task.model_fields for key in in_task)  # it may be the missing label
    return [found for found in contradictions(project, places) if not (guessed and "out-of-scope" in found.message)]


def without(raw: dict[str, Any], faulty: Sequence[Path]) -> dict[str, Any]:
    """A copy of `raw` in which the values at `faulty` are gone, and what has to be there is; a fault of the whole is that of `start`.

    >>> without({"name": "A b", "modle": "x", "goal": {"at_least": 75}}, [("name",), ("modle",), ("sources",)])
    {'goal': {'at_least': 75}, 'name': 'x', 'sources': [{'file': 'x'}]}
    """
    result = copy.deepcopy(raw)
    for path in sorted(faulty, key=lambda path: [str(part) for part in path], reverse=True):
        here: Any = result
        for part in path[:-1]:
            here = here[part] if isinstance(here, list) and isinstance(part, int) else here.get(part) if isinstance(here, dict) else None
        if isinstance(here, dict):
            here.pop(path[-1] if path else "start", None)
    result.setdefault("name", "x")
    if not isinstance(result.get("sources"), list) or not result["sources"]:
        result["sources"] = [{"file": "x"}]
    documents = result.get("documents")
    for named in [*result["sources"], *(documents if isinstance(documents, list) else [])]:
        if isinstance(named, dict):
            named.setdefault("file", "x")
    return result


def contradictions(project: Project, places: Places) -> list[Problem]:
    """Values that are sound alone and ask together for what cannot be: none of them would do anything, or nothing could reach them."""
    found = []
    if project.task.out_of_scope is None:
        needs: list[tuple[Path, object]] = [(("split", key), getattr(project.split, key)) for key in ("dev_out_of_scope", "test_out_of_scope")]
        if project.goal.metric in ABOUT_OUT_OF_SCOPE:
            needs.append((("goal", "metric"), project.goal.metric))
        limits = project.goal.must_not_worsen.of_rows().items()
        needs += [(("goal", "must_not_worsen", metric), limit) for metric, limit in limits if metric in ABOUT_OUT_OF_SCOPE]
        if project.task.kind is not None and form_of(project.task.kind) == "classify":
            needs.append((("examine", "unanswerable"), project.examine.unanswerable))
        fix = 'name the label that means "not our business": task.out_of_scope = "…"; or remove this'
        found += [
            Problem(
                f"`{dotted(path)}` without an out-of-scope label",
                places.of(path),
                f"{value:g}" if isinstance(value, float) else str(value),
                "`task.out_of_scope` beside it",
                fix,
            )
            for path, value in needs
            if value is not None
        ]
    if project.documents and not project.rivals.rag and not project.rivals.fine_tune_rag:
        fix = "remove `documents`, or let a rival read them: rivals.rag = 3"
        found.append(Problem("`documents` that nobody reads", places.of(("rivals", "rag")), "0", "at least one passage", fix))
    if project.start is not None and project.decide.bases:
        fix = "remove it, or write `model` instead of `start`"
        found.append(
            Problem(
                "other bases beside `start`: a continued model keeps its own",
                places.of(("decide", "bases")),
                ", ".join(project.decide.bases),
                "no `decide.bases`",
                fix,
            )
        )
    found += _without_tuning(project, places)
    wanted = project.goal.at_least
    if wanted is not None and project.goal.metric not in UNBOUNDED and not 0 <= wanted <= 1:
        fix = f"write at_least = {wanted / 100:g}" if 2 <= wanted <= 100 else "write a share between 0 and 1"
        found.append(Problem("`goal.at_least` is out of range", places.of(("goal", "at_least")), f"{wanted:g}", "a share between 0 and 1", fix))
    return found


def _without_tuning(project: Project, places: Places) -> Iterator[Problem]:
    """What asks for trainings that are switched off, or leaves nobody to recommend."""
    off = places.of(("rivals", "fine_tune"))
    if not project.recommends():
        fix = "let at least one rival in that may be recommended: rivals.prompts = true, or rivals.fine_tune = true"
        yield Problem("nothing is left to compare", off, "every rival that may be recommended is switched off", "at least one of them", fix)
    if project.decide.bases and not project.rivals.fine_tune:
        got = ", ".join(project.decide.bases)
        fix = "remove it, or write rivals.fine_tune = true"
        yield Problem(
            "other bases without fine-tuning: they are compared by what they are tuned to", places.of(("decide", "bases")), got, "none", fix
        )
    if project.start is not None and not project.tunes():
        fix = "remove it, or write rivals.fine_tune = true"
        yield Problem("a model is to be continued, and nothing is tuned", places.of(("start",)), project.start, "no `start`", fix)


def key_path(key: str) -> Path:
    """The keys and numbers in `key.path[0].name`."""
    return tuple(int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", key.strip()))


def overridden(raw: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of `raw` in which every `key.path=value` is set; the value is TOML, a single bare word counts as a string.

    >>> overridden({"train": {"seed": 1}}, ["train.seed=2", "model=qwen3-0.6b"])
    {'train': {'seed': 2}, 'model': 'qwen3-0.6b'}

    Raises: BadProject if one is not of this form, or names a place inside something that is not a table.
    """
    result = copy.deepcopy(raw)
    for text in overrides:
        key, sign, value = text.partition("=")
        path = key_path(key)
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
            "is not a TOML value",
            where=f"--set {where[:80]}",
            got=value[:80] or "nothing",
            expected="a number, true, false, a word, or a string in quotes",
            fix="put text in quotes: --set 'key=\"some words\"'",
        ) from None


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
