"""A grader, a row and a sample → what can be said without asking a model: checks, scores of texts, the arithmetic of several graders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunesmith.errors import BadProject
from tunesmith.measure import graders_formula, graders_template
from tunesmith.measure.graders_template import render
from tunesmith.measure.similarity import similarity
from tunesmith.measure.text import NOT_JSON, read_json
from tunesmith.spec.wire_graders import AnyGrader, LabelModel, Multi, ScoreModel, StringCheck, TextSimilarity

LONGEST_COMPARED = 100_000
"""Characters. Comparing is quadratic for some metrics."""


def sample_space(text: str, tools: Sequence[Any] = (), whole: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What `{{ sample.… }}` finds: the whole reply, its text, the text's value where it is JSON, and the tools that were called."""
    value = read_json(text)
    return {**(whole or {}), "output_text": text, "output_tools": list(tools)} | ({} if value is NOT_JSON else {"output_json": value})


def templates(grader: AnyGrader) -> list[str]:
    """Every template of a grader."""
    match grader:
        case StringCheck() | TextSimilarity():
            return [grader.input, grader.reference]
        case ScoreModel() | LabelModel():
            return [message.template for message in grader.input]
        case Multi():
            return [template for part in grader.named.values() for template in templates(part)]


def check(grader: AnyGrader) -> None:
    """Return if every template and formula can be read, and the formula speaks of graders that are there.

    Raises: BadTemplate, BadFormula.
    """
    for template in templates(grader):
        graders_template.pieces(template)
    if isinstance(grader, Multi):
        known = grader.variables
        for name in sorted(graders_formula.names(graders_formula.parse(grader.calculate_output))):
            if name not in known:
                expected = ", ".join(grader.named)
                raise graders_formula.BadFormula("there is no such grader", where="calculate_output", got=name[:80], expected=expected)


def checked(grader: StringCheck, spaces: Mapping[str, Any]) -> float:
    """1 if the texts are as the grader wants them, else 0. Raises: BadTemplate, NoSuchVariable."""
    given, reference = render(grader.input, spaces), render(grader.reference, spaces)
    match grader.operation:
        case "eq":
            return float(given == reference)
        case "ne":
            return float(given != reference)
        case "like":
            return float(reference in given)
        case "ilike":
            return float(reference.casefold() in given.casefold())


def compared(grader: TextSimilarity, spaces: Mapping[str, Any]) -> tuple[str, str]:
    """The two texts to compare. Raises: BadTemplate, NoSuchVariable; BadProject for one that is too long."""
    texts = render(grader.input, spaces), render(grader.reference, spaces)
    for text in texts:
        if len(text) > LONGEST_COMPARED:
            expected = f"at most {LONGEST_COMPARED:,} characters"
            raise BadProject("the text is too long to be compared", where=grader.name, got=f"{len(text):,} characters", expected=expected)
    return texts


def alike(grader: TextSimilarity, spaces: Mapping[str, Any]) -> float:
    """The score of every metric but cosine, which needs vectors. Raises: as `compared`."""
    return similarity(grader.evaluation_metric, *compared(grader, spaces))


def combined(grader: Multi, scores: Mapping[str, float]) -> float:
    """The formula's value for the scores of the parts, by their keys. Raises: BadFormula."""
    return graders_formula.calculate(grader.calculate_output, {name: scores[key] for name, key in grader.variables.items()})


def messages(grader: ScoreModel | LabelModel, spaces: Mapping[str, Any]) -> list[dict[str, str]]:
    """What a judge is asked, before it is told in which form to answer. Raises: BadTemplate, NoSuchVariable."""
    return [{"role": message.role, "content": render(message.template, spaces)} for message in grader.input]


def instructed(asked: Sequence[Mapping[str, str]], how: str) -> list[dict[str, str]]:
    """The messages with the form of the answer said at the end of the system's words, or before all others."""
    if asked and asked[0]["role"] in ("system", "developer"):
        return [{"role": asked[0]["role"], "content": f"{asked[0]['content']}\n\n{how}"}, *map(dict, asked[1:])]
    return [{"role": "system", "content": how}, *map(dict, asked)]


def passes(grader: AnyGrader, score: float) -> bool:
    """Whether a score is good enough: 1 for checks and labels, the threshold for the others."""
    match grader:
        case TextSimilarity():
            return score >= (grader.pass_threshold if grader.pass_threshold is not None else 1.0)
        case ScoreModel():
            return score >= grader.threshold
        case _:
            return score >= 1.0
