"""`tunesmith verify`: a certificate → does it hold? Exit code 0 if it does, 1 if it does not, 6 if a part of it could not be checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from tunesmith.cli.examples import examples
from tunesmith.cli.follow import Order, carry_out, open_store
from tunesmith.cli.options import Json, NoWait
from tunesmith.cli.screen import clean, hanging, open_screen
from tunesmith.spec.certificate import CLOCK, TOLERANCE, Check, Verification

app = typer.Typer(add_completion=False)
EXIT = {"holds": 0, "does not hold": 1, "holds in part": 6}
MARKS = {"holds": ("✓ ", "green"), "differs": ("✗ ", "red"), "not checked": ("? ", "yellow")}


@app.command(
    epilog=examples(
        ("tunesmith verify certificate.json", "a file that somebody gave you"),
        ("tunesmith verify latest", "the newest certificate of this store"),
        ("tunesmith verify certificate-1a2b3c4d5e6f --json", "for machines"),
        more=(
            "Exit codes: 0 everything that it states was checked and holds · 1 something differs · 6 it holds in part: nothing differs, and something could not be "
            "checked. What the certificate rests on has to be in this store; a schema, database, tests or scorer that the project names, in this folder.",
        ),
    )
)
def verify(
    certificate: Annotated[
        str, typer.Argument(metavar="CERTIFICATE", help="A file, or the name of a certificate in the store, a unique part of it, or `latest`.")
    ],
    run_scorer: Annotated[
        bool, typer.Option("--run-scorer", help="Run the project's own scorer although this store never did: it is code that somebody wrote.")
    ] = False,
    no_wait: NoWait = False,
    json: Json = False,
) -> None:
    """Hold data, weights, prompts and code against a certificate's hashes, and put the locked questions to its finalists again."""
    screen = open_screen(json)
    payload = {"certificate": certificate, "root": str(Path.cwd()), "runs_scorer": run_scorer}
    again = ("tunesmith", "verify", certificate, *(("--run-scorer",) if run_scorer else ()))
    order = Order("verify", f"verify {certificate}", payload, again)
    found = Verification.model_validate(carry_out(screen, open_store(), order, wait=not no_wait))
    if json:
        screen.result(found.model_dump(mode="json"))
    else:
        show(screen.console, found)
    if code := EXIT[found.result]:
        raise typer.Exit(code)


def show(console: Console, found: Verification) -> None:
    """Print every check, and what follows from them."""
    width = console.width if console.is_terminal else 10_000
    console.print()
    for check in found.checks:
        console.print(hanging(line(check), 2, width))
    console.print()
    console.print(conclusion(found))


def line(check: Check) -> Text:
    """One check on one line."""
    mark, colour = MARKS[check.outcome]
    words = "" if check.outcome == "holds" else f" {check.outcome}"
    return Text.assemble((mark, colour), clean(check.topic, "bold"), clean(f"{words}: {check.detail}", "" if check.outcome == "differs" else "dim"))


def conclusion(found: Verification) -> Text:
    """Whether the certificate holds, and how strictly that was judged."""
    how = "to the last digit" if found.is_exact else f"within {TOLERANCE:g}: this machine, its packages or the code are others than it was made with"
    differs = sum(check.outcome == "differs" for check in found.checks)
    if found.result == "holds in part":
        left = ", ".join(check.topic for check in found.checks if check.outcome == "not checked")
        return Text.assemble(("The certificate holds in part", "bold yellow"), clean(f", {how}. Not checked: {left}."))
    if found.result == "holds":
        open_ = (
            ""
            if any(check.topic == CLOCK for check in found.checks)
            else " Latencies and seconds are another run's readings of the clock: nothing proves them."
        )
        return Text.assemble(("The certificate holds", "bold green"), f", {how}.{open_}")
    return Text.assemble(("The certificate does not hold", "bold red"), f": {differs} of {len(found.checks)} checks differ.")
