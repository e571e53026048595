"""What was measured in fine-tuning files → the concerns that are told and fail nothing, each with the examples it is about and what helps. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tunesmith.data.given_words import FIRST_NUMBERS, NAMES, FileRole, Numbers
from tunesmith.data.labels import spellings
from tunesmith.data.profile import IMBALANCE

FEW_ROWS = 50
SEVERAL_SYSTEMS = 0.5
"""Below this share of the rows, different system prompts are variants of one and not part of the data."""
TRAINING: FileRole = "training_file"
VALIDATION: FileRole = "validation_file"


@dataclass
class Pairs:
    """Examples that belong with others, and the first of them: (example, the other)."""

    count: int = 0
    first: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, int]]) -> Pairs:
        """These pairs."""
        found = list(pairs)
        return cls(len(found), found[:FIRST_NUMBERS])

    def __str__(self) -> str:
        """The first few, and how many more there are.

        >>> str(Pairs.of([(5, 2), (9, 1)]))
        '5 as 2, 9 as 1'
        """
        rest = self.count - len(self.first)
        return ", ".join(f"{one} as {other}" for one, other in self.first) + (f" and {rest:,} more" if rest else "")


@dataclass(frozen=True)
class Sizes:
    """How long the examples of a file are, against what the model is trained on at once."""

    limit: int
    longest: int
    beyond: Numbers
    """Examples longer than the limit."""
    lost: Numbers
    """Examples of which nothing is left to learn: what stands before the first question fills the limit."""


@dataclass(frozen=True)
class Findings:
    """What is looked at. Examples are numbered from 1 in each file."""

    rows: Mapping[FileRole, int]
    duplicates: Pairs
    """Training examples equal to an earlier one."""
    near: Numbers
    """Training examples in groups of near duplicates, equal ones apart."""
    equal: Pairs
    """Validation examples that ask what a training example asks."""
    alike: Pairs
    """Validation examples that ask nearly that."""
    contradicting: tuple[tuple[int, ...], ...]
    """Training examples with one question and different answers; for preferences: pairs that prefer what the other rejects."""
    contradictions: int
    sizes: Mapping[FileRole, Sizes]
    labels: Mapping[FileRole, Mapping[str, int]]
    """Empty where the answers are no labels."""
    systems: int
    """Different system prompts of the training file."""
    without_system: Numbers
    personal: Mapping[FileRole, Mapping[str, Numbers]]
    remarks: Mapping[FileRole, Mapping[str, Numbers]]
    is_preference: bool = False


def concerns(found: Findings) -> list[str]:
    """Likely mistakes, the gravest first; silence where all is well."""
    return [
        *_about_size(found),
        *_about_overlap(found),
        *_about_repetition(found),
        *_about_length(found),
        *_about_labels(found),
        *_about_systems(found),
        *_about_tools(found),
        *_about_people(found),
    ]


def _about_size(found: Findings) -> list[str]:
    rows = found.rows[TRAINING]
    if rows >= FEW_ROWS:
        return []
    return [
        f"only {rows} examples to train on: below {FEW_ROWS} a written prompt is usually the better remedy; 50 to 100 are a start, some hundred are good"
    ]


def _about_overlap(found: Findings) -> list[str]:
    told = []
    of = f"of {found.rows.get(VALIDATION, 0):,} validation examples"
    effect = "the validation loss will look better than it is; remove them from one of the files"
    if found.equal.count:
        told.append(f"{found.equal.count:,} {of} ask the same as a training example ({found.equal}): {effect}")
    if found.alike.count:
        told.append(f"{found.alike.count:,} {of} ask nearly the same as a training example ({found.alike}): {effect}")
    return told


def _about_repetition(found: Findings) -> list[str]:
    told = []
    if found.duplicates.count:
        told.append(
            f"{found.duplicates.count:,} training examples say the same as an earlier one ({found.duplicates}): each is learnt as often as it stands there; remove them unless that is meant"
        )
    if found.near.count:
        told.append(
            f"{found.near.count:,} training examples are near duplicates of others ({found.near}): they add little; more variety would teach more"
        )
    if found.contradictions:
        shown = "; ".join("examples " + " and ".join(map(str, rows)) for rows in found.contradicting)
        many = f"{found.contradictions:,} questions have several answers" if found.contradictions > 1 else "one question has several answers"
        if found.is_preference:
            many = f"{found.contradictions:,} preferences contradict another one"
        told.append(
            f"{many} ({shown}{'; …' if found.contradictions > len(found.contradicting) else ''}): the model cannot learn both; mend or remove one"
        )
    return told


def _about_length(found: Findings) -> list[str]:
    told = []
    for role, sizes in found.sizes.items():
        if sizes.lost.count:
            told.append(
                f"{sizes.lost.count:,} {NAMES[role]} examples teach nothing ({sizes.lost}): their system prompt and tools alone fill the {sizes.limit:,} tokens that are trained at once; shorten them"
            )
        if sizes.beyond.count:
            told.append(
                f"{sizes.beyond.count:,} {NAMES[role]} examples are longer than the {sizes.limit:,} tokens that are trained at once ({sizes.beyond}; the longest has about {sizes.longest:,}): they are cut, oldest turns first; shorten or split them"
            )
    return told


def _about_labels(found: Findings) -> list[str]:
    total: Counter[str] = Counter()
    for counts in found.labels.values():
        total.update(counts)
    told = [f"the answers {_named(group, total)} look like one label: use one spelling" for group in spellings(total)]
    trained = found.labels.get(TRAINING, {})
    sizes = sorted(trained.items(), key=lambda item: (-item[1], item[0]))
    if len(sizes) > 1 and sizes[0][1] > IMBALANCE * sizes[-1][1]:
        ends = _named((sizes[0][0], sizes[-1][0]), trained)
        told.append(f"the most frequent and the rarest answer are {ends}: the rare ones will hardly be learnt; balance them")
    elif len(sizes) == 1:
        told.append(f"every training example has the answer {_named((sizes[0][0],), trained)}: the model will learn to say nothing else")
    untrained = sorted(label for label in found.labels.get(VALIDATION, {}) if label not in trained)
    if untrained:
        told.append(
            f"{len(untrained):,} answers stand only in the validation file ({_named(untrained[:FIRST_NUMBERS], total)}): they are never trained"
        )
    return told


def _named(labels: Iterable[str], counts: Mapping[str, int]) -> str:
    return ", ".join(f"`{' '.join(label.split())[:60]}` ({counts[label]:,})" for label in labels)


def _about_systems(found: Findings) -> list[str]:
    told = []
    rows = found.rows[TRAINING]
    if 1 < found.systems < SEVERAL_SYSTEMS * rows:
        told.append(f"there are {found.systems:,} different system prompts: the tuned model will expect each of them; use one where the task is one")
    if found.systems and found.without_system.count:
        told.append(
            f"{found.without_system.count:,} training examples have no system prompt and the others have one ({found.without_system}): the model learns both; make them the same"
        )
    return told


REMARKS = {
    "undeclared_tool": "call tools that they do not declare: at serving time the model is told which tools there are; add them under `tools`",
    "parallel_calls_forbidden": "call several tools at once and say `parallel_tool_calls`: false: the model learns to call them at once",
    "parallel_tool_calls": "carry `parallel_tool_calls`, which does not change how they are trained here",
    "response_format": "carry a `response_format`, which does not change how they are trained here",
}


def _about_tools(found: Findings) -> list[str]:
    return [
        f"{remarks[kind].count:,} {NAMES[role]} examples ({remarks[kind]}) {words}"
        for role, remarks in found.remarks.items()
        for kind, words in REMARKS.items()
        if kind in remarks
    ]


def _about_people(found: Findings) -> list[str]:
    told = []
    for role, kinds in found.personal.items():
        if kinds:
            listed = "; ".join(f"{kind} in {numbers.count:,} ({numbers})" for kind, numbers in kinds.items())
            told.append(
                f"the {NAMES[role]} file seems to hold personal data or secrets: {listed}: a model can repeat what it was trained on; replace them"
            )
    return told
