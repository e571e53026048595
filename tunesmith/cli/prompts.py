"""A model's prompts, version by version: what stands before every question where it is served."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from tunesmith.cli.figures import clock
from tunesmith.cli.listing import listing
from tunesmith.cli.screen import clean
from tunesmith.errors import NotFound, Unsupported
from tunesmith.spec.candidate import Remote
from tunesmith.spec.chat import Prompt
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.elected import Elected
from tunesmith.store.artifacts import Artifact, Store


@dataclass(frozen=True)
class Kept:
    """The prompt of one version of a model."""

    version: int | None
    """None: a checkpoint or candidate that was asked for by its own name."""
    artifact: str
    at: float
    """Unix time, seconds."""
    prompt: Prompt

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "version": self.version,
            "artifact": self.artifact,
            "at": self.at,
            "sha256": self.prompt.content_digest(),
            "prompt": self.prompt.model_dump(mode="json"),
        }


def prompts_of(store: Store, name: str) -> list[Kept]:
    """The prompts of all versions that bear a name and have one, the oldest first; of one artifact, where it is the name of one.

    Raises: NotFound if nothing bears it; Unsupported if nothing of what does has a prompt.
    """
    versions = store.registered().get(name)
    if versions is None:
        artifact = store.get(name)
        return [Kept(None, artifact.name, artifact.created_at, prompt_of(artifact))]
    there = [(one, found) for one in versions if (found := store.get(one.artifact)).erased_at is None]
    kept = []
    for one, found in there:
        with suppress(Unsupported):
            kept.append(Kept(one.number, one.artifact, one.at, prompt_of(found)))
    if not kept:
        raise without_prompt(name, ", ".join(dict.fromkeys(found.kind for _, found in there)) or "erased versions")
    return kept


def prompt_of(artifact: Artifact) -> Prompt:
    """What stands before every question that is put to it.

    Raises: Unsupported for what has no prompt.
    """
    if artifact.kind == "checkpoint":
        return artifact.load(Checkpoint).prompt
    if artifact.kind == "candidate":
        elected = artifact.load(Elected)
        who = elected.candidate if isinstance(elected.candidate, Remote) else elected.reader
        if who is not None:
            return who.prompt
    raise without_prompt(artifact.name, artifact.kind)


def without_prompt(name: str, what: str) -> Unsupported:
    """The error for what has no prompt."""
    return Unsupported("has no prompt", where=name, got=what, expected="a tuned model, or a recommended one that a language model answers for")


def chosen(kept: Sequence[Kept], number: int | None, name: str) -> Kept:
    """The version with this number, the newest without one.

    Raises: NotFound with the numbers that there are.
    """
    found = kept[-1:] if number is None else [one for one in kept if one.version == number]
    if found:
        return found[0]
    there = ", ".join(str(one.version) for one in kept if one.version is not None)
    raise NotFound("no such version", where=name, got=str(number), expected=there or "no number: this is one artifact and no registered name")


def lines_of(prompt: Prompt) -> Iterator[str]:
    """A prompt as it is read: the system message, then the worked examples turn by turn."""
    yield from (prompt.system if prompt.system is not None else "(no system message)").splitlines() or ["(an empty system message)"]
    for number, example in enumerate(prompt.examples, 1):
        yield ""
        yield f"example {number}"
        for message in example.messages:
            first, *rest = (message.content or "").splitlines() or [""]
            yield f"  {message.role}: {first}"
            yield from (f"    {line}" for line in rest)


def differences(before: Kept, after: Kept) -> list[str]:
    """What changed from one version to another, as a unified diff without its two heads; empty where nothing did."""
    return list(difflib.unified_diff(list(lines_of(before.prompt)), list(lines_of(after.prompt)), lineterm=""))[2:]


def show_prompt(console: Console, name: str, one: Kept) -> None:
    """Print one prompt whole."""
    console.print(head(name, one))
    console.print()
    for line in lines_of(one.prompt):
        console.print(clean(line), soft_wrap=True)


def show_versions(console: Console, kept: Sequence[Kept]) -> None:
    """Print a line for each version: two with one digest have one prompt."""
    rows = [
        (str(one.version), clock(one.at), one.prompt.name, str(len(one.prompt.examples)), one.prompt.content_digest()[:12], one.artifact)
        for one in kept
    ]
    console.print(listing(("version", "registered", "prompt", "examples", "sha256", "model"), rows, right=(0, 3)))


def show_differences(console: Console, name: str, before: Kept, after: Kept) -> None:
    """Print what changed."""
    console.print(head(name, before))
    console.print(head(name, after))
    found = differences(before, after)
    if not found:
        console.print(Text("the two prompts are the same", "dim"))
    for line in found:
        console.print(clean(line, {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")), soft_wrap=True)


def head(name: str, one: Kept) -> Text:
    """Whose prompt it is."""
    version = f" version {one.version}" if one.version is not None else ""
    return Text.assemble(
        clean(f"{name}{version}", "bold"), clean(f"  {one.artifact}, prompt {one.prompt.name}, sha256 {one.prompt.content_digest()[:12]}", "dim")
    )
