"""Project files: round trips, and every message that a person may meet."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tunesmith.errors import BadProject
from tunesmith.spec.dataset import Cleaning, Source, SplitRule
from tunesmith.spec.index import Document
from tunesmith.spec.project import Project, Rivals, overridden, parse_project, to_toml, toml_value
from tunesmith.spec.recipe import AdamW, Budget, Full, Lora, Recipe, Schedule
from tunesmith.spec.task import Goal, Task

ROOT = Path(__file__).parents[2]
SMALL = 'name = "a"\n[[sources]]\nfile = "a.csv"\n'
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
some = st.none() | texts
shares = st.floats(0, 1, exclude_min=True, exclude_max=True)
counts = st.integers(1, 10**6)
sources = st.builds(
    Source,
    file=texts,
    format=st.sampled_from([None, "chat", "table", "markdown"]),
    input=some,
    label=some,
    split=st.sampled_from([None, "train", "test"]),
    delimiter=st.none() | st.characters(exclude_categories=["Cs"]),
    rename_roles=st.dictionaries(texts, texts, max_size=3),
)
tasks = st.builds(
    Task, kind=st.sampled_from([None, "classify", "extract"]), instruction=some, prompts=st.lists(texts, max_size=3).map(tuple), out_of_scope=texts
)
recipes = st.builds(
    Recipe,
    weights=st.just(Full())
    | st.builds(Lora, r=st.integers(1, 1024), alpha=st.floats(1e-9, 1e9), dropout=st.none() | shares, targets=st.lists(texts, max_size=2).map(tuple)),
    optimiser=st.builds(AdamW, lr=st.none() | st.floats(1e-12, 10), beta2=shares, weight_decay=st.none() | shares),
    schedule=st.builds(Schedule, kind=st.sampled_from(["linear", "cosine", "constant"]), warmup=shares),
    budget=st.builds(Budget, epochs=st.floats(1e-3, 100), max_steps=st.none() | counts, patience=st.integers(0, 9)),
    seed=st.integers(0, 2**62),
)
projects = st.builds(
    Project,
    name=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True),
    model=some,
    sources=st.lists(sources, min_size=1, max_size=3).map(tuple),
    task=tasks,
    goal=st.builds(Goal, metric=st.sampled_from([None, "exact_match"]), at_least=st.none() | st.floats(0, 1)),
    cleaning=st.builds(Cleaning, drop_near_duplicates=st.booleans(), max_characters=counts),
    split=st.builds(SplitRule, dev=shares | counts.map(float), test_out_of_scope=st.none() | shares),
    rivals=st.builds(Rivals, few_shot=st.integers(0, 64), few_shot_retrieved=st.none() | st.integers(0, 64), rag=st.integers(1, 16), embedder=texts),
    documents=st.lists(st.builds(Document, file=texts.filter(bool)), max_size=2).map(tuple),
    train=recipes,
    questions=st.lists(texts, max_size=3).map(tuple),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(projects)
def test_a_project_written_out_reads_back_equal(project: Project) -> None:
    text = to_toml(project)
    assert project == parse_project(text, "p.toml")
    assert text == to_toml(parse_project(text, "p.toml"))


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*/project.toml")), ids=lambda p: p.parent.name)
def test_the_examples_read_back_equal(path: Path) -> None:
    project = parse_project(path.read_text(), str(path))
    assert project == parse_project(to_toml(project), "again")


def test_every_default_is_written_out() -> None:
    written = tomllib.loads(to_toml(parse_project(SMALL, "p.toml")))
    assert (written["split"]["dev"], 42, written["train"]["weights"]["r"]) == (0.1, 42, 16)
    assert "patience" in written["train"]["budget"]
    assert "max_steps" not in written["train"]["budget"]  # None is what absence means


def problems(text: str, *overrides: str) -> list[dict[str, Any]]:
    with pytest.raises(BadProject) as caught:
        parse_project(text, "p.toml", overrides)
    return [vars(problem) for problem in caught.value.problems]


def test_all_problems_are_told_at_once_with_the_nearest_key() -> None:
    found = problems(
        'name = "A b"\nqestions = []\n[[sources]]\nfil = "a.csv"\n[train.optimizer]\nlr = 1\n[train.budget]\nepochs = -1\n[goal]\nconfidence = 2\n'
    )
    by_message = {problem["message"].partition(":")[0]: problem for problem in found}
    assert {"unknown key `qestions`", "unknown key `sources[0].fil`", "`sources[0].file` is missing", "unknown key `train.optimizer`"} <= set(
        by_message
    )
    assert {"`name`", "`train.budget.epochs`", "`goal.confidence`"} <= set(by_message)
    assert tuple(by_message[f"unknown key `{key}`"]["fix"] for key in ("qestions", "sources[0].fil", "train.optimizer")) == (
        "write `questions`",
        "write `file`",
        "write `optimiser`",
    )
    assert sorted(int(problem["where"].removeprefix("p.toml line ")) for problem in found) == [1, 2, 3, 4, 5, 8, 10]
    assert by_message["`train.budget.epochs`"]["got"] == "-1"
    assert by_message["`name`"]["expected"].startswith("Lower-case letters")


def test_what_pydantic_would_hide_is_told_with_the_rest() -> None:
    found = problems('name = "A b"\nqestions = []\nmodel = "a"\nstart = "b"\n[[sources]]\nfile = "a.csv"\n[goal]\nat_least = 75\nmetrik = "f1"\n')
    excluded, out_of_range = "`model` and `start` exclude each other", "`goal.at_least` is out of range"
    assert [problem["message"].partition(":")[0] for problem in found] == [
        excluded,
        "`name`",
        "unknown key `qestions`",
        out_of_range,
        "unknown key `goal.metrik`",
    ]
    found = problems('model = "a"\nstart = "b"\n' + SMALL + "[goal]\nat_least = 75\n")
    assert [problem["message"].partition(":")[0] for problem in found] == [excluded, out_of_range]
    found = problems("qestions = []\n[goal]\nat_least = 75\n[split]\ntest_out_of_scope = 3\n[train.budget]\nepochs = -1\n")
    assert [problem["message"] for problem in found] == [
        "`name` is missing",
        "`sources` is missing",
        "unknown key `qestions`",
        out_of_range,
        "`split.test_out_of_scope` without an out-of-scope label",
        "`train.budget.epochs`: is out of range",
    ]


def test_what_is_examined_has_bounds() -> None:
    text = SMALL + '[task]\nkind = "chat"\n[examine]\nunanswerable = "no.txt"\nrisk = 0.1\ntemperature = 0.7\nrepeats = 3\nfalse_refusals = 0.02\n'
    made = parse_project(text, "p.toml").examine
    assert (made.unanswerable, made.risk, made.temperature, made.repeats, made.false_refusals) == ("no.txt", 0.1, 0.7, 3, 0.02)
    assert (made.overfit_gap, made.slice_rows, made.slice_values) == (0.1, 5, 50)
    found = problems(SMALL + "[examine]\nrisk = 5\nrepeats = 1\ntemprature = 1\n")
    assert [(problem["message"].partition(":")[0], problem["where"]) for problem in found] == [
        ("`examine.risk`", "p.toml line 5"),
        ("`examine.repeats`", "p.toml line 6"),
        ("unknown key `examine.temprature`", "p.toml line 7"),
    ]


def test_nobody_can_decline_without_a_label_for_it() -> None:
    found = problems(SMALL + '[task]\nkind = "route"\n[examine]\nunanswerable = "no.txt"\n')
    assert [problem["message"] for problem in found] == ["`examine.unanswerable` without an out-of-scope label"]


def test_what_only_follows_from_another_fault_is_not_told() -> None:
    found = problems(SMALL + '[task]\nout_of_scop = "other"\n[split]\ntest_out_of_scope = 3\n')
    assert [problem["message"] for problem in found] == ["unknown key `task.out_of_scop`"]


@pytest.mark.parametrize(
    "text",
    [
        'sources = "a.csv"\n',
        "sources = [1, 2]\n",
        'goal = 3\ntask = "x"\n',
        "[[sources]]\nfile = 3\nrename_roles = 1\n",
        "[train]\nweights = 3\nbudget = []\n",
    ],
)
def test_no_shape_of_a_project_is_anything_but_a_list_of_problems(text: str) -> None:
    assert problems("x = 1\n" + text)


@pytest.mark.parametrize(
    ("text", "message", "got"),
    [
        ("name = ", "is not TOML", ""),
        ('name = "a"\n', "`sources` is missing", ""),
        ('name = "a"\nsources = []\n', "`sources`: Tuple should have at least 1 item", "[]"),
        (SMALL + '[train.weights]\nkind = "dora"\n', "`train.weights`: Input tag 'dora' found using 'kind' does not match", "'dora'"),
        (SMALL + '[train.weights]\nkind = "lora"\nrank = 8\n', "unknown key `train.weights.rank`", "rank"),
        (SMALL + '[train.weights]\nkind = "lora"\nr = 0\n', "`train.weights.r`", "0"),
        (SMALL + '[task]\nkind = "rank"\n', "`task.kind`", "'rank'"),
        ('model = "a"\nstart = "b"\n' + SMALL, "`model` and `start` exclude each other", ""),
    ],
)
def test_a_bad_value_is_named_with_what_was_got(text: str, message: str, got: str) -> None:
    first = problems(text)[0]
    assert first["message"].startswith(message)
    assert got in first["got"]


def test_hostile_keys_and_values_are_shown_escaped() -> None:
    with pytest.raises(BadProject) as caught:
        parse_project(SMALL + '"\\u001b[2J" = 1\n[task]\nkind = "\\u001b]0;x"\n', "p.toml")
    assert "\x1b" not in str(caught.value)
    assert "\\x1b[2J" in str(caught.value)


def test_options_are_laid_over_the_file() -> None:
    options = [
        "train.optimiser.lr=3e-4",
        "model=qwen3-0.6b",
        "sources[0].file='other file.csv'",
        "questions=['a', 'b']",
        "train.weights={kind='full'}",
    ]
    project = parse_project(SMALL, "p.toml", options)
    assert (project.train.optimiser.lr, project.model, project.sources[0].file) == (3e-4, "qwen3-0.6b", "other file.csv")
    assert (("a", "b"), Full()) == (project.questions, project.train.weights)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("train.seed", "is not `key=value`"),
        ("=1", "is not `key=value`"),
        ("sources[3].file=x", "there is no `sources[3].file` in this project"),
        ("name.first=x", "there is no `name.first` in this project"),
        ("name=two words", "is not a TOML value"),
        ("train.sed=1", "unknown key `train.sed`"),
    ],
)
def test_a_bad_option_is_named(option: str, message: str) -> None:
    found = problems(SMALL, option)[0]
    assert message == found["message"]
    assert "--set" in found["where"]


def test_a_fault_of_the_file_is_not_blamed_on_an_option() -> None:
    assert [problem["where"] for problem in problems("nme = 'a'\n" + SMALL, "train.seed=1")] == ["p.toml line 1"]


def test_the_file_itself_is_left_as_it_is() -> None:
    raw = {"train": {"seed": 1}}
    assert overridden(raw, ["train.seed=2", "train.budget.epochs=1"]) == {"train": {"seed": 2, "budget": {"epochs": 1}}}
    assert raw == {"train": {"seed": 1}}


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("3e-4", 3e-4), ("true", True), ("llama", "llama"), ("a/b:c-d.e", "a/b:c-d.e"), ("'1'", "1")])
def test_a_bare_word_stands_for_itself(text: str, value: object) -> None:
    assert value == toml_value(text, text)


def test_never_stopping_early_can_be_written() -> None:
    project = parse_project(SMALL + "[train.budget]\npatience = 0\n", "p.toml")
    assert (project.train.budget.patience, Budget(patience=None).patience, Budget().patience) == (0, 0, 3)


def test_limits_of_what_may_be_lost_have_names_and_bounds() -> None:
    (unknown,) = problems(SMALL + "[goal.must_not_worsen]\ngeneral_abilty = 0.05\n")
    assert (unknown["message"], unknown["where"], unknown["fix"]) == (
        "unknown key `goal.must_not_worsen.general_abilty`",
        "p.toml line 5",
        "write `general_ability`",
    )
    assert unknown["expected"] == "one of false_refusal_rate, general_ability, out_of_scope_recall, perplexity, unsupported_rate"
    (points,) = problems(SMALL + "[goal.must_not_worsen]\ngeneral_ability = 5\n")
    assert points["message"] == "`goal.must_not_worsen.general_ability`: is out of range"
    (nobody,) = problems(SMALL + "[goal.must_not_worsen]\nout_of_scope_recall = 0.1\n")
    assert nobody["message"] == "`goal.must_not_worsen.out_of_scope_recall` without an out-of-scope label"
    given = parse_project(
        SMALL + '[task]\nout_of_scope = "other"\n[goal.must_not_worsen]\nout_of_scope_recall = 0.1\n', "p.toml"
    ).goal.must_not_worsen
    assert (given.of_rows(), given.of_tuning("generate")) == ({"out_of_scope_recall": 0.1}, (0.05, 1.2))


def test_documents_that_nobody_reads_are_told() -> None:
    text = SMALL + '[[documents]]\nfile = "docs"\n[rivals]\nrag = 0\nfine_tune_rag = false\n'
    (found,) = problems(text)
    assert (found["message"], found["where"]) == ("`documents` that nobody reads", "p.toml line 7")
    assert parse_project(text.replace("rag = 0", "rag = 2"), "p.toml").documents[0].file == "docs"


def test_what_stands_around_a_nameless_document_is_told_too() -> None:
    found = problems(SMALL + "[[documents]]\nfiel = 'docs'\n[rivals]\nrag = 17\n[goal]\nat_least = 75\n")
    assert {problem["message"].partition(":")[0] for problem in found} == {
        "unknown key `documents[0].fiel`",
        "`documents[0].file` is missing",
        "`rivals.rag`",
        "`goal.at_least` is out of range",
    }


def test_how_many_passages_a_tuned_reader_is_shown() -> None:
    assert (Rivals().passages_read(), Rivals(rag=5).passages_read(), Rivals(rag=0).passages_read()) == (3, 5, 3)


OFF = "[rivals]\nfine_tune = false\n"


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        (SMALL + OFF + "prompts = false\nfew_shot = 0\nfew_shot_retrieved = 0\nclassifier = false\n", "nothing is left to compare", 5),
        (SMALL + OFF + '[decide]\nbases = ["other"]\n', "other bases without fine-tuning: they are compared by what they are tuned to", 7),
        ("start = 'mine'\n" + SMALL + OFF, "a model is to be continued, and nothing is tuned", 1),
    ],
)
def test_what_asks_for_trainings_that_are_switched_off_is_told(text: str, message: str, line: int) -> None:
    (found,) = problems(text)
    assert (found["message"], found["where"]) == (message, f"p.toml line {line}")
    assert found["fix"]


@pytest.mark.parametrize("more", ["", "prompts = false\n", "prompts = false\nclassifier = false\nfew_shot = 0\n"])
def test_fine_tuning_can_be_switched_off_while_somebody_is_left(more: str) -> None:
    assert not parse_project(SMALL + OFF + more, "p.toml").tunes()


def test_a_reader_of_documents_can_be_tuned_alone() -> None:
    text = "start = 'mine'\n" + SMALL + OFF + 'prompts = false\nfew_shot = 0\nclassifier = false\n[[documents]]\nfile = "docs"\n'
    assert parse_project(text, "p.toml").tunes()
