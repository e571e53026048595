"""A project, its data and its models → the facts that deciding rests on: every prompt, example and candidate that may be tried, ready to be chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tunesmith.decide import prompt_search
from tunesmith.decide.rivals import few_shot, majority, own_prompts, reading_prompts, tuned_prompt, tuned_to_read, worked_example, written_prompts
from tunesmith.measure.quantities import WHICH_ROWS
from tunesmith.spec.candidate import Classifier, Constant, Prompted, Remote, Retrieval, Tuned
from tunesmith.spec.chat import Conversation, Prompt
from tunesmith.spec.dataset import Dataset, Record
from tunesmith.spec.plan import Base, Facts, PromptSpace
from tunesmith.spec.project import Project
from tunesmith.spec.recipe import Recipe
from tunesmith.spec.task import Form, MetricName, form_of

LOOKED_UP: Mapping[Form, int] = {"classify": 8, "extract": 3, "generate": 3}
"""Worked examples that are looked up for a question, where the project does not say: short ones are cheap, and a label needs more of them."""
READ_SHOTS = 4
"""Worked examples of a reader, at most: each has a passage before it."""
TOKENS_OF_A_WORD = 1.3
"""Where lengths were counted in words."""


@dataclass(frozen=True)
class Given:
    """What facts are made of."""

    project: Project
    dataset: Dataset
    train: Sequence[Record]
    """Rows whose answers are ones to give."""
    dev: Sequence[Record]
    metric: MetricName
    bases: Sequence[Base]
    """The project's own first."""
    recipe: Recipe
    """Of the project, or of the model that is continued, with epochs and rows of a step."""
    encoder_parameters: int = 0
    inherited: Prompt | None = None
    """Of a model that is continued."""
    probe_share: float = 1.0
    """Of the shipped probes, so much is asked of a tuned model."""


def facts_of(given: Given) -> Facts:
    """The facts.

    Raises: BadProject for prompts of the user's with unknown placeholders.
    """
    project, dataset = given.project, given.dataset
    profile, factor = dataset.profile, TOKENS_OF_A_WORD if dataset.profile.token_unit == "words" else 1.0
    return Facts(
        metric=given.metric,
        goal=project.goal,
        train_rows=len(given.train),
        dev_rows=sum(row.conversation is not None for row in given.dev),
        test_rows=dataset.rows["test"],
        question_tokens=max(1.0, profile.input_tokens.mean * factor),
        answer_tokens=max(1.0, profile.answer_tokens.mean * factor),
        answering="choose" if form_of(dataset.task) == "classify" else "write",
        longest=None if form_of(dataset.task) == "classify" else project.task.max_new_tokens,
        bases=tuple(given.bases),
        encoder_parameters=given.encoder_parameters,
        probe_share=given.probe_share,
        asked_again=project.examine.repeats if project.examine.temperature and form_of(dataset.task) != "classify" else 0,
        recipe=given.recipe,
        prompt=given.inherited or tuned_prompt(project.task, dataset),
        written=written(given),
        space=space(given),
        shots=shots(given),
        majority=most_frequent(given),
        classifier=classifier(given),
        retrieved=retrieved(given),
        rag=readers(given),
        rag_tuned=tuned_reader(given),
        remote=remote(given),
        fine_tune=project.rivals.fine_tune,
        seed=project.split.seed,
    )


def written(given: Given) -> tuple[Prompt, ...]:
    """The written prompts; none where prompting is no rival."""
    # in any case, so that a bad placeholder is found before anything is tried
    found = written_prompts(given.project.task, given.dataset, given.train)
    return found if given.project.rivals.prompts else ()


def space(given: Given) -> PromptSpace | None:
    """The parts of prompts to search; None where prompting is no rival."""
    project = given.project
    return prompt_search.space(project.task, given.dataset, given.train, project.split.seed) if project.rivals.prompts else None


def shots(given: Given) -> tuple[Conversation, ...]:
    """Worked examples for the best prompt."""
    count, seed = given.project.rivals.few_shot, given.project.split.seed
    return few_shot(Prompt(name="best"), given.train, count, seed, out_of_scope=given.dataset.out_of_scope).examples if count else ()


def most_frequent(given: Given) -> Constant | None:
    """The majority answer; where the deciding metric looks at rows in scope only, that of those rows."""
    if not given.project.rivals.majority or not given.dataset.labels:
        return None
    return majority(given.train, leave_out=given.dataset.out_of_scope if WHICH_ROWS[given.metric] == "in scope" else None)


def classifier(given: Given) -> Classifier | None:
    """The classifier control, not fitted yet."""
    rivals = given.project.rivals
    return Classifier(name="classifier", embedder=rivals.embedder, weights="") if rivals.classifier and len(given.dataset.labels) > 1 else None


def retrieved(given: Given) -> Retrieval | None:
    """The untuned model that is shown training rows like the question; its index is not named yet, and its prompt will be the best one."""
    wished = given.project.rivals.few_shot_retrieved
    count = LOOKED_UP[form_of(given.dataset.task)] if wished is None else wished
    if not count or not any(worked_example(row) is not None for row in given.train):
        return None
    reader = Prompted(name="few-shot-retrieved", model=given.bases[0].id, prompt=Prompt(name="best"))
    return Retrieval(name=reader.name, reader=reader, index="", count=count, shown="examples")


def readers(given: Given) -> tuple[Retrieval, ...]:
    """The untuned model with passages of the documents, once for each prompt for reading and once with worked examples; the index is not named yet.

    These get passages of their own once there is an index: they show how an answer is taken from one, as training does, and cost their tokens once.
    """
    project = given.project
    if not project.documents or not project.rivals.rag:
        return ()
    prompts = reading_prompts(project.task, given.dataset, given.train)
    count = min(project.rivals.few_shot, READ_SHOTS)
    shown = few_shot(prompts[0], given.train, count, project.split.seed, out_of_scope=given.dataset.out_of_scope)
    if shown.examples:
        prompts += (shown.model_copy(update={"name": "rag-few-shot"}),)
    known = [Prompted(name=prompt.name, model=given.bases[0].id, prompt=prompt) for prompt in prompts]
    return tuple(Retrieval(name=reader.name, reader=reader, index="", count=project.rivals.rag) for reader in known)


def tuned_reader(given: Given) -> Retrieval | None:
    """The model that is tuned with passages before its questions; index and checkpoint are not named yet."""
    project = given.project
    if not project.documents or not project.rivals.fine_tune_rag:
        return None
    reader = Tuned(name="tuned-to-read", checkpoint="", prompt=given.inherited or tuned_to_read(project.task, given.dataset))
    return Retrieval(name="tuned-rag", reader=reader, index="", count=project.rivals.passages_read())


def remote(given: Given) -> Remote | None:
    """The model elsewhere, with the first of the project's own prompts, else the plain one, or where it may decline the one that says so; None where the
    project names none. No others are tried: each question may cost money."""
    there = given.project.rivals.remote
    if there is None:
        return None
    suits = "plain" if given.dataset.out_of_scope is None else "careful"
    own = own_prompts(given.project.task, given.dataset)
    prompt = own[0] if own else next(one for one in written_prompts(given.project.task, given.dataset, given.train) if one.name == suits)
    return Remote(name="remote", url=there.url, model=there.model, prompt=prompt, key_variable=there.key_variable, allow_private=there.allow_private)
