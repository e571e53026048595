"""A European national number without its separators → whether it can be one: dates, check digits, letters. One function for each rule of arithmetic.

Sources: the issuers' publications as collected by Wikipedia's `National identification number` and its country pages; each function was written
from the rule, and the tests hold published specimens.
"""

from __future__ import annotations

from collections import Counter

from tunesmith.data.personal.check_digits import is_day, luhn_fits, mod_11_10_fits, weighted

DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
HETU_LETTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
FISCAL_MONTHS = "ABCDEHLMPRST"
FISCAL_ODD = {c: n for n, c in enumerate("BAKPLCQDREVOSFTGUHMINJWZYX")}
"""Letter → its value at an odd place; a digit counts as the letter of its rank."""
OMOCODIA = str.maketrans("LMNPQRSTUV", "0123456789")


def ymd(digits: str) -> bool:
    """True if the first six digits are a day, year first."""
    return is_day(digits[2:4], digits[4:6])


def dmy(digits: str) -> bool:
    """True if the first six digits are a day, day first."""
    return is_day(digits[2:4], digits[:2])


def germany(n: str) -> bool:
    """Steuer-ID: of the first ten digits just one stands there more than once, two or three times and not three in a row; ISO 7064 MOD 11,10."""
    counts = sorted(Counter(n[:10]).values())
    return n[0] != "0" and counts[-1] in (2, 3) and counts[-2] == 1 and not any(c * 3 in n[:10] for c in n) and mod_11_10_fits(n)


def spain(n: str) -> bool:
    """DNI and NIE: the letter is the number's remainder by 23."""
    digits = n[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return len(set(digits)) > 1 and DNI_LETTERS[int(digits) % 23] == n[-1]


def france(n: str) -> bool:
    """NIR: sex, year, month (or a code of one that is not known), department; the key is 97 less the remainder."""
    number = int(n[:13].replace("2A", "19").replace("2B", "18"))
    month = int(n[3:5])
    return n[0] in "123478" and (1 <= month <= 12 or 20 <= month <= 42 or month >= 50) and n[5:7] != "00" and 97 - number % 97 == int(n[13:])


def italy(n: str) -> bool:
    """Codice fiscale: a month's letter, a day, and the check letter; digits may be letters where two people would have one code."""
    day = n[9:11].translate(OMOCODIA)
    if n[8] not in FISCAL_MONTHS or not is_day(FISCAL_MONTHS.index(n[8]) + 1, int(day) % 40):
        return False
    total = 0
    for place, c in enumerate(n[:15]):
        letter = chr(ord("A") + int(c)) if c.isdigit() else c
        total += FISCAL_ODD[letter] if place % 2 == 0 else ord(letter) - ord("A")
    return chr(ord("A") + total % 26) == n[15]


def poland(n: str) -> bool:
    """PESEL: a day with the century in its month; weights 1 3 7 9."""
    return (
        int(n[2]) % 2 * 10 + int(n[3]) in range(1, 13)
        and is_day(int(n[2]) % 2 * 10 + int(n[3]), n[4:6])
        and weighted(n, (1, 3, 7, 9) * 2 + (1, 3, 1)) % 10 == 0
    )


def sweden(n: str) -> bool:
    """Personnummer: a day (60 is added where it is a coordination number); Luhn over the last ten digits."""
    n = n[-10:]
    day = int(n[4:6])
    return is_day(n[2:4], day - 60 if day > 60 else day) and n[6:9] != "000" and luhn_fits(n)


def finland(n: str) -> bool:
    """Henkilötunnus: a day, a sign for the century, a number from 002, the remainder by 31."""
    return dmy(n) and n[-4:-1] > "001" and HETU_LETTERS[int(n[:6] + n[-4:-1]) % 31] == n[-1]


def denmark(n: str) -> bool:
    """CPR: a day; the old remainder by eleven is no longer kept."""
    return dmy(n) and n[6:] != "0000"


def norway(n: str) -> bool:
    """Fødselsnummer: a day (40 is added to day or month in kinds of it) and two remainders by eleven."""
    day, month = int(n[:2]), int(n[2:4])
    month = month - 40 if month > 40 else month
    first, second = weighted(n, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)), weighted(n, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1))
    return is_day(month, day - 40 if day > 40 else day) and first % 11 == 0 and second % 11 == 0


def iceland(n: str) -> bool:
    """Kennitala: a day, a remainder by eleven, a century."""
    return dmy(n) and n[9] in "890" and weighted(n, (3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def belgium(n: str) -> bool:
    """Rijksregisternummer: a day (20 or 40 is added to the month in kinds of it); 97 less the remainder, of 2 and the number for who was born since 2000."""
    month = int(n[2:4]) % 20 if int(n[2:4]) > 12 else int(n[2:4])
    return is_day(month, n[4:6]) and int(n[9:]) in (97 - int(n[:9]) % 97, 97 - int("2" + n[:9]) % 97)


def netherlands(n: str) -> bool:
    """BSN: the test by eleven, with the last digit taken away."""
    return len(set(n)) > 1 and weighted(n, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def portugal(n: str) -> bool:
    """NIF: 11 less the remainder by eleven, and 0 for what is above 9."""
    rest = 11 - weighted(n[:8], range(9, 1, -1)) % 11
    return n[0] in "1235689" and len(set(n)) > 1 and int(n[8]) == (0 if rest > 9 else rest)


def britain(n: str) -> bool:
    """NHS number: the remainder by eleven."""
    return len(set(n)) > 1 and weighted(n, range(10, 0, -1)) % 11 == 0


def britain_insured(n: str) -> bool:
    """National insurance number: no check digit, but prefixes that are never given out."""
    return n[:2] not in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ", "QQ") and n[2:8] != "123456" and len(set(n[2:8])) > 1


def ireland(n: str) -> bool:
    """PPS number: the remainder by 23 as a letter; a second letter counts nine times."""
    second = ord(n[8]) - ord("A") + 1 if len(n) == 9 and n[8] != "W" else 0
    return "WABCDEFGHIJKLMNOPQRSTUV"[(weighted(n[:7], range(8, 1, -1)) + 9 * second) % 23] == n[7]


def austria(n: str) -> bool:
    """Sozialversicherungsnummer: a day in the last six digits (months to 15 where days ran out), a remainder by eleven."""
    month = min(int(n[6:8]), 12)
    return n[0] != "0" and is_day(month, n[4:6]) and int(n[6:8]) < 16 and weighted(n, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11 == int(n[3])


def switzerland(n: str) -> bool:
    """AHV number: 756 and the check digit of EAN-13."""
    return n[:3] == "756" and weighted(n, (1, 3) * 6 + (1,)) % 10 == 0


def czechia(n: str) -> bool:
    """Rodné číslo: a day (50, 20 or 70 is added to the month), a multiple of eleven."""
    month = int(n[2:4]) % 50
    return is_day(month - 20 if month > 20 else month, n[4:6]) and (int(n) % 11 == 0 or (int(n[:9]) % 11 == 10 and n[9] == "0"))


def romania(n: str) -> bool:
    """CNP: sex and century, a day, a county, a remainder by eleven."""
    check = weighted(n[:12], (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return n[0] != "0" and ymd(n[1:7]) and 1 <= int(n[7:9]) <= 80 and int(n[12]) == (1 if check == 10 else check)


def bulgaria(n: str) -> bool:
    """EGN: a day with the century in its month, a remainder by eleven."""
    month = int(n[2:4])
    month -= 40 if month > 40 else 20 if month > 20 else 0
    return is_day(month, n[4:6]) and weighted(n[:9], (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == int(n[9])


def baltic(n: str) -> bool:
    """Estonian isikukood and Lithuanian asmens kodas: sex and century, a day, a remainder by eleven in two tries."""
    check = weighted(n[:10], (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    check = check if check < 10 else weighted(n[:10], (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return n[0] in "123456" and ymd(n[1:7]) and int(n[10]) == check


def latvia(n: str) -> bool:
    """Personas kods: a day, a remainder by eleven; those from 2017 on begin with 32 and have neither."""
    return n[:2] == "32" or (dmy(n) and (1101 - weighted(n[:10], (1, 6, 3, 7, 9, 10, 5, 8, 4, 2))) % 11 % 10 == int(n[10]))


def greece(n: str) -> bool:
    """AMKA: a day and a Luhn sum."""
    return dmy(n) and luhn_fits(n)


def hungary(n: str) -> bool:
    """TAJ: weights 3 and 7."""
    return len(set(n)) > 1 and weighted(n[:8], (3, 7) * 4) % 10 == int(n[8])


def yugoslavia(n: str) -> bool:
    """JMBG and EMŠO: a day with three digits of its year, a remainder by eleven."""
    check = 11 - weighted(n[:12], (7, 6, 5, 4, 3, 2) * 2) % 11
    return dmy(n) and n[4] in "90" and int(n[12]) == (0 if check > 9 else check)


def turkey(n: str) -> bool:
    """Kimlik: two check digits of the sums of its places."""
    odd, even = sum(map(int, n[0:9:2])), sum(map(int, n[1:8:2]))
    return n[0] != "0" and (odd * 7 - even) % 10 == int(n[9]) and sum(map(int, n[:10])) % 10 == int(n[10])


def ukraine(n: str) -> bool:
    """РНОКПП: a remainder by eleven."""
    return weighted(n[:9], (-1, 5, 7, 9, 4, 6, 10, 5, 7)) % 11 % 10 == int(n[9])


def russia_insured(n: str) -> bool:
    """СНИЛС: the sum by place modulo 101."""
    return int(n[:9]) > 1001998 and weighted(n[:9], range(9, 0, -1)) % 101 % 100 == int(n[9:])


def russia_taxed(n: str) -> bool:
    """ИНН of a person: two remainders by eleven."""
    first, second = (7, 2, 4, 10, 3, 5, 9, 4, 6, 8), (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
    return len(set(n)) > 1 and weighted(n[:10], first) % 11 % 10 == int(n[10]) and weighted(n[:11], second) % 11 % 10 == int(n[11])
