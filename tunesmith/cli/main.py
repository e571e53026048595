"""Command line arguments → the command they name; errors → exit codes. The parser only: each command lives in its own file."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import tunesmith
from tunesmith.cli.examples import examples
from tunesmith.cli.screen import WorkerBug, show_bug, show_error
from tunesmith.errors import BadProject, Interrupted, TunesmithError

BUG_STATUS = 1
FIRST, STAGES, SERVICE, KEPT = "From data to verdict", "One stage at a time", "The server", "What is there"


@dataclass(frozen=True)
class Entry:
    """A command that is loaded when it is called."""

    module: str
    help: str
    panel: str


COMMANDS: dict[str, Entry] = {
    "init": Entry("init", "Look at a data file and write the project file for it.", FIRST),
    "run": Entry("run", "The whole line: prepare, compare, fine-tune, judge, report.", FIRST),
    "report": Entry("report", "Show what a run found: on the screen, as JSON or as HTML.", FIRST),
    "certificate": Entry("certificate", "Show a certificate: what was proved, and by which hashes.", FIRST),
    "verify": Entry("verify", "Does a certificate hold? Hashes compared, all measured again.", FIRST),
    "chat": Entry("chat", "Talk to a model, tuned or not.", FIRST),
    "data": Entry("data", "Prepare, show, list and forget data.", STAGES),
    "train": Entry("train", "Fine-tune on a project's data, from its base or a checkpoint.", STAGES),
    "evaluate": Entry("evaluate", "Measure a model on a project's data.", STAGES),
    "serve": Entry("serve", "Serve OpenAI's API on this machine: files, fine-tuning, chat.", SERVICE),
    "keys": Entry("keys", "Create, list and revoke keys of the server.", SERVICE),
    "models": Entry("models", "List, pull, verify and trace models.", KEPT),
    "jobs": Entry("jobs", "List work, show it, read its log.", KEPT),
    "ledger": Entry("ledger", "Who did what to which artifact; every look at a test split.", KEPT),
}


class LazyGroup(TyperGroup):
    """A group that imports a command's module when the command is called.

    Importing all of them costs 0.6 s (sqlalchemy, alembic, pydantic), which every `--help` and every completion would pay; so the group knows
    one line of help for each and loads the one that is asked for. bench/startup.py measures it.
    """

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command named first in `args`, loaded."""
        if args and args[0] in COMMANDS:
            self.commands[args[0]] = typer.main.get_command(import_module(f"tunesmith.cli.{COMMANDS[args[0]].module}").app)
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        ("tunesmith init bank.csv", "writes project.toml after a look at the data"),
        ("tunesmith run project.toml", "ends with a verdict, a report and a model"),
        ("tunesmith chat router", "talk to the model that came out"),
        more=(
            "Exit codes: 0 done · 1 a mistake of ours · 2 something in the command, the project, the data or a name must change · 3 the store cannot be used · "
            "4 somebody else holds what is needed · 5 training stopped itself · 6 a certificate holds in part · 130 stopped by you, work saved.",
            "TUNESMITH_HOME says where the store and the model weights live. Every command has --help; with --json it prints one JSON object.",
        ),
    ),
)


def stub() -> None:
    """Stands in the list of commands until the real one is loaded."""


for _name, _entry in COMMANDS.items():
    app.command(_name, help=_entry.help, rich_help_panel=_entry.panel)(stub)


def print_version(wanted: bool) -> None:
    """Print the version and end, if that is what was asked."""
    if wanted:
        print(f"tunesmith {tunesmith.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=print_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    """From raw data and an objective to a small language model in service, with evidence that it beats the alternatives."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code of the process."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    machine = "--json" in (given[: given.index("--")] if "--" in given else given)
    for stream in (sys.stdout, sys.stderr):  # a terminal that cannot show ✓ gets a question mark, not an encoding error
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        status = int(typer.main.get_command(app).main(given, prog_name="tunesmith", standalone_mode=False) or 0)
        if status == Interrupted.exit_status:  # what typer makes of a KeyboardInterrupt
            raise KeyboardInterrupt
        return status
    except typer.TyperException as error:
        return usage(error, machine)
    except TunesmithError as error:
        show_error(error, machine)
        return error.exit_status
    except (typer.Abort, KeyboardInterrupt):
        show_error(Interrupted("stopped"), machine)
        return Interrupted.exit_status
    except WorkerBug as bug:
        show_bug(bug.trace, machine)
        return BUG_STATUS
    except Exception:  # the boundary of the process: whatever gets here is our mistake
        show_bug(traceback.format_exc(), machine)
        return BUG_STATUS


def usage(error: typer.TyperException, machine: bool) -> int:
    """Print what is wrong with the command line, in the form that all errors have."""
    context = getattr(error, "ctx", None)
    if error.format_message():  # there is none if a group was called without a command: its help is on the screen then
        path = context.command_path if context else "tunesmith"
        show_error(BadProject(error.format_message(), where=path, fix=f"see `{path} --help`"), machine)
    return BadProject.exit_status
