"""Logs of chats and tickets → conversations to learn from, each with its thread and the lines it came from.

Every turn that is read is either used in a conversation or reported with its reason. Who answers is decided once for the whole log, from all of it.
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tunesmith.data.clean import repair
from tunesmith.data.fold import fold
from tunesmith.data.intake import ROWS_PER_LOOK, look
from tunesmith.data.make import thread_slack
from tunesmith.data.make.documents import walk
from tunesmith.data.make.tally import Tally
from tunesmith.data.make.thread_endings import Endings
from tunesmith.data.make.thread_files import rows_of, turns_of
from tunesmith.data.make.thread_sides import Authors
from tunesmith.data.make.thread_text import is_automatic, is_markup, own_words
from tunesmith.data.make.thread_turns import Turn, Turns
from tunesmith.data.make.web import words
from tunesmith.data.sources.lines import check_file
from tunesmith.errors import BadData, Problem
from tunesmith.spec.chat import Message, Role
from tunesmith.spec.job import Monitor
from tunesmith.spec.making import Cited, Made, ThreadWishes
from tunesmith.spec.passage import Skipped, Spot

SAMPLE_ROWS = 50
LOG_SUFFIXES = frozenset({".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".parquet"})
WORDS: dict[str, tuple[str, str]] = {
    "bot": ("was not written by a person", "name its author in agents if its answers are wanted"),
    "internal_note": ("is a note that the customer never saw", ""),
    "auto_reply": ("is an automatic reply", ""),
    "empty": ("holds nothing that its author wrote", ""),
    "repeated": ("says the same as the turn of its author before it", ""),
    "before_question": ("is an agent's turn before anything was asked", ""),
    "after_answer": ("comes after the last answer", ""),
    "no_answer": ("stands in a thread without an agent's answer", "name the agents with --agent, if somebody did answer"),
    "no_question": ("stands in a thread in which no customer writes", "name the customers with customers = …, if somebody did ask"),
    "too_long": ("stands in a conversation that is too long", "raise max_characters"),
}
SUBJECT_SKIPPED = ("re:", "fwd:", "fw:", "aw:", "wg:")


def threads(
    paths: Sequence[str | Path],
    root: Path,
    monitor: Monitor,
    wishes: ThreadWishes | None = None,
    *,
    tally: Tally | None = None,
) -> Iterator[Made | Skipped]:
    """A row for every thread in which somebody asks and an agent answers, and every turn that stands in none.

    Raises: BadData if a file cannot be read as a log, Interrupted.
    """
    wanted = wishes or ThreadWishes()
    counts = tally or Tally("threads", "turns", wanted)
    with tempfile.TemporaryDirectory(prefix="threads-") as folder, Turns(Path(folder)) as turns:
        for one in gather(paths, root, monitor, wanted, counts, turns):
            yield counts.skip(one)
        turns.finish()
        authors, endings = Authors(wanted), Endings()
        for i, thread in enumerate(turns.threads()):
            if i % ROWS_PER_LOOK == 0:
                look(monitor, "looking who answers", i, None, "threads")
            authors.see(thread)
            for turn in thread:
                endings.see(turn.who(), turn.text)
        if authors.threads:
            counts.because(authors.decide())
        for i, thread in enumerate(turns.threads()):
            if i % ROWS_PER_LOOK == 0:
                look(monitor, "writing conversations", i, authors.threads, "threads")
            thread = [turn._replace(text=endings.without(turn.who(), turn.text)) for turn in thread]
            yield from of_thread(thread, authors, wanted, counts)


def gather(paths: Sequence[str | Path], root: Path, monitor: Monitor, wishes: ThreadWishes, tally: Tally, turns: Turns) -> Iterator[Skipped]:
    """What of the logs cannot be used; every turn that can goes to `turns`.

    Raises: BadData with the problems of all files at once, Interrupted.
    """
    problems: list[Problem] = []
    waiting: list[Turn] = []
    for path, file, opened in logs(paths, root, wishes, tally):
        try:
            tally.input(path, file)
            for one in opened():
                tally.read += 1
                if isinstance(one, Skipped):
                    yield one
                    continue
                waiting.append(one._replace(text=said(one)))
                if len(waiting) >= ROWS_PER_LOOK:
                    look(monitor, f"reading {file}", tally.read, None, "turns")
                    turns.add(waiting)
                    waiting = []
        except BadData as error:
            problems += error.problems
    turns.add(waiting)
    if problems:
        raise BadData(problems=problems)


Opened = Callable[[], Iterator[Turn | Skipped]]


def logs(paths: Sequence[str | Path], root: Path, wishes: ThreadWishes, tally: Tally) -> Iterator[tuple[Path, str, Opened]]:
    """(path, file, what gives its turns) for every log.

    Raises: BadData for a path that does not exist.
    """
    for given in paths:
        path, name = root / given, str(given)
        if path.is_dir() and thread_slack.is_export(path):
            tally.because(f"{name}: a Slack export; threads by `thread_ts`")
            for day, file, told in thread_slack.export_turns(path, name):
                yield day, file, lambda told=told: told  # type: ignore[misc]  # bound now, not when it is called
        elif path.is_dir():
            for inside, file in walk(path, name):
                if inside.suffix.lower() in LOG_SUFFIXES:
                    yield inside, file, opener(inside, file, wishes, tally)
        else:
            check_file(path, name)
            yield path, name, opener(path, name, wishes, tally)


def opener(path: Path, file: str, wishes: ThreadWishes, tally: Tally) -> Opened:
    """What gives the turns of one file; how it is read is told when it is opened."""

    def opened() -> Iterator[Turn | Skipped]:
        if path.suffix.lower() == ".json":
            sample = [row for _, row in itertools.islice(rows_of(path, file), SAMPLE_ROWS) if isinstance(row, dict)]
            if thread_slack.is_channel(sample):
                tally.because(f"{file}: messages of a Slack channel; threads by `thread_ts`")
                yield from thread_slack.channel_turns(path, file, file, thread_slack.users_of(path.parent))
                return
        reason, turns = turns_of(path, file, wishes)
        tally.because(reason)
        yield from turns

    return opened


def of_thread(thread: Sequence[Turn], authors: Authors, wishes: ThreadWishes, tally: Tally) -> Iterator[Made | Skipped]:
    """The conversation of one thread, and the turns that are not in it."""
    starter = next((turn.who() for turn in thread if not turn.fault and not authors.is_bot(turn)), "")
    kept: list[tuple[str, str, Turn]] = []
    last: dict[str, str] = {}
    for turn in thread:
        side = authors.side(turn, starter)
        text = turn.text
        reason = turn.fault or ("bot" if side == "bot" else "auto_reply" if is_automatic(text, turn.subject) else "" if text else "empty")
        if not reason and last.get(turn.who()) == fold(text):
            reason = "repeated"
        if reason:
            yield tally.skip(skipped(turn, reason))
            continue
        last[turn.who()] = fold(text)
        kept.append((side, text, turn))
    yield from conversation(kept, wishes, tally)


def conversation(kept: Sequence[tuple[str, str, Turn]], wishes: ThreadWishes, tally: Tally) -> Iterator[Made | Skipped]:
    """The row of (side, text, turn)s, from the first question to the last answer."""
    if not kept:
        tally.left["empty"] += 1
        return
    sides = [side for side, _, _ in kept]
    first = sides.index("customer") if "customer" in sides else None
    end = len(sides) - sides[::-1].index("agent") if "agent" in sides else None
    whole = "no_question" if first is None else "no_answer" if end is None or end <= first else ""
    if not whole and sum(len(text) for _, text, _ in kept[first:end]) > wishes.max_characters:
        whole = "too_long"
    for i, (_, _, turn) in enumerate(kept):
        reason = whole or ("before_question" if first is not None and i < first else "after_answer" if end is not None and i >= end else "")
        if reason:
            yield tally.skip(skipped(turn, reason))
    if whole:
        tally.left[whole] += 1
        return
    used = kept[first:end]
    tally.used += len(used)
    turns = [turn for _, _, turn in used]
    lines = [turn.line for turn in turns]
    subject = next((turn.subject for turn in turns if turn.subject), "")
    path = (subject,) if subject else ()
    spot = (
        Spot(file=turns[0].file, line=min(lines), last_line=max(lines))
        if len({turn.file for turn in turns}) == 1
        else Spot(file=turns[0].file, line=lines[0])
    )
    messages = merged(used, subject)
    system = (Message(role="system", content=wishes.system),) if wishes.system else ()
    details: dict[str, str | int | float | bool] = {"turns": len(turns), "lines": " ".join(map(str, lines))}
    group = turns[0].thread.replace("\0", " ")
    yield tally.made(Made(messages=(*system, *messages), group=group, how="thread", source=Cited.of(spot, path), details=details))


def merged(used: Sequence[tuple[str, str, Turn]], subject: str) -> list[Message]:
    """Messages, turns of one side that follow one another in one; the subject stands before the first, unless it says it."""
    messages: list[tuple[Role, str]] = []
    for side, text, _ in used:
        role: Role = "assistant" if side == "agent" else "user"
        if messages and messages[-1][0] == role:
            joint = "\n\n" if "\n" in text or "\n" in messages[-1][1] else "\n"
            messages[-1] = (role, messages[-1][1] + joint + text)
        else:
            messages.append((role, text))
    if subject and not subject.lower().startswith(SUBJECT_SKIPPED) and fold(subject) not in fold(messages[0][1]):
        messages[0] = (messages[0][0], f"{subject}\n\n{messages[0][1]}")
    return [Message(role=role, content=text) for role, text in messages]


def said(turn: Turn) -> str:
    """What the author of a turn wrote."""
    text = turn.text
    if is_markup(text):
        with contextlib.suppress(BadData):  # then it stays as it is
            text = words(text)
    return own_words(repair(text)[0])


def skipped(turn: Turn, reason: str) -> Skipped:
    """A turn that stands in no conversation."""
    message, fix = WORDS[reason]
    return Skipped(spot=Spot(file=turn.file, line=turn.line), reason=reason, message=message, fix=fix)
