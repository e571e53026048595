"""Rows → the same questions in other words, with the same answers: by rules, or by a teacher.

    for row in make_paraphrases(rows, ParaphraseWishes(per_row=2), monitor, embedder.embed):      # Made or Skipped
        …

Every paraphrase that was wanted comes out exactly once, as a row or with the reason why there is none. A row carries its parent's id and the
group that both must share (parentage.group_of). The same rows, wishes and encoder give the same paraphrases. What rules do to labels
is measured with bench/paraphrases.py: a classifier of BANKING77's training rows finds the right label in 93.5 % of test rows and in 92.4 % of their
paraphrases that lie close enough in meaning.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tunesmith.data.fold import fold
from tunesmith.data.make.counted import Noting, counted
from tunesmith.data.make.outside_distance import Embed
from tunesmith.data.make.paraphrase_kept import kept
from tunesmith.data.make.paraphrase_noise import NOISE
from tunesmith.data.make.paraphrase_rules import RULES
from tunesmith.data.make.paraphrase_teacher import said_otherwise
from tunesmith.data.make.parentage import group_of, single_question
from tunesmith.data.make.tally import Tally
from tunesmith.data.make.teacher import Teaching
from tunesmith.data.profile import some
from tunesmith.data.shingles import shingle
from tunesmith.errors import BadProject, Interrupted
from tunesmith.spec.dataset import Record
from tunesmith.spec.job import Monitor, Note, Progress
from tunesmith.spec.making import Cited, Made
from tunesmith.spec.making_teacher import Failure, ParaphraseWishes, Strength
from tunesmith.spec.passage import Skipped, Spot

KINDS = ("order", "frame", "phrase", "contraction", "politeness", "typo", "punctuation", "casing")
"""In the order in which they are applied: a frame is not found any more behind a greeting."""
WEIGHTS = {"order": 3.0, "frame": 3.0, "phrase": 3.0, "contraction": 2.0, "politeness": 2.0, "typo": 1.0, "punctuation": 1.0, "casing": 1.0}
"""How readily each is taken where several fit: other words rather than noise."""
MARKS = frozenset({"punctuation", "casing"})
"""By themselves no other words: alone they are taken only where nothing else fits, or where they are what is wished."""
CHANGES: dict[Strength, tuple[int, ...]] = {"light": (1,), "medium": (1, 2), "strong": (2, 3, 4)}
TRIES = 12
MOST_PER_ROW = 20
ROWS_AT_ONCE = 512
MAX_CHARACTERS = 600
"""A longer question is mostly material; its frame is not what varies."""
OTHER_LANGUAGE = (
    "for this language only typing slips, capitals and marks are varied: the other rules know English only; a teacher varies any language"
)


@dataclass(frozen=True)
class Wanted:
    """A row that gets paraphrases."""

    row: Record
    question: str
    count: int


@dataclass(frozen=True)
class Draft:
    """A paraphrase, or why there is none."""

    parent: Wanted
    text: str = ""
    kinds: tuple[str, ...] = ()
    fault: tuple[str, str] | None = None


def make_paraphrases(
    rows: Sequence[Record],
    wishes: ParaphraseWishes,
    monitor: Monitor,
    embed: Embed | None = None,
    teaching: Teaching | None = None,
    *,
    tally: Tally | None = None,
) -> Iterator[Made | Skipped]:
    """The paraphrases, and what could not be said otherwise, in the order of the rows; by the teacher where there is one.

    Raises: BadProject for kinds that do not exist or labels that are not there; Interrupted on a stop; what the teacher raises.
    """
    totals = tally or Tally("paraphrases", "paraphrases", wishes)
    return counted(_paraphrases(rows, wishes, Noting(monitor, totals), embed, teaching), totals)


def _paraphrases(
    rows: Sequence[Record], wishes: ParaphraseWishes, monitor: Monitor, embed: Embed | None, teaching: Teaching | None
) -> Iterator[Made | Skipped]:
    kinds = usable_kinds(wishes)
    if teaching is None and wishes.language != "en":
        monitor.emit(Note(text=OTHER_LANGUAGE))
    chosen: list[Wanted] = []
    wanted = counts(rows, wishes)
    if short := falling_short(rows, wanted, wishes):
        monitor.emit(Note(level="warning", text=short))
    for row, count in zip(rows, wanted, strict=True):
        question = single_question(row)
        fault = unusable(question)
        if fault is None and question is not None and count:
            chosen.append(Wanted(row, question, count))
        elif fault is not None:
            yield from [_skipped(row, fault)] * count
    seen = {fold(turn.content or "") for row in rows if row.conversation for turn in row.conversation.messages if turn.role == "user"}
    drafts = by_teacher(chosen, wishes, teaching) if teaching is not None else by_rules(chosen, kinds, wishes, seen)
    teacher = teaching.config.model if teaching is not None else None
    for start in range(0, len(chosen), ROWS_AT_ONCE):
        _look(monitor, start, len(chosen))
        for draft, similarity in judged(
            [next(drafts) for one in chosen[start : start + ROWS_AT_ONCE] for _ in range(one.count)], wishes, embed, seen
        ):
            yield _skipped(draft.parent.row, draft.fault) if draft.fault else _made(draft, similarity, teacher)


def usable_kinds(wishes: ParaphraseWishes) -> tuple[str, ...]:
    """The kinds of change that are wanted and suit the language, in the order in which they are applied.

    Raises: BadProject for one that does not exist or that the language does not have.
    """
    there = KINDS if wishes.language == "en" else tuple(NOISE)
    wrong = [kind for kind in wishes.kinds if kind not in there]
    if wrong:
        known = f"some of {', '.join(there)}"
        raise BadProject(
            f"no such change for the language {wishes.language}", where="kinds", got=wrong[0][:60], expected=known, fix="correct or remove it"
        )
    return tuple(kind for kind in KINDS if kind in (wishes.kinds or there))


def counts(rows: Sequence[Record], wishes: ParaphraseWishes) -> list[int]:
    """How many paraphrases of each row are wanted: rare labels get as many as they lack, their rows in turn.

    Raises: BadProject for balance without labels.
    """
    if wishes.balance_to is None:
        return [wishes.per_row] * len(rows)
    if not any(row.label for row in rows):
        raise BadProject("the rows have no labels", where="balance_to", fix="name the column of the labels in the source, or remove `balance_to`")
    sizes = Counter(row.label for row in rows)
    missing = {label: max(0, wishes.balance_to - size) if label is not None else 0 for label, size in sizes.items()}
    found = [0] * len(rows)
    for _ in range(wishes.per_row):
        for number, row in enumerate(rows):
            if missing[row.label] > 0:
                missing[row.label] -= 1
                found[number] += 1
    return found


def falling_short(rows: Sequence[Record], wanted: Sequence[int], wishes: ParaphraseWishes) -> str:
    """Which labels do not get as many rows as they should have, and what would give them; nothing if all do."""
    if wishes.balance_to is None:
        return ""
    sizes, made = Counter(row.label for row in rows), Counter[str | None]()
    for row, count in zip(rows, wanted, strict=True):
        made[row.label] += count
    short = sorted((sizes[label] + made[label], label) for label in sizes if label is not None and sizes[label] + made[label] < wishes.balance_to)
    if not short:
        return ""
    needed = max(math.ceil((wishes.balance_to - sizes[label]) / sizes[label]) for _, label in short)
    advice = f"--per-row {needed} would" if needed <= MOST_PER_ROW else f"--per-row {MOST_PER_ROW} is the most; add rows of your own"
    labels = some([f"{label} ({count})" for count, label in short])
    return f"{labels} cannot get {wishes.balance_to} rows with {wishes.per_row} for each row: {advice}"


def unusable(question: str | None) -> tuple[str, str] | None:
    """Why a row's question is not varied; None where it can be."""
    if question is None:
        return "not_one_question", "is not one question with one answer and without tools"
    if len(question) > MAX_CHARACTERS:
        return "too_long", f"its question has more than {MAX_CHARACTERS} characters"
    return None


def by_rules(chosen: Sequence[Wanted], kinds: Sequence[str], wishes: ParaphraseWishes, seen: set[str]) -> Iterator[Draft]:
    """So many drafts of each row as are wanted."""
    for one in chosen:
        siblings: list[str] = []
        fitting = [kind for kind in kinds if changed(kind, one.question, random.Random(0), wishes.language) is not None]
        for number in range(one.count):
            rng = random.Random(f"{wishes.seed} {one.row.id} {number}")
            draft = next(
                (d for _ in range(TRIES) if (d := drafted(one, fitting, wishes, rng)) is not None and is_new(d, siblings, seen, wishes)), None
            )
            if draft is None:
                yield Draft(one, fault=("nothing_to_change", "no rule says this question in yet other words"))
            else:
                siblings.append(draft.text)
                yield draft


def drafted(one: Wanted, fitting: Sequence[str], wishes: ParaphraseWishes, rng: random.Random) -> Draft | None:
    """The question with some of the changes that fit it; None if they leave it as it is or touch what must stay."""
    ranked = sorted(
        fitting, key=lambda kind: rng.random() ** (1 / WEIGHTS[kind]), reverse=True
    )  # weighted, without repetition (Efraimidis & Spirakis)
    picked = ranked[: rng.choice(CHANGES[wishes.strength])]
    if not wishes.kinds and MARKS.issuperset(picked) and not MARKS.issuperset(fitting):
        return None
    text, applied = one.question, []
    for kind in sorted(picked, key=KINDS.index):
        made = changed(kind, text, rng, wishes.language)
        if made is not None and kept(one.question, made):
            text = made
            applied.append(kind)
    return Draft(one, text, tuple(applied)) if applied else None


def changed(kind: str, text: str, rng: random.Random, language: str) -> str | None:
    """The text after one change; None where it does not apply."""
    return RULES[kind](text, rng) if kind in RULES else NOISE[kind](text, rng, language)


def is_new(draft: Draft, siblings: Sequence[str], seen: set[str], wishes: ParaphraseWishes) -> bool:
    """True if no row and no earlier paraphrase of this row says the same, or nearly."""
    if fold(draft.text) in seen or fold(draft.text) in map(fold, siblings):
        return False
    if wishes.max_likeness >= 1:
        return True
    return all(likeness(draft.text, other) <= wishes.max_likeness for other in (draft.parent.question, *siblings))


def likeness(first: str, second: str) -> float:
    """Jaccard similarity of the texts' shingles, as near duplicates are measured; 0 for a short text beside a long one.

    >>> likeness("Where is my card?", "where  is my card?")
    1.0
    """
    hashes, offsets = shingle([fold(first), fold(second)])
    mine, theirs = hashes[offsets[0] : offsets[1]], hashes[offsets[1] : offsets[2]]
    both = len(np.intersect1d(mine, theirs))
    return both / max(1, len(mine) + len(theirs) - both)


def by_teacher(chosen: Sequence[Wanted], wishes: ParaphraseWishes, teaching: Teaching) -> Iterator[Draft]:
    """So many drafts of each row as are wanted."""
    replies = said_otherwise([one.question for one in chosen], [one.count for one in chosen], wishes, teaching)
    for one, reply in zip(chosen, replies, strict=True):
        if isinstance(reply, Failure):
            yield from [Draft(one, fault=(reply.reason, reply.message))] * one.count
            continue
        siblings: list[str] = []
        for text in reply:
            draft = Draft(one, text, ("teacher",))
            if not text or not is_new(draft, siblings, {fold(one.question)}, wishes):
                yield Draft(one, fault=("repeats", "the teacher repeats the question or an earlier paraphrase of it"))
            elif not kept(one.question, text):
                yield Draft(one, fault=("not_kept", "a number, a name or a negation is not the same as in the question"))
            else:
                siblings.append(text)
                yield draft
        yield from [Draft(one, fault=("too_few", "the teacher gave fewer paraphrases than it was asked for"))] * (one.count - len(reply))


def judged(drafts: Sequence[Draft], wishes: ParaphraseWishes, embed: Embed | None, seen: set[str]) -> Iterator[tuple[Draft, float | None]]:
    """The drafts with their nearness in meaning, where there is an encoder; those that lie too far away, or that another row says by now, with the fault."""
    good = [draft for draft in drafts if draft.fault is None]
    near: dict[int, float] = {}
    if embed is not None and good:
        vectors = embed([draft.text for draft in good] + [draft.parent.question for draft in good])
        products = (vectors[: len(good)] * vectors[len(good) :]).sum(axis=1)
        near = {id(draft): float(product) for draft, product in zip(good, products.tolist(), strict=True)}
    for draft in drafts:
        similarity = near.get(id(draft))
        if draft.fault is None and fold(draft.text) in seen:
            yield Draft(draft.parent, fault=("repeats", "another row says this already")), None
        elif similarity is not None and similarity < wishes.min_similarity:
            yield (
                Draft(
                    draft.parent,
                    fault=(
                        "meaning",
                        f"its sentence vector is too far from the question's: cosine {similarity:.2f} (needs {wishes.min_similarity:g})",
                    ),
                ),
                None,
            )
        else:
            seen.update([fold(draft.text)] if draft.fault is None else [])
            yield draft, similarity


def _made(draft: Draft, similarity: float | None, teacher: str | None) -> Made:
    row = draft.parent.row
    assert row.conversation is not None
    messages = tuple(turn.model_copy(update={"content": draft.text}) if turn.role == "user" else turn for turn in row.conversation.messages)
    details: dict[str, str | int | float | bool] = {"synthetic": True, "parent": row.id, "kinds": "+".join(draft.kinds)}
    details |= ({"similarity": round(similarity, 3)} if similarity is not None else {}) | ({"teacher": teacher} if teacher else {})
    source = Cited(file=row.origin.file, line=row.origin.line)
    return Made(messages=messages, group=group_of(row), how="teacher" if teacher else "rules", source=source, details=details)


def _skipped(row: Record, fault: tuple[str, str]) -> Skipped:
    return Skipped(spot=Spot(file=row.origin.file, line=row.origin.line), reason=fault[0], message=fault[1])


def _look(monitor: Monitor, done: int, total: int) -> None:
    monitor.emit(Progress(label="saying rows in other words", done=done, total=total))
    if monitor.stopping():
        raise Interrupted("stopped while making paraphrases", fix="run the same command again: the same ones are made")
