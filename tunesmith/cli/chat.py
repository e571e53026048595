"""`tunesmith chat`: questions from the keyboard, an option or a pipe → a model's answers.

A child process holds the model; we talk to it in JSON lines:

    we    {"model": NAME, "system": TEXT or null, "decline": …, "temperature": …, "top_p": …, "seed": …}              once, first; "max_new_tokens" if given
    child {"ready": {"model": …, "note": …, "choices": how many answers it may give, 0 for free text}}                once, when it is loaded
    we    {"messages": [{"role": "user", "content": …}, …]}                                                           the conversation so far
    child {"piece": TEXT} any number of times, then {"answer": Answer as JSON}, with `decline` "declined" beside it and no pieces before
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from rich.text import Text

from tunesmith.cli.examples import examples
from tunesmith.cli.follow import open_store
from tunesmith.cli.options import Json
from tunesmith.cli.screen import Screen, WorkerBug, clean, open_screen
from tunesmith.errors import BadProject
from tunesmith.jobs.supervisor import Talk, converse
from tunesmith.spec.candidate import Answer
from tunesmith.spec.project import DEFAULT_MODEL
from tunesmith.store.artifacts import Store

with suppress(ImportError):  # a Python built without it: typing works, arrow keys do not
    import readline  # noqa: F401  (importing it gives input() line editing and history)

app = typer.Typer(add_completion=False)
LEAVE = frozenset({"/bye", "/quit", "/exit"})
FRESH = "/new"


@app.command(
    epilog=examples(
        ("tunesmith chat router", "a conversation; /new starts afresh, Ctrl-D leaves"),
        ('tunesmith chat router --question "my card is gone"', "one answer"),
        ("tunesmith chat router --json < questions.txt", "one question a line, one JSON object"),
        ('tunesmith chat smollm2-135m-instruct --system "Be brief."', "an untuned model"),
    )
)
def chat(
    model: Annotated[str | None, typer.Argument(help="Registered model, checkpoint or base model; default: the one registered last.")] = None,
    system: Annotated[str | None, typer.Option("--system", help="System message; default: the one the model was tuned with.")] = None,
    question: Annotated[list[str] | None, typer.Option("--question", "-q", help="Ask this and leave. May be given often.")] = None,
    temperature: Annotated[float, typer.Option("--temperature", min=0, max=2, help="0 always takes the likeliest token.")] = 0.0,
    top_p: Annotated[float, typer.Option("--top-p", min=0.01, max=1, help="Sample from the likeliest tokens that make up this share.")] = 1.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the sampling.")] = 0,
    max_new_tokens: Annotated[
        int | None, typer.Option("--max-new-tokens", min=1, max=8192, help="The longest answer; default: as a candidate was measured, else 256.")
    ] = None,
    decline: Annotated[bool, typer.Option("--decline", help="A candidate that won declines below the threshold that its report proposed.")] = False,
    json: Json = False,
) -> None:
    """Talk to a model, tuned or not, by the same code that evaluates it."""
    screen = open_screen(json)
    store = open_store()
    name = model or newest(store)
    payload = {"model": name, "system": system, "decline": decline, "temperature": temperature, "top_p": top_p, "seed": seed}
    payload |= {"max_new_tokens": max_new_tokens} if max_new_tokens is not None else {}
    typed = not question and not json and sys.stdin.isatty()
    questions = question or ([] if typed else piped())
    with our_bugs(), converse(store.home, payload) as talk:
        session = Session(screen, talk, loaded(screen, talk, name))
        if typed:
            session.greet(name)
            session.converse()
        else:
            answers = []
            for text in questions:
                answer = session.alone(text)
                more = ({"declined": session.declined} if decline else {}) | ({"sources": session.sources} if session.sources else {})
                answers.append({"question": text, **answer.model_dump(mode="json"), **more})
            screen.result({"model": name, "answers": answers})


def newest(store: Store) -> str:
    """The model that was registered last, or the embedded base where there is none."""
    last = max((versions[-1] for versions in store.registered().values()), key=lambda version: version.at, default=None)
    return last.model if last else DEFAULT_MODEL


def piped() -> list[str]:
    """The questions on standard input, one a line, empty lines left out.

    Raises: BadProject if somebody sits there who was not told to type, or if there are none.
    """
    if sys.stdin.isatty():
        raise BadProject("no question", where="tunesmith chat --json", fix='add --question "…", or pipe questions in, one a line')
    found = [line.strip() for line in sys.stdin if line.strip()]
    if not found:
        raise BadProject(
            "no question", where="standard input", got="nothing", expected="one question a line", fix='pipe questions in, or add --question "…"'
        )
    return found


@contextmanager
def our_bugs() -> Iterator[None]:
    """Turns the traceback of a child into the error that shows it."""
    try:
        yield
    except RuntimeError as error:
        raise WorkerBug(str(error)) from error


def loaded(screen: Screen, talk: Talk, name: str) -> dict[str, Any]:
    """What the child says about itself once the model is in memory."""
    waiting = screen.console.status(clean(f"loading {name}"), spinner="dots") if screen.console.is_terminal else nullcontext()
    with waiting:
        first = talk.receive() or {}
    return dict(first.get("ready", {}))


@dataclass
class Session:
    """One conversation with a child that is ready."""

    screen: Screen
    talk: Talk
    ready: dict[str, Any]
    messages: list[dict[str, str]] = field(default_factory=list)
    declined: bool = False
    """The last answer was not sure enough, and another one stands for it."""
    sources: list[dict[str, str]] = field(default_factory=list)
    """What was looked up for the last answer, the nearest first."""

    def greet(self, name: str) -> None:
        """Say who is there and how to leave."""
        choices = int(self.ready.get("choices", 0))
        how = f"answers with one of {choices} labels; every question stands alone" if choices else f"{FRESH} starts afresh"
        self.screen.console.print(Text.assemble(clean(str(self.ready.get("model", name)), "bold"), clean(f"  {how}; Ctrl-D leaves", "dim")))
        if self.ready.get("note"):
            self.screen.say(str(self.ready["note"]), "dim")

    def converse(self) -> None:
        """Questions from the keyboard until the user leaves."""
        for text in keyboard():
            if text == FRESH:
                self.messages.clear()
                self.screen.say("a new conversation", "dim")
            elif text in LEAVE:
                return
            else:
                self.turn(text)

    def turn(self, text: str) -> None:
        """One question of a conversation, with its answer on the screen as it comes."""
        if self.ready.get("choices"):
            self.messages.clear()
        self.messages.append({"role": "user", "content": text})
        answer = self.ask(self.messages)
        self.messages.append({"role": "assistant", "content": answer.text})
        sure = "" if answer.confidence is None or not self.ready.get("choices") else f"  {100 * answer.confidence:.0f} % sure"
        notes = {"  (declined: not sure enough)": self.declined, "  (cut: --max-new-tokens)": answer.finish == "length" and not self.declined}
        self.screen.say(sure + "".join(note for note, is_so in notes.items() if is_so), "dim")
        self.say_sources()

    def alone(self, text: str) -> Answer:
        """The answer to one question without a conversation before it."""
        answer = self.ask([{"role": "user", "content": text}])
        if not self.screen.machine:
            self.screen.say()
            self.say_sources()
        return answer

    def say_sources(self) -> None:
        """Name the passages that the answer may rest on."""
        places = dict.fromkeys(one["place"] for one in self.sources if "place" in one)
        if places:
            self.screen.say(f"  read: {'; '.join(places)}", "dim")

    def ask(self, messages: list[dict[str, str]]) -> Answer:
        """The answer to the last of `messages`; printed while it comes, for a person."""
        self.talk.send({"messages": messages})
        shown = False
        for line in self.talk:
            if "piece" in line and not self.screen.machine:
                self.write(str(line["piece"]))
                shown = True
            if "answer" in line:
                answer, self.declined = Answer.model_validate(line["answer"]), bool(line.get("declined"))
                self.sources = list(line.get("sources", ()))
                if not shown and not self.screen.machine:
                    self.write(answer.text)
                return answer
        raise RuntimeError("the model's process left without an answer")

    def write(self, text: str) -> None:
        """Print a piece of an answer, control characters made visible."""
        self.screen.console.print(clean(text), end="", soft_wrap=True)


def keyboard() -> Iterable[str]:
    """What the user types, line by line, until Ctrl-D."""
    while True:
        try:
            text = input("› ").strip()
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            print()
            raise
        if text:
            yield text
