"""The line of every key in a TOML text, against lines counted by hand."""

from __future__ import annotations

import pytest

from tunesmith.spec.lines import key_lines

TEXT = """# a comment = 1
name = "a"

questions = [
  "x = 1",  # not a key
  "[y]",
]
[[sources]]
file = "b.csv"
rename_roles = { bot = "assistant" }
[[sources]]
file = '''
[[sources]]
name = 1
'''
[train . budget]
epochs = 1
"odd key" = 2
[goal]
a.b = 3
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("questions",), 4),
        (("questions", 1), 4),
        (("sources",), 8),
        (("sources", 0), 8),
        (("sources", 0, "file"), 9),
        (("sources", 0, "rename_roles", "bot"), 10),
        (("sources", 1), 11),
        (("sources", 1, "file"), 12),
        (("train", "budget"), 16),
        (("train", "budget", "epochs"), 17),
        (("train", "budget", "odd key"), 18),
        (("goal", "a", "b"), 20),
    ],
)
def test_every_key_has_the_line_on_which_it_begins(path, line):
    assert key_lines(TEXT)[path] == line
    assert key_lines(TEXT.replace("\n", "\r\n"))[path] == line


def test_what_stands_in_texts_is_no_key():
    assert set(key_lines(TEXT)) & {("sources", 2), ("sources", 1, "name"), ("y",), ("x",)} == set()


def test_a_long_list_takes_no_time():
    lines = ",\n".join(f'"question {i}"' for i in range(20_000))
    assert key_lines(f"questions = [\n{lines}\n]\nname = 1\n")[("name",)] == 20_003
