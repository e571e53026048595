"""A user's rows → rows out of scope for the same file, without any teacher: far-off questions, near misses, and the in-scope neighbours of each.

    for row in make_outside(rows, OutsideWishes(refusal="out_of_scope"), embedder.embed, monitor):      # Made or Skipped
        …

A made row is answered with the user's own refusal, label or sentence, behind the same system message as its neighbour. Rows made of a row, and
near misses of one, share its group (parentage.group_of), so that a near miss and the question that it must not be confused with are learnt together,
and none is judged by what it was made of. Every shipped question that cannot be used comes out with the reason.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from tunesmith.data.fold import fold
from tunesmith.data.make.counted import Noting, counted
from tunesmith.data.make.outside_choice import in_turn, quotas, rows_wanted
from tunesmith.data.make.outside_distance import Domain, Embed, own_topics
from tunesmith.data.make.outside_pool import Shipped, near_miss_words, without
from tunesmith.data.make.outside_rules import by_attribute, by_false_premise, by_name, by_slot, things, vocabulary
from tunesmith.data.make.outside_style import LEAST_ENGLISH, in_style, style_of
from tunesmith.data.make.parentage import answered_like, group_of, place, single_question
from tunesmith.data.make.tally import Tally
from tunesmith.errors import Interrupted, NotEnoughData
from tunesmith.spec.dataset import Record
from tunesmith.spec.job import Monitor, Note, Progress
from tunesmith.spec.making import Cited, Made
from tunesmith.spec.making_teacher import OutsideKind, OutsideWishes
from tunesmith.spec.passage import Skipped, Spot

AT_LEAST = 20
"""Questions of the user's own; by fewer no domain can be known."""
PER_PARENT = 2
"""Near misses of one row, at most: more would teach that its words mean no."""
FOREIGN = (
    "the shipped questions are English and your rows do not seem to be: a model could learn to refuse English instead of strange questions; have the rows "
    "translated before you use them"
)
Found = dict[OutsideKind, list["Candidate"]]


@dataclass(frozen=True)
class Candidate:
    """A question that may be added."""

    kind: OutsideKind
    text: str
    parent: int | None
    """Number of the row that it was made of, or that it is near to."""
    shipped: Shipped | None = None
    about: str = ""


@dataclass(frozen=True)
class Own:
    """The user's rows."""

    rows: list[Record]
    """In scope, asking once, without tools."""
    questions: list[str]
    """Theirs."""
    known: frozenset[str]
    """Every folded question of the file."""
    texts: list[str]
    """Everything that is said in it."""
    inside: int
    """Rows in scope, of any shape."""
    outside: int
    """Rows that are out of scope already."""


def make_outside(
    rows: Sequence[Record], wishes: OutsideWishes, embed: Embed | None, monitor: Monitor, *, tally: Tally | None = None
) -> Iterator[Made | Skipped]:
    """The rows out of scope, and the shipped questions that cannot be used, with reasons. The same rows, wishes and encoder give the same result.

    Raises: NotEnoughData for fewer than 20 questions; BadProject for an unknown topic; Interrupted on a stop.
    """
    counts = tally or Tally("outside", "questions", wishes)
    return counted(_outside(rows, wishes, embed, Noting(monitor, counts)), counts)


def _outside(rows: Sequence[Record], wishes: OutsideWishes, embed: Embed | None, monitor: Monitor) -> Iterator[Made | Skipped]:
    own = own_rows(rows, wishes.refusal)
    style = style_of(own.questions)
    if style.english < LEAST_ENGLISH:
        monitor.emit(Note(level="warning", text=FOREIGN))
    shipped = without(wishes.not_topics)
    _look(monitor, "comparing with your questions", 0)
    domain = Domain(own.questions, [one.text for one in shipped], embed)
    found: Found = {kind: [] for kind in wishes.kinds}
    for candidate in _from_pool(shipped, own, domain):
        if isinstance(candidate, Skipped):
            yield candidate
        elif candidate.kind in found:
            found[candidate.kind].append(candidate)
    _look(monitor, "making near misses", 1)
    for candidate in _by_rules(own, wishes):
        if candidate.kind in found:
            found[candidate.kind].append(candidate)
    rng = random.Random(f"{wishes.seed} outside")
    ordered = {kind: in_turn(some, lambda one: one.shipped.topic if one.shipped else one.about, rng) for kind, some in found.items()}
    wanted = rows_wanted(own.inside, own.outside, wishes.share)
    chosen = choose(ordered, wanted, wishes)
    _tell(chosen, wanted, own, wishes, domain, monitor)
    _look(monitor, "finding neighbours", 2)
    texts = [in_style(one.text, style, rng) if one.shipped else one.text for one in chosen]
    yield from _rows(chosen, texts, own, wishes, domain, monitor)


def own_rows(rows: Sequence[Record], refusal: str) -> Own:
    """The user's rows, those in scope apart from those that are refused already.

    Raises: NotEnoughData.
    """
    inside: list[Record] = []
    questions: list[str] = []
    known: set[str] = set()
    texts: list[str] = []
    outside = 0
    for row in rows:
        assert row.conversation is not None
        texts += [turn.content or "" for turn in row.conversation.messages]
        known.update(fold(turn.content or "") for turn in row.conversation.messages if turn.role == "user")
        question = single_question(row)
        if fold(row.conversation.answer() or "") == fold(refusal):
            outside += 1
        elif question is not None:
            inside.append(row)
            questions.append(question)
    if len(inside) < AT_LEAST:
        raise NotEnoughData(
            "too few questions to know the domain by", got=f"{len(inside)} rows in scope that ask once, without tools", expected=f"at least {AT_LEAST}",
            fix="add rows of your own first",
        )  # fmt: skip
    return Own(inside, questions, frozenset(known), texts, len(rows) - outside, outside)


def _from_pool(shipped: Sequence[Shipped], own: Own, domain: Domain) -> Iterator[Candidate | Skipped]:
    """The shipped questions: those that may be used, and the others with the reason."""
    near = domain.nearness([one.text for one in shipped])
    mine = own_topics([one.topic for one in shipped], near)
    flags = zip(shipped, near.may_be_asked().tolist(), near.is_near().tolist(), near.rows[:, 0].tolist(), strict=True)
    for one, may_be_asked, is_near, nearest in flags:
        if fold(one.text) in own.known:
            yield _unused(one, "known", "stands in your rows already")
        elif may_be_asked:
            yield _unused(one, "in_scope", "is so near to your questions that you may have to answer it")
        elif one.topic in mine and one.difficulty != "unrated":
            yield _unused(one, "own_topic", f"its topic, {one.topic}, seems to be your business")
        else:
            yield Candidate("near" if is_near else "far", one.text, nearest if is_near else None, one)


def _unused(one: Shipped, reason: str, message: str) -> Skipped:
    return Skipped(spot=_spot(one), reason=reason, message=message)


def _by_rules(own: Own, wishes: OutsideWishes) -> Iterator[Candidate]:
    """Near misses of the user's own questions, in an order that depends on the seed."""
    given, known_words, rng = near_miss_words(), vocabulary(own.texts), random.Random(f"{wishes.seed} rules")
    order = list(range(len(own.rows)))
    rng.shuffle(order)
    foreign = [name for name in given.names if not known_words.knows(name)]
    for number in order:
        question, label = own.questions[number], own.rows[number].label or ""
        renamed = by_name(question, wishes.own_names, foreign, rng)
        if renamed is not None:
            yield Candidate("name", renamed, number, about=label)
        slotted = by_slot(question, given.slots, known_words, rng)
        if slotted is not None:
            yield Candidate("slot", slotted, number, about=label)
    mine = things(own.questions)
    holding = {thing: [i for i in order if thing.lower() in own.questions[i].lower()] for thing in (*mine, *wishes.own_names)}
    for number, (text, thing) in enumerate(by_attribute(mine, wishes.own_names, given)):
        yield Candidate("attribute", text, holding[thing][number % len(holding[thing])] if holding[thing] else None, about=thing)
    for number, (text, thing) in enumerate(by_false_premise(mine, known_words, given, rng)):
        yield Candidate("false_premise", text, holding[thing][number % len(holding[thing])], about=thing)


def choose(ordered: Found, wanted: int, wishes: OutsideWishes) -> list[Candidate]:
    """So many candidates, by the quotas of their kinds; no text twice, and at most two near misses made of one row."""
    seen: set[str] = set()
    parents: Counter[int] = Counter()
    usable: Found = {kind: [] for kind in ordered}
    for one in (one for turn in zip_longest(*ordered.values()) for one in turn if one is not None):  # no kind uses up the parents of the others
        made_of = one.parent if one.shipped is None else None
        if fold(one.text) in seen or (made_of is not None and parents[made_of] >= PER_PARENT):
            continue
        seen.add(fold(one.text))
        parents.update([made_of] if made_of is not None else [])
        usable[one.kind].append(one)
    counts = quotas(wanted, wishes, {kind: len(some) for kind, some in usable.items()})
    return [one for kind in wishes.kinds for one in usable[kind][: counts[kind]]]


def _rows(chosen: Sequence[Candidate], texts: Sequence[str], own: Own, wishes: OutsideWishes, domain: Domain, monitor: Monitor) -> Iterator[Made]:
    """The chosen candidates as rows, near misses with the rows in scope that are next to them."""
    near = domain.nearness(texts) if texts else None
    alone = 0
    for number, (one, text) in enumerate(zip(chosen, texts, strict=True)):
        assert near is not None
        is_far = one.kind == "far"
        parent = one.parent if one.parent is not None else int(near.rows[number][0])
        close = [] if is_far else [*([one.parent] if one.parent is not None else []), *near.neighbours(number)]
        alone += not is_far and not close
        details: dict[str, str | int | float | bool] = {"synthetic": True, "similarity": round(float(near.similarity[number]), 3)}
        if one.shipped is not None:
            details |= {"topic": one.shipped.topic, "difficulty": one.shipped.difficulty, "licence": one.shipped.licence}
        if not is_far:
            places = dict.fromkeys(place(own.rows[row].origin) for row in close)
            details |= {"parent": own.rows[parent].id, "neighbours": " ".join(places)}
        yield Made(
            messages=answered_like(own.rows[parent], text, wishes.refusal),
            group=None if is_far else group_of(own.rows[parent]),
            how=one.kind,
            source=_source(one, own),
            details=details,
        )
    if alone:
        told = (
            f"{alone:,} near misses have no question of yours close by (`neighbours` is empty): a model may learn to refuse their whole subject; "
            "add questions in scope about it, or leave these rows out"
        )
        monitor.emit(Note(level="warning", text=told))


def _source(one: Candidate, own: Own) -> Cited:
    if one.shipped is not None:
        return Cited.of(_spot(one.shipped), (one.shipped.topic, one.shipped.difficulty))
    if one.parent is None:
        return Cited(file="shipped/near_misses.toml")
    origin = own.rows[one.parent].origin
    return Cited(file=origin.file, line=origin.line)


def _spot(one: Shipped) -> Spot:
    return Spot(file=f"shipped/{one.file}")


def _tell(chosen: Sequence[Candidate], wanted: int, own: Own, wishes: OutsideWishes, domain: Domain, monitor: Monitor) -> None:
    """Say what was chosen, and what is missing."""
    counts = Counter(one.kind for one in chosen)
    made = ", ".join(f"{counts[kind]:,} {kind}" for kind in wishes.kinds if counts[kind]) or "none"
    share = (own.outside + len(chosen)) / (own.inside + own.outside + len(chosen))
    there = f", {own.outside:,} that were there included" if own.outside else ""
    told = f"{len(chosen):,} rows out of scope are made ({made}): {share:.1%} of the data{there}; near and far by the {domain.method}"
    monitor.emit(Note(text=told))
    if len(chosen) < wanted:
        told = f"only {len(chosen):,} of {wanted:,} rows could be made: no more are surely out of scope; add some of your own, or lower `share`"
        monitor.emit(Note(level="warning", text=told))


def _look(monitor: Monitor, label: str, done: int) -> None:
    monitor.emit(Progress(label=label, done=done, total=3, unit="steps"))
    if monitor.stopping():
        raise Interrupted("stopped while making rows out of scope", fix="run the same command again: it takes seconds")
