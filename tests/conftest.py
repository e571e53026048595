"""What holds for every test."""

from hypothesis import settings

# The same examples everywhere: a change is judged by what it changed. To search for new ones: pytest --hypothesis-profile default
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
