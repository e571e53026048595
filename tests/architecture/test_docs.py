"""docs/decide.md names every option, decision and kind of task, and states the defaults that are there."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest
import typer

from tunesmith.cli.make import app as making
from tunesmith.spec.forgetting import ProbeLimits
from tunesmith.spec.index import Document
from tunesmith.spec.judging import Judge
from tunesmith.spec.noun import Noun
from tunesmith.spec.plan import Decide
from tunesmith.spec.project import Rivals, Yardstick
from tunesmith.spec.suite import Examine
from tunesmith.spec.task import GENERAL_ABILITY, PERPLEXITY, Goal, MustNotWorsen, TaskKind
from tunesmith.spec.trial import Remedy
from tunesmith.spec.verdict import Decision, Prices

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/decide.md").read_text()


@pytest.mark.parametrize(
    "noun", [Decide, Judge, Goal, MustNotWorsen, Rivals, Document, Yardstick, Prices, ProbeLimits, Examine], ids=lambda noun: noun.__name__
)
def test_every_option_is_named(noun: type[Noun]) -> None:
    named = [field for field in noun.model_fields if f"`{field}`" in TEXT or re.search(rf"^(`)?{field} = ", TEXT, re.M)]
    assert named == list(noun.model_fields)


@pytest.mark.parametrize("noun", [Decide, Judge, Goal, Rivals, ProbeLimits, Examine], ids=lambda noun: noun.__name__)
def test_defaults_are_those_that_are_there(noun: type[Noun]) -> None:
    given = {name: field.default for name, field in noun.model_fields.items() if isinstance(field.default, bool | int | float | tuple)}
    numbers = {name: value for name, value in given.items() if value != () and not (isinstance(value, tuple) and isinstance(value[0], str))}
    assert numbers
    assert [name for name, value in numbers.items() if f"| `{name}` | `{json.dumps(value)}` |" not in TEXT] == []


def test_what_a_tuning_may_cost_without_a_limit_is_stated() -> None:
    for name, value in (("general_ability", GENERAL_ABILITY), ("perplexity", PERPLEXITY)):
        assert f"| `{name}` | `{value}`" in TEXT


def test_every_decision_kind_of_task_and_rival_is_named() -> None:
    assert [decision for decision in get_args(Decision) if decision not in TEXT] == []
    assert [kind for kind in get_args(TaskKind) if f"`{kind}`" not in TEXT] == []
    assert [remedy for remedy in get_args(Remedy) if f"| {remedy} |" not in TEXT] == []


def test_every_place_that_is_pointed_to_is_there() -> None:
    for page in ("README.md", "docs/decide.md"):
        folder = (ROOT / page).parent
        pointed = [target for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()) if "://" not in target]
        assert pointed
        assert [target for target in pointed if not (folder / target).exists()] == []


def test_every_bench_that_is_named_is_there() -> None:
    named = set(re.findall(r"python -m bench\.(\w+)", TEXT))
    assert named
    assert [name for name in named if not (ROOT / "bench" / f"{name}.py").exists()] == []


def test_every_kind_of_making_is_shown_with_an_example_and_all_its_options() -> None:
    page = (ROOT / "docs/data.md").read_text().partition("## Making rows")[2]
    commands = typer.main.get_command(making).commands
    assert sorted(commands) == ["conversations", "corpus", "outside", "paraphrases", "questions"]
    for name, command in commands.items():
        shown = page.partition(f"\ntunesmith data make {name} ")[2].splitlines()
        assert json.loads(shown[1])["how"], name
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts) if option.startswith("--")}
        pairs = {parameter.opts[0]: parameter.secondary_opts[0] for parameter in command.params if parameter.secondary_opts}
        assert [one for one in sorted(options) if one not in page and pairs.get(one, one) not in page and one != "--help"] == [], name
