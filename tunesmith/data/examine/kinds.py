"""A kind of finding → what it is called, how grave it is, why it matters, where its threshold comes from and what mends it: texts, people, languages."""

from __future__ import annotations

from typing import NamedTuple

from tunesmith.data.personal.spans import KINDS as PERSONAL
from tunesmith.spec.finding import Group, Severity


class Kind(NamedTuple):
    """What is the same for all findings of a kind."""

    group: Group
    severity: Severity
    title: str
    why: str
    evidence: str
    fix: str
    """What `tunesmith data fix` does, or what only a person can do."""
    is_mendable: bool = False
    """`tunesmith data fix` does it without asking."""


_LEARNT = "A model learns to write what its answers hold."
_READ_IT = "nothing by itself: look at the rows and mend, answer anew or drop them (review file, or --drop {})"
_LEAK = "A model can repeat what it was trained on, to anybody who asks."

TEXT: dict[str, Kind] = {
    "mojibake": Kind(
        "text",
        "mend",
        "texts that were decoded with the wrong encoding",
        f"Umlauts, quotes and whole alphabets have become sequences such as `Ã¼`. {_LEARNT}",
        "ftfy changes the text, and a lead byte with its continuation stands in it as letters",
        "decodes them again (ftfy)",
        True,
    ),
    "control_characters": Kind(
        "text",
        "mend",
        "texts with control characters or terminal escapes",
        f"They are invisible, cost tokens and can move a terminal's cursor. {_LEARNT}",
        "characters below U+0020 other than tab and line break, U+007F to U+009F, deprecated format characters and escape sequences",
        "removes them; line breaks and tabs stay",
        True,
    ),
    "html_entities": Kind(
        "text",
        "mend",
        "texts with HTML entities",
        f"`&amp;` or `&nbsp;` were left when the text was taken from a page. {_LEARNT}",
        "a named or numbered entity outside code, in a row that is not about markup",
        "writes the characters they stand for; a text that has tags as well is left to a person",
        True,
    ),
    "html_tags": Kind(
        "text",
        "review",
        "texts with tags left over from a web page",
        f"`<br>` or `<div class=…>` were left when the text was taken from a page. {_LEARNT}",
        "a tag of page layout outside code, in a row that is not about markup and whose answer is no document",
        _READ_IT.format("html_tags"),
    ),
    "lost_characters": Kind(
        "text",
        "review",
        "texts in which characters were lost (U+FFFD)",
        "Where � stands, the file was read in the wrong encoding and written again; what stood there is gone.",
        "the replacement character itself",
        "nothing: export the rows again from where they came, with the right encoding",
    ),
    "label_in_fence": Kind(
        "text",
        "mend",
        "labels inside a Markdown code fence",
        "A model that was taught with fences writes them, and no program that expects the label finds it.",
        "the whole answer is one fence with a label in it",
        "takes the fence away",
        True,
    ),
    "json_in_fence": Kind(
        "text",
        "mend",
        "JSON answers inside a Markdown code fence",
        "A program that reads the answer as JSON fails at the fence.",
        "the whole answer is one fence, and what is in it is JSON",
        "takes the fence away",
        True,
    ),
    "truncated_answer": Kind(
        "text",
        "review",
        "answers that break off",
        "The model learns to stop in the middle of a sentence, or to write brackets that nobody closes.",
        "ends with a comma or a word that ends no sentence, or leaves a fence, a bracket or JSON open; in a file two thirds of whose answers have an end, also with a word that hardly ever ends a sentence (`be`, `of`), an operator, or a last line of at most three words without an end under lines that have one; or without a full stop and without the last line (`####`, `Answer:`) of nine tenths of the answers; short answers, lists and code do not count",
        _READ_IT.format("truncated_answer"),
    ),
    "repeated_question": Kind(
        "text",
        "review",
        "answers that repeat the question",
        "The model learns to echo what it is asked.",
        "equal to the question, or beginning with all of it (at least 25 characters), letter case and white space aside",
        _READ_IT.format("repeated_question"),
    ),
    "boilerplate": Kind(
        "text",
        "review",
        "answers with an assistant's stock phrases",
        "`As an AI language model …` is another model's refusal; yours learns it as an answer to your questions.",
        "a list of such phrases in 15 languages; rows that ask about artificial intelligence do not count",
        _READ_IT.format("boilerplate"),
    ),
    "placeholder_text": Kind(
        "text",
        "review",
        "texts that were to be filled in",
        "`[insert name]`, `TODO` or `lorem ipsum` are drafts. A model writes them to your users, or learns to answer them.",
        "a list of such forms in the answer, outside code, or as the whole question; names of fields that the question itself holds do not count in an answer",
        _READ_IT.format("placeholder_text"),
    ),
    "empty_answer": Kind(
        "text",
        "review",
        "answers that say nothing",
        "`N/A`, `-` or `...` come from empty cells of a table. The model learns to give none.",
        "the whole answer is one of a list of fillers, and is no label",
        "nothing by itself: write an answer or drop them with --drop empty_answer",
    ),
    "looping_answer": Kind(
        "text",
        "review",
        "answers that go round in circles",
        "They come from a model that was stuck, and they teach getting stuck.",
        "half or more of the answer consists of sequences of four words that stand in it four times or more",
        _READ_IT.format("looping_answer"),
    ),
    "mixed_json": Kind(
        "text",
        "review",
        "answers as JSON where the rest is text, or the other way round",
        "The model will answer sometimes in the one form and sometimes in the other, and a program can read only one.",
        "fewer than a fifth of the answers, and the row does not ask for that form",
        "nothing without a decision: answer them in the form of the others, or drop them with --drop mixed_json",
    ),
    "json_keys": Kind(
        "text",
        "review",
        "JSON answers with other keys than the rest",
        "A program that reads the answers expects the same keys every time; the model learns that they come and go.",
        "a set of keys other than the one that at least four fifths of the JSON objects have; else a key is missing that at least nine tenths have",
        "nothing without a decision: add what is missing, or drop them with --drop json_keys",
    ),
    "mixed_markdown": Kind(
        "text",
        "note",
        "answers with headings, bold type or tables in Markdown where the rest is plain text, or the other way round",
        "The model will use Markdown now and then; where answers are shown as they are, people see the asterisks.",
        "fewer than a fifth of the answers of at least 80 characters; lists and code do not count",
        "nothing: decide on one form",
    ),
    "label_typo": Kind(
        "labels",
        "review",
        "rare labels that are nearly a frequent one",
        "A label of one or two rows that differs by a letter from one of many rows is most likely a slip.",
        "one slip of a letter in a label of at least 6 letters, at most 3 rows against at least 20 times as many; none of the 77 labels of BANKING77 and the 151 of CLINC150 is flagged",
        "nothing without a decision: rename them in the review file",
    ),
}
PEOPLE: dict[str, Kind] = {
    kind: Kind(
        "personal",
        "block",
        f"{sort.title} in the rows",
        _LEAK
        + (" Whoever holds this one can use it: replace it where it came from, too." if sort.mark in ("SECRET", "PASSWORD", "PRIVATE_KEY") else ""),
        sort.told_by,
        "nothing without a decision: --personal redact puts placeholders there (the same value always the same one), drop drops the rows, keep keeps them",
    )
    for kind, sort in PERSONAL.items()
}
LANGUAGE: dict[str, Kind] = {
    "foreign_language": Kind(
        "language",
        "review",
        "rows in another language than the rest",
        "A few rows in another language teach it badly, and they blur when to use which.",
        "the language of the question is certain (its script, or a posterior of at least 0.9 over 139 languages and no sign of the main one), and fewer than a tenth of the rows have it",
        "nothing without a decision: drop them with --drop foreign_language, or keep them if people will ask so",
    ),
    "mixed_languages": Kind(
        "language",
        "note",
        "rows in several languages",
        "A small model shares its room among the languages; each needs examples of its own, in training and in what judges it.",
        "languages that at least a tenth of the rows have for certain",
        "nothing: if one of them is not wanted, drop its rows",
    ),
}
KINDS: dict[str, Kind] = TEXT | PEOPLE | LANGUAGE
