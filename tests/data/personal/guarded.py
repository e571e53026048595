"""A record for tests of the guard."""

from tunesmith.data.sources.reading import record as read_record
from tunesmith.spec.chat import Conversation, Message
from tunesmith.spec.dataset import Origin


def record(question, answer):
    """A row with one question and one answer."""
    turns = (Message(role="user", content=question), Message(role="assistant", content=answer))
    return read_record(Origin(file="a", line=1), conversation=Conversation(messages=turns))
