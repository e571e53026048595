"""The shipped files → probes, checked: unique, with distinct answers, in an order of answers that nothing can be guessed from.

The files hold each right answer first, for people who read them; here the answers of an item are put in the order of their digests.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, get_args

from pydantic import ValidationError

from tunesmith.errors import BadData, Problem
from tunesmith.spec.probe import Area, ChoiceProbe, InstructionProbe, Probes, ProseProbe

FOLDER = "tunesmith.probes"
EXAMPLES = "examples.toml"
INSTRUCTIONS = "instructions.toml"
PROSE = "prose.txt"
PASSAGE_MARK = "== "
OPTIONS = 4
NOTHING = "\0"


@cache
def probes() -> Probes:
    """All shipped probes. Which of them a suite takes is its own affair.

    Raises: BadData, naming every item that cannot be used.
    """
    choices = [probe for area in get_args(Area) for probe in choices_of(tomllib.loads(_read(f"choice/{area}.toml")))]
    instructions = instructions_of(tomllib.loads(_read(INSTRUCTIONS)))
    examples = [(question, answer) for question, answer in tomllib.loads(_read(EXAMPLES))["items"]]
    return checked(choices, instructions, prose_of(_read(PROSE)), examples)


def checked(
    choices: list[ChoiceProbe], instructions: list[InstructionProbe], prose: list[ProseProbe], examples: Sequence[tuple[str, str]] = ()
) -> Probes:
    """The probes with their digest.

    Raises: BadData if an id occurs twice: then two probes ask the same.
    """
    ids = [*(one.id for one in choices), *(one.id for one in instructions), *(one.id for one in prose)]
    counts = Counter(ids)
    twice = [Problem("asks what another probe asks", where=name, got=f"{n} times", expected="each once") for name, n in counts.items() if n > 1]
    if twice:
        raise BadData(problems=twice)
    found = Probes(examples=tuple(examples), choices=tuple(choices), instructions=tuple(instructions), prose=tuple(prose), digest="")
    return found.model_copy(update={"digest": found.content_digest()})


def choices_of(content: Mapping[str, Any]) -> list[ChoiceProbe]:
    """The questions of one file: those that stand alone, then those about passages.

    Raises: BadData, naming every item that is not a question with four different answers.
    """
    area = content["area"]
    raw = [(None, item) for item in content.get("items", ())]
    raw += [(passage["text"], item) for passage in content.get("passage", ()) for item in passage["items"]]
    wrong = list(_unusable(area, [item for _, item in raw]))
    if wrong:
        raise BadData(problems=wrong)
    return [choice_of(area, passage, *item) for passage, item in raw]


def _unusable(area: str, items: list[list[str]]) -> Iterator[Problem]:
    for item in items:
        texts = [str(text) for text in item]
        if len(texts) != 1 + OPTIONS or len({text.casefold().strip() for text in texts[1:]}) != OPTIONS or not all(text.strip() for text in texts):
            expected = f"the question, its right answer and {OPTIONS - 1} wrong ones, all different"
            yield Problem("is no item", where=f"choice/{area}.toml", got=" · ".join(texts), expected=expected)


def choice_of(area: Area, passage: str | None, question: str, right: str, *wrong: str) -> ChoiceProbe:
    """One question with its answers in the order of their digests."""
    name = f"{area}-{_mark(NOTHING.join((passage or '', question)))}"
    options = sorted((right, *wrong), key=lambda option: _mark(f"{name}{NOTHING}{option}"))
    return ChoiceProbe(id=name, area=area, question=question, passage=passage, options=tuple(options), right=options.index(right))


def instructions_of(content: Mapping[str, Any]) -> list[InstructionProbe]:
    """The instructions of a file.

    Raises: BadData, naming every check that makes no sense.
    """
    found: list[InstructionProbe] = []
    wrong: list[Problem] = []
    for item in content["item"]:
        try:
            found.append(InstructionProbe.model_validate(item | {"id": f"instruction-{_mark(str(item['ask']))}"}))
        except ValidationError as error:
            first = error.errors()[0]  # others follow from it: a list whose only check is wrong is "too short" as well
            wrong.append(Problem(first["msg"], where=INSTRUCTIONS, got=f"{item['ask']} ({'.'.join(map(str, first['loc']))})"))
    if wrong:
        raise BadData(problems=wrong)
    return found


def prose_of(text: str) -> list[ProseProbe]:
    """The passages of a file in which each has a line with its name and a line with its text."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    names = [line.removeprefix(PASSAGE_MARK) for line in lines[::2]]
    if len(lines) % 2 or not all(line.startswith(PASSAGE_MARK) for line in lines[::2]):
        raise BadData("does not name each passage", where=PROSE, expected=f"a line `{PASSAGE_MARK}name`, then the passage as one line")
    return [ProseProbe(id=f"prose-{name.replace(' ', '-')}", text=passage) for name, passage in zip(names, lines[1::2], strict=True)]


def _read(name: str) -> str:
    return files(FOLDER).joinpath(*name.split("/")).read_text(encoding="utf-8")


def _mark(text: str) -> str:
    """Eight hex digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
