"""The shipped files → questions of everyday life with topic, difficulty and licence, and the words that turn a question into a near miss."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from tunesmith.errors import BadProject
from tunesmith.spec.making_teacher import Difficulty

FOLDER = "tunesmith.data.make"
FILES = ("questions.toml", "clinc150.toml")
DIFFICULTIES: tuple[Difficulty, ...] = ("easy", "medium", "hard", "unrated")


@dataclass(frozen=True)
class Shipped:
    """One question that comes with the program."""

    text: str
    topic: str
    difficulty: Difficulty
    file: str
    licence: str


@dataclass(frozen=True)
class Words:
    """What near misses are made of."""

    names: tuple[str, ...]
    things: tuple[str, ...]
    places: tuple[str, ...]
    attributes: tuple[str, ...]
    attributes_of_names: tuple[str, ...]
    false_premises: tuple[str, ...]
    slots: Mapping[str, Sequence[str]]


def read(name: str) -> dict[str, Any]:
    """A shipped file."""
    return tomllib.loads(files(FOLDER).joinpath("shipped", name).read_text(encoding="utf-8"))


@cache
def shipped_questions() -> tuple[Shipped, ...]:
    """All shipped questions, in the order of the files."""
    found = []
    for name in FILES:
        content = read(name)
        for topic in content["topic"]:
            for difficulty in DIFFICULTIES:
                found += [Shipped(text, topic["name"], difficulty, name, content["licence"]) for text in topic.get(difficulty, ())]
    return tuple(found)


@cache
def near_miss_words() -> Words:
    """The shipped words for near misses."""
    content = read("near_misses.toml")
    lists = ("names", "things", "places", "attributes", "attributes_of_names", "false_premises")
    return Words(**{name: tuple(content[name]) for name in lists}, slots=content["slots"])


def topics() -> tuple[str, ...]:
    """The topics of the shipped questions, in their order."""
    return tuple(dict.fromkeys(one.topic for one in shipped_questions()))


def without(excluded: Sequence[str]) -> list[Shipped]:
    """The shipped questions but for some topics.

    Raises: BadProject for a topic that does not exist.
    """
    unknown = [name for name in excluded if name not in topics()]
    if unknown:
        raise BadProject(
            "no such topic", where="not_topics", got=unknown[0][:60], expected=f"some of {', '.join(topics())}", fix="correct or remove it"
        )
    return [one for one in shipped_questions() if one.topic not in excluded]
