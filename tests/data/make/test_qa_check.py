"""What a teacher makes up is caught; what it says in other words is not."""

from __future__ import annotations

import doctest

import pytest

from tests.data.make.test_qa_sections import passage
from tunesmith.data.make import qa_check
from tunesmith.data.make.qa_ask import Check, Pair
from tunesmith.data.make.qa_check import Fault, agreed, cited, is_negated
from tunesmith.data.make.qa_sections import Section
from tunesmith.spec.making_teacher import TaughtWishes

SECTION = Section(
    (
        passage(
            "You may return goods within 30 days of delivery. The refund of up to 1,500 euros arrives in three weeks.\nWorn shoes are not taken back.",
            "Returns",
        ),
    )
)
WISHES = TaughtWishes()


def pair(question="How long may I return goods?", answer="Within 30 days of delivery.", quote="return goods within 30 days of delivery"):
    return Pair(question=question, answer=answer, quote=quote)


def reason(one):
    found = cited(one, SECTION)
    return found.reason if isinstance(found, Fault) else None


def test_examples():
    assert doctest.testmod(qa_check).failed == 0


def test_a_sound_pair():
    found = cited(pair(), SECTION)
    assert not isinstance(found, Fault)
    assert found.quote == "return goods within 30 days of delivery"


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (pair(question=" "), "empty"), (pair(question="???"), "empty"), (pair(answer="\n"), "empty"), (pair(question="x" * 601), "too_long"),
        (pair(quote="30 days"), "short_quote"), (pair(quote="return goods within 60 days"), "quote_not_found"), (pair(quote="Return Goods within 30 days"), "quote_not_found"),
        (pair(answer="Within 30 days, or 45 for members."), "number_not_found"), (pair(answer="You get 2,500 euros."), "number_not_found"),
        (pair(answer="You get 1500 euros in 3 weeks."), None), (pair(answer="1. Pack it.\n2. Send it within 30 days."), None), (pair(answer="In three weeks."), None),
    ],
)  # fmt: skip
def test_each_fault_of_a_pair(one, why):
    assert why == reason(one)


@pytest.mark.parametrize(
    "question",
    [
        "According to the passage, how long may I return goods?", "What does the text say about returns?", "How many days are given in the passage above?",
        "Based on the given context, who pays?", "What is described in this section?", "What does the author recommend?", "In the excerpt, who pays the refund?",
        "What is the deadline mentioned above?", "What does the document state about shoes?", "Which items are listed in the table below?", "What is shown in the above example?",
        "Was sagt der Autor laut Text über Rückgaben?", "Wie lange gilt die oben genannte Frist?", "Im vorliegenden Abschnitt: was gilt?",
        "Selon le texte, quel est le délai ?", "Según el texto, ¿cuál es el plazo?", "Secondo il testo, qual è il termine?", "De acordo com o texto, qual é o prazo?",
        "Volgens de tekst, wat is de termijn?",
    ],
)  # fmt: skip
def test_questions_that_speak_of_the_passage(question):
    assert reason(pair(question=question)) == "refers_to_the_passage"


@pytest.mark.parametrize(
    "question",
    [
        "How do I print a text in Python?", "How do I build Python from source?", "What is a context manager?", "How do I write in the text field?", "Where is the document kept?",
        "How do I add a table to a page?", "How do I find a paragraph in Word?", "What is the source of the error?", "Who is the author of the library?",
        "How do I cite an article?", "What happens if the list is empty?", "How do I delete a section of a report?", "What information do I need?",
        "How do I pass a list to a function?", "Can I write below the line?", "Wie schreibe ich einen Text?", "Comment écrire un texte ?",
    ],
)  # fmt: skip
def test_questions_about_texts_are_no_such_questions(question):
    assert reason(pair(question=question)) is None


def test_an_answer_may_point_at_its_own_lines():
    assert reason(pair(answer="Do it as shown below:\nsend it back")) is None
    assert reason(pair(answer="According to the passage, within 30 days.")) == "refers_to_the_passage"


AGREE = [
    ("Within 30 days of delivery.", "You have 30 days after delivery."), ("30 days", "You can return goods within 30 days of delivery."), ("Yes.", "Yes, within 30 days."),
    ("No, worn shoes are not taken back.", "Worn shoes are not taken back."), ("Three weeks.", "It arrives in 3 weeks."), ("Up to 1,500 euros", "1500 euros at most."),
    ("Use enumerate() to get index and value.", "enumerate() gives the index and the value."), ("The customer pays the postage.", "Postage is paid by the customer."),
    ("It isn't possible.", "It is not possible."), ("Call the help desk and give the order number.", "You call the help desk and tell them your order number."),
    ("You must be at least 18 years old.", "The minimum age is 18 years."), ("It is stored in the cache folder.", "In the cache folder."),
    ("Press and hold the power button for ten seconds.", "Hold the power button down for 10 seconds."), ("Because the cable is damaged.", "The cable has been damaged."),
    ("Invoices are sent by e-mail at the end of each month.", "By e-mail, at the end of every month."), ("Open the settings and choose Privacy.", "Choose Privacy in the settings."),
    ("The garbage collector frees objects that nothing refers to any more.", "It frees objects that are no longer referred to."),
    ("You can reach them on weekdays between 9 and 17 o'clock.", "On weekdays from 9 to 17."), ("He founded the company in Lyon in 1987.", "The company was founded in 1987 in Lyon."),
    ("Members get a discount of 10 percent.", "A 10 percent discount is given to members."), ("Oui, sous trente jours.", "Oui."), ("Se paga en efectivo.", "El pago es en efectivo: se paga al llegar."),
    ("Innerhalb von 30 Tagen nach der Lieferung.", "30 Tage nach der Lieferung."),
    ("A list can be changed after it was created, a tuple cannot.", "Tuples cannot be changed after creation, while lists can be changed."),
]  # fmt: skip
DIFFER = [
    ("Within 30 days.", "Within 14 days."), ("It is allowed.", "It is not allowed."), ("Yes, you can.", "No, you can't."), ("The customer pays.", "The shop covers the cost."),
    ("In Paris.", "In London."), ("Use a list.", "Call the help desk."), ("Worn shoes are taken back.", "Worn shoes are not taken back."), ("Ja, das geht.", "Nein, das geht nicht."),
    ("By credit card", "Only in cash at the till"), ("The warranty covers water damage for 2 years.", "The warranty covers water damage for 3 years."),
    ("It is stored in the cache folder.", "It is stored in the home directory."), ("You send it back by post at your own cost.", "You bring it back to a shop free of charge."),
    ("The card is sent by registered mail.", "The card is picked up at the branch."), ("Members get a discount.", "Members get a free umbrella on their birthday."),
    ("In Lyon.", "By two brothers."), ("Because the cable is damaged.", "Because the password was wrong."),
    ("The manager approves it.", "The customer approves it after a call with the finance office."), ("It opens at nine.", "It opens at eleven."),
    ("Invoices are sent by e-mail.", "Invoices are kept for seven years in the archive."), ("Hold the power button.", "Remove the battery, then put it back."),
    ("Auf dem Postweg.", "In der Filiale abholen."), ("You need a passport and a visa.", "A driving licence is enough."), ("Restart the router first.", "Replace the cable between modem and wall."),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), AGREE)
def test_answers_that_agree(first, second):
    for one, other in ((first, second), (second, first)):
        assert agreed(pair(answer=one), Check(is_answerable=True, answer=other), WISHES) is None


@pytest.mark.parametrize(("first", "second"), DIFFER)
def test_answers_that_differ(first, second):
    for one, other in ((first, second), (second, first)):
        fault = agreed(pair(answer=one), Check(is_answerable=True, answer=other), WISHES)
        assert fault is not None
        assert fault.reason == "answers_differ"


def test_words_of_the_question_do_not_count():
    one = pair(question="Where was the company founded?", answer="The company was founded in Lyon.")
    fault = agreed(one, Check(is_answerable=True, answer="The company was founded by brothers."), WISHES)
    assert fault is not None
    assert fault.reason == "answers_differ"
    assert agreed(one, Check(is_answerable=True, answer="In Lyon, in the south."), WISHES) is None
    same = pair(question="Is the shop open?", answer="Open.")
    assert agreed(same, Check(is_answerable=True, answer="The shop is open."), WISHES) is None


def test_what_cannot_be_answered_from_the_document():
    for check in (Check(is_answerable=False, answer=""), Check(is_answerable=False, answer="30 days"), Check(is_answerable=True, answer=" - ")):
        fault = agreed(pair(), check, WISHES)
        assert fault is not None
        assert fault.reason == "not_answerable"


def test_negation_in_some_languages():
    assert all(map(is_negated, ["I don't", "isn’t it", "Das geht nicht", "ce n'est pas", "no puede", "non è", "не могу", "It cannot", "without fee"]))
    assert not any(map(is_negated, ["a knot", "notable", "Note that", "paso a paso", "another"]))
