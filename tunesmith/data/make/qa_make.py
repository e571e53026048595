"""Passages of documents and a teacher → questions with answers, each with the words of the document that prove it; and what was not used, and why.

    for row in make_questions(passages, wishes, teaching, folder):      # Made or Skipped
        …

Every pair that the teacher gives comes out exactly once, as a row or with the reason against it, and so does every section without a pair. The
order is that of the documents. A run that was killed asks nothing twice and ends with the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunesmith.answer.json_reply import read
from tunesmith.data.make.counted import counted
from tunesmith.data.make.qa_ask import CHECK_TOKENS, PAIR_TOKENS, Check, Pair, Pairs, answer_again, make
from tunesmith.data.make.qa_check import Fault, agreed, agreement, cited
from tunesmith.data.make.qa_sections import Section, sections
from tunesmith.data.make.repeats import repeats
from tunesmith.data.make.tally import Tally
from tunesmith.data.make.teacher import Teaching
from tunesmith.data.make.teacher_cost import estimated, prompt_tokens
from tunesmith.measure.text import words
from tunesmith.spec.chat import Message
from tunesmith.spec.making import Cited, Made
from tunesmith.spec.making_teacher import Asked, Estimate, Failure, Reply, TaughtWishes, Teacher
from tunesmith.spec.passage import Passage, Skipped

QUESTION_TOKENS = 20
FIXES = {
    "bad_answer": "choose a teacher that can be held to a JSON schema",
    "budget": "raise `budget` and run the same command again",
    "not_answered": "run the same command again: only what is missing is asked",
    "too_long": "lower `section_words`, or choose a teacher with a longer context",
}


@dataclass
class Candidate:
    """A pair that the teacher gave, and what speaks against it so far."""

    section: Section
    pair: Pair
    source: Cited | None = None
    fault: Fault | None = None
    agreement: float | None = None


def make_questions(
    passages: Iterable[Passage], wishes: TaughtWishes, teaching: Teaching, scratch: Path, known: Sequence[str] = (), *, tally: Tally | None = None
) -> Iterator[Made | Skipped]:
    """The rows, and everything that was not used. `known` are questions that the user's rows ask already; `scratch` is a folder for passing files.

    Raises: Interrupted on a stop (what was answered is kept); what the teacher raises.
    """
    counts = tally or Tally("teacher", "questions", wishes)
    return counted(_questions(passages, wishes, teaching, scratch, known), counts)


def _questions(
    passages: Iterable[Passage], wishes: TaughtWishes, teaching: Teaching, scratch: Path, known: Sequence[str]
) -> Iterator[Made | Skipped]:
    asked: list[Section] = []
    for section in sections(passages, wishes.section_words):
        if len(words(section.text)) < wishes.min_words:
            yield Skipped(spot=section.spot, reason="too_short", message=f"has fewer than {wishes.min_words} words")
        else:
            asked.append(section)
    replies = teaching.ask_json([make(section, wishes) for section in asked], Pairs, "asking for questions")
    candidates = [Candidate(section, pair) for section, reply in zip(asked, replies, strict=True) if isinstance(reply, Pairs) for pair in reply.pairs]
    check_quotes(candidates)
    drop_repeats(candidates, wishes, scratch, known)
    if wishes.check_answers:
        check_answers(candidates, wishes, teaching)
    mine: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        mine.setdefault(id(candidate.section), []).append(candidate)
    for section, reply in zip(asked, replies, strict=True):
        if isinstance(reply, Failure):
            yield skipped(section, Fault(reply.reason, reply.message))
        elif not reply.pairs:
            yield skipped(section, Fault("no_question", "the teacher found nothing to ask about it"))
        for candidate in mine.get(id(section), ()):
            yield row(candidate, wishes, teaching) if candidate.fault is None else skipped(section, candidate.fault)


def check_quotes(candidates: Sequence[Candidate]) -> None:
    """Note where each pair's quote stands, or what is wrong with the pair."""
    for candidate in candidates:
        found = cited(candidate.pair, candidate.section)
        if isinstance(found, Fault):
            candidate.fault = found
        else:
            candidate.source = found


def drop_repeats(candidates: Sequence[Candidate], wishes: TaughtWishes, scratch: Path, known: Sequence[str]) -> None:
    """Note which questions were asked before: by an earlier pair, or in the user's rows."""
    left = [candidate for candidate in candidates if candidate.fault is None]
    found = repeats([*known, *(candidate.pair.question for candidate in left)], wishes.similarity, scratch, kept=len(known))
    for candidate, other in zip(left, found[len(known) :], strict=True):
        if other is None:
            continue
        if other < len(known):
            candidate.fault = Fault("known", "the user's rows ask this, or nearly this, already")
        else:
            before = left[other - len(known)]
            assert before.source is not None
            candidate.fault = Fault("duplicate", f"asks the same, or nearly the same, as a pair of {before.source.spot().words()}")


def check_answers(candidates: Sequence[Candidate], wishes: TaughtWishes, teaching: Teaching) -> None:
    """Ask every question that is left again, with its section only, and note where the answers differ."""
    left = [candidate for candidate in candidates if candidate.fault is None]
    again = [answer_again(candidate.section, candidate.pair.question, wishes) for candidate in left]
    for candidate, check in zip(left, teaching.ask_json(again, Check, "checking the answers"), strict=True):
        if isinstance(check, Failure):
            candidate.fault = Fault(check.reason, f"its answer could not be checked: {check.message}")
        else:
            candidate.fault = agreed(candidate.pair, check, wishes)
            candidate.agreement, _ = agreement(candidate.pair, check)


def row(candidate: Candidate, wishes: TaughtWishes, teaching: Teaching) -> Made:
    """The pair as it is written."""
    assert candidate.source is not None
    system = (Message(role="system", content=wishes.system),) if wishes.system else ()
    asked = Message(role="user", content=candidate.pair.question.strip())
    details: dict[str, str | int | float | bool] = {"synthetic": True, "teacher": teaching.config.model}
    if candidate.agreement is not None:
        details["agreement"] = round(candidate.agreement, 3)
    said = Message(role="assistant", content=candidate.pair.answer.strip())
    return Made(messages=(*system, asked, said), group=candidate.section.group, how="teacher", source=candidate.source, details=details)


def skipped(section: Section, fault: Fault) -> Skipped:
    """A pair, or a section, that is not used."""
    return Skipped(spot=section.spot, reason=fault.reason, message=fault.message, fix=FIXES.get(fault.reason, ""))


def estimate(passages: Iterable[Passage], wishes: TaughtWishes, config: Teacher, teaching: Teaching | None = None) -> Estimate:
    """What `make_questions` will ask for at most, before it starts; `teaching`: what an earlier run was answered is not counted again."""
    requests = prompt = answers = already = 0

    def known(asked: Asked) -> Reply | None:
        return teaching.known(asked) if teaching is not None else None

    for section in sections(passages, wishes.section_words):
        if len(words(section.text)) < wishes.min_words:
            continue
        first = make(section, wishes)
        answered = known(first)
        found = read(answered, Pairs) if answered is not None else None
        if answered is None:
            requests, prompt, answers = requests + 1, prompt + prompt_tokens(first), answers + wishes.per_section * PAIR_TOKENS
        else:
            already += 1
        if not wishes.check_answers:
            continue
        checks = [answer_again(section, pair.question, wishes) for pair in found.pairs] if isinstance(found, Pairs) else []
        known_checks = sum(known(check) is not None for check in checks)
        more = (len(checks) if isinstance(found, Pairs) else wishes.per_section) - known_checks
        already += known_checks
        one = prompt_tokens(answer_again(section, "", wishes)) + QUESTION_TOKENS
        requests, prompt, answers = requests + more, prompt + more * one, answers + more * CHECK_TOKENS
    return estimated(config, requests, prompt, answers, already)
