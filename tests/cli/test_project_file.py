"""Paths that are no project, keys that are none, and values laid over a project."""

from __future__ import annotations

import pytest

from tunesmith.cli.project_file import read_project
from tunesmith.errors import BadProject

SOUND = 'name = "router"\n[[sources]]\nfile = "bank.csv"\n[train.optimiser]\nlr = 1e-4\n'


def refused(path, *overrides) -> str:
    with pytest.raises(BadProject) as caught:
        read_project(path, overrides)
    return str(caught.value)


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "project.toml"
    path.write_text(SOUND)
    return path


def test_a_missing_file_names_its_neighbours(sound):
    text = refused(sound.with_name("projekt.toml"))
    assert "there is no such file" in text
    assert f"did you mean {sound}? else `tunesmith init DATA` writes one" in text


def test_a_folder_names_the_project_in_it(sound):
    assert f"is a folder\n  expected a project file (TOML)\n  fix: write {sound}" in refused(sound.parent)


def test_what_is_not_utf_8_says_where(tmp_path):
    (tmp_path / "p.toml").write_bytes(b'name = "caf\xe9"')
    assert "is not UTF-8 text\n  got byte 0xe9 at offset 11" in refused(tmp_path / "p.toml")


def test_a_data_file_is_told_from_a_project(tmp_path):
    (tmp_path / "bank.csv").write_text("text,intent\n")
    assert f"fix: write a project for it: tunesmith init {tmp_path / 'bank.csv'}" in refused(tmp_path / "bank.csv")


def test_all_problems_of_a_project_are_told_at_once(tmp_path):
    (tmp_path / "p.toml").write_text('name = "X y"\nmodl = "a"\n[[sources]]\nfile = "x"\n[train.budget]\nepochs = 0\n')
    text = refused(tmp_path / "p.toml")
    for part in ("unknown key `modl`", "fix: write `model`", "`name`", "`train.budget.epochs`"):
        assert part in text


def test_a_byte_order_mark_is_no_fault(tmp_path):
    (tmp_path / "p.toml").write_bytes(b"\xef\xbb\xbf" + SOUND.encode())
    assert read_project(tmp_path / "p.toml").project.name == "router"


def test_values_are_laid_over(sound):
    sets = [
        "train.optimiser.lr=3e-4",
        "train.budget.epochs = 1",
        "model=qwen3-0.6b",
        "sources[0].file='other file.csv'",
        'questions=["a", "b"]',
        "rivals.prompts=false",
    ]
    file = read_project(sound, sets)
    assert (file.project.train.optimiser.lr, file.project.train.budget.epochs, file.project.model) == (3e-4, 1.0, "qwen3-0.6b")
    assert (file.project.sources[0].file, file.project.questions, file.project.rivals.prompts) == ("other file.csv", ("a", "b"), False)
    assert {"project": str(sound), "overrides": sets} == file.payload()
    assert [str(sound), "--set", sets[0]] == file.arguments()[:3]
    assert read_project(sound).project.train.optimiser.lr == 1e-4


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("train.optimser.lr=1", "fix: write `optimiser`"),
        ("train.optimiser.lr=-1", "--set train.optimiser.lr=-1: `train.optimiser.lr`"),
        ("train.optimiser.lr", "is not `key=value`"),
        ("=3", "is not `key=value`"),
        ("name.x=3", "there is no `name.x`"),
        ("sources[4].file='x'", "there is no `sources[4].file`"),
        ("train.seed=[1", "is not a TOML value"),
        ("train.seed=\x1b[2J", "got \\x1b[2J"),
    ],
)
def test_an_override_that_does_not_fit_is_named(sound, override, part):
    assert part in refused(sound, override)


def test_the_command_says_so(cli, sound):
    done = cli("run", sound, "--set", "train.sed=1")
    assert done.status == 2
    assert "fix: write `seed`" in done.err
    assert cli("train", sound, "--from", "nothing").status == 2
