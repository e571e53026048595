"""What the user wrote about a teacher → a teacher that can be asked."""

from __future__ import annotations

from collections.abc import Callable

from tunesmith.answer.residents import Residents
from tunesmith.data.make.teacher import Opened
from tunesmith.data.make.teacher_local import Local
from tunesmith.data.make.teacher_remote import Remote
from tunesmith.errors import BadProject
from tunesmith.spec.making_teacher import LocalTeacher, Teacher


def open_teacher(config: Teacher, *, key: str | None, residents: Callable[[], Residents], say: Callable[[str], None] = lambda text: None) -> Opened:
    """The teacher. `key` is what the variable holds that `key_variable` names; `residents` opens models where the teacher is one of the store.

    Raises: BadProject for a URL that must not be called, or a variable that is named and not set.
    """
    if isinstance(config, LocalTeacher):
        return Local(config, residents())
    if config.key_variable is not None and not key:
        raise BadProject(
            "is not set", where=f"environment variable {config.key_variable}", expected="the teacher's key",
            fix=f"export {config.key_variable}=…, or remove `key_variable` if the endpoint wants none",
        )  # fmt: skip
    return Remote(config, key, say)
