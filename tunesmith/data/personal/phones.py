"""A text → the phone numbers in it: a layout proposes, the numbering plan of a country (libphonenumber) decides.

Numbers with a country's code are taken wherever they stand. A national form is taken alone where it looks like nothing else, such as
`(030) 1234567`, `06 12 34 56 78` or `415-555-2671`, and otherwise only beside a word for telephones. The plan decides because a layout alone is
any number; it costs some 50 µs, and only rows with such a layout pay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers

from tunesmith.data.personal.kinds import Span

_INTERNATIONAL = re.compile(
    r"(?:\+(?<![\w.+/-]\+)|0(?<![\w.+=/-]0)0)[1-9](?:(?:[ \u00a0./-]|[ \u00a0]?\(0?|\)[ \u00a0]?)?[0-9]){6,13}(?![\w-])", re.ASCII
)
_WORD = (
    r"tel\b|tel[.:]|tel[eé]?[fph]|telem|t[eé]l\b|phone|mobil|cell|fax|whats ?app|handy|rufnummer|festnetz|anruf|ruf(?:en|t)? |erreich|call|ring |dial|text (?:me|us|him|her|them)"
    r"|m[oó]vil|celular|ll[aá]m|portable|appel|joign|joindre|chiama|ligu|ligar|contact(?!less)|kontakt(?!los)|gsm|bel(?:len)? |komór|zadzwo|dzwo|numer\b|numerem|puhelin|matkapuh|soita"
    r"|телефон|тел\.|звон|моб|cep\b|ara(?:y|r|s)|τηλ|κινητ|電話|携帯|电话|手机|致电|전화|휴대|연락|फ़ोन|फोन|मोबाइल|कॉल|هاتف|اتصل|جوال|טלפון|נייד|โทร|điện thoại|☎|📞|📱|(?:my|her|his|our|their) number is|reach (?:me|us|him|her|them)"
)
_BEFORE = re.compile(rf"(?<![a-zà-öø-ÿ])(?:{_WORD})[^0-9]{{0,25}}\Z")
_AFTER = re.compile(rf"\A[^0-9]{{0,10}}(?<![a-zà-öø-ÿ])(?:{_WORD})")
_FICTION = re.compile(
    r"\+(?:1[2-9]\d\d55501\d\d|44(?:1632960|2079460|7700900|(?:11[3-8]|1[2-6]1|191)4960)\d{3}|33(?:199|26191|35301|46571|53649|63998)\d+"
    r"|49(?:3023125|6990009|4066969|2214710|8999998)\d{3}|61(?:[2378][57]010|491570)\d+)\Z"
)
"""Numbers that their countries keep free for films and examples. Source: NANPA, Ofcom, ARCEP, BNetzA, ACMA."""
_PLANS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("(3)3-4|(3)3 4|(3)3.4|3-3-4|3.3.4|1-3-3-4|1.3.3.4|1 (3)3-4|1(3)3-4|1-(3)3-4", r"1?[2-9]\d\d[2-9]\d{6}", ("US",)),
    ("2 2 2 2 2|2.2.2.2.2|2-2-2-2-2", r"0[1-9]\d{8}", ("FR",)),
    ("(2)5-4|(2)4-4|(2)5 4|(2)4 4", r"[1-9][1-9][2-9]\d{7,8}", ("BR",)),
    ("3-4-4|2-4-4|4-2-4|3-3-4", r"0[1-9]\d{7,9}", ("JP", "KR")),
    ("3-4-4|3 4 4", r"1[3-9]\d{9}", ("CN",)),
    ("5 6|5 3 3|4 3 4|3 4 4", r"0[1-37-9]\d{9}", ("GB",)),
    ("1 (3)3-2-2|1-3-3-2-2|1(3)3-2-2|1 3 3-2-2", r"8[3489]\d{9}", ("RU",)),
    ("4 3 2 2", r"0[2-58]\d{9}", ("TR",)),
    ("3 3 2 2", r"0[1-9]\d{8}", ("CH", "TR")),
    ("4 3 3", r"04\d{8}", ("AU",)),
)  # fmt: skip
PLANS: dict[str, list[tuple[re.Pattern[str], tuple[str, ...]]]] = {}
for _layouts, _digits, _regions in _PLANS:
    for _layout in _layouts.split("|"):
        PLANS.setdefault(_layout, []).append((re.compile(_digits), _regions))
_TRUNK_LAYOUT = re.compile(r"\([2-5]\)[^.]+\Z|[3-5]/[^/.]+\Z")
"""An area code in brackets or before a slash."""
_DATES = {"4-2-2", "2-2-4", "2.2.4", "2/2/4", "4/2/2", "4.2.2", "4 2 2", "2 2 4"}
TRUNK = ("DE", "GB", "FR", "IT", "AT", "CH", "NL", "BE", "SE", "AU", "TR", "JP", "ZA", "IN", "FI", "RO", "UA", "IE")
"""Countries in whose national numbers a 0 comes first, by how many numbers start so."""
BARE = {8: ("DK", "NO", "SG", "HK"), 9: ("ES", "PT", "PL", "CZ"), 10: ("US", "IN", "IT", "MX", "GR", "TR", "CO"), 11: ("CN", "BR", "RU", "US")}
"""Digits → countries where no 0 comes first."""


def international(text: str) -> Iterator[Span]:
    """The numbers with a country's code that are in its plan."""
    for match in _INTERNATIONAL.finditer(text) if "+" in text or "00" in text else ():
        said, start = match[0], match.start()
        if said.isdigit() and not has_word(text, start, match.end()):  # 00… without a gap: a number with leading zeros, as likely as not
            continue
        while said:
            if is_number(re.sub(r"^00", "+", said).replace("(0)", ""), None):
                yield Span("phone", start, start + len(said))
                break
            cut = re.search(r"[^0-9]+[0-9]+\Z", said)
            said = said[: cut.start()] if cut and cut.start() > 7 else ""


def is_national(digits: str, layout: str, text: str, place: tuple[int, int], *, is_whole: bool) -> bool:
    """True if digits in this layout are a phone number at this place of the text; `is_whole`: no other digits stand beside them."""
    start, end = place
    if is_whole and any(shape.fullmatch(digits) and is_in_plan(digits, regions) for shape, regions in PLANS.get(layout, ())):
        return True
    if not 8 <= len(digits) <= 12 or len(set(digits)) < 3:
        return False
    if digits[0] == "0" and digits[1] != "0" and _TRUNK_LAYOUT.match(layout):
        return is_in_plan(digits, TRUNK)
    regions = TRUNK if digits[0] == "0" else BARE.get(len(digits), ())
    return bool(regions) and layout not in _DATES and has_word(text, start, end) and is_in_plan(digits, regions)


def is_in_plan(digits: str, regions: tuple[str, ...]) -> bool:
    """True if some country of these has such a number."""
    return any(is_number(digits, region) for region in regions)


def is_number(said: str, region: str | None) -> bool:
    """True if the number is one of its country's plan, and not one of those kept for films."""
    try:
        number = phonenumbers.parse(said, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(number) and not _FICTION.match(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def has_word(text: str, start: int, end: int) -> bool:
    """True if a word for telephones stands right before or behind, with no other number between."""
    return bool(_BEFORE.search(text[max(0, start - 45) : start].lower()) or _AFTER.match(text[end : end + 25].lower()))


def plain(said: str) -> str:
    """A number as its country's code and digits where that is known, else its digits: equal for all its spellings.

    >>> plain("+49 (0)30 901820"), plain("0049 30 / 901820"), plain("(030) 901820")
    ('+4930901820', '+4930901820', '030901820')
    """
    digits = re.sub(r"[^0-9+]", "", re.sub(r"^00", "+", said).replace("(0)", ""))
    try:
        return phonenumbers.format_number(phonenumbers.parse(digits, None), phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        return digits
