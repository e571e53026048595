"""National numbers: published specimens, one wrong digit, layouts, and the words that some of them need."""

from __future__ import annotations

import re

import pytest

from tunesmith.data.personal.check_digits import is_day, luhn_fits, mod_11_10_fits, verhoeff_fits, weighted
from tunesmith.data.personal.national import ALONE, GENERAL, LETTERED, NAMED, RULES, WORDS
from tunesmith.data.personal.spans import spans

SPECIMENS = {
    "de_tax_id": "86095742719", "es_dni": "12345678Z", "fr_nir": "255081416802538", "it_codice_fiscale": "RSSMRA85T10A562S", "pl_pesel": "44051401359",
    "se_personnummer": "8112289874", "fi_hetu": "131052308T", "dk_cpr": "2110625629", "no_fodselsnummer": "15108695088", "is_kennitala": "1201743399",
    "be_rijksregister": "85073003328", "nl_bsn": "111222333", "pt_nif": "501964843", "gb_nhs": "9434765919", "gb_nino": "JG103759A", "ie_pps": "6433435F",
    "at_svnr": "1237010180", "ch_ahv": "7569217076985", "cz_sk_birth_number": "7103192745", "ro_cnp": "1630615123457", "bg_egn": "7523169263",
    "hr_oib": "33392005961", "ee_isikukood": "36805280109", "lt_asmens_kodas": "33309240064", "lv_personas_kods": "16117519997", "gr_amka": "01013099997",
    "hu_taj": "123456788", "jmbg": "0101006500006", "tr_kimlik": "17291716060", "ua_rnokpp": "1759013776", "ru_snils": "11223344595", "ru_inn": "500100732259",
    "us_ssn": "536904399", "ca_sin": "123456782", "br_cpf": "39053344705", "br_cnpj": "12ABC34501DE35", "ar_cuit": "20055361682", "cl_rut": "125319092",
    "mx_curp": "BOXW310820HNERXN09", "mx_rfc": "GODE561231GR8", "ec_cedula": "1714307103", "in_aadhaar": "234123412346", "in_pan": "ACUPA7085R",
    "cn_resident_id": "11010519491231002X", "tw_id": "A123456789", "hk_hkid": "G123456A", "jp_my_number": "123456789018", "kr_rrn": "9001011234568",
    "sg_nric": "S1234567D", "th_id": "1234545678781", "il_teudat_zehut": "039337423", "ae_emirates_id": "784198012345678", "sa_id": "1012345672",
    "za_id": "7503305044089", "au_tfn": "123456782", "au_medicare": "2123456701", "nz_ird": "49091850",
}  # fmt: skip
"""From the issuers' pages, Wikipedia and the documentation of python-stdnum."""
WITHOUT_CHECK = {"dk_cpr", "gb_nino", "us_ssn", "in_pan"}
BY_KIND = {rule.kind: rule for rule in RULES}


@pytest.mark.parametrize("kind", [rule.kind for rule in RULES])
def test_specimens_fit(kind):
    assert BY_KIND[kind].fits(SPECIMENS[kind])


@pytest.mark.parametrize("kind", [rule.kind for rule in RULES if rule.kind not in WITHOUT_CHECK])
def test_a_wrong_digit_is_seen(kind):
    number, rule = SPECIMENS[kind], BY_KIND[kind]
    places = [at for at, c in enumerate(number) if c.isdigit()]
    changed = [number[:at] + str((int(number[at]) + by) % 10) + number[at + 1 :] for at in places for by in range(1, 10)]
    assert sum(map(rule.fits, changed)) <= 0.2 * len(changed), "a single wrong digit passes only where two remainders share a check digit"


def test_other_specimens():
    fits = {kind: rule.fits for kind, rule in BY_KIND.items()}
    assert all(fits["es_dni"](n) for n in ("X1234567L", "Y1234567X", "Z1234567R"))
    assert all(fits["it_codice_fiscale"](n) for n in ("MRTMTT25D09F205Z", "MRTMTT91D08F205J"))
    assert fits["de_tax_id"]("65929970489")
    assert not fits["de_tax_id"]("11195742717"), "three equal digits in a row"
    assert fits["sg_nric"]("M1234567K")
    assert fits["br_cnpj"]("16727230000197")
    assert fits["mx_curp"]("HEGG560427MVZRRL04")
    assert fits["tr_kimlik"]("10000000146")
    assert fits["nz_ird"]("136410132")
    assert fits["cl_rut"]("760864285")
    assert not fits["us_ssn"]("666123456")
    assert not fits["us_ssn"]("987654320")
    assert fits["us_ssn"]("912701234"), "an ITIN"
    assert not fits["gb_nino"]("QQ123456C")
    assert fits["be_rijksregister"]("17073003384"), "born since 2000"
    assert fits["lv_personas_kods"]("32345678901"), "since 2017 without a date"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("de_tax_id", "86 095 742 719"), ("es_dni", "12345678Z"), ("es_dni", "12.345.678-Z"), ("es_dni", "X-1234567-L"), ("fr_nir", "2 55 08 14 168 025 38"),
        ("it_codice_fiscale", "RSSMRA85T10A562S"), ("it_codice_fiscale", "RSS MRA 85T10 A562S"), ("se_personnummer", "811228-9874"), ("se_personnummer", "19811228-9874"),
        ("fi_hetu", "131052-308T"), ("no_fodselsnummer", "151086 95088"), ("is_kennitala", "120174-3399"), ("be_rijksregister", "85.07.30-033.28"),
        ("gb_nino", "JG 10 37 59 A"), ("at_svnr", "1237 010180"), ("ch_ahv", "756.9217.0769.85"), ("cz_sk_birth_number", "710319/2745"), ("ru_snils", "112-233-445 95"),
        ("us_ssn", "536-90-4399"), ("br_cpf", "390.533.447-05"), ("br_cnpj", "12.ABC.345/01DE-35"), ("br_cnpj", "16.727.230/0001-97"), ("ar_cuit", "20-05536168-2"),
        ("cl_rut", "12.531.909-2"), ("mx_curp", "BOXW310820HNERXN09"), ("mx_rfc", "GODE561231GR8"), ("cn_resident_id", "11010519491231002X"), ("hk_hkid", "G123456(A)"),
        ("kr_rrn", "900101-1234568"), ("sg_nric", "S1234567D"), ("th_id", "1-2345-45678-78-1"), ("ae_emirates_id", "784-1980-1234567-8"), ("za_id", "7503305044089"),
    ],
)  # fmt: skip
def test_layouts_that_need_no_word(kind, text):
    for around in ("{}", "It is {}.", "(see {}), thanks", "数字：{}"):
        said = around.format(text)
        found = spans(said)
        assert [(kind, text)] == [(span.kind, said[span.start : span.end]) for span in found]


@pytest.mark.parametrize(
    ("kind", "word", "text"),
    [
        ("de_tax_id", "Meine Steuer-ID lautet", "86095742719"), ("pl_pesel", "mój PESEL to", "44051401359"), ("dk_cpr", "mit CPR-nummer er", "211062-5629"),
        ("nl_bsn", "mijn BSN is", "111222333"), ("nl_bsn", "burgerservicenummer:", "1112.22.333"), ("pt_nif", "o meu NIF é", "501 964 843"), ("gb_nhs", "NHS number", "943 476 5919"),
        ("gb_nino", "National Insurance number", "JG103759A"), ("ie_pps", "my PPS number is", "6433435F"), ("ro_cnp", "CNP-ul meu este", "1630615123457"),
        ("bg_egn", "моят ЕГН е", "7523169263"), ("hr_oib", "moj OIB je", "33392005961"), ("ee_isikukood", "minu isikukood on", "36805280109"),
        ("lt_asmens_kodas", "mano asmens kodas yra", "33309240064"), ("lv_personas_kods", "personas kods", "161175-19997"), ("gr_amka", "ο ΑΜΚΑ μου είναι", "01013099997"),
        ("hu_taj", "a TAJ számom", "123 456 788"), ("jmbg", "moj JMBG je", "0101006500006"), ("tr_kimlik", "TC kimlik numaram", "17291716060"), ("ua_rnokpp", "мій РНОКПП", "1759013776"),
        ("ru_inn", "мой ИНН", "500100732259"), ("ca_sin", "my SIN is", "123-456-782"), ("ec_cedula", "mi cédula es", "1714307103"), ("in_aadhaar", "my Aadhaar is", "2341 2341 2346"),
        ("in_aadhaar", "मेरा आधार नंबर", "234123412346"), ("in_pan", "PAN", "ACUPA7085R"), ("tw_id", "我的身分證字號是", "A123456789"), ("jp_my_number", "マイナンバーは", "1234 5678 9018"),
        ("il_teudat_zehut", "מספר תעודת זהות", "039337423"), ("sa_id", "رقم الهوية", "1012345672"), ("au_tfn", "my TFN is", "123 456 782"),
        ("au_medicare", "Medicare card", "2123 45670 1"), ("nz_ird", "my IRD number is", "49-091-850"), ("us_ssn", "SSN", "536904399"), ("br_cpf", "meu CPF é", "39053344705"),
    ],
)  # fmt: skip
def test_layouts_that_need_a_word(kind, word, text):
    said = f"{word} {text}"
    assert [(kind, text)] == [(span.kind, said[span.start : span.end]) for span in spans(said)]
    assert [span.kind for span in spans(f"order {text} has come")] == []


def test_a_general_word_will_do():
    assert [span.kind for span in spans("my national identification number is 111222333")] == ["nl_bsn"]


@pytest.mark.parametrize(
    "text",
    [
        "order 123456782", "ISBN 978-3-16-148410-0", "1234567890123", "1712345678901", "2024-05-06 12:30:45", "06.05.2024-07.05.2024", "12345678A", "123-45-6789", "000-12-3456",
        "build 1.2.3.4567", "tracking 1Z999AA10123456784", "8d969eef6ecad3c29a3a629280e686cf", "550e8400-e29b-41d4-a716-446655440000", "price 123 456 789 €", "a = 111222333 + 1",
    ],
)  # fmt: skip
def test_plain_numbers_are_not_flagged(text):
    assert [span for span in spans(text) if span.kind in BY_KIND] == []


def test_the_tables_are_sound():
    assert len(BY_KIND) == len(RULES)
    for table in (ALONE, NAMED):
        for layout in table:
            assert re.fullmatch(r"\(?[0-9]{1,2}(?:[ ./-][0-9]{1,2})*", layout), layout
    assert {rule.kind for rule, _, _ in LETTERED} | {r.kind for t in (ALONE, NAMED) for rules in t.values() for r in rules} == set(BY_KIND)
    assert all(not words.search("") for words in WORDS.values())
    assert GENERAL.search("national id")


def test_sums_by_hand():
    assert luhn_fits("79927398713")
    assert not luhn_fits("79927398710")
    assert verhoeff_fits("2363")
    assert mod_11_10_fits("794623")
    assert weighted("123", (3, 2, 1)) == 10
    assert is_day("02", "29")
    assert not is_day("04", "31")
