"""The language of a text, and that nothing is said where nothing is certain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.examine.function_words import LANGUAGES_OF, NAMES, WORDS
from tunesmith.data.examine.tongue import language_of, near_to, row_language
from tunesmith.data.examine.view import View


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("en", "How do I find out where my card is?"), ("de", "Wie finde ich heraus, wo meine Karte gerade ist?"), ("fr", "Comment savoir où se trouve ma carte en ce moment ?"),
        ("es", "¿Cómo puedo saber dónde está mi tarjeta ahora mismo?"), ("it", "Come faccio a sapere dove si trova la mia carta adesso?"), ("pt", "Como posso saber onde está o meu cartão neste momento?"),
        ("nl", "Hoe kan ik zien waar mijn kaart op dit moment is?"), ("pl", "Jak mogę sprawdzić, gdzie teraz jest moja karta płatnicza?"), ("sv", "Hur kan jag ta reda på var mitt kort är just nu?"),
        ("fi", "Miten voin selvittää, missä korttini on juuri nyt?"), ("tr", "Kartımın şu anda nerede olduğunu nasıl öğrenebilirim?"), ("cs", "Jak zjistím, kde se právě teď nachází moje karta?"),
        ("hu", "Hogyan tudhatom meg, hogy hol van most a kártyám?"), ("ro", "Cum pot afla unde se află cardul meu în acest moment?"), ("id", "Bagaimana saya bisa tahu di mana kartu saya sekarang?"),
        ("vi", "Làm thế nào để tôi biết thẻ của tôi đang ở đâu?"), ("ru", "Как мне узнать, где сейчас находится моя карта?"), ("uk", "Як мені дізнатися, де зараз знаходиться моя картка?"),
        ("el", "Πώς μπορώ να μάθω πού βρίσκεται η κάρτα μου;"), ("ar", "كيف يمكنني معرفة مكان بطاقتي الآن؟"), ("he", "איך אני יכול לדעת איפה הכרטיס שלי עכשיו?"),
        ("hi", "मैं कैसे पता लगा सकता हूँ कि मेरा कार्ड अभी कहाँ है?"), ("ja", "今カードがどこにあるか知りたいのですが。"), ("zh", "我怎么知道我的卡现在在哪里？"), ("ko", "지금 제 카드가 어디에 있는지 어떻게 알 수 있나요?"),
        ("th", "ฉันจะรู้ได้อย่างไรว่าบัตรของฉันอยู่ที่ไหน"), ("ta", "என் அட்டை இப்போது எங்கே இருக்கிறது?"),
    ],
)  # fmt: skip
def test_sentences(code, text):
    assert language_of(text) == code


@pytest.mark.parametrize(
    "text",
    [
        "", "card_arrival", "PIN?", "12345 67890 12345 67890", "for i in range(10):\n    print(i ** 2)\n", "`SELECT name FROM users WHERE id = 7`", "https://www.mail.org/de/karte/wo-ist-meine-karte",
        "Sony PlayStation 5 Slim Digital Edition 1TB", "John Smith", "Anna Müller, Jean Dupont, José García, Giulia Rossi", "ASCII UTF-8 JSON XML HTML CSS", "{'a': 1, 'b': [2, 3]}", "aaa bbb ccc ddd eee fff",
        "Buenos Aires, São Paulo, Rio de Janeiro, Santiago de Chile", "😀 😀 😀", "x^2 + y^2 = z^2",
        "hy was my cash withdrawal declined?",
    ],
)  # fmt: skip
def test_nothing_is_said_where_nothing_is_certain(text):
    assert language_of(text) is None


def test_a_quotation_does_not_count():
    assert language_of("How do you say thank you in Russian? I think that it is спасибо but I am not sure.") == "en"
    assert language_of("What does `Wo ist meine Karte und wann kommt sie` mean in this example of the book?") == "en"


@given(st.text(max_size=200))
def test_any_text_has_an_answer(text):
    found = language_of(text)
    assert found is None or found.strip()


def test_a_row_has_the_language_of_its_question():
    german, english = "Wo ist meine Karte, die ich bestellt habe?", "It is on its way to you and will be there soon."
    assert row_language(View(german, "card_arrival", "", "", "card_arrival", True)) == "de"
    assert row_language(View(german, english, "", "", None, False)) == "de>en"
    assert row_language(View("PIN?", english, "", "", None, False)) == "en"
    assert row_language(View("PIN?", "4", "", "", None, False)) is None


def test_relatives():
    assert "no" in near_to("da")
    assert {"ru", "Cyrl"} <= near_to("ru")
    assert "uk" in near_to("Cyrl")
    assert near_to("xx") == frozenset({"xx"})
    assert "de" not in near_to("en")


def test_the_lists_are_sound():
    assert set(WORDS) <= set(NAMES)
    assert all(len(set(words.split())) >= 35 for words in WORDS.values())
    assert "de" in LANGUAGES_OF["nicht"]
