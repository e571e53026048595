"""`tunesmith data check`, `fix`, `versions` and `export`: find what is wrong with data, mend it into a new version, go back."""

from __future__ import annotations

import shlex
import sys
from os.path import realpath
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.text import Text

from tunesmith.cli.check_screen import show_examination, show_mending
from tunesmith.cli.examples import examples
from tunesmith.cli.figures import clock, whole
from tunesmith.cli.follow import Order, carry_out, open_store
from tunesmith.cli.listing import listing
from tunesmith.cli.options import Detach, Json
from tunesmith.cli.project_file import read_project
from tunesmith.cli.screen import Screen, clean, open_screen
from tunesmith.errors import BadProject, Problem
from tunesmith.spec.checkup import Checkup, Mending
from tunesmith.spec.dataset import FormatName, Source
from tunesmith.spec.finding import Examination
from tunesmith.spec.mending import Decisions, Version
from tunesmith.store.artifacts import Artifact
from tunesmith.store.disk import copy_whole, disk_faults, file_digest, no_places

Files = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="Files with rows (JSONL, JSON, CSV, TSV, Parquet), or one project file (TOML) for its sources.")
]
Against = Annotated[
    list[str] | None,
    typer.Option("--against", metavar="FILE", help="A test, dev or validation file: nothing of it may stand in the others. May be given often."),
]
Format = Annotated[FormatName | None, typer.Option("--format", help="Of all files; left out: told from the content.")]
Input = Annotated[str | None, typer.Option("--input", metavar="COLUMN", help="Column of the question or text.")]
Output = Annotated[str | None, typer.Option("--output", metavar="COLUMN", help="Column of the answer.")]
Label = Annotated[str | None, typer.Option("--label", metavar="COLUMN", help="Column of the label.")]
Encoding = Annotated[str | None, typer.Option("--encoding", help="Of all files; left out: UTF-8, or what a byte-order mark says.")]
Delimiter = Annotated[str | None, typer.Option("--delimiter", help="Of tables; left out: whichever fits.")]
OutOfScope = Annotated[str | None, typer.Option("--out-of-scope", metavar="ANSWER", help="The answer or label that means: not our business.")]
Meaning = Annotated[
    Literal["auto", "on", "off"],
    typer.Option(
        "--meaning",
        help="Compare rows by meaning (label errors, semantic duplicates, topics): auto does so where the encoder is on this machine and the rows are not too many.",
    ),
]
Base = Annotated[
    str | None, typer.Option("--base", metavar="MODEL", help="Measure with this base model which rows teach something, and what it knows already.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of what is drawn at random.")]
Kinds = Annotated[list[str] | None, typer.Option(metavar="KIND", help="A kind of finding, as `tunesmith data check` names it. May be given often.")]


def check(
    files: Files,
    against: Against = None,
    format: Format = None,
    input: Input = None,
    output: Output = None,
    label: Label = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    out_of_scope: OutOfScope = None,
    meaning: Meaning = "auto",
    base: Base = None,
    seed: Seed = 0,
    review: Annotated[
        str | None,
        typer.Option(
            "--review",
            metavar="FILE",
            help="Write the rows that a person has to look at there: .csv or .jsonl. Edit it in any tool; `data fix --review` takes it.",
        ),
    ] = None,
    report: Annotated[str | None, typer.Option("--report", metavar="FILE", help="Write the HTML report there.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 unless the verdict is `fit`: for use in scripts.")] = False,
    detach: Detach = False,
    json: Json = False,
) -> None:
    """Find what is wrong with training data, each finding with its lines, why it matters and what mends it. Changes nothing."""
    screen = open_screen(json)
    columns = Columns(format, input, output, label, encoding, delimiter)
    checkup = a_checkup(files, against, columns, out_of_scope=out_of_scope).model_copy(
        update={"meaning": meaning, "base": base, "seed": seed, "review": review, "report": report}
    )
    store = open_store()
    named = (*files, *said(against=against, **columns.given, **of_checkup(checkup, out_of_scope)))
    words = ("tunesmith", "data", "check", *named, *said(review=review, report=report, strict=strict))
    order = Order("check", f"examine {', '.join(files)}", checkup.model_dump(mode="json"), words, detach=detach)
    result = carry_out(screen, store, order)
    artifact = store.get(str(result["examination"]), "examination")
    found = artifact.load(Examination)
    if json:
        screen.result(
            {
                "name": artifact.name,
                "path": str(artifact.path),
                **found.model_dump(mode="json"),
                **{k: result[k] for k in ("review", "report") if k in result},
            }
        )
    else:
        show_examination(screen.console, artifact, found, shlex.join(named), result.get("report"))
    if strict and found.fitness != "fit":
        raise typer.Exit(1)


def fix(
    files: Files,
    against: Against = None,
    format: Format = None,
    input: Input = None,
    output: Output = None,
    label: Label = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    out_of_scope: OutOfScope = None,
    meaning: Meaning = "auto",
    base: Base = None,
    seed: Seed = 0,
    personal: Annotated[
        Literal["ask", "redact", "drop", "keep"],
        typer.Option(
            "--personal",
            help="Rows with personal data or secrets: put placeholders there, drop the rows, keep them; `ask` stops where there are some.",
        ),
    ] = "ask",
    contradictions: Annotated[
        Literal["review", "proposed", "drop"],
        typer.Option(
            "--contradictions",
            help="Rows that contradict one another: leave them to the review, take what is proposed (the majority, else the newest), or drop them all.",
        ),
    ] = "review",
    drop: Kinds = None,
    skip: Kinds = None,
    review: Annotated[
        str | None,
        typer.Option("--review", metavar="FILE", help="The edited review file: its column `decision` holds keep, drop, answer, or nothing."),
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FOLDER", help="Where the mended files go; left out: beside each file, as NAME.mended.SUFFIX.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files there that other decisions made, or somebody else.")] = False,
    forget: Annotated[
        bool,
        typer.Option(
            "--forget",
            help="Erase the originals of redacted and dropped rows from the store, and from everything that was made of them. Cannot be undone.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before rows are forgotten.")] = False,
    json: Json = False,
) -> None:
    """Mend what `data check` finds into a new version of the data. The files that were read stay as they are, and every change is told with its reason."""
    screen = open_screen(json)
    if forget and not yes:
        confirm_forget(json)
    columns = Columns(format, input, output, label, encoding, delimiter)
    checkup = a_checkup(files, against, columns, out_of_scope=out_of_scope).model_copy(update={"meaning": meaning, "base": base, "seed": seed})
    decisions = Decisions(personal=personal, contradictions=contradictions, drop=tuple(drop or ()), skip=tuple(skip or ()))
    mending = Mending(checkup=checkup, decisions=decisions, reviewed=review, out=out, force=force, forget=forget)
    named = said(against=against, **columns.given, **of_checkup(checkup, out_of_scope))
    usual = Decisions()
    chosen = {name: getattr(decisions, name) for name in ("personal", "contradictions") if getattr(decisions, name) != getattr(usual, name)}
    decided = said(**chosen, drop=drop, skip=skip, review=review, out=out, force=force, forget=forget, yes=yes)
    words = ("tunesmith", "data", "fix", *files, *named, *decided)
    make_version(screen, Order("mend", f"mend {', '.join(files)}", mending.model_dump(mode="json"), words))


def make_version(screen: Screen, order: Order) -> None:
    """Carry out an order that ends with a version of the data, and print what became of them."""
    store = open_store()
    result = carry_out(screen, store, order)
    artifact = store.get(str(result["version"]), "version")
    version = artifact.load(Version)
    screen.result({**result, "path": str(artifact.path), "manifest": version.model_dump(mode="json")})
    if not screen.machine:
        show_mending(screen.console, artifact, version, result)


def versions(json: Json = False) -> None:
    """List the versions of mended data, newest first, each with its parent: to undo a fix, export the parent."""
    screen = open_screen(json)
    every = open_store().artifacts("version", erased=True)
    found = [(artifact, artifact.load(Version)) for artifact in every if artifact.erased_at is None]
    gone = {artifact.name for artifact in every if artifact.erased_at is not None}
    screen.result(
        {
            "versions": [
                {
                    "name": a.name,
                    "created_at": a.created_at,
                    "parents": list(a.parents),
                    "erased_parents": [parent for parent in a.parents if parent in gone],
                    **v.model_dump(mode="json"),
                }
                for a, v in found
            ]
        }
    )
    if not json:
        rows = [
            (
                a.name,
                clock(a.created_at),
                v.title,
                str(v.number),
                whole(sum(f.rows_written for f in v.files.values())),
                ", ".join(f"{parent} (erased)" if parent in gone else parent for parent in a.parents) or "as they came",
            )
            for a, v in found
        ]
        headings = ("name", "made", "files", "version", "rows", "parent")
        screen.console.print(listing(headings, rows, right=(4, 5), empty="no versions yet: tunesmith data fix FILE"))


def export(
    name: Annotated[str, typer.Argument(help="Name of a version, a unique part of it, or `latest`.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where its files go.")],
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
    json: Json = False,
) -> None:
    """Write the files of a version to a folder, under the names that they came with; exporting a parent undoes a fix."""
    screen = open_screen(json)
    artifact = open_store().get(name, "version")
    artifact.verify()
    targets = targets_of(artifact, out)
    problems = no_places(out, targets)
    taken = [path for path, stored in targets.items() if not force and path.is_file() and file_digest(path) != file_digest(stored)]
    problems += [Problem("is there already, and is another file", str(path), fix="name another folder, or add --force") for path in taken]
    if problems:
        raise BadProject(problems=problems)
    with disk_faults(out):
        out.mkdir(parents=True, exist_ok=True)
        for path, stored in targets.items():
            copy_whole(stored, path)
    screen.result({"version": artifact.name, "files": [str(path) for path in targets]})
    if not json:
        for path in targets:
            screen.console.print(Text.assemble(("✓ ", "green"), clean(str(path))), soft_wrap=True)


def targets_of(artifact: Artifact, out: Path) -> dict[Path, Path]:
    """Path to write → the stored file.

    Raises: BadProject if two files have one name.
    """
    files = artifact.load(Version).files
    targets = {out / Path(file).with_suffix(Path(one.stored).suffix).name: artifact.path / one.stored for file, one in files.items()}
    if len(targets) < len(files):
        raise BadProject("two files of this version have the same name", where=artifact.name, fix=f"copy them from {artifact.path}")
    return targets


class Columns:
    """How the files of a command are read, where the options say so."""

    def __init__(
        self, format_: FormatName | None, input_: str | None, output: str | None, label: str | None, encoding: str | None, delimiter: str | None
    ) -> None:
        given = {"format": format_, "input": input_, "output": output, "label": label, "encoding": encoding, "delimiter": delimiter}
        self.given: dict[str, Any] = {name: value for name, value in given.items() if value is not None}

    def source(self, file: str) -> Source:
        """The source that `file` is."""
        return Source(file=file, **self.given)


def said(**options: Any) -> tuple[str, ...]:
    """Options again, as words of a command line; what was left out is left out.

    >>> said(drop=["near_leak", "misfit"], out_of_scope="oos", force=True, seed=None)
    ('--drop', 'near_leak', '--drop', 'misfit', '--out-of-scope', 'oos', '--force')
    """
    words: list[str] = []
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif value is not None and value is not False:
            words += [word for one in (value if isinstance(value, list) else [value]) for word in (option, str(one))]
    return tuple(words)


def of_checkup(checkup: Checkup, out_of_scope: str | None) -> dict[str, Any]:
    """The options that an examination hangs on, as they were given: another command has to name them to act upon the same findings."""
    usual = Checkup.model_fields
    given = {name: getattr(checkup, name) for name in ("meaning", "base", "seed") if getattr(checkup, name) != usual[name].default}
    return {"out_of_scope": out_of_scope, **given}


def a_checkup(files: list[str], against: list[str] | None, columns: Columns, *, out_of_scope: str | None) -> Checkup:
    """The files of a command, or the sources of its project, to be examined.

    Raises: BadProject where options and a project file contradict one another, and for files that are named twice.
    """
    projects = [file for file in files if file.endswith(".toml")]
    if projects and (len(files) > 1 or columns.given or against or out_of_scope):
        given = [f"--{name}" for name in columns.given] + (["--against"] if against else []) + (["--out-of-scope"] if out_of_scope else [])
        got = ", ".join([*files, *given])
        raise BadProject(
            "a project file says itself what its sources are",
            where=projects[0],
            got=got,
            expected="the project file alone",
            fix="leave the rest out, or name the data files",
        )
    if projects:
        project = read_project(Path(projects[0]), None)
        judging = tuple(s for s in project.project.sources if s.split in ("dev", "test"))
        training = tuple(s for s in project.project.sources if s.split not in ("dev", "test"))
        return Checkup(
            root=str(project.path.parent.resolve()),
            sources=training or judging,
            against=judging if training else (),
            out_of_scope=project.project.task.out_of_scope,
        )
    every = [*files, *(against or ())]
    places = [realpath(file) for file in every]
    twice = sorted({file for file, place in zip(every, places, strict=True) if places.count(place) > 1})
    if twice:
        raise BadProject(problems=[Problem("is named twice", file, fix="name it once") for file in twice])
    return Checkup(
        root=str(Path.cwd()), sources=tuple(map(columns.source, files)), against=tuple(map(columns.source, against or ())), out_of_scope=out_of_scope
    )


def confirm_forget(machine: bool) -> None:
    """Ask before originals are erased.

    Raises: BadProject where nobody can be asked; Exit if the answer is no.
    """
    if machine or not sys.stdin.isatty():
        raise BadProject("nobody can be asked here", where="tunesmith data fix --forget", fix="add --yes if you are sure")
    if not typer.confirm(
        "The originals of redacted and dropped rows will be erased from the store, with every version that still holds one of them, and from all that "
        "was made of them; what was made of an erased version cannot be undone any more. Go on?",
        err=True,
    ):
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Put the commands under `tunesmith data`."""
    app.command(
        epilog=examples(
            ("tunesmith data check faq.jsonl", "what is wrong with it"),
            ("tunesmith data check train.csv --against test.csv --review look.csv", "leaks too; the rows to look at go to a file"),
        )
    )(check)
    app.command(
        epilog=examples(
            ("tunesmith data fix faq.jsonl --personal redact", "writes faq.mended.jsonl"),
            ("tunesmith data fix train.csv --review look.csv", "with what you decided in the review file"),
        )
    )(fix)
    app.command()(versions)
    app.command(epilog=examples(("tunesmith data export version-1a2b --out before", "a parent: the fix is undone")))(export)
