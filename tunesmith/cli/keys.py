"""`tunesmith keys`: who may ask the server, and for what."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from tunesmith.cli.examples import examples
from tunesmith.cli.figures import clock
from tunesmith.cli.follow import open_store
from tunesmith.cli.listing import listing
from tunesmith.cli.options import Json
from tunesmith.cli.screen import open_screen
from tunesmith.store.access import SCOPES, Key, Keys, Limits

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Create, list and revoke keys of the server.")


@app.command(
    epilog=examples(
        ("tunesmith keys create laptop", "may do everything"),
        ("tunesmith keys create web --scope serve --requests-per-minute 60", "may only ask models, once a second"),
        ("tunesmith keys create team-b --scope train --scope serve --own-only --active-jobs 3", "sees only what it made itself"),
    )
)
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for.")],
    scope: Annotated[list[str] | None, typer.Option("--scope", metavar="|".join(SCOPES), help="May be given often. Without it: everything.")] = None,
    requests_per_minute: Annotated[int | None, typer.Option("--requests-per-minute", min=1, help="At most so many.")] = None,
    tokens_per_minute: Annotated[int | None, typer.Option("--tokens-per-minute", min=1, help="At most so many, prompts included.")] = None,
    body_bytes: Annotated[int | None, typer.Option("--body-bytes", min=1024, help="Largest request that is no upload.")] = None,
    stored_bytes: Annotated[int | None, typer.Option("--stored-bytes", min=0, help="Its files together.")] = None,
    active_jobs: Annotated[
        int | None, typer.Option("--active-jobs", min=0, help="Fine-tuning jobs, batches and runs of evals that have not ended.")
    ] = None,
    own_only: Annotated[bool, typer.Option("--own-only", help="The key sees nothing that other keys made.")] = False,
    personal_data_blocks: Annotated[
        bool, typer.Option("--personal-data-blocks", help="Its fine-tuning jobs fail where the data hold personal data.")
    ] = False,
    json: Json = False,
) -> None:
    """Make a key. It is printed this once and stored nowhere."""
    screen = open_screen(json)
    limits = Limits(requests_per_minute, tokens_per_minute, body_bytes, own_only, personal_data_blocks, stored_bytes, active_jobs)
    key, secret = Keys(open_store().database).create(name, scope or SCOPES, limits)
    screen.result({"key": {**shown(key), "secret": secret}})
    if not json:
        print(secret)
        screen.say(f"{key.id} · {', '.join(key.scopes)} · shown only now", "dim")


@app.command("list", epilog=examples(("tunesmith keys list", "with when each was last used")))
def list_(json: Json = False) -> None:
    """List keys, newest first; their secrets are known to nobody."""
    screen = open_screen(json)
    found = Keys(open_store().database).list()
    screen.result({"keys": [shown(key) for key in found]})
    if not json:
        rows = [
            (
                key.id,
                key.name,
                "revoked" if key.revoked_at else ", ".join(key.scopes),
                clock(key.created_at),
                clock(key.last_used_at) if key.last_used_at else "never",
            )
            for key in found
        ]
        screen.console.print(listing(("id", "name", "may", "created", "last used"), rows, empty="no keys yet"))


@app.command(epilog=examples(("tunesmith keys revoke laptop", "by name, or by id where several bear it")))
def revoke(key: Annotated[str, typer.Argument(metavar="KEY", help="Id of a key, or its name.")], json: Json = False) -> None:
    """Make a key worthless from this moment on."""
    screen = open_screen(json)
    keys = Keys(open_store().database)
    gone = keys.revoke(keys.get(key).id)
    screen.result({"key": shown(gone)})
    if not json:
        screen.say(f"{gone.id} ({gone.name}) is revoked")


def shown(key: Key) -> dict[str, Any]:
    """The key as JSON."""
    return {**asdict(key), "scopes": list(key.scopes)}
