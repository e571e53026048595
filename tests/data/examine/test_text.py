"""Checks of single rows: what each finds, and the look-alikes that it passes over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.clean import repair
from tunesmith.data.examine.kinds import KINDS, LANGUAGE, PEOPLE, TEXT
from tunesmith.data.examine.text import CUT_SHORT, around, check_text, is_open_json
from tunesmith.data.examine.view import View
from tunesmith.data.personal.spans import KINDS as PERSONAL

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)
SENTENCE = "The card is sent by post and needs about five days. You can follow it in the app"
LOOP = "I am sorry to hear that. " * 8


def kinds(answer, question="How long does it take until my card is here?", *, label=None, is_label=False, system=""):
    return [flag.kind for flag in check_text(View(question, answer, system, "", label, is_label))]


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("mojibake", "Das dauert fÃ¼nf Tage."), ("mojibake", "ÐŸÑ€Ð¸Ð²ÐµÑ‚ from us."), ("mojibake", "It doesnâ€™t take long."), ("mojibake", "To je prvnÃ­ vÄ›c."),
        ("control_characters", "Five\x00 days."), ("control_characters", "Five \x1b[31mdays\x1b[0m."), ("lost_characters", "F\ufffdnf Tage."),
        ("html_entities", "Five&nbsp;days &amp; a bit."), ("html_entities", "F&uuml;nf Tage."), ("html_entities", "It&#39;s five days."),
        ("html_tags", "&lt;p&gt;Five days &amp; a bit.&lt;/p&gt;"), ("html_tags", "Five days.<br>Or six."), ("html_tags", '<div class="a">Five days.</div> Or so.'), ("html_tags", "Click <a href='x'>here</a>."),
        ("json_in_fence", '```json\n{"days": 5}\n```'), ("json_in_fence", "```\n[1, 2]\n```"),
        ("truncated_answer", SENTENCE + " and the"), ("truncated_answer", SENTENCE + ", if it is there,"), ("truncated_answer", SENTENCE + " (or call us"),
        ("truncated_answer", "Use this:\n```python\nprint(1)"), ("truncated_answer", '{"days": 5, "note": "about'), ("truncated_answer", '[{"days": 5}, {"days"'),
        ("truncated_answer", "Die Karte kommt mit der Post und braucht etwa fünf Tage oder"), ("truncated_answer", SENTENCE + " com-"),
        ("repeated_question", "How long does it take until my card is here?"), ("repeated_question", "how long does it take  until my card is here? Five days."),
        ("boilerplate", "As an AI language model, I cannot track cards."), ("boilerplate", "I'm just an AI assistant, so I do not know."), ("boilerplate", "Als KI-Sprachmodell kann ich das nicht wissen."),
        ("boilerplate", "En tant que modèle de langage, je ne sais pas."), ("boilerplate", "Como modelo de lenguaje, no puedo saberlo."), ("boilerplate", "作为一个人工智能语言模型，我不知道。"),
        ("boilerplate", "Как языковая модель, я не знаю."), ("boilerplate", "My knowledge cutoff is in 2021."), ("boilerplate", "Sure! Here is the answer. It takes five days."),
        ("placeholder_text", "Dear [insert name], it takes five days."), ("placeholder_text", "Lorem ipsum dolor sit amet."), ("placeholder_text", "TODO: write this answer."),
        ("placeholder_text", "Hello {{ first_name }}, it takes five days."), ("placeholder_text", "Regards, [Your Name]"), ("placeholder_text", "<your answer>"),
        ("empty_answer", "N/A"), ("empty_answer", "-"), ("empty_answer", "..."), ("empty_answer", "null"), ("empty_answer", "[deleted]"), ("empty_answer", "  "),
        ("looping_answer", LOOP), ("looping_answer", "yes and no and " * 20 + "yes."), ("looping_answer", "我不知道这个。" * 20),
    ],
)  # fmt: skip
def test_found(kind, answer):
    assert kinds(answer) == [kind]


@pytest.mark.parametrize(
    "answer",
    [
        "Five days.", "card_arrival", "5", "Yes", "five to seven days", "Zürich, façade, naïve, Ångström, “quotes” – and … dashes", "« Voilà », dit-il à l’été.", "Привет, всё хорошо.", "これは大丈夫です。",
        "R&D and AT&T; fish & chips", "x < 5 and y > 3", "a <b c> d", "<<16-3-4=9>>9 eggs", "List<String> of Map<int, T>", "Write `&nbsp;` or `<br>` there.", "| a | b |\n|---|---|\n| x<br>y | z |",
        "```python\nprint('hi')\n```", "Here:\n```\nx = 1\n```\nDone.", '{"days": 5}', "[1, 2, 3]", "[Chorus] la la la", "{x | x > 0}", "[1] Smith, J. 2001", "#### 72",
        "- five days\n- six days by the", "1. Open the app\n2. Choose the card and", "It takes five days", "See you there tomorrow at the main station", "https://bank.example/track?id=",
        "def f(x):\n    return x and", "SELECT a, b FROM t WHERE x =", "Here is what you need:", "What a robot!", "I am not sure, as an aide would be.", "My to-do list: todo this, todo that.",
        "Sold 3 in May and 4 in June, so the total is x = 7", "Sure! Here is a table of all fees, and what they are for.", "[link](https://a.io) and [1]", "Dear Sir [sic], hello", "Row, row, row your boat, gently down the stream.", "| 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |", "?!",
        "0 0 0 0 1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1", "No", "nan bread is baked in an oven", "test the card first", "Wie heißt du", "el que no tiene", "Ich rufe dich morgen früh um neun Uhr einfach mal an",
    ],
)  # fmt: skip
def test_not_found(answer):
    assert kinds(answer) == []


def test_rows_about_the_thing_itself_are_passed_over():
    assert kinds("Use <br> there, or &nbsp; here.", "How do I break a line in HTML?") == []
    assert kinds("<html><body><p>Hi &amp; bye</p></body></html>", "Write a page") == []
    assert kinds("As an AI language model I have none.", "Are you a robot?") == []
    assert kinds("Dear [name], welcome.", "Fill the template: Dear [name], …") == []
    assert kinds("How many", "How many?") == []


@pytest.mark.parametrize(
    "question", ["TODO", "TODO:", "[INSERT QUESTION HERE]", "<your question>", "Lorem ipsum dolor sit amet", "{{ question }}", "asdf"]
)
def test_questions_that_were_never_written(question):
    assert kinds("age_limit", question, label="age_limit", is_label=True) == ["placeholder_text"]
    assert kinds("From sixteen.", question) == ["placeholder_text"]


@pytest.mark.parametrize(
    "question", ["add it to my todo list", "todo", "What does TODO mean?", "What is lorem ipsum text for?", "Is [name] a field?", "[1, 2]", "?"]
)
def test_questions_that_speak_of_such_text(question):
    assert kinds("age_limit", question, label="age_limit", is_label=True) == []


def test_labels_are_not_prose():
    assert kinds("n/a", label="n/a", is_label=True) == []
    assert kinds("the_card_and_the", label="the_card_and_the", is_label=True) == []
    assert kinds("```\ncard_lost\n```", is_label=True) == ["label_in_fence"]
    assert kinds("```\ncard_lost\n```", label="card_lost") == ["label_in_fence"]
    assert kinds("card\x07_lost", label="card\x07_lost", is_label=True) == ["control_characters"]


def test_every_text_of_a_row_is_looked_at_and_a_kind_is_told_once():
    view = View("FÃ¼nf?", "SÃ¼ÃŸ & fÃ¼nf.", "kÃ¼hl", "mÃ¼de", None, False)
    assert [flag.kind for flag in check_text(view)] == ["mojibake"]
    assert kinds("Fine.", system="a\x00b") == ["control_characters"]


@given(ANY, ANY)
def test_flags_are_known_short_and_single(question, answer):
    found = check_text(View(question, answer, "", "", None, False))
    assert all(flag.kind in {*TEXT, CUT_SHORT} and len(flag.note) <= 80 for flag in found)
    assert len({flag.kind for flag in found}) == len(found)


@given(ANY)
def test_what_is_mended_by_repair_is_gone_afterwards(text):
    mended = repair(text)[0]
    found = {flag.kind for flag in check_text(View(mended, "Fine.", "", "", None, False))}
    assert "control_characters" not in found


@pytest.mark.parametrize("text", ["Das dauert fÃ¼nf Tage.", "It doesnâ€™t.", "F&uuml;nf Tage &amp; mehr.", "a\x00b", "ÐŸÑ€Ð¸Ð²ÐµÑ‚ from us."])
def test_mendable_texts_are_mended(text):
    assert kinds(text) != []
    assert kinds(repair(text)[0]) == []


def test_every_kind_is_described():
    assert set(PEOPLE) == set(PERSONAL)
    assert all(kind.severity == "block" and kind.group == "personal" for kind in PEOPLE.values())
    for kind in KINDS.values():
        assert all((kind.title, kind.why, kind.evidence, kind.fix))
        assert kind.is_mendable == (kind.severity == "mend")
    assert len(KINDS) == len(TEXT) + len(PEOPLE) + len(LANGUAGE)


def test_open_json():
    assert is_open_json('{"a": [1, {"b": "}')
    assert not is_open_json('{"a": 1}')
    assert not is_open_json("{a} is a set")
    assert not is_open_json('{"a": 1}}')


def test_excerpts_are_short():
    assert len(around("x" * 500, 250)) == 40
    assert around("a\x00b", 1) == "a b"
