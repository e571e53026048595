"""`tunesmith models`: tuned, pulled and known models."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from tunesmith.catalogue.read import entries, find, installed, local
from tunesmith.catalogue.read import verify as verify_local
from tunesmith.cli.examples import examples
from tunesmith.cli.figures import clock, parameters, size, whole
from tunesmith.cli.follow import Order, carry_out, open_store
from tunesmith.cli.listing import listing
from tunesmith.cli.options import Json
from tunesmith.cli.prompts import chosen, differences, prompts_of, show_differences, show_prompt, show_versions
from tunesmith.cli.screen import clean, open_screen
from tunesmith.cli.train import show_checkpoint
from tunesmith.errors import BadProject, NotFound
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.elected import Elected
from tunesmith.spec.model import LocalModel, ModelEntry
from tunesmith.store.artifacts import Artifact, Store

app = typer.Typer(add_completion=False, no_args_is_help=True, help="List, pull, verify and trace models.")


def known_names(incomplete: str) -> list[str]:
    """Catalogue ids that begin so, for shell completion."""
    return [entry.id for entry in entries() if entry.id.startswith(incomplete.lower())]


ModelName = Annotated[
    str, typer.Argument(metavar="MODEL", help="Registered name, checkpoint, catalogue id, hub id or folder.", autocompletion=known_names)
]


@app.command("list")
def list_(json: Json = False) -> None:
    """List tuned models, base models on this machine, and what the catalogue knows."""
    screen = open_screen(json)
    store = open_store()
    tuned, here, known = store.registered(), installed(store.models), entries()
    screen.result(
        {
            "registered": {name: [asdict(version) for version in versions] for name, versions in tuned.items()},
            "installed": [model.model_dump(mode="json") for model in here],
            "catalogue": [entry.model_dump(mode="json") for entry in known],
        }
    )
    if not json:
        show_all(screen.console, store, here)


def show_all(console: Console, store: Store, here: list[LocalModel]) -> None:
    """Print the three lists."""
    present = {model.id for model in here}
    tuned = [(name, str(v[-1].number), v[-1].artifact, clock(v[-1].at)) for name, v in store.registered().items()]
    console.print(listing(("tuned", "version", "checkpoint", "registered"), tuned, right=(1,), empty="nothing tuned yet: tunesmith run PROJECT"))
    local_rows = [(m.id, parameters(m.parameters), whole(m.context), m.use, m.origin + (f", {m.note}" if m.note else "")) for m in here]
    console.print()
    console.print(
        listing(
            ("on this machine", "size", "context", "use", "from"),
            local_rows,
            right=(1, 2),
            empty="no base model yet: tunesmith models pull smollm2-135m-instruct",
        )
    )
    rest = [
        (e.id, parameters(e.parameters), whole(e.context), e.use, size(e.tune_bytes), e.licence + ("" if e.verified else " (facts unverified)"))
        for e in entries()
        if e.id not in present
    ]
    console.print()
    console.print(listing(("can be pulled", "size", "context", "use", "to tune", "licence"), rest, right=(1, 2, 4)))


@app.command()
def show(model: ModelName, json: Json = False) -> None:
    """Show one model: how it was tuned, or where it came from, or what the catalogue says."""
    screen = open_screen(json)
    store = open_store()
    found = look_up(store, model)
    match found:
        case Artifact(kind="candidate"):
            elected = found.load(Elected)
            screen.result({"name": found.name, "candidate": elected.model_dump(mode="json")})
            if not json:
                show_elected(screen.console, found, elected, model)
        case Artifact():
            checkpoint = found.load(Checkpoint)
            screen.result({"name": found.name, "checkpoint": checkpoint.model_dump(mode="json")})
            if not json:
                show_checkpoint(screen.console, found.name, checkpoint, model if model in store.registered() else None)
        case LocalModel() | ModelEntry():
            facts = found.model_dump(mode="json")
            screen.result({"model" if isinstance(found, LocalModel) else "entry": facts})
            if not json:
                screen.console.print(
                    listing(
                        ("", ""), [(key.replace("_", " "), readable(key, value)) for key, value in facts.items() if value not in (None, "", [], {})]
                    )
                )


@app.command(
    epilog=examples(
        ("tunesmith models prompt router", "what stands before every question"),
        ("tunesmith models prompt router --versions", "all versions, with their digests"),
        ("tunesmith models prompt router --against 1", "what changed since version 1"),
    )
)
def prompt(
    model: ModelName,
    version: Annotated[int | None, typer.Option("--version", metavar="N", help="This version instead of the newest.")] = None,
    against: Annotated[int | None, typer.Option("--against", metavar="N", help="What changed since this version.")] = None,
    versions: Annotated[bool, typer.Option("--versions", help="List all versions instead of showing one.")] = False,
    json: Json = False,
) -> None:
    """Show the prompt that a model was tuned or chosen with, and that is applied when it is served."""
    screen = open_screen(json)
    if versions and (version is not None or against is not None):
        raise BadProject(
            "lists all versions", where="--versions", got="--version or --against beside it", expected="one of them", fix="leave one out"
        )
    kept = prompts_of(open_store(), model)
    if versions:
        screen.result({"model": model, "prompts": [each.to_json() for each in kept]})
        if not json:
            show_versions(screen.console, kept)
        return
    one = chosen(kept, version, model)
    if against is None:
        screen.result({"model": model, "prompts": [one[0].to_json()]})
        if not json:
            show_prompt(screen.console, model, *one)
        return
    other = chosen(kept, against, model)
    screen.result({"model": model, "prompts": [other[0].to_json(), one[0].to_json()], "changed": differences(other[1], one[1])})
    if not json:
        show_differences(screen.console, model, other, one)


def show_elected(console: Console, found: Artifact, elected: Elected, name: str) -> None:
    """Print what a recommended candidate is made of, and how it answers."""
    decoding, threshold = elected.decoding, elected.threshold
    how = f"one of {whole(len(decoding.choices))} labels" if decoding.choices else f"freely, at most {whole(decoding.max_new_tokens)} tokens"
    rows = [
        ("candidate", elected.candidate.name),
        ("kind", elected.candidate.kind),
        ("made of", ", ".join(found.parents)),
        ("answers", how),
        ("below a threshold", threshold.sentence if threshold is not None else "no threshold was proposed"),
    ]
    console.print(Text.assemble((found.name, "bold"), clean(f"  recommended by a verdict on {elected.dataset}", "dim")))
    console.print(listing(("", ""), rows))
    command = f"tunesmith chat {name}" + (" --decline" if threshold is not None else "")
    console.print(Text.assemble(("try  ", "dim"), clean(command, "cyan")))


def readable(key: str, value: Any) -> str:
    """One fact in words."""
    if key == "parameters":
        return f"{parameters(value)} ({whole(value)})"
    if key.endswith("_bytes"):
        return size(value)
    if isinstance(value, dict):
        return ", ".join(value)
    if isinstance(value, list):
        return ", ".join(f"{part['package']} {part['version']}" for part in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


@app.command(
    epilog=examples(
        ("tunesmith models pull smollm2-135m-instruct", "from the catalogue"),
        ("tunesmith models pull HuggingFaceTB/SmolLM2-360M-Instruct", "from the model hub"),
        ("tunesmith models pull ./weights.gguf", "a GGUF file, dequantised once to safetensors"),
    )
)
def pull(model: ModelName, json: Json = False) -> None:
    """Bring a model to this machine: nothing else ever downloads weights. Safetensors and GGUF only, hashes checked."""
    screen = open_screen(json)
    store = open_store()
    result = carry_out(screen, store, Order("pull", f"pull {model}", {"model": model}, ("tunesmith", "models", "pull", model)))
    screen.result({"model": result})
    if not json:
        got = LocalModel.model_validate(result)
        screen.console.print(
            Text.assemble(("✓ ", "green"), (got.id, "bold"), clean(f"  {parameters(got.parameters)} parameters, {got.licence}, {got.origin}")),
            soft_wrap=True,
        )
        screen.say(f"  {got.folder}", "dim")
        if got.note:
            screen.say(f"  {got.note}", "dim")


@app.command()
def verify(
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="One model or artifact; all of them if it is left out.")] = None,
    json: Json = False,
) -> None:
    """Hash every stored file again and compare with what was recorded."""
    screen = open_screen(json)
    store = open_store()
    wanted: list[Artifact | LocalModel] = [*store.artifacts(), *installed(store.models)] if model is None else [stored(store, model)]
    names = []
    for one in wanted:
        if isinstance(one, Artifact):
            one.verify()
        else:
            verify_local(one, store.models, full=True)
        names.append(one.name if isinstance(one, Artifact) else one.id)
        if not json:
            screen.console.print(Text.assemble(("✓ ", "green"), names[-1]))
    screen.result({"verified": names})
    if not names and not json:
        screen.say("nothing is stored yet", "dim")


@app.command(epilog=examples(("tunesmith models lineage router", "data, checkpoints and the base it was made from")))
def lineage(model: ModelName, json: Json = False) -> None:
    """Show what a model was made from, back to the base weights and the source files."""
    screen = open_screen(json)
    found = open_store().lineage(model)
    screen.result(
        {
            "lineage": [
                {"name": a.name, "kind": a.kind, "stage": a.stage, "created_at": a.created_at, "parents": list(a.parents), **facts(a)} for a in found
            ]
        }
    )
    if not json:
        screen.console.print(tree(found[0], {a.name: a for a in found}))


def facts(artifact: Artifact) -> dict[str, Any]:
    """What an artifact was made from outside the store."""
    if artifact.erased_at is not None:
        return {"erased_at": artifact.erased_at, "erased_why": artifact.erased_why}
    match artifact.kind:
        case "checkpoint":
            checkpoint = artifact.load(Checkpoint)
            return {"base": checkpoint.base, "base_digest": checkpoint.base_digest, "prompt": checkpoint.prompt.name, "weights": checkpoint.kind}
        case "dataset":
            return {"sources": artifact.load(Dataset).sources}
        case _:
            return {}


def tree(artifact: Artifact, known: dict[str, Artifact]) -> Tree:
    """An artifact over its parents."""
    told = facts(artifact)
    node = Tree(Text.assemble((artifact.name, "bold"), clean(f"  {artifact.stage}, {clock(artifact.created_at)}", "dim")), guide_style="dim")
    if "erased_at" in told:
        node.add(clean(f"erased {clock(told['erased_at'])}: {told['erased_why']}", "red"))
    for parent in artifact.parents:
        if parent in known:
            node.add(tree(known[parent], known))
        else:
            node.add(clean(parent))
    if "base" in told and not any(p.startswith("checkpoint-") for p in artifact.parents):
        node.add(Text.assemble(clean(told["base"], "cyan"), clean(f"  base weights {told['base_digest'][:12]}", "dim")))
    for file, digest in told.get("sources", {}).items():
        node.add(Text.assemble(clean(file, "cyan"), clean(f"  sha256 {digest[:12]}", "dim")))
    return node


def stored(store: Store, name: str) -> Artifact | LocalModel:
    """The artifact or pulled model that `name` means.

    Raises: NotFound, naming the nearest of both.
    """
    try:
        return store.get(name)
    except NotFound:
        try:
            return local(store.models, name)
        except NotFound as error:
            raise nearest(store, name) or error from None


def look_up(store: Store, name: str) -> Artifact | LocalModel | ModelEntry:
    """The recommended candidate, checkpoint, pulled model or catalogue entry that `name` means.

    Raises: NotFound, naming the nearest of all four.
    """
    ways: tuple[Callable[[], Artifact | LocalModel], ...] = (
        lambda: store.get(name, "candidate"), lambda: store.get(name, "checkpoint"), lambda: local(store.models, name),
    )  # fmt: skip
    for way in ways:
        with suppress(NotFound):
            return way()
    try:
        return find(name)
    except NotFound as error:
        raise nearest(store, name) or error from None


def nearest(store: Store, name: str) -> NotFound | None:
    """The error that names registered models near `name`, if there are some."""
    near = difflib.get_close_matches(name, list(store.registered()), n=3, cutoff=0.5)
    return NotFound("no such model", where=name[:120], fix=f"did you mean {', '.join(near)}? `tunesmith models list` shows all") if near else None
