"""The arithmetic of a `multi` grader, as text → a number. A parser of its own, bounded in length and depth: nothing is ever evaluated as code."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from tunesmith.errors import BadProject

MAX_CHARACTERS = 4000
MAX_DEPTH = 50
TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(.))", re.ASCII)
ONE: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "exp": math.exp,
    "sqrt": math.sqrt,
    "log": math.log,
}
"""Functions of one number."""
SOME: dict[str, Callable[[list[float]], float]] = {"min": min, "max": max}
"""Functions of one or more numbers."""


class BadFormula(BadProject):
    """A formula that cannot be read, or has no value for these scores."""

    code = "invalid_formula"


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True)
class Name:
    """The score of a grader."""

    name: str


@dataclass(frozen=True)
class Apply:
    """An operator or a function, and what it is applied to."""

    what: str
    parts: tuple[Node, ...]


Node = Number | Name | Apply


class _Reader:
    """Recursive descent: sum → product → sign → power → atom."""

    def __init__(self, text: str) -> None:
        self.tokens = [found.group(found.lastindex or 0) for found in TOKEN.finditer(text.rstrip())]
        self.place = 0
        self.depth = 0

    def next(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        """The next token if it is one of these, else nothing."""
        found = self.next()
        if found and found in wanted:
            self.place += 1
            return found
        return ""

    def need(self, wanted: str) -> None:
        if not self.take(wanted):
            raise wrong(self.next() or "the end", f"`{wanted}`")

    def sum(self) -> Node:
        left = self.product()
        while sign := self.take("+", "-"):
            left = Apply(sign, (left, self.product()))
        return left

    def product(self) -> Node:
        left = self.signed()
        while sign := self.take("*", "/"):
            left = Apply(sign, (left, self.signed()))
        return left

    def signed(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise BadFormula("is nested too deep", where="calculate_output", expected=f"at most {MAX_DEPTH} levels")
        sign = self.take("-", "+")
        found = Apply("negative", (self.signed(),)) if sign == "-" else self.signed() if sign else self.power()
        self.depth -= 1
        return found

    def power(self) -> Node:
        bottom = self.atom()
        return Apply("^", (bottom, self.signed())) if self.take("^") else bottom

    def atom(self) -> Node:
        if self.take("("):
            inner = self.sum()
            self.need(")")
            return inner
        token = self.next()
        if token.isascii() and (token[:1].isdigit() or (token[:1] == "." and len(token) > 1)):
            self.place += 1
            return Number(float(token))
        if not (token.isascii() and (token[:1].isalpha() or token[:1] == "_")):
            raise wrong(token or "the end", "a number, the name of a grader, a function or `(`")
        self.place += 1
        return self.call(token) if self.next() == "(" else Name(token)

    def call(self, name: str) -> Node:
        if name not in ONE and name not in SOME:
            raise wrong(name, "one of " + ", ".join((*ONE, *SOME)))
        self.need("(")
        parts = [self.sum()]
        while self.take(","):
            parts.append(self.sum())
        self.need(")")
        if name in ONE and len(parts) != 1:
            raise wrong(f"{len(parts)} numbers for {name}", "one")
        return Apply(name, tuple(parts))


def wrong(got: str, expected: str) -> BadFormula:
    """The error for something that cannot stand there."""
    return BadFormula("the formula cannot be read", where="calculate_output", got=got[:80], expected=expected)


@lru_cache(maxsize=1024)
def parse(text: str) -> Node:
    """The formula as a tree. The chain `1 + 1 + …` is as deep as it is long, so the length bounds the depth of the tree too.

    Raises: BadFormula.
    """
    if len(text) > MAX_CHARACTERS:
        raise BadFormula("is too long", where="calculate_output", got=f"{len(text):,} characters", expected=f"at most {MAX_CHARACTERS:,}")
    reader = _Reader(text)
    found = reader.sum()
    if reader.next():
        raise wrong(reader.next(), "an operator or the end")
    return found


def names(node: Node) -> set[str]:
    """The graders that a formula speaks of."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        match waiting.pop():
            case Name(name):
                found.add(name)
            case Apply(_, parts):
                waiting.extend(parts)
            case Number():
                pass
    return found


def calculate(text: str, scores: Mapping[str, float]) -> float:
    """The value of the formula for these scores: a finite number.

    >>> calculate("0.5 * a + 0.5 * max(b, 1 - b) ^ 2", {"a": 1.0, "b": 0.0})
    1.0

    Raises: BadFormula, also for a division by zero and its like.
    """
    tree = parse(text)
    try:
        value = _walk(tree, scores)
    except (ArithmeticError, ValueError) as error:
        raise BadFormula("the formula has no value", where="calculate_output", got=str(error)) from None
    if not math.isfinite(value):
        raise BadFormula("the formula has no finite value", where="calculate_output", got=str(value))
    return value


def _walk(tree: Node, scores: Mapping[str, float]) -> float:
    """The value, by a stack of our own: a long sum is a deep tree."""
    work: list[Node | str] = [tree]
    values: list[float] = []
    counts: list[tuple[str, int]] = []
    while work:
        node = work.pop()
        match node:
            case Number(value):
                values.append(value)
            case Name(name):
                if name not in scores:
                    raise BadFormula("there is no such grader", where="calculate_output", got=name[:80], expected=", ".join(scores) or "a grader")
                values.append(float(scores[name]))
            case Apply(what, parts):
                counts.append((what, len(parts)))
                work.append("apply")
                work.extend(reversed(parts))
            case _:
                what, count = counts.pop()
                given = values[len(values) - count :]
                del values[len(values) - count :]
                values.append(float(_apply(what, given)))
    return values[0]


def _apply(what: str, given: list[float]) -> float:
    if what in ONE:
        return ONE[what](given[0])
    if what in SOME:
        return SOME[what](given)
    match what:
        case "negative":
            return -given[0]
        case "+":
            return given[0] + given[1]
        case "-":
            return given[0] - given[1]
        case "*":
            return given[0] * given[1]
        case "/":
            return given[0] / given[1]
        case "^":
            return math.pow(given[0], given[1])  # on floats: no integers that grow without end, no complex numbers
    raise AssertionError(what)
