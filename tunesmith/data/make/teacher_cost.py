"""Requests that are planned, and answers that came → tokens and money, told before and after."""

from __future__ import annotations

from collections.abc import Callable

from tunesmith.answer.remote_reply import approximate_tokens
from tunesmith.spec.making_teacher import Asked, Estimate, LocalTeacher, Spent, Teacher

MESSAGE_TOKENS = 4
"""What stands around each message."""
METHOD = "four characters of alphabetic text per token, one token for each character of scripts without spaces; real counts differ by a fifth or so"
MILLION = 1_000_000


def prompt_tokens(asked: Asked, count: Callable[[str], int] = approximate_tokens) -> int:
    """Tokens of a request."""
    return sum(count(message.content or "") + MESSAGE_TOKENS for message in asked.messages)


def money(teacher: Teacher, prompt: int, answers: int) -> float | None:
    """What so many tokens cost; None where no price is given."""
    if isinstance(teacher, LocalTeacher) or (teacher.prompt_price is None and teacher.answer_price is None):
        return None
    return (prompt * (teacher.prompt_price or 0.0) + answers * (teacher.answer_price or 0.0)) / MILLION


def currency(teacher: Teacher) -> str:
    """In which money."""
    return "" if isinstance(teacher, LocalTeacher) else teacher.currency


def estimated(teacher: Teacher, requests: int, prompt: int, answers: int, already: int = 0) -> Estimate:
    """The estimate for so many requests and tokens."""
    cost = money(teacher, prompt, answers)
    return Estimate(
        requests=requests, already_answered=already, prompt_tokens=prompt, answer_tokens=answers, cost=cost, currency=currency(teacher), method=METHOD
    )


def spent(teacher: Teacher, requests: int, prompt: int, answers: int) -> Spent:
    """What answers of so many tokens have cost."""
    return Spent(requests=requests, prompt_tokens=prompt, answer_tokens=answers, cost=money(teacher, prompt, answers), currency=currency(teacher))
