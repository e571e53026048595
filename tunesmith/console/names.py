"""The name of a model in a request → the base and the checkpoint that are meant.

In this order: a base model on this machine, by its id or its name on the hub; a fine-tuned model or one of its checkpoints (`ft:…`); a name
that `tunesmith run` registered; an alias of the configuration, so that a script that says `gpt-4o-mini-2024-07-18` runs as it is. What is
there goes before an alias: nothing that exists can be hidden by one. What was registered is a tuned model, or a candidate that won: a model
with a prompt, a reader of what an index finds, a classifier, a constant, or a model elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tunesmith.catalogue.folder import MANIFEST
from tunesmith.catalogue.manifest import read_manifest
from tunesmith.catalogue.read import entries, installed, local
from tunesmith.console.access import Caller
from tunesmith.console.failures import ApiError
from tunesmith.console.ids import SAFE_MODEL
from tunesmith.console.state import Console
from tunesmith.errors import NotFound
from tunesmith.spec.candidate import Prompted, Remote, Tuned
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.elected import Elected
from tunesmith.spec.model import LocalModel
from tunesmith.store.artifacts import Artifact, Version
from tunesmith.store.objects import Stored

NOTE_HEADER = "x-tunesmith-note"
NAMED = 20
"""Names that an error lists."""


@dataclass(frozen=True)
class Target:
    """One model that can answer or be trained further."""

    base: str
    """Id of the base model in the store; empty for a candidate that no model of this machine writes for."""
    checkpoint: str | None
    """Name of the checkpoint artifact on it; None: the base itself."""
    name: str
    """What the model is called in answers."""
    note: str | None = None
    """What the client should know about this choice; goes into the header `x-tunesmith-note`."""
    use: Literal["chat", "text", "embed"] = "chat"
    """What the base was made for."""
    candidate: str | None = None
    """Name of the artifact of a candidate that won; None: the model itself is meant."""
    elected: Elected | None = None
    """What that candidate is."""

    @property
    def is_trainable(self) -> bool:
        """Whether training can go on from it."""
        return self.use != "embed" and (self.elected is None or isinstance(self.elected.candidate, Tuned))

    def headers(self) -> dict[str, str]:
        """The note as a header, where there is one. Headers are ASCII, an alias need not be."""
        return {NOTE_HEADER: self.note.encode("ascii", "replace").decode()} if self.note else {}


def resolve(console: Console, name: str, caller: Caller | None = None) -> Target:
    """The model that `name` means for this caller.

    Raises: ApiError 404 `model_not_found`, naming what is there.
    """
    found = find(console, name, caller)
    if found is None:
        raise unknown(console, name, caller)
    return found


def find(console: Console, name: str, caller: Caller | None = None) -> Target | None:
    """As `resolve`; None where nothing bears the name."""
    found = _base(console, name) or _tuned(console, name, caller) or _registered(console, name, caller)
    meant = console.configuration.aliases.get(name)
    if found is not None or meant is None:
        return found
    real = _base(console, meant) or _tuned(console, meant, caller) or _registered(console, meant, caller)
    if real is None:
        return None
    return replace(real, note="; ".join([f"{name} stands for {real.name} on this server", *([real.note] if real.note else [])]))


def bases(console: Console) -> list[LocalModel]:
    """The base models on this machine."""
    return installed(console.store.models)


def unknown(console: Console, name: str, caller: Caller | None = None) -> ApiError:
    """The error for a name that nothing bears; a catalogued model that was not pulled is told how to get."""
    shown = name[:120]
    message = f"The model `{shown}` does not exist or you do not have access to it."
    if any(name.lower() in {entry.id, (entry.hub or "").lower()} for entry in entries()):
        message += f" It can be had: `tunesmith models pull {shown}`."
    return ApiError(404, f"{message} Models of this server: {listed(console, caller)}.", code="model_not_found")


def listed(console: Console, caller: Caller | None = None) -> str:
    """The names that would have been understood, in a sentence."""
    tuned = [stored.id for stored in console.objects.page("model", limit=NAMED, where=lambda stored: may_use(console, stored, caller)).items]
    names = [*(model.id for model in bases(console)), *console.configuration.aliases, *tuned, *(one.model for one in registered(console, caller))]
    return ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "") if names else "none yet"


def registered(console: Console, caller: Caller | None = None) -> list[Version]:
    """The newest version of each name that `tunesmith run` registered and that can be asked; none for a key that is confined to its own things."""
    if caller is not None and caller.limits.own_only:
        return []
    askable = {artifact.name for kind in ("checkpoint", "candidate") for artifact in console.store.artifacts(kind)}
    return [versions[-1] for versions in console.store.registered().values() if versions[-1].artifact in askable]


def may_use(console: Console, stored: Stored, caller: Caller | None) -> bool:
    """True if the caller may use a fine-tuned model: he sees its owner's things, or was permitted this one."""
    if caller is None or caller.sees(stored.owner):
        return True
    permitted = console.objects.page("permission", parent=stored.id, where=lambda one: one.body["project_id"] == caller.key_id)
    return bool(permitted.items)


def _base(console: Console, name: str) -> Target | None:
    models = console.store.models
    if SAFE_MODEL.fullmatch(name) and (models / name / MANIFEST).is_file():  # a plain name: no slash, no leading dot
        found = read_manifest(models / name)
        return Target(found.id, None, found.id, use=found.use)
    if name.count("/") != 1:
        return None
    for model in bases(console):
        origin = model.origin.lower()
        if origin.startswith("hub ") and name.lower() in {origin.removeprefix("hub "), origin.removeprefix("hub ").partition("@")[0]}:
            return Target(model.id, None, model.id, use=model.use)
    pulled = {model.id: model for model in bases(console)}
    entry = next((entry for entry in entries() if entry.hub is not None and entry.hub.lower() == name.lower() and entry.id in pulled), None)
    return Target(entry.id, None, entry.id, use=pulled[entry.id].use) if entry is not None else None


def _tuned(console: Console, name: str, caller: Caller | None) -> Target | None:
    try:
        stored = console.objects.get("model", name)
    except NotFound:
        return None
    if not may_use(console, stored, caller):
        return None
    return Target(str(stored.body["base"]), str(stored.body["checkpoint"]), stored.id, use=_use(console, str(stored.body["base"])))


def _registered(console: Console, name: str, caller: Caller | None) -> Target | None:
    if caller is not None and caller.limits.own_only:
        return None
    versions = console.store.registered().get(name)
    if not versions:
        return None
    artifact = console.store.get(versions[-1].artifact)
    if artifact.kind == "candidate":
        return _elected(console, name, artifact)
    if artifact.kind != "checkpoint":
        return None
    base = artifact.load(Checkpoint).base
    return Target(base, artifact.name, name, use=_use(console, base))


def _elected(console: Console, name: str, artifact: Artifact) -> Target:
    """A candidate that won, with the model that writes its answers, if one of this machine does."""
    elected = artifact.load(Elected)
    base, checkpoint, note = "", None, None
    match elected.reader:
        case Prompted() as prompted:
            base = local(console.store.models, prompted.model).id
        case Tuned() as tuned:
            base, checkpoint = console.store.get(tuned.checkpoint, "checkpoint").load(Checkpoint).base, tuned.checkpoint
    if isinstance(elected.candidate, Remote):
        note = f"{name} is {elected.candidate.model} at {elected.candidate.url}: what it is asked leaves this machine"
    return Target(base, checkpoint, name, note, candidate=artifact.name, elected=elected)


def _use(console: Console, base: str) -> Literal["chat", "text", "embed"]:
    found = _base(console, base)
    return found.use if found is not None else "chat"
