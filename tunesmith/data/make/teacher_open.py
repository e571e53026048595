"""What the user wrote about a teacher → a teacher that can be asked."""

from __future__ import annotations

from collections.abc import Callable

from tunesmith.answer.remote import open_remote
from tunesmith.answer.replies import Opened
from tunesmith.answer.residents import Residents
from tunesmith.data.make.teacher_local import Local
from tunesmith.spec.making_teacher import LocalTeacher, Teacher


def open_teacher(config: Teacher, *, key: str | None, residents: Callable[[], Residents], say: Callable[[str], None] = lambda text: None) -> Opened:
    """The teacher. `key` is what the variable holds that `key_variable` names; `residents` opens models where the teacher is one of the store.

    Raises: BadProject for a URL that must not be called, or a variable that is named and not set.
    """
    if isinstance(config, LocalTeacher):
        return Local(config, residents())
    return open_remote(config, key, say)
