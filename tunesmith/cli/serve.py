"""`tunesmith serve`: OpenAI's API on this machine."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from tunesmith.cli.examples import examples
from tunesmith.cli.options import Json
from tunesmith.cli.processes import CONSOLE
from tunesmith.errors import BadProject
from tunesmith.settings import settings

app = typer.Typer(add_completion=False)


@app.command(
    epilog=examples(
        ("tunesmith serve", "answers at http://127.0.0.1:8000/v1; prints a key the first time"),
        ("tunesmith serve --alias gpt-4o-mini-2024-07-18=smollm2-135m-instruct", "scripts may go on saying gpt-4o-mini-2024-07-18"),
        ("tunesmith serve --host 0.0.0.0 --allow-host gpu7.lan", "for the network: put TLS in front of it"),
    )
)
def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on. Everything but this machine is a risk: put TLS in front.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes any free one and prints it.")] = 8000,
    allow_host: Annotated[list[str] | None, typer.Option("--allow-host", metavar="NAME", help="Answer to this name in the Host header too.")] = None,
    alias: Annotated[
        list[str] | None, typer.Option("--alias", metavar="NAME=MODEL", help="Let a name that scripts use stand for a model on this machine.")
    ] = None,
    webhook: Annotated[
        list[str] | None, typer.Option("--webhook", metavar="URL", help="Tell this URL when a job ends; signed with TUNESMITH_HOME/webhook.secret.")
    ] = None,
    allow_private_webhooks: Annotated[
        bool, typer.Option("--allow-private-webhooks", help="Webhooks may lead into a private network, and be plain HTTP.")
    ] = False,
    decline: Annotated[
        bool, typer.Option("--decline", help="Candidates decline below the threshold that their report proposed. Requests can say otherwise.")
    ] = False,
    json: Json = False,
) -> None:
    """Serve OpenAI's API: files, fine-tuning, models, chat. Two more processes train and answer; none can take the others down."""
    for pair in alias or []:
        name, sign, model = pair.partition("=")
        if not (name and sign and model):
            raise BadProject(
                "is no alias", where=f"--alias {pair}", expected="NAME=MODEL", fix="write for example --alias gpt-4o-mini=smollm2-135m-instruct"
            )
    arguments = [str(settings().home), "--host", host, "--port", str(port)]
    arguments += [part for name in allow_host or [] for part in ("--allow-host", name)]
    arguments += [part for pair in alias or [] for part in ("--alias", pair)]
    arguments += [part for url in webhook or [] for part in ("--webhook", url)]
    arguments += ["--allow-private-webhooks"] if allow_private_webhooks else []
    arguments += ["--decline"] if decline else []
    arguments += ["--json"] if json else []
    # This process becomes the server: it has nothing left to do, and signals reach the one that they are meant for.
    os.execv(CONSOLE[0], [*CONSOLE, *arguments])
