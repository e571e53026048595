"""What the user wrote about a teacher becomes a teacher, or an error that says what is missing."""

from __future__ import annotations

import pytest

from tunesmith.answer.remote import Remote
from tunesmith.answer.residents import Residents
from tunesmith.data.make.teacher_open import open_teacher
from tunesmith.errors import BadProject
from tunesmith.spec.making_teacher import RemoteTeacher


def none() -> Residents:
    raise AssertionError("no model is opened for a remote teacher")


def test_a_remote_teacher():
    config = RemoteTeacher(base_url="https://x.org/v1", model="m", key_variable="MY_KEY")
    found = open_teacher(config, key="sk-1", residents=none)
    assert isinstance(found, Remote)
    assert found.identity == "https://x.org/v1/chat/completions m"
    assert "sk-1" not in repr(found)


def test_a_key_that_is_named_and_not_set():
    config = RemoteTeacher(base_url="https://x.org/v1", model="m", key_variable="MY_KEY")
    with pytest.raises(BadProject, match="environment variable MY_KEY: is not set"):
        open_teacher(config, key=None, residents=none)
