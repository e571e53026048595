"""`tunesmith data make`: rows out of documents, logs and rows: questions and answers, conversations, texts, rows out of scope, paraphrases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.text import Text

from tunesmith.cli.check import Columns, Delimiter, Encoding, Format, Input, Label, Output, said
from tunesmith.cli.examples import examples
from tunesmith.cli.figures import whole
from tunesmith.cli.follow import Order, carry_out, open_store
from tunesmith.cli.options import Detach, Json
from tunesmith.cli.screen import Screen, clean, open_screen
from tunesmith.errors import BadProject, Interrupted
from tunesmith.spec.dataset import Source
from tunesmith.spec.make_order import MakeOrder
from tunesmith.spec.making import CorpusWishes, Making, QuestionWishes, ThreadWishes
from tunesmith.spec.making_teacher import Estimate, LocalTeacher, OutsideWishes, ParaphraseWishes, RemoteTeacher, Strength, TaughtWishes, Teacher
from tunesmith.spec.noun import Noun
from tunesmith.store.artifacts import Store

COMMANDS = {"teacher": "questions", "threads": "conversations"}
"""Kind of making → its command, where that is called otherwise."""
OF_ROWS = ("outside", "paraphrases")
UNSPOKEN = ("file", "kind", "kinds")
SPOKEN = {
    ("questions", "from_topics"): "topics",
    ("corpus", "chunk_tokens"): "tokens",
    ("corpus", "with_headings"): "headings",
    ("threads", "agents"): "agent",
    ("threads", "customers"): "customer",
    ("threads", "bots"): "bot",
    ("outside", "own_names"): "own-name",
    ("outside", "not_topics"): "not-topic",
    ("", "base_url"): "teacher-url",
    ("", "model"): "teacher-model",
    ("", "key_variable"): "teacher-key",
}
"""(Kind, field) → the option that sets it, where that is called otherwise."""
app = typer.Typer(add_completion=False, no_args_is_help=True, help="Make rows out of documents, logs and rows; each says where it comes from.")
Documents = Annotated[list[str], typer.Argument(metavar="FILE...", help="PDF, DOCX, HTML, Markdown, reStructuredText or text; or folders of them.")]
Rows = Annotated[list[str], typer.Argument(metavar="FILE...", help="Your rows: JSONL, JSON, CSV, TSV, Parquet.")]
Out = Annotated[str, typer.Option("--out", metavar="FILE", help="The JSONL file to write.")]
Force = Annotated[bool, typer.Option("--force", help="Write over a file that is there already.")]
System = Annotated[str | None, typer.Option("--system", metavar="TEXT", help="A system message in front of every row.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of what is drawn at random.")]
OnlyMade = Annotated[bool, typer.Option("--only-made", help="Leave your own rows out of the file.")]
Encoder = Annotated[
    str | None,
    typer.Option("--encoder", metavar="MODEL", help="Compare questions by meaning with this encoder (`all-minilm-l6-v2`); left out: by their words."),
]
TeacherUrl = Annotated[
    str | None,
    typer.Option("--teacher-url", metavar="URL", help="An OpenAI-compatible endpoint that writes; the text it is asked about leaves this machine."),
]
TeacherModel = Annotated[str | None, typer.Option("--teacher-model", metavar="NAME", help="Its model.")]
TeacherKey = Annotated[str | None, typer.Option("--teacher-key", metavar="VARIABLE", help="The environment variable that holds its key.")]
TeacherLocal = Annotated[str | None, typer.Option("--teacher-local", metavar="MODEL", help="A model of this machine that writes.")]
PromptPrice = Annotated[float | None, typer.Option("--prompt-price", min=0, help="Of the teacher, per million prompt tokens.")]
AnswerPrice = Annotated[float | None, typer.Option("--answer-price", min=0, help="Of the teacher, per million answer tokens.")]
Budget = Annotated[float | None, typer.Option("--budget", min=0, help="Ask no more once so much money is spent.")]
Private = Annotated[bool, typer.Option("--allow-private", help="The teacher stands in a private network.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a teacher costs money.")]
EstimateOnly = Annotated[bool, typer.Option("--estimate", help="Tell what the teacher would be asked and cost, and stop.")]


@app.command(
    epilog=examples(
        ("tunesmith data make questions docs/ --out faq.jsonl", "what the documents ask and answer themselves; no model"),
        (
            "tunesmith data make questions manual.pdf --teacher-url http://127.0.0.1:8000/v1 --teacher-model big --out faq.jsonl",
            "a teacher writes, every answer with the words that support it",
        ),
    )
)
def questions(
    files: Documents, out: Out, system: System = None,
    topics: Annotated[bool, typer.Option("--topics/--no-topics", help="Also make questions of headings that ask nothing themselves, where the grammar leaves no doubt.")] = True,
    per_section: Annotated[int, typer.Option("--per-section", min=1, max=20, help="With a teacher: questions about each section.")] = 4,
    style: Annotated[str | None, typer.Option("--style", help="With a teacher: how answers are written.")] = None,
    language: Annotated[str | None, typer.Option("--language", help="With a teacher: of questions and answers.")] = None,
    rows: Annotated[list[str] | None, typer.Option("--rows", metavar="FILE", help="With a teacher: your rows, which are not asked again.")] = None,
    teacher_url: TeacherUrl = None, teacher_model: TeacherModel = None, teacher_key: TeacherKey = None, teacher_local: TeacherLocal = None,
    prompt_price: PromptPrice = None, answer_price: AnswerPrice = None, budget: Budget = None, allow_private: Private = False, yes: Yes = False,
    estimate: EstimateOnly = False, seed: Seed = 0, force: Force = False, detach: Detach = False, json: Json = False,
) -> None:  # fmt: skip
    """Questions and answers out of documents, each with the place and the words that it comes from."""
    teacher = a_teacher(
        teacher_url,
        teacher_model,
        teacher_key,
        teacher_local,
        prompt_price=prompt_price,
        answer_price=answer_price,
        budget=budget,
        allow_private=allow_private,
    )
    order = MakeOrder(
        kind="questions" if teacher is None else "teacher",
        root=str(Path.cwd()),
        paths=tuple(files),
        out=out,
        force=force,
        teacher=teacher,
        estimate_only=estimate,
    )
    if teacher is None:
        refuse_without_teacher(
            {
                "--per-section": per_section != 4,
                "--style": style is not None,
                "--language": language is not None,
                "--rows": bool(rows),
                "--estimate": estimate,
            }
        )
        order = order.model_copy(update={"questions": QuestionWishes(system=system, from_topics=topics)})
    else:
        taught = TaughtWishes(per_section=per_section, style=style, language=language, system=system, seed=seed)
        order = order.model_copy(update={"taught": taught, "sources": tuple(Source(file=file) for file in rows or ())})
    carry(order, files, json=json, detach=detach, yes=yes)


@app.command(
    epilog=examples(
        ("tunesmith data make conversations tickets.csv --out chats.jsonl", "columns and sides are guessed, with the reasons"),
        ("tunesmith data make conversations export/ --agent @acme.com --out chats.jsonl", "a Slack export; who answers is named"),
    )
)
def conversations(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Logs: CSV, TSV, JSON, JSONL, or the folder of a Slack export.")],
    out: Out, system: System = None,
    thread: Annotated[str | None, typer.Option("--thread", metavar="COLUMN", help="Equal values are one conversation.")] = None,
    author: Annotated[str | None, typer.Option("--author", metavar="COLUMN")] = None,
    role: Annotated[str | None, typer.Option("--role", metavar="COLUMN", help="Says on which side an author is.")] = None,
    time: Annotated[str | None, typer.Option("--time", metavar="COLUMN")] = None,
    text: Annotated[str | None, typer.Option("--text", metavar="COLUMN")] = None,
    gap_minutes: Annotated[float | None, typer.Option("--gap-minutes", min=0.01, help="Where nothing says which turns belong together: a silence that begins a new conversation.")] = None,
    agent: Annotated[list[str] | None, typer.Option("--agent", help="Somebody who answers: a name, an address, or @domain. May be given often.")] = None,
    customer: Annotated[list[str] | None, typer.Option("--customer", help="The same for those who ask.")] = None,
    bot: Annotated[list[str] | None, typer.Option("--bot", help="An author whose turns are dropped.")] = None,
    force: Force = False, detach: Detach = False, json: Json = False,
) -> None:  # fmt: skip
    """Chat logs and ticket threads into conversations, agents told apart from customers, signatures and quoted replies removed."""
    wishes = ThreadWishes(
        thread=thread, author=author, role=role, time=time, text=text, gap_minutes=gap_minutes, system=system,
        agents=tuple(agent or ()), customers=tuple(customer or ()), bots=tuple(bot or ()),
    )  # fmt: skip
    carry(MakeOrder(kind="threads", root=str(Path.cwd()), paths=tuple(files), out=out, force=force, threads=wishes), files, json=json, detach=detach)


@app.command(epilog=examples(("tunesmith data make corpus docs/ --out texts.jsonl --tokens 512", "for continued pre-training")))
def corpus(
    files: Documents, out: Out,
    tokens: Annotated[int, typer.Option("--tokens", min=16, help="A text has at most so many.")] = 512,
    tokenizer: Annotated[str | None, typer.Option("--tokenizer", metavar="FILE", help="A tokenizer.json to count with; left out: words are counted.")] = None,
    headings: Annotated[bool, typer.Option("--headings/--no-headings", help="Begin each text with the headings over it.")] = True,
    force: Force = False, detach: Detach = False, json: Json = False,
) -> None:  # fmt: skip
    """Documents into texts for continued pre-training: cleaned, each passage once, cut where the document ends a thought."""
    wishes = CorpusWishes(chunk_tokens=tokens, tokenizer=tokenizer, with_headings=headings)
    carry(MakeOrder(kind="corpus", root=str(Path.cwd()), paths=tuple(files), out=out, force=force, corpus=wishes), files, json=json, detach=detach)


@app.command(epilog=examples(("tunesmith data make outside bank.csv --refusal out_of_scope --out bank-safe.jsonl", "a tenth of the rows declines")))
def outside(
    files: Rows, out: Out,
    refusal: Annotated[str, typer.Option("--refusal", metavar="TEXT", help="The label or the answer that means: not our business.")],
    share: Annotated[float, typer.Option("--share", min=0.05, max=0.15, help="Of the resulting rows.")] = 0.1,
    near_share: Annotated[float, typer.Option("--near-share", min=0, max=1, help="Of the rows made: near misses; the others are far off.")] = 0.5,
    own_name: Annotated[list[str] | None, typer.Option("--own-name", help="Your company or product: near misses ask about others. May be given often.")] = None,
    not_topic: Annotated[list[str] | None, typer.Option("--not-topic", help="A topic of the shipped questions that is your business after all. May be given often.")] = None,
    encoder: Encoder = None, only_made: OnlyMade = False,
    format: Format = None, input: Input = None, output: Output = None, label: Label = None, encoding: Encoding = None, delimiter: Delimiter = None,
    seed: Seed = 0, force: Force = False, detach: Detach = False, json: Json = False,
) -> None:  # fmt: skip
    """Rows out of scope for your own domain, without any teacher: far-off questions and near misses, answered with your refusal."""
    wishes = OutsideWishes(
        refusal=refusal, share=share, near_share=near_share, own_names=tuple(own_name or ()), not_topics=tuple(not_topic or ()), seed=seed
    )
    columns = Columns(format, input, output, label, encoding, delimiter)
    carry(of_rows("outside", files, out, columns, encoder, only_made, force).model_copy(update={"outside": wishes}), files, json=json, detach=detach)


@app.command(
    epilog=examples(
        ("tunesmith data make paraphrases bank.csv --balance-to 40 --out bank-more.jsonl", "rare labels get rows; each stays in its row's split")
    )
)
def paraphrases(
    files: Rows, out: Out,
    per_row: Annotated[int, typer.Option("--per-row", min=1, max=20)] = 1,
    strength: Annotated[Strength, typer.Option("--strength", help="How many changes each gets.")] = "medium",
    balance_to: Annotated[int | None, typer.Option("--balance-to", min=1, help="Only labels with fewer rows get some, until they have so many.")] = None,
    language: Annotated[str, typer.Option("--language", help="Two letters; other languages than English only get slips, casing and punctuation without a teacher.")] = "en",
    encoder: Encoder = None, only_made: OnlyMade = False,
    format: Format = None, input: Input = None, output: Output = None, label: Label = None, encoding: Encoding = None, delimiter: Delimiter = None,
    teacher_url: TeacherUrl = None, teacher_model: TeacherModel = None, teacher_key: TeacherKey = None, teacher_local: TeacherLocal = None,
    prompt_price: PromptPrice = None, answer_price: AnswerPrice = None, budget: Budget = None, allow_private: Private = False, yes: Yes = False,
    estimate: EstimateOnly = False, seed: Seed = 0, force: Force = False, detach: Detach = False, json: Json = False,
) -> None:  # fmt: skip
    """Your rows in other words, marked as made, each in the group of its row; numbers, names and negations stay."""
    wishes = ParaphraseWishes(per_row=per_row, strength=strength, balance_to=balance_to, language=language, seed=seed)
    teacher = a_teacher(
        teacher_url,
        teacher_model,
        teacher_key,
        teacher_local,
        prompt_price=prompt_price,
        answer_price=answer_price,
        budget=budget,
        allow_private=allow_private,
    )
    if teacher is None:
        refuse_without_teacher({"--estimate": estimate})
    columns = Columns(format, input, output, label, encoding, delimiter)
    order = of_rows("paraphrases", files, out, columns, encoder, only_made, force)
    carry(order.model_copy(update={"paraphrases": wishes, "teacher": teacher, "estimate_only": estimate}), files, json=json, detach=detach, yes=yes)


def of_rows(kind: Any, files: list[str], out: str, columns: Columns, encoder: str | None, only_made: bool, force: bool) -> MakeOrder:
    """An order for something made of the user's rows."""
    return MakeOrder(
        kind=kind, root=str(Path.cwd()), sources=tuple(map(columns.source, files)), out=out, encoder=encoder, only_made=only_made, force=force
    )


def refuse_without_teacher(given: dict[str, bool]) -> None:
    """Nothing, if no option was given that only a teacher can fulfil.

    Raises: BadProject.
    """
    wrong = [name for name, is_given in given.items() if is_given]
    if wrong:
        raise BadProject(
            "needs a teacher", where=", ".join(wrong), fix="name one with --teacher-url and --teacher-model, or with --teacher-local; or leave it out"
        )


def a_teacher(url: str | None, model: str | None, key: str | None, local: str | None, **more: Any) -> Teacher | None:
    """The teacher that the options describe, if they do.

    Raises: BadProject where they contradict one another.
    """
    given = {name: value for name, value in more.items() if value is not None and value is not False}
    if local is not None:
        if url or model or key or given:
            raise BadProject("a model of this machine has no address, key or price", where="--teacher-local", fix="give --teacher-local alone")
        return LocalTeacher(model=local)
    if url is None and model is None:
        if key or given:
            raise BadProject(
                "there is no teacher that this belongs to",
                where="--teacher-key, prices or budget",
                fix="name one with --teacher-url and --teacher-model",
            )
        return None
    if url is None or model is None:
        raise BadProject("a teacher has an address and a model", where="--teacher-url, --teacher-model", got=url or model or "", fix="give both")
    if "budget" in given and not (given["budget"] and {"prompt_price", "answer_price"} <= given.keys()):
        raise BadProject(
            "a budget holds only where it is more than nothing and tokens have a price",
            where="--budget",
            got=f"{given['budget']:g}",
            fix="give --prompt-price and --answer-price as well, or leave it out",
        )
    return RemoteTeacher(base_url=url, model=model, key_variable=key, **given)


def carry(order: MakeOrder, files: list[str], *, json: bool, detach: bool, yes: bool = True) -> None:
    """Have it made, and show what came of it."""
    screen, store = open_screen(json), open_store()
    words = ("tunesmith", "data", "make", COMMANDS.get(order.kind, order.kind), *files, *spoken(order, yes=yes))
    title = f"make {order.kind} of {', '.join(files)}"[:100]
    if order.teacher is not None:
        told = carry_out(
            screen, store, Order("make", f"estimate: {title}", order.model_copy(update={"estimate_only": True}).model_dump(mode="json"), words)
        )
        estimate = Estimate.model_validate(told["estimate"])
        if order.estimate_only:
            screen.result(told)
            screen.say(estimate.words())
            return
        agree(screen, estimate, json=json, yes=yes or is_free(order.teacher, estimate))
    result = carry_out(screen, store, Order("make", title, order.model_dump(mode="json"), words, detach=detach))
    show(screen, store, result)


def spoken(order: MakeOrder, *, yes: bool) -> tuple[str, ...]:
    """The options of an order again, as words of a command line."""
    wishes = (order.questions, order.threads, order.corpus, order.taught, order.outside, order.paraphrases)
    given: dict[str, Any] = {}
    for one in (*wishes, order.teacher, *(order.sources[:1] if order.kind in OF_ROWS else ())):
        for name, field in type(one).model_fields.items() if one is not None else ():
            value = getattr(one, name)
            if name not in UNSPOKEN and value != field.default:
                name = SPOKEN.get((order.kind, name), SPOKEN.get(("", name), name))
                given[f"no_{name}" if value is False else name] = True if value is False else list(value) if isinstance(value, tuple) else value
    if isinstance(order.teacher, LocalTeacher):
        given["teacher-local"] = given.pop("teacher-model")
    rows = [source.file for source in order.sources] if order.kind == "teacher" else None
    return said(
        out=order.out, rows=rows, encoder=order.encoder, only_made=order.only_made, force=order.force, yes=yes and order.teacher is not None, **given
    )


def is_free(teacher: Teacher, estimate: Estimate) -> bool:
    """True if asking the teacher costs nothing as far as can be known: it has that price, or none and stands on this machine."""
    if estimate.cost is not None or isinstance(teacher, LocalTeacher):
        return not estimate.cost
    return urlsplit(teacher.base_url).hostname in ("localhost", "127.0.0.1", "::1")


def agree(screen: Screen, estimate: Estimate, *, json: bool, yes: bool) -> None:
    """Ask before a teacher costs money.

    Raises: BadProject where nobody can be asked; Interrupted if the answer is no.
    """
    screen.say(estimate.words())
    if yes:
        return
    if json:
        raise BadProject("nobody can be asked here whether to spend it", where="--json", got=estimate.words(), fix="add --yes if you are sure")
    if not typer.confirm("Go on?", err=True):
        raise Interrupted("nothing was asked")


def show(screen: Screen, store: Store, result: dict[str, Any]) -> None:
    """What was made, what was passed over and why, and what to do next."""
    artifact = store.get(str(result["making"]), "making")
    making = artifact.load(Making)
    screen.result({**result, "path": str(artifact.path), "manifest": dumped(making)})
    if screen.machine:
        return
    console = screen.console
    hows = ", ".join(f"{whole(n)} {how.replace('_', ' ')}" for how, n in making.by_how.items())
    console.print(Text.assemble(("✓ ", "green"), (f"{whole(making.rows)} rows", "bold"), clean(f" ({hows}) → {result['file']}")), soft_wrap=True)
    console.print(clean(f"  {whole(making.used)} of {whole(making.read)} {making.unit} used"))
    for title, tally in (("conversations left out", making.left), ("passed over", making.passed_over), ("problems", making.problems)):
        if tally:
            listed = ", ".join(f"{whole(n)} {reason.replace('_', ' ')}" for reason, n in tally.items())
            console.print(clean(f"  {title}: {listed}"), soft_wrap=True)
    for reason in making.reasons[:10]:
        console.print(clean(f"  {reason}", "dim"), soft_wrap=True)
    for one in making.first[:5]:
        console.print(clean(f"  {one.spot.words()}: {one.message}" + (f"; {one.fix}" if one.fix else ""), "dim"), soft_wrap=True)
    if making.problems or making.passed_over or making.left:
        console.print(clean(f"  what was left out stands in {artifact.path / 'skipped.jsonl'}", "dim"), soft_wrap=True)


def dumped(noun: Noun) -> dict[str, Any]:
    """A noun for machines."""
    return noun.model_dump(mode="json")
