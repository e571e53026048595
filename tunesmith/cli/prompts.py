"""A model's prompts, version by version: what stands before every question where it is served."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
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
    prompt: Prompt | None
    """None: what bears the name in this version is no language model."""
    kind: str = ""
    """Of the artifact."""

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "version": self.version,
            "artifact": self.artifact,
            "at": self.at,
            "sha256": self.prompt.content_digest() if self.prompt is not None else None,
            "prompt": self.prompt.model_dump(mode="json") if self.prompt is not None else None,
        }


def prompts_of(store: Store, name: str) -> list[Kept]:
    """The prompts of all versions that bear a name, the oldest first; of one artifact, where it is the name of one.

    Raises: NotFound if nothing bears it.
    """
    versions = store.registered().get(name)
    if versions is None:
        artifact = store.get(name)
        return [Kept(None, artifact.name, artifact.created_at, prompt_of(artifact), artifact.kind)]
    there = [(one, store.get(one.artifact)) for one in versions]
    return [Kept(one.number, one.artifact, one.at, prompt_of(found), found.kind) for one, found in there if found.erased_at is None]


def prompt_of(artifact: Artifact) -> Prompt | None:
    """What stands before every question that is put to it; None for what has no prompt."""
    if artifact.kind == "checkpoint":
        return artifact.load(Checkpoint).prompt
    if artifact.kind == "candidate":
        elected = artifact.load(Elected)
        who = elected.candidate if isinstance(elected.candidate, Remote) else elected.reader
        return who.prompt if who is not None else None
    return None


def chosen(kept: Sequence[Kept], number: int | None, name: str) -> tuple[Kept, Prompt]:
    """The version with this number, the newest without one, and its prompt.

    Raises: NotFound with the numbers that there are; Unsupported if that version has no prompt.
    """
    found = kept[-1:] if number is None else [one for one in kept if one.version == number]
    if not found:
        there = ", ".join(str(one.version) for one in kept if one.version is not None)
        raise NotFound("no such version", where=name, got=str(number), expected=there or "no number: this is one artifact and no registered name")
    prompt = found[0].prompt
    if prompt is None:
        having = ", ".join(str(one.version) for one in kept if one.prompt is not None and one.version is not None)
        raise Unsupported(
            "has no prompt", where=found[0].artifact, got=found[0].kind, expected="a tuned model, or a recommended one that a language model answers for",
            fix=f"versions with one: {having}" if having else "tunesmith models show tells what it is",
        )  # fmt: skip
    return found[0], prompt


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


def differences(before: Prompt, after: Prompt) -> list[str]:
    """What changed from one prompt to another, as a unified diff without its two heads; empty where nothing did."""
    found = list(difflib.unified_diff(list(lines_of(before)), list(lines_of(after)), lineterm=""))[2:]
    if not found and before.content_digest() != after.content_digest():
        return ["they differ in what is not shown here: the prompt's name, line ends, or fields of a message beside its text (--json shows all)"]
    return found


def show_prompt(console: Console, name: str, one: Kept, prompt: Prompt) -> None:
    """Print one prompt whole."""
    console.print(head(name, one, prompt))
    console.print()
    for line in lines_of(prompt):
        console.print(clean(line), soft_wrap=True)


def show_versions(console: Console, kept: Sequence[Kept]) -> None:
    """Print a line for each version: two with one digest have one prompt."""
    rows = []
    for one in kept:
        told = ("–", "", "") if one.prompt is None else (one.prompt.name, str(len(one.prompt.examples)), one.prompt.content_digest()[:12])
        rows.append((str(one.version), clock(one.at), *told, one.artifact))
    console.print(listing(("version", "registered", "prompt", "examples", "sha256", "model"), rows, right=(0, 3)))


def show_differences(console: Console, name: str, before: tuple[Kept, Prompt], after: tuple[Kept, Prompt]) -> None:
    """Print what changed."""
    console.print(head(name, *before))
    console.print(head(name, *after))
    found = differences(before[1], after[1])
    if not found:
        console.print(Text("the two prompts are the same", "dim"))
    for line in found:
        console.print(clean(line, {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")), soft_wrap=True)


def head(name: str, one: Kept, prompt: Prompt) -> Text:
    """Whose prompt it is."""
    version = f" version {one.version}" if one.version is not None else ""
    return Text.assemble(
        clean(f"{name}{version}", "bold"), clean(f"  {one.artifact}, prompt {prompt.name}, sha256 {prompt.content_digest()[:12]}", "dim")
    )
