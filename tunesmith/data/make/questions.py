"""Documents → rows of questions and answers that stand in them already, each with its place and the words that support it. No model takes part.

Found are: headings that ask, with the text under them; headings that name a deed or a thing, where the grammar leaves no doubt (question_rules.py); pairs
marked `Q:` and `A:`; terms and tables that ask (question_pairs.py); `<details>`; and what a page states in schema.org's words.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tunesmith.data.fold import fold, key
from tunesmith.data.make.answer_text import answer_of, fault_of, quote_of
from tunesmith.data.make.documents import documents
from tunesmith.data.make.question_pairs import Pair, labelled, loose, of_rows
from tunesmith.data.make.question_rules import as_question, as_statement, from_definition, from_topic
from tunesmith.data.make.read import Read
from tunesmith.data.make.tally import Tally
from tunesmith.spec.chat import Message
from tunesmith.spec.job import Monitor
from tunesmith.spec.making import Cited, Limits, Made, QuestionWishes
from tunesmith.spec.passage import Passage, Skipped, Spot

FAQ_SHARE = 0.5
"""Share of a heading's neighbours that must ask before a statement among them counts as somebody's question."""
MIN_TOPIC_WORDS = 5
"""Of the text under a heading that asks nothing itself."""
MAX_NESTED_CHARACTERS = 6_000
"""Of a section with headings of its own, as one answer."""


def questions(
    paths: Sequence[str | Path],
    root: Path,
    monitor: Monitor,
    wishes: QuestionWishes | None = None,
    *,
    limits: Limits | None = None,
    tally: Tally | None = None,
) -> Iterator[Made | Skipped]:
    """A row for every question that the documents answer, file by file, and what was found but not used.

    Every passage read counts in `tally` as used, or as passed over with its reason.
    Raises: BadData if a path does not exist, MissingDependency, Interrupted.
    """
    wanted = wishes or QuestionWishes()
    counts = tally or Tally("questions", "passages", wanted)
    seen: set[int] = set()
    for _, group in itertools.groupby(documents(paths, root, monitor, limits=limits, tally=counts), key=lambda one: one.spot.file):
        yield from of_file(list(group), wanted, counts, seen)


def of_file(found: Sequence[Read], wishes: QuestionWishes, tally: Tally, seen: set[int]) -> Iterator[Made | Skipped]:
    """The rows of one file; `seen` holds the keys of the rows made so far."""
    for one in found:
        if isinstance(one, Skipped):
            yield tally.skip(one)
    passages = [one for one in found if isinstance(one, Passage)]
    tally.read += len(passages)
    fates: dict[int, str] = {}
    """Passage (by its place) → what became of it."""
    places = {id(passage): i for i, passage in enumerate(passages)}
    for pair in pairs(passages, wishes):
        row = made(pair, wishes, seen)
        fate = "" if isinstance(row, Made) else row.reason
        for passage in pair.passages:
            place = places[id(passage)]
            if fates.get(place) != "":  # what is used once is used
                fates[place] = fate
        yield tally.made(row) if isinstance(row, Made) else tally.skip(row)
    for i, passage in enumerate(passages):
        tally.used += fates.get(i) == ""
        if i not in fates:
            yield tally.pass_over(Skipped(spot=passage.spot, reason="topic", message="answers no question that stands in the document"))
        elif fates[i]:
            tally.passed_over[fates[i]] += 1


def pairs(passages: Sequence[Passage], wishes: QuestionWishes) -> Iterator[Pair]:
    """Every question of a document with what answers it, in the order of the document as far as its ways of asking allow."""
    under = list(headed(passages, wishes))
    taken = {id(passage) for pair in under for passage in pair.passages}
    asked = {fold(pair.question) for pair in under}
    free = [passage for passage in passages if id(passage) not in taken]
    marked = list(labelled(free))
    taken |= {id(passage) for pair in marked for passage in pair.passages}
    alone = list(loose([passage for passage in free if id(passage) not in taken]))
    taken |= {id(passage) for pair in alone for passage in pair.passages}
    listed = [pair for passage in passages if id(passage) not in taken for pair in of_rows(passage, passage.headings)]
    order = {id(passage): i for i, passage in enumerate(passages)}
    for pair in sorted([*under, *marked, *alone, *listed], key=lambda pair: order[id(pair.passages[0])]):
        if pair.how != "schema.org" or fold(pair.question) not in asked:  # the page shows it as well, with its structure and its place
            yield pair


def headed(passages: Sequence[Passage], wishes: QuestionWishes) -> Iterator[Pair]:
    """The questions that headings ask, each with the passages under it."""
    shares = asking_shares(passages)
    i = 0
    while i < len(passages):
        head = passages[i]
        i += 1
        if head.kind != "heading":
            continue
        under = [passage for passage in passages[i : end_of(passages, i - 1)] if passage.kind != "faq"]
        body = answering(under, wishes)
        question, how = asked_by(head, body, shares, wishes, is_whole=not any(passage.kind == "heading" for passage in under))
        if question and (body or not under):
            yield Pair(question, "", (head, *body), how)
            i += len(body)


def answering(under: Sequence[Passage], wishes: QuestionWishes) -> tuple[Passage, ...]:
    """What of the passages under a heading answers it: all, unless headings among them ask or stand for questions, or it would be too much."""
    direct = next((k for k, passage in enumerate(under) if passage.kind == "heading"), len(under))
    inner = [passage for passage in under[direct:] if passage.kind == "heading"]
    size = sum(len(passage.text) for passage in under)
    if any(as_question(one.text) or from_topic(one.text) for one in inner) or (inner and size > min(MAX_NESTED_CHARACTERS, wishes.max_characters)):
        return tuple(under[:direct])
    return tuple(under)


def end_of(passages: Sequence[Passage], start: int) -> int:
    """The first passage behind the heading at `start` that does not stand under it."""
    head = passages[start]
    path = (*head.headings, head.text)
    for i in range(start + 1, len(passages)):
        if passages[i].headings[: len(path)] != path:
            return i
    return len(passages)


def asking_shares(passages: Sequence[Passage]) -> dict[tuple[str, ...], float]:
    """Path → share of the headings on it that ask."""
    total: Counter[tuple[str, ...]] = Counter()
    asking: Counter[tuple[str, ...]] = Counter()
    for passage in passages:
        if passage.kind == "heading":
            total[passage.headings] += 1
            asking[passage.headings] += as_question(passage.text) is not None
    return {path: asking[path] / n if n > 2 else 0.0 for path, n in total.items()}


def asked_by(
    head: Passage, body: Sequence[Passage], shares: dict[tuple[str, ...], float], wishes: QuestionWishes, *, is_whole: bool
) -> tuple[str | None, str]:
    """(the question that a heading asks or stands for, how that is known)."""
    if question := as_question(head.text):
        return question, "heading"
    if shares.get(head.headings, 0.0) >= FAQ_SHARE and (statement := as_statement(head.text)):
        return statement, "statement"
    said = [passage for passage in body if passage.kind != "heading"]
    if not wishes.from_topics or not said or not is_whole or sum(len(passage.text.split()) for passage in said) < MIN_TOPIC_WORDS:
        return None, ""
    if question := from_topic(head.text):
        return question, "topic"
    if said[0].kind == "paragraph" and body[0].kind != "heading" and (question := from_definition(head.text, said[0].text[:300])):
        return question, "topic"
    return None, ""


def made(pair: Pair, wishes: QuestionWishes, seen: set[int]) -> Made | Skipped:
    """The row of a pair, or why there is none."""
    head = pair.passages[0]
    body = pair.passages[1:] if not pair.answer else ()
    answer = pair.answer or answer_of(body)
    fault = fault_of(pair.question, answer, wishes)
    spot = span(pair.passages)
    if fault is not None:
        reason, message, fix = fault
        return Skipped(spot=spot, reason=reason, message=message, fix=fix)
    row = key(f"{fold(pair.question)}\0{fold(answer)}")
    if row in seen:
        return Skipped(spot=spot, reason="duplicate", message="the same question has the same answer at an earlier place")
    seen.add(row)
    path = (*head.headings, head.text) if head.kind == "heading" else head.headings
    system = (Message(role="system", content=wishes.system),) if wishes.system else ()
    messages = (*system, Message(role="user", content=pair.question), Message(role="assistant", content=answer))
    quote = quote_of(body) if body else pair.answer
    return Made(messages=messages, how=pair.how, source=Cited.of(spot, path, quote))


def span(passages: Sequence[Passage]) -> Spot:
    """From the first passage to the last, where the format has lines; else where the first one stands."""
    first = passages[0].spot
    if first.line is None:
        return first
    lines = [number for passage in passages for number in (passage.spot.line, passage.spot.last_line) if number is not None]
    return first.model_copy(update={"last_line": max(lines)})
