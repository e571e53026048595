"""A kind of personal data → values of it drawn at random, in the ways in which they are written, and wrong ones that differ in a digit.

What makes a number right (dates, check digits) is taken from the rules that are measured: they are held against published specimens by the tests,
and against python-stdnum by `bench/personal_oracle.py`. What is measured is whether they are found in sentences, and nothing else is.
"""

from __future__ import annotations

import itertools
import random
import re
import string

import phonenumbers

from tunesmith.data.personal.check_digits import luhn_fits
from tunesmith.data.personal.issuers import KEYS
from tunesmith.data.personal.money import IBAN_LENGTHS, card_fits, iban_fits
from tunesmith.data.personal.national import RULES, Rule

BY_KIND = {rule.kind: rule for rule in RULES}
WITH_WORD, ALONE = True, False
# d digit, D digit but 0, L letter, # check digit or letter (all are tried); y m t: two digits of a year, month, day; Y: year of four digits
TEMPLATES = {
    "es_dni": "dddddddd#", "fr_nir": "1ymDdddddDd##", "it_codice_fiscale": "LLLLLLyAtLddd#", "pl_pesel": "ymtdddd#", "se_personnummer": "ymtddd#", "fi_hetu": "tmy-ddd#", "dk_cpr": "tmydddd",
    "no_fodselsnummer": "tmyddd##", "is_kennitala": "tmydd#9", "be_rijksregister": "ymtddd##", "nl_bsn": "Dddddddd#", "pt_nif": "2ddddddd#", "gb_nhs": "Ddddddddd#", "gb_nino": "JGddddddA",
    "ie_pps": "ddddddd#", "at_svnr": "Ddd#tmy", "ch_ahv": "756ddddddddd#", "cz_sk_birth_number": "ymtddd#", "ro_cnp": "1ymt12ddd#", "bg_egn": "ymtddd#", "hr_oib": "Dddddddddd#", "ee_isikukood": "3ymtddd#",
    "lt_asmens_kodas": "4ymtddd#", "lv_personas_kods": "tmydddd#", "gr_amka": "tmydddd#", "hu_taj": "Dddddddd#", "jmbg": "tm9y71ddd#", "tr_kimlik": "Ddddddddd##", "ua_rnokpp": "3dddddddd#",
    "ru_snils": "Ddddddddd##", "ru_inn": "77dddddddd##", "us_ssn": "5dd4ddddd", "ca_sin": "5ddddddd#", "br_cpf": "ddddddddd##", "br_cnpj": "dddddddd0001##", "ar_cuit": "20dddddddd#", "cl_rut": "1ddddddd#",
    "mx_curp": "LALAymtHNECBCA#", "mx_rfc": "LALAymtBC#", "ec_cedula": "173dddddd#", "in_aadhaar": "Ddddddddddd#", "in_pan": "LLLPLddddL", "cn_resident_id": "110105Ymtddd#", "tw_id": "A1ddddddd#",
    "hk_hkid": "Gdddddd#", "jp_my_number": "Ddddddddddd#", "kr_rrn": "ymt1ddddd#", "sg_nric": "Sddddddd#", "th_id": "1ddddddddddd#", "il_teudat_zehut": "Dddddddd#",
    "ae_emirates_id": "784Yddddddd#", "sa_id": "1dddddddd#", "za_id": "ymtdddd08#", "au_tfn": "Dddddddd#", "au_medicare": "2ddddddd#1", "nz_ird": "49ddddd#",
}  # fmt: skip
FORMS = {
    "es_dni": ("8L", "8-L", "2.3.3-L"), "it_codice_fiscale": ("16",), "fi_hetu": ("as is",), "ie_pps": ("as is",), "cl_rut": ("2.3.3-1",), "mx_curp": ("as is",), "mx_rfc": ("as is",), "in_pan": ("as is",),
    "tw_id": ("as is",), "sg_nric": ("as is",), "br_cnpj": ("2.3.3/4-2",), "hk_hkid": ("G()",), "gb_nino": ("AB 12 34 56 C", "as is"), "au_medicare": ("4 5 1",), "nz_ird": ("2-3-3", "8"),
}  # fmt: skip
_LOCAL = ("eve", "jan.novak", "maria-luisa", "k_schmidt", "o'brien", "info+news", "j.r.smith77", "zoé", "иван", "a")
_DOMAINS = ("mail.org", "gmail.com", "web.de", "posta.com.tr", "uni-köln.de", "sub.firma.co.uk", "laposte.net", "wp.pl", "почта.рф", "acme.io")


def fill(template: str, rng: random.Random, rule: Rule) -> str:
    """A number of this template that the rule accepts."""
    while True:
        out = ""
        for c in template:
            out += {
                "d": lambda: rng.choice(string.digits), "D": lambda: rng.choice("123456789"), "L": lambda: rng.choice("BCDFGHJKLMNPRSTVZ"), "y": lambda: f"{rng.randrange(40, 99):02}",
                "Y": lambda: str(rng.randrange(1950, 2005)), "m": lambda: f"{rng.randrange(1, 13):02}", "t": lambda: f"{rng.randrange(1, 29):02}",
            }.get(c, lambda c=c: c)()  # fmt: skip
        if rule.kind == "de_tax_id":
            out = _tax_id(rng)
        letters = string.digits + (
            string.ascii_uppercase
            if rule.kind in ("es_dni", "it_codice_fiscale", "fi_hetu", "ie_pps", "mx_rfc", "sg_nric", "cn_resident_id", "hk_hkid", "cl_rut")
            else ""
        )
        for checks in itertools.product(letters, repeat=out.count("#")):
            tried = out
            for c in checks:
                tried = tried.replace("#", c, 1)
            if accepts(rule, tried):
                return tried


def accepts(rule: Rule, number: str) -> bool:
    try:
        return bool(rule.fits(number.replace("-", "")))
    except (ValueError, KeyError, IndexError):
        return False


def _tax_id(rng: random.Random) -> str:
    digits = rng.sample(string.digits, 9)
    at = rng.randrange(9)
    digits.insert(rng.randrange(10), digits[at])
    return "".join(digits) + "#"


def written(rule: Rule, number: str, rng: random.Random) -> tuple[str, bool]:
    """(the number as it is written, whether a word for it has to stand beside it)."""
    if rule.kind in FORMS:
        form = rng.choice(FORMS[rule.kind])
        needs = (
            bool(rule.named_pattern and not rule.alone_pattern)
            or (form == "as is" and rule.kind == "gb_nino")
            or not (rule.alone or rule.alone_pattern)
        )
        return _lettered(form, number), needs
    choices = [(layout, ALONE) for layout in rule.alone.split("|") if layout] + [(layout, WITH_WORD) for layout in rule.named.split("|") if layout]
    choices = [(layout, needs) for layout, needs in choices if sum(map(int, re.findall(r"\d+", layout))) == len(number)]
    layout, needs = rng.choice(choices)
    return laid_out(layout, number), needs


def laid_out(layout: str, number: str) -> str:
    """The digits in groups: `3-2-4`."""
    at, out = 0, ""
    for part in re.findall(r"\d+|\D", layout):
        if part.isdigit():
            out += number[at : at + int(part)]
            at += int(part)
        else:
            out += part
    return out


def _lettered(form: str, n: str) -> str:
    return {
        "8L": n, "8-L": f"{n[:8]}-{n[8:]}", "2.3.3-L": f"{n[:2]}.{n[2:5]}.{n[5:8]}-{n[8:]}", "2.3.3-1": f"{n[:2]}.{n[2:5]}.{n[5:8]}-{n[8:]}", "2.3.3/4-2": laid_out("2.3.3/4-2", n), "G()": f"{n[:7]}({n[7:]})",
        "AB 12 34 56 C": f"{n[:2]} {n[2:4]} {n[4:6]} {n[6:8]} {n[8:]}", "4 5 1": laid_out("4 5 1", n), "2-3-3": laid_out("2-3-3", n),
    }.get(form, n)  # fmt: skip


def wrong(value: str, is_right: object, rng: random.Random) -> str:
    """The value with one digit changed so that it is right no more."""
    places = [at for at, c in enumerate(value) if c.isdigit()]
    for _ in range(200):
        at = rng.choice(places)
        changed = value[:at] + rng.choice([c for c in string.digits if c != value[at]]) + value[at + 1 :]
        if not is_right(re.sub(r"[^0-9A-Za-z]", "", changed)):  # type: ignore[operator]
            return changed
    return ""


def iban(rng: random.Random) -> str:
    """An IBAN of a random country, grouped or not."""
    country = rng.choice(sorted(IBAN_LENGTHS))
    body = "".join(rng.choices(string.digits, k=IBAN_LENGTHS[country] - 4))
    number = next(f"{country}{check:02}{body}" for check in range(2, 99) if iban_fits(f"{country}{check:02}{body}"))
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4)) if rng.random() < 0.6 else number


def card(rng: random.Random) -> str:
    """A card's number of a common brand."""
    prefix, length = rng.choice((("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16), ("3528", 16), ("62", 16)))
    while True:
        body = prefix + "".join(rng.choices(string.digits, k=length - len(prefix) - 1))
        number = next(body + c for c in string.digits if luhn_fits(body + c))
        if card_fits(number):
            return number if rng.random() < 0.4 else laid_out(rng.choice(("4 4 4 4", "4-4-4-4")) if length == 16 else "4 6 5", number)


def email(rng: random.Random) -> str:
    """An address."""
    return f"{rng.choice(_LOCAL)}{rng.choice(('', str(rng.randrange(100))))}@{rng.choice(_DOMAINS)}"


def phone(region: str, rng: random.Random, *, international: bool) -> str:
    """A number of the region's plan, as it is written there or from abroad."""
    kinds = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    while True:
        number = phonenumbers.example_number_for_type(region, rng.choice(kinds))
        if number is None:
            continue
        number.national_number = number.national_number // 10**4 * 10**4 + rng.randrange(10**4)
        if phonenumbers.is_valid_number(number) and not 5550100 <= number.national_number % 10**7 <= 5550199:
            form = phonenumbers.PhoneNumberFormat.INTERNATIONAL if international else phonenumbers.PhoneNumberFormat.NATIONAL
            said = phonenumbers.format_number(number, form)
            return said.replace("+", "00", 1) if international and rng.random() < 0.15 else said


def no_phone(rng: random.Random) -> str:
    """A number with a country's code that its plan does not have."""
    while True:
        said = f"+{rng.choice(('1 123 555', '44 0', '33 0 0', '999 12', '49 1'))} {rng.randrange(10**4, 10**6)}"
        try:
            if not phonenumbers.is_valid_number(phonenumbers.parse(said, None)):
                return said
        except phonenumbers.NumberParseException:
            return said


def address(rng: random.Random) -> str:
    """A public IP address."""
    if rng.random() < 0.3:
        return ":".join(["2a" + f"{rng.randrange(0, 16):02x}"] + [f"{rng.getrandbits(16):x}" for _ in range(7)])
    return ".".join(
        str(part)
        for part in (rng.choice((17, 34, 52, 85, 93, 130, 151, 185, 212)), rng.randrange(32, 256), rng.randrange(256), rng.randrange(1, 255))
    )


def mac(rng: random.Random) -> str:
    """A device's address."""
    return rng.choice(":-").join(f"{part:02x}" for part in (0x3C, *(rng.randrange(256) for _ in range(5))))


def password(rng: random.Random) -> str:
    """What a careful person would take."""
    return (
        rng.choice(("Blau", "Fjord", "kestrel", "Mango", "Tr0u"))
        + "".join(rng.choices(string.ascii_letters, k=3))
        + rng.choice("!#%+?&")
        + str(rng.randrange(10, 99))
    )


def key(rng: random.Random) -> str:
    """A key of some issuer's form, its letters drawn at random."""
    forms = {
        "sk-proj-": (48, _ALNUM), "sk-ant-api03-": (80, _ALNUM), "AKIA": (16, string.ascii_uppercase + "234567"), "AIza": (35, _ALNUM), "ghp_": (36, _ALNUM), "glpat-": (20, _ALNUM), "hf_": (34, _ALNUM),
        "sk_live_": (24, _ALNUM), "npm_": (36, _ALNUM), "dop_v1_": (64, "0123456789abcdef"), "shpat_": (32, "0123456789abcdef"), "gsk_": (52, _ALNUM), "hvs.": (24, _ALNUM), "lin_api_": (40, _ALNUM),
    }  # fmt: skip
    prefix = rng.choice(sorted(forms))
    n, letters = forms[prefix]
    return prefix + "".join(rng.choices(letters, k=n))


_ALNUM = string.ascii_letters + string.digits
assert all(mark in KEYS for mark in ("sk-", "AKIA", "hf_"))
