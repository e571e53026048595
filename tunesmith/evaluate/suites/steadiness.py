"""The same question again, in other words, and behind other prompts → whether it gets the same answer.

The rows are dev rows in scope and out of it, and the answer that is there already counts as one version, except at a temperature: those are drawn anew, at the
temperature that the candidate is served at unless the user names another. A system prompt is varied by rules that change nothing of what it says; the question's own system message is varied where it brings one.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.evaluate.refusals import reference_of
from tunesmith.evaluate.suites.asking import Asker
from tunesmith.evaluate.suites.judging import Judge
from tunesmith.evaluate.suites.material import Material, asking, chosen, cluster_of
from tunesmith.evaluate.suites.wording import counted, percent, rough, sentences, share
from tunesmith.measure.agreement import Versions, agreement, pairwise
from tunesmith.spec.candidate import Candidate
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.dataset import Record
from tunesmith.spec.suite import Consistency, Example, Steadiness

VARIANTS = {
    "a word before": "You are a helpful assistant.\n{system}",
    "a word behind": "{system}\nThank you.",
    "a frame": "### Instructions\n{system}\n### End of the instructions",
}
"""Of a system prompt: name → text. None of them says anything else."""
WITHOUT = {"a helper": "You are a helpful assistant.", "a wish": "Answer the user.", "a thank you": "Read the message. Thank you."}
"""Where there is no system prompt."""


def consistency(material: Material, judge: Judge, asker: Asker) -> Consistency | str:
    """The suite; the reason where no dev row can be asked.

    Raises: Interrupted.
    """
    rows = material.asked_dev()
    if not rows:
        return "no dev row holds a question that was answered"
    left_out: dict[str, str] = {}
    parts: dict[str, Steadiness | None] = {}
    for name, examine in (("asked again", asked_again), ("other words", other_words), ("other prompts", other_prompts)):
        found = examine(material, judge, asker, rows)
        parts[name] = found if isinstance(found, Steadiness) else None
        left_out |= {name: found} if isinstance(found, str) else {}
    again, said, prompts = parts["asked again"], parts["other words"], parts["other prompts"]
    return Consistency(again=again, words=said, prompts=prompts, left_out=left_out, sentence=_sentence([again, said, prompts], left_out))


def asked_again(material: Material, judge: Judge, asker: Asker, rows: Sequence[Record]) -> Steadiness | str:
    """The same question several times at the serving temperature, or the one that the user names, each time with another seed."""
    limits = material.limits
    if asker.decoding.choices or asker.candidate.kind in ("constant", "classifier"):
        return "the most probable label is always chosen: the same question always gets the same answer"
    temperature = asker.decoding.temperature if limits.temperature is None else limits.temperature
    if temperature == 0:
        how = "it is served at temperature 0" if limits.temperature is None else "at temperature 0, as you asked for"
        return f"{how}: the same question always gets the same answer, so none was asked again"
    some = chosen(rows, limits.repeated_rows, limits.seed, "again")
    questions = [row.conversation.question() for row in some if row.conversation is not None]
    seeds = range(limits.seed, limits.seed + limits.repeats)
    found: list[list[str]] = [[] for _ in some]
    for seed in seeds:
        decoding = asker.decoding.model_copy(update={"temperature": temperature, "seed": seed})
        label = f"the same question, time {seed - limits.seed + 1} of {limits.repeats}"
        for said, answer in zip(found, asker.ask(label, questions, decoding), strict=True):
            said.append(answer.text)
    detail = f"temperature {temperature:g}, seeds {seeds[0]} to {seeds[-1]}"
    return steadiness("asked again", list(zip(some, found, strict=True)), detail, material, judge)


def other_words(material: Material, judge: Judge, asker: Asker, rows: Sequence[Record]) -> Steadiness | str:
    """The question as it stands and in the wordings that were passed in."""
    limits = material.limits
    worded = {row.id: list(material.paraphrases.get(row.id, ()))[: limits.paraphrases] for row in rows}
    some = chosen([row for row in rows if worded[row.id]], limits.paraphrased_rows, limits.seed, "words")
    if not some:
        return "no paraphrases were passed in"
    asked = [(row, text) for row in some for text in worded[row.id]]
    answers = asker.ask("the same question in other words", [asking(row.conversation, text) for row, text in asked if row.conversation is not None])
    found = {row.id: [material.dev_by_id[row.id].answer] for row in some}
    for (row, _), answer in zip(asked, answers, strict=True):
        found[row.id].append(answer.text)
    detail = f"the question as it stands and {counted(len(asked), 'paraphrase')}"
    return steadiness("other words", [(row, found[row.id]) for row in some], detail, material, judge)


def other_prompts(material: Material, judge: Judge, asker: Asker, rows: Sequence[Record]) -> Steadiness | str:
    """The question behind its own system prompt and behind variants of it."""
    prompt = prompt_of(asker.candidate)
    if prompt is None:
        return f"a {asker.candidate.kind} has no prompt"
    some = chosen(rows, material.limits.reprompted_rows, material.limits.seed, "prompts")
    found = [[material.dev_by_id[row.id].answer] for row in some]
    variants = VARIANTS if prompt.system is not None else WITHOUT
    for place, name in enumerate(variants):
        asked = [reprompted(row.conversation.question(), prompt, place) for row in some if row.conversation is not None]
        for said, answer in zip(found, asker.ask(f"behind another prompt: {name}", asked), strict=True):
            said.append(answer.text)
    detail = "the prompt as it is and " + ", ".join(variants)
    return steadiness("other prompts", list(zip(some, found, strict=True)), detail, material, judge)


def prompt_of(candidate: Candidate) -> Prompt | None:
    """The prompt that stands before a candidate's questions; None for what has none."""
    match candidate.kind:
        case "prompted" | "tuned" | "remote":
            return candidate.prompt
        case "retrieval":
            return candidate.reader.prompt
        case _:
            return None


def reprompted(question: Conversation, prompt: Prompt, variant: int) -> Conversation:
    """The question with a variant of its system message, or else of the prompt's, in front: a system message of its own is what a candidate keeps."""
    own = question.messages[:1] if question.messages and question.messages[0].role in ("system", "developer") else ()
    system = own[0].content if own else prompt.system
    text = list(WITHOUT.values())[variant] if system is None else list(VARIANTS.values())[variant].replace("{system}", system)
    return question.model_copy(update={"messages": (Message(role="system", content=text), *question.messages[len(own) :])})


def steadiness(how: str, found: Sequence[tuple[Record, Sequence[str]]], detail: str, material: Material, judge: Judge) -> Steadiness:
    """The numbers over rows and their answers."""
    versions = [
        Versions(tuple(said), tuple(judge.fits(text, reference_of(row), material.outside(row)) for text in said), cluster_of(row))
        for row, said in found
    ]
    numbers = agreement(versions, judge.same, confidence=material.confidence, seed=material.limits.seed)
    return Steadiness.model_validate(
        {
            "how": how,
            "rows": len(found),
            "versions": max(len(said) for _, said in found),
            "agreement": numbers.agreement,
            "mean": numbers.mean,
            "worst": numbers.worst,
            "sensitivity": numbers.sensitivity,
            "detail": detail,
            "examples": _examples(found, material, judge),
        }
    )


def _examples(found: Sequence[tuple[Record, Sequence[str]]], material: Material, judge: Judge) -> tuple[Example, ...]:
    """The rows whose answers agree least."""
    ranked = sorted(((pairwise(said, judge.same), row.id, row, said) for row, said in found), key=lambda one: one[:2])
    return tuple(
        Example(
            question=material.dev_by_id[row.id].question,
            answer=" ⁄ ".join(dict.fromkeys(said)),
            wanted=reference_of(row),
            note=f"{percent(agreed)} of the pairs of answers agree",
            origin=row.origin,
        )
        for agreed, _, row, said in ranked[: material.limits.examples]
        if agreed < 1
    )


def _sentence(parts: Sequence[Steadiness | None], left_out: dict[str, str]) -> str:
    words = {"asked again": "asked again", "other words": "in other words", "other prompts": "behind other prompts"}
    told = []
    for part in parts:
        if part is None:
            continue
        told.append(
            f"{words[part.how]} ({part.detail}) {share(part.agreement)} of the pairs of answers to {counted(part.rows, 'question')} agree; "
            f"{share(part.mean)} are right on average, in {share(part.worst)} of the questions every one is"
        )
    told += [why for name, why in left_out.items() if name == "asked again"]
    return sentences([*told, rough([part.agreement for part in parts if part is not None])])
