"""A project → what it stands on: base model, embedder, the checkpoint it continues and the recipe that follows, found and sound.

Read before any work begins, so that what is missing is told before hours are spent. Nothing is downloaded that was not asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from tunesmith.catalogue.read import find, local, verify
from tunesmith.errors import BadProject, DamagedWeights, NotFound, TunesmithError
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.model import LocalModel
from tunesmith.spec.project import Project
from tunesmith.spec.recipe import Recipe
from tunesmith.store.artifacts import Artifact, Store


@dataclass
class Footing:
    """Each property is looked up when it is first read."""

    project: Project
    root: Path
    """Folder of the project file: a model's folder may be given relative to it."""
    store: Store

    @cached_property
    def parent(self) -> tuple[Artifact, Checkpoint] | None:
        """The checkpoint that is continued, if one is.

        Raises: NotFound; DamagedWeights; BadProject where the project would continue its own result, each run that of the last.
        """
        if self.project.start is None:
            return None
        artifact = to_continue(self.project.start, self.store)
        if self.project.start == self.project.name:
            raise BadProject(
                "a project cannot start from its own result: every run would go on from the last one", where="start", got=self.project.start,
                expected="a checkpoint, or the name of another project's model", fix=f'write start = "{artifact.name}"',
            )  # fmt: skip
        artifact.verify()
        return artifact, artifact.load(Checkpoint)

    @cached_property
    def base(self) -> LocalModel:
        """The base model, checked against its hashes; a continued model's base is the one it was tuned on.

        Raises: NotFound with the command that fetches it; DamagedWeights; BadProject if the project names another base.
        """
        if self.parent is None:
            return self._sound(self.project.base())
        artifact, checkpoint = self.parent
        base = self._sound(checkpoint.base)
        refuse_other_base(artifact.name, checkpoint, base)
        if self.project.model is not None and not self._is(self.project.model, base):
            raise BadProject(
                "a continued model keeps its base", where="model", got=self.project.model, expected=base.id,
                fix=f"remove `model`, or start from a checkpoint of {self.project.model}",
            )  # fmt: skip
        return base

    @cached_property
    def bases(self) -> tuple[LocalModel, ...]:
        """Every base model that competes, each once, the project's own first.

        Raises: as `base`, for each of them.
        """
        found: dict[str, LocalModel] = {}
        for base in (self.base, *(self._sound(name) for name in self.project.decide.bases)):
            found.setdefault(base.digest, base)
        return tuple(found.values())

    @cached_property
    def embedder(self) -> LocalModel:
        """The embedding model of the classifier.

        Raises: NotFound with the command that fetches it, and how to do without.
        """
        name = self.project.rivals.embedder
        try:
            return self._sound(name)
        except NotFound as error:
            first = error.problems[0]
            raise NotFound(
                f"the embedding model of the rival `classifier` {first.message}", where=name, expected=first.expected,
                fix=f"{first.fix}; or leave this rival out: rivals.classifier = false",
            ) from None  # fmt: skip

    @cached_property
    def recipe(self) -> Recipe:
        """The project's recipe; a continued model keeps its kind of weights and its adapter's shape, and its dropout unless another is given.

        Raises: BadProject if the project asks for others.
        """
        recipe = self.project.train
        if self.parent is None:
            return recipe
        kept, asked = self.parent[1].resolved.weights, recipe.weights
        given = asked.model_fields_set if "weights" in recipe.model_fields_set else set()
        other = sorted(name for name in given - {"dropout"} if getattr(kept, name, None) != getattr(asked, name))
        if other:
            raise BadProject(
                "a continued model keeps its adapter", where="train.weights", got=", ".join(f"{n} = {getattr(asked, n)!r}" for n in other),
                expected=", ".join(f"{n} = {getattr(kept, n, None)!r}" for n in other),
                fix="leave train.weights out, or start from the base with `model` instead of `start`",
            )  # fmt: skip
        return recipe.model_copy(
            update={"weights": kept.model_copy(update={"dropout": getattr(asked, "dropout", None)}) if "dropout" in given else kept}
        )

    def _sound(self, name: str) -> LocalModel:
        beside = self.root / name
        model = local(self.store.models, str(beside) if beside.is_dir() else name)
        verify(model, self.store.models)
        return model

    def _is(self, name: str, model: LocalModel) -> bool:
        try:
            return self._sound(name).digest == model.digest
        except NotFound:
            return False


def to_continue(name: str, store: Store) -> Artifact:
    """The checkpoint that `name` means.

    Raises: NotFound; for the name of a base model it says how to begin with that.
    """
    try:
        return store.get(name, "checkpoint")
    except NotFound:
        if not is_base(name, store.models):
            raise
    raise NotFound(
        "is a base model, not a tuned one that could be continued", where=name, expected="a checkpoint or a registered model",
        fix=f'to begin with it, write model = "{name}" in the project (or --set model={name}), without `start` and --from',
    )  # fmt: skip


def is_base(name: str, models: Path) -> bool:
    """True if the name is that of a base model, on this machine or in the catalogue."""
    for look in (lambda: local(models, name), lambda: find(name)):
        try:
            look()
        except TunesmithError:
            continue
        return True
    return False


def refuse_unsound(name: str, store: Store) -> None:
    """Nothing, if `name` is a candidate that won, a tuned or a base model on this machine, and sound: told before anything heavy is loaded.

    Raises: NotFound, naming tuned models that are called nearly so; DamagedWeights.
    """
    try:
        tuned = _kept(name, store)
    except NotFound:
        near = get_close_matches(name, list(store.registered()), n=3, cutoff=0.6)
        try:
            verify(local(store.models, name), store.models)
        except NotFound as error:
            first = error.problems[0]
            fix = f"did you mean {' or '.join(near)}?" if near else first.fix
            raise NotFound(first.message, where=first.where, expected=f"a tuned model, {first.expected}", fix=fix) from None
    else:
        tuned.verify()


def _kept(name: str, store: Store) -> Artifact:
    """The candidate that won, or the checkpoint, that `name` means.

    Raises: NotFound.
    """
    try:
        return store.get(name, "candidate")
    except NotFound:
        return store.get(name, "checkpoint")


def refuse_other_base(name: str, checkpoint: Checkpoint, base: LocalModel) -> None:
    """Nothing, if `base` is the model that the checkpoint was tuned on.

    Raises: DamagedWeights: an adapter over other weights answers nonsense, and nothing else would notice.
    """
    if checkpoint.base_digest != base.digest:
        raise DamagedWeights(
            f"the base model is not the one that {name} was tuned on", where=base.folder, got=base.digest[:12], expected=checkpoint.base_digest[:12],
            fix=f"put the original files of {checkpoint.base} back, or tune again",
        )  # fmt: skip


def refuse(checks: Sequence[Callable[[], object]]) -> None:
    """Nothing, if every check passes.

    Raises: the error of the one that fails; where several fail, an error of the first one's kind with the problems of all.
    """
    errors: list[TunesmithError] = []
    for check in checks:
        try:
            check()
        except TunesmithError as error:
            errors.append(error)
    problems = list(dict.fromkeys(problem for error in errors for problem in error.problems))
    if errors:
        raise type(errors[0])(errors[0].message, problems=problems)
