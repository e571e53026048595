"""What a source does not hold: worked examples of honest answers (no alarm) and of altered ones (the alteration is named)."""

from __future__ import annotations

import doctest
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.waiting import computing
from tunesmith.measure import support as module
from tunesmith.measure.support import supported_share, unsupported

PARCELS = (
    "The Hallberg Postal Service moved 3,312,456 parcels in 2023, 12.5 % more than the year before, its director Maria Lindqvist said on 2024-03-05 in "
    "Oslo. A new sorting hall near Trondheim, 4,800 m² large, opened in March; it cost 27 million euros and employs 240 people. Parcels over 31.5 kg are "
    "not taken. The World Logistics Association praised the service. Counters are open from 8:30 to 18:00, on Saturdays until 1 pm."
)
TRIAL = (
    "In a trial with 1,204 patients at St. Olav's Hospital, the drug Zelmira lowered blood pressure by 11.3 mmHg after twelve weeks. Two patients stopped. "
    "Dr. J. K. Okafor of the University of Lagos led the study, which ran from June 2019 to May 2021 and was paid for by the EU. A dose is 250 mg, twice a day."
)
GERMAN = (
    "Die Stadt Bamberg hat am 12. April 2022 beschlossen, 1.250 Bäume zu pflanzen. Oberbürgermeister Jonas Feldmann rechnet mit Kosten von 3,4 Mio. Euro. "
    "Der Bund Naturschutz begrüßt den Plan, den die Firma Grünwerk aus Nürnberg bis Ende 2025 umsetzen soll."
)
RUSSIAN = "Писатель Иван Петров родился в Москве 3 мая 1961 года. Его роман «Река» вышел тиражом 15 000 экземпляров в издательстве Аврора."
FRENCH = "Le 14 juillet 2021, la mairie de Lyon a acheté 35 autobus électriques à la société Volteo pour 18,2 millions d'euros, a dit Anne Delcourt."
CHINESE = "2024年5月3日,公司卖出了1,200台机器,收入3.6亿元。"
GREEK = "Ο Γιώργος Σεφέρης γεννήθηκε στη Σμύρνη το 1900 και πήρε το Νόμπελ το 1963."

HONEST = [
    (PARCELS, "Hallberg moved about 3.3 million parcels in 2023, said Maria Lindqvist."),
    (PARCELS, "In 2023 the service carried 3312456 parcels, up 12.5 percent."),
    (PARCELS, "The new hall near Trondheim opened in March 2024 and cost €27 million."),
    (PARCELS, "The hall cost 27,000,000 euros and gives work to 240 people."),
    (PARCELS, "Lindqvist, the director, spoke in Oslo on 5 March 2024."),
    (PARCELS, "On March 5, 2024, Ms Lindqvist praised the numbers. They rose by 12.5%."),
    (PARCELS, "Parcels heavier than 31.5 kilograms are refused."),
    (PARCELS, "Parcels above 31,500 g are refused."),
    (PARCELS, "The WLA praised Hallberg's work."),
    (PARCELS, "Counters open at 8.30 a.m. and close at 6 pm; on Saturday at 13:00."),
    (PARCELS, "• It opened a hall.\n• It employs 240 people.\n1. Counters are open.\n2. Large parcels are not."),
    (PARCELS, "Yes. The Trondheim hall is 4800 m² large. However, it does not take parcels over 31.5 kg."),
    (PARCELS, '"Parcels rose," Lindqvist said. Nothing else was announced.'),
    (PARCELS, "According to the director, Oslo was pleased."),
    (TRIAL, "1204 patients took Zelmira for 12 weeks."),
    (TRIAL, "Okafor led the trial from 2019 to 2021 at St. Olav's."),
    (TRIAL, "J. K. Okafor's study was financed by the European Union."),
    (TRIAL, "Zelmira lowers blood pressure by 11.3 mmHg. Two of 1,204 patients stopped."),
    (TRIAL, "The dose is 0.25 g, twice a day; the study ended in May 2021."),
    (TRIAL, "The study, led by Dr. Okafor (University of Lagos), ran until May 2021."),
    (GERMAN, "Bamberg will 1250 Bäume pflanzen. Das kostet 3,4 Millionen Euro."),
    (GERMAN, "Der Beschluss fiel am 12.04.2022. Jonas Feldmann ist Oberbürgermeister der Stadt."),
    (GERMAN, "Die Pflanzung übernimmt das Unternehmen Grünwerk, und der Bund Naturschutz ist mit der Entscheidung zufrieden."),
    (GERMAN, "Bis Ende 2025 sollen die Arbeiten in der Stadt nach dem Plan der Verwaltung fertig sein."),
    (RUSSIAN, "Ивана Петрова знают по роману «Река»; он родился 3 мая 1961 года в Москве."),
    (RUSSIAN, "Роман Петрова вышел в «Авроре» тиражом 15000 экземпляров."),
    (FRENCH, "Lyon a acheté 35 autobus pour 18,2 millions d'euros."),
    (FRENCH, "Anne Delcourt a annoncé l'achat le 14/07/2021. La société Volteo livrera."),
    (CHINESE, "公司在2024年5月3日卖出1200台机器,收入360,000,000元。"),
    (GREEK, "Ο Σεφέρης από τη Σμύρνη πήρε το Νόμπελ το 1963."),
    ("It rained for 90 minutes.", "It rained for 1.5 hours."),
    ("The road is 5 km long, the other one 2 to 3 miles.", "The road is 5,000 metres long; the other is between 2 miles and 3 miles."),
    ("Twenty-five people came, a third of them from Kyiv.", "25 people came. Kyiv was well represented."),
    ("The price fell from $1,299.00 to $999.", "It now costs 999 dollars instead of $1299."),
    ("NASA and the U.S. Army signed it.", "The US Army signed it with NASA."),
    ("The National Aeronautics and Space Administration signed it.", "NASA signed it."),
    ("UNESCO praised it.", "It was praised by UNESCO. The praise was well earned."),
    ("McDonald bought an iPhone 15 on Monday.", "On Monday McDonald bought an iPhone 15."),
    ("Use version 3.11.2 or later.", "You need at least version 3.11.2."),
    ("The share rose by 0.12.", "The share rose by 12 %."),
]
ALTERED = [
    (PARCELS, "Hallberg moved 3.9 million parcels in 2023.", {"3.9 million"}),
    (PARCELS, "It moved 3,312,456 parcels in 2022.", {"2022"}),
    (PARCELS, "The hall cost 27 million dollars.", {"27 million dollars"}),
    (PARCELS, "Parcels over 30 kg are refused.", {"30 kg"}),
    (PARCELS, "Director Erik Lindqvist spoke in Oslo.", {"Erik"}),
    (PARCELS, "Lindqvist spoke in Bergen on 6 March 2024.", {"Bergen", "6 March 2024"}),
    (PARCELS, "The hall opened in April.", {"April"}),
    (PARCELS, "Counters are open until 19:00.", {"19:00"}),
    (PARCELS, "The hall near Trondheim was built by Skanska and ABB.", {"Skanska", "ABB"}),
    (TRIAL, "Zelmira was tried on 1,240 patients.", {"1,240"}),
    (TRIAL, "The study ran until May 2022.", {"May 2022"}),
    (TRIAL, "Dr. Okafor of the University of Nairobi led it.", {"Nairobi"}),
    (TRIAL, "The dose is 250 g.", {"250 g"}),
    (TRIAL, "Zelmira by Pfizer lowered pressure by 13.1 mmHg.", {"Pfizer", "13.1"}),
    (GERMAN, "Bamberg will 1350 Bäume pflanzen.", {"1350"}),
    (GERMAN, "Der Oberbürgermeister Lukas Feldmann hat am 13. April 2022 mit dem Bund gesprochen.", {"Lukas", "13. April 2022"}),
    (RUSSIAN, "Иван Петров родился в Казани в 1961 году.", {"Казани"}),
    (RUSSIAN, "Роман вышел тиражом 25 000 экземпляров.", {"25 000"}),
    (FRENCH, "La mairie de Marseille a acheté 53 autobus.", {"Marseille", "53"}),
    (CHINESE, "公司卖出了1,500台机器。", {"1,500"}),
    (GREEK, "Ο Σεφέρης πήρε το Νόμπελ στην Αθήνα το 1964.", {"Αθήνα", "1964"}),
    ("It rained for 90 minutes.", "It rained for 2 hours.", {"2 hours"}),
    ("Mary went home.", "Then Mark went home with Mary.", {"Mark"}),
    ("Use version 3.11.2 or later.", "You need version 3.12.1.", {"3.12.1"}),
    ("The firm has 40 people.", "The firm, founded by Anna Kovalenko in 1998, has 40 people.", {"Anna", "Kovalenko", "1998"}),
    ("NASA signed it.", "ESA signed it with NASA.", {"ESA"}),
]


def test_examples():
    assert doctest.testmod(module).failed == 0


def test_false_alarms_on_honest_answers_are_rare():
    """Measured on these 40 answers in six languages: at most one in twenty raises an alarm."""
    alarms = [(answer, found) for source, answer in HONEST if (found := unsupported(answer, [source]))]
    assert len(alarms) <= len(HONEST) * 0.05, alarms


@pytest.mark.parametrize(("source", "answer", "expected"), ALTERED)
def test_what_was_altered_is_named_and_nothing_else(source, answer, expected):
    assert set(unsupported(answer, [source])) == expected


def test_the_order_is_that_of_the_answer_and_each_stands_once():
    assert unsupported("So said Zorn in 1844. Later Zorn met Abel 1844 times.", ["Nothing."]) == ("Zorn", "1844", "Abel")


def test_several_sources_are_one():
    assert unsupported("Ann Lee paid 60 euros.", ["Ann Lee paid.", "It was 60 euros."]) == ()
    assert unsupported("Ann Lee paid 60 euros.", []) == ("Ann", "Lee", "60 euros")


@pytest.mark.parametrize("text", ["", "no names here at all", "مرحبا بالعالم", "हिन्दी में लिखा", "你好世界"])
def test_nothing_to_check_is_supported(text):
    assert unsupported(text, [""]) == ()


@given(st.text(max_size=120))
def test_a_source_supports_itself(text):
    assert unsupported(text, [text]) == ()


@given(st.sampled_from([source for source, _ in HONEST]))
def test_every_source_supports_each_of_its_sentences(source):
    for sentence in re.split(r"(?<=[.。])\s+", source):
        assert unsupported(sentence, [source]) == ()


@pytest.mark.parametrize(
    ("answer", "source", "expected"),
    [
        ("The visa costs sixty euros", "Sixty euros is what the visa costs.", 1.0),
        ("Parcels arrive on Monday", "Letters arrive on Friday.", 1 / 3),  # arrive; neither parcels nor monday
        ("Berliner trees", "The tree of Berlin", 1.0),  # inflected
        ("It is so", "It was so", 2 / 3),  # no long word: every word counts
        ("", "Something", 0.0),
        ("猫好", "猫が好き", 1.0),
        ("猫犬", "猫が好き", 0.5),
    ],
)
def test_share_of_an_answer_that_is_supported(answer, source, expected):
    assert supported_share(answer, [source]) == pytest.approx(expected)


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_share_is_a_share(answer, source):
    assert 0.0 <= supported_share(answer, [source]) <= 1.0
    assert supported_share(answer, [answer]) in (0.0, 1.0)


def test_long_sources_are_read_in_time():
    source = " ".join(
        f"On day {n} of 2024-05-0{n % 9 + 1} Ann{n} Lee sold {n},500 items for {n}.5 million euros at {n % 24}:30." for n in range(4000)
    )
    with computing(30):
        assert unsupported("Ann7 Lee sold 7,500 items.", [source]) == ()
        assert unsupported("Bob sold 7,501 items to Zed.", [source]) == ("7,501", "Zed")
        assert supported_share("Ann7 sold items", [source]) == 1.0


@pytest.mark.parametrize(
    "text", ["1 " * 50_000, "1," * 50_000, "A " * 30_000, "A." * 30_000, "1" * 50_000, "-" * 50_000, "'" * 50_000, "5 million " * 5_000]
)
def test_no_text_keeps_it_busy(text):
    with computing(30):
        unsupported(text[:5_000], [text])
