"""What a project stands on: its base, the checkpoint it continues, the recipe that follows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import tiny
from tests.cli.conftest import checkpoint
from tunesmith.catalogue.footing import Footing, refuse, refuse_unsound, to_continue
from tunesmith.errors import BadData, BadProject, DamagedWeights, NotFound
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.project import Project, parse_project
from tunesmith.spec.recipe import Full, Lora, Recipe
from tunesmith.store.artifacts import Store

SMALL = 'name = "a"\n[[sources]]\nfile = "a.csv"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny.save(tmp_path / "base")
    return tmp_path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store.open(tmp_path / "home")
    yield found
    found.close()


def tuned(store: Store, folder: Path, weights: Lora | Full, name: str = "mine") -> str:
    """A checkpoint of the base in `folder`, registered."""
    model = tiny.found(folder / "base")
    resolved = Recipe(weights=weights)
    noun: Checkpoint = checkpoint("data").model_copy(
        update={"base": model.id, "base_digest": model.digest, "resolved": resolved, "kind": weights.kind}
    )
    with store.work("ab" * 16, stage="train", title="train") as work:
        made = work.finish("checkpoint", noun)
    store.register(name, made.name)
    return made.name


def footing(store: Store, folder: Path, text: str, start: str | None = None) -> Footing:
    project: Project = parse_project(text, "p.toml")
    return Footing(project.model_copy(update={"start": start}) if start else project, folder, store)


def test_a_model_folder_stands_relative_to_the_project_whatever_the_working_folder(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    base = footing(store, folder, 'model = "base"\n' + SMALL).base
    assert (str(folder / "base"), str(folder / "base")) == (base.id, base.folder)


def test_a_continued_model_brings_base_and_adapter(store: Store, folder: Path) -> None:
    tuned(store, folder, Lora(r=4, alpha=8, dropout=0.05))
    found = footing(store, folder, 'start = "mine"\n' + SMALL + "[train.budget]\nepochs = 1\n")
    assert str(folder / "base") == found.base.id
    assert (Lora(r=4, alpha=8, dropout=0.05), 1.0) == (found.recipe.weights, found.recipe.budget.epochs)


def test_a_dropout_of_its_own_is_taken_and_not_switched_off(store: Store, folder: Path) -> None:
    tuned(store, folder, Lora(r=4, alpha=8, dropout=0.05))
    weights = footing(store, folder, 'start = "mine"\n' + SMALL + '[train.weights]\nkind = "lora"\ndropout = 0.2\n').recipe.weights
    assert Lora(r=4, alpha=8, dropout=0.2) == weights


@pytest.mark.parametrize(
    ("written", "got"),
    [('kind = "lora"\nr = 8', "r = 8"), ('kind = "lora"\ntargets = ["q_proj"]', "targets = ('q_proj',)"), ('kind = "full"', "kind = 'full'")],
)
def test_another_adapter_is_refused_with_what_differs(store: Store, folder: Path, written: str, got: str) -> None:
    tuned(store, folder, Lora(r=4))
    with pytest.raises(BadProject, match="keeps its adapter") as caught:
        _ = footing(store, folder, 'start = "mine"\n' + SMALL + f"[train.weights]\n{written}\n").recipe
    assert got == caught.value.problems[0].got


def test_full_weights_are_continued_as_full_weights(store: Store, folder: Path) -> None:
    tuned(store, folder, Full())
    assert Full() == footing(store, folder, 'start = "mine"\n' + SMALL).recipe.weights


def test_another_base_is_refused_and_the_same_one_is_not(store: Store, folder: Path) -> None:
    name = tuned(store, folder, Lora())
    assert str(folder / "base") == footing(store, folder, 'model = "base"\n' + SMALL, start=name).base.id
    tiny.save(folder / "other", seed=1)
    for model in ("other", "qwen3-0.6b"):
        with pytest.raises(BadProject, match="keeps its base"):
            _ = footing(store, folder, f'model = "{model}"\n' + SMALL, start=name).base


def test_a_base_that_changed_under_its_adapter_is_noticed(store: Store, folder: Path) -> None:
    tuned(store, folder, Lora())
    shutil.rmtree(folder / "base")
    tiny.save(folder / "base", seed=1)
    with pytest.raises(DamagedWeights, match="not the one that checkpoint-"):
        _ = footing(store, folder, 'start = "mine"\n' + SMALL).base


def test_a_project_that_continues_itself_is_told_what_to_write(store: Store, folder: Path) -> None:
    name = tuned(store, folder, Lora(), name="a")
    with pytest.raises(BadProject, match="cannot start from its own result") as caught:
        _ = footing(store, folder, 'start = "a"\n' + SMALL).base
    assert f'write start = "{name}"' == caught.value.problems[0].fix


@pytest.mark.parametrize("name", ["smollm2-135m-instruct", "HuggingFaceTB/SmolLM2-135M-Instruct", "base"])
def test_a_base_model_cannot_be_continued_and_the_way_to_begin_with_it_is_told(
    store: Store, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned(store, folder, Lora())
    monkeypatch.chdir(folder)
    with pytest.raises(NotFound, match="is a base model, not a tuned one") as caught:
        to_continue(name, store)
    assert f'model = "{name}"' in caught.value.problems[0].fix
    with pytest.raises(NotFound, match="is a base model, not a tuned one"):
        _ = footing(store, folder, f'start = "{name}"\n' + SMALL).base


def test_a_name_of_nothing_is_said_to_be_none(store: Store, folder: Path) -> None:
    name = tuned(store, folder, Lora())
    assert name == to_continue("mine", store).name
    with pytest.raises(NotFound, match="is called so"):
        to_continue("nothing-like-it", store)


def test_what_cannot_answer_is_told_by_name_before_anything_is_loaded(store: Store, folder: Path) -> None:
    name = tuned(store, folder, Lora())
    refuse_unsound("mine", store)
    refuse_unsound(str(folder / "base"), store)
    with pytest.raises(NotFound, match=r"a tuned model, a catalogue id[\s\S]*fix: did you mean mine\?"):
        refuse_unsound("mime", store)
    with pytest.raises(NotFound, match=r"tunesmith models pull qwen3-0\.6b"):
        refuse_unsound("qwen3-0.6b", store)
    manifest = store.get(name).path / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text(manifest.read_text().replace("lora", "lorb"))
    with pytest.raises(DamagedWeights, match="is not what was stored"):
        refuse_unsound("mine", store)


def test_a_missing_embedder_says_how_to_get_it_and_how_to_do_without(store: Store, folder: Path) -> None:
    with pytest.raises(NotFound) as caught:
        _ = footing(store, folder, SMALL).embedder
    assert caught.value.problems[0].fix == "tunesmith models pull all-minilm-l6-v2; or leave this rival out: rivals.classifier = false"


def test_every_failing_check_is_told_once() -> None:
    def fail(error: Exception) -> object:
        raise error

    first, second = BadData("first", where="a"), NotFound("second", where="b")
    with pytest.raises(BadData) as caught:
        refuse([lambda: fail(first), lambda: 1, lambda: fail(second), lambda: fail(first)])
    assert [problem.where for problem in caught.value.problems] == ["a", "b"]
    refuse([lambda: 1])
    assert "first" in json.dumps(caught.value.to_json())
