"""A national number from outside Europe without its separators → whether it can be one. One function for each rule of arithmetic.

Sources: the issuers' publications as collected by Wikipedia's `National identification number` and its country pages; each function was written
from the rule, and the tests hold published specimens.
"""

from __future__ import annotations

from tunesmith.data.personal.check_digits import is_day, luhn_fits, verhoeff_fits, weighted

CURP_LETTERS = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
RFC_LETTERS = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ"
CHINA_LETTERS = "10X98765432"
TAIWAN_LETTERS = {c: n for n, c in enumerate("ABCDEFGHJKLMNPQRSTUVXYWZIO", 10)}
SPECIMENS = {"078051120", "219099999", "123456789", "987654320", "457555462"}
"""Social security numbers from advertisements; they are void."""


def canada(n: str) -> bool:
    """SIN: a Luhn sum; 0 and 8 are not given out."""
    return n[0] not in "08" and len(set(n)) > 2 and luhn_fits(n)


def united_states(n: str) -> bool:
    """SSN and ITIN: no check digit, but areas, groups and serials that are never given out."""
    if n in SPECIMENS or len(set(n)) < 3 or n[3:5] == "00" or n[5:] == "0000" or n[:3] in ("000", "666"):
        return False
    return n[0] != "9" or n[3:5] in {str(group) for group in (*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100))}


def brazil(n: str) -> bool:
    """CPF: two remainders by eleven."""
    first, second = (weighted(n, range(place, 1, -1)) * 10 % 11 % 10 for place in (10, 11))
    return len(set(n)) > 1 and int(n[9]) == first and int(n[10]) == second


def brazil_company(n: str) -> bool:
    """CNPJ, since July 2026 with letters too: two remainders by eleven; a letter counts as its ASCII number less 48."""
    if len(set(n[:12])) == 1 or not n[12:].isdigit():
        return False
    values = [ord(c) - 48 for c in n]
    for place in (12, 13):
        weights = [(place - 1 - at) % 8 + 2 for at in range(place)]
        rest = sum(value * weight for value, weight in zip(values, weights, strict=False)) % 11
        if values[place] != (0 if rest < 2 else 11 - rest):
            return False
    return True


def argentina(n: str) -> bool:
    """CUIT and CUIL: a prefix, a remainder by eleven."""
    rest = -weighted(n[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return n[:2] in ("20", "23", "24", "27", "30", "33", "34") and rest < 10 and int(n[10]) == rest


def chile(n: str) -> bool:
    """RUT: the remainder by eleven, K for ten."""
    rest = sum(int(c) * (place % 6 + 2) for place, c in enumerate(reversed(n[:-1]))) % 11
    return len(set(n[:-1])) > 1 and n[-1].upper() == "0K987654321"[rest]


def mexico(n: str) -> bool:
    """CURP: a day, a state's letters, a check digit by ten."""
    total = sum(CURP_LETTERS.index(c) * (18 - place) for place, c in enumerate(n[:17]))
    return is_day(n[6:8], n[8:10]) and -total % 10 == int(n[17])


def mexico_taxed(n: str) -> bool:
    """RFC of a person: a day and a check letter by eleven."""
    rest = -sum(RFC_LETTERS.index(c) * (13 - place) for place, c in enumerate(n[:12])) % 11
    return is_day(n[6:8], n[8:10]) and n[12] == "0123456789A"[rest]


def ecuador(n: str) -> bool:
    """Cédula: a province, a third digit below six, a Luhn sum."""
    return (1 <= int(n[:2]) <= 24 or n[:2] == "30") and n[2] < "6" and luhn_fits(n)


def aadhaar(n: str) -> bool:
    """Aadhaar: does not begin with 0 or 1 and is no palindrome; Verhoeff's digit."""
    return n[0] not in "01" and n != n[::-1] and verhoeff_fits(n)


def india_taxed(n: str) -> bool:
    """PAN: its check letter is not public; the fourth letter says whose it is."""
    return n[3] in "PCHFATBLJG" and n != "ABCPD1234E"


def china(n: str) -> bool:
    """Resident identity number: a region, a day of this or the last century, ISO 7064 MOD 11-2."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return (
        "11" <= n[:2] <= "91"
        and n[6:8] in ("19", "20")
        and is_day(n[10:12], n[12:14])
        and CHINA_LETTERS[weighted(n[:17], weights) % 11] == n[17].upper()
    )


def taiwan(n: str) -> bool:
    """Identity number: a letter of two digits, a sex, weights 1 9 8 … 1 1."""
    letter = TAIWAN_LETTERS[n[0]]
    return (letter // 10 + letter % 10 * 9 + weighted(n[1:], (8, 7, 6, 5, 4, 3, 2, 1, 1))) % 10 == 0


def hong_kong(n: str) -> bool:
    """HKID: one or two letters, six digits, the remainder by eleven, A for ten."""
    letters = [36, *(ord(c) - 55 for c in n[:-7])][-2:]
    total = letters[0] * 9 + letters[1] * 8 + weighted(n[-7:-1], (7, 6, 5, 4, 3, 2))
    return (total + (10 if n[-1] == "A" else int(n[-1]))) % 11 == 0


def japan(n: str) -> bool:
    """My Number: a remainder by eleven."""
    rest = weighted(n[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return len(set(n)) > 1 and int(n[11]) == (0 if rest < 2 else 11 - rest)


def korea(n: str) -> bool:
    """Resident registration number: a day, a century and sex, a remainder by eleven, which numbers from October 2020 on do not keep."""
    check = (11 - weighted(n[:12], (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10
    return is_day(n[2:4], n[4:6]) and n[6] in "12345678" and (int(n[12]) == check or (n[6] in "3478" and "20" <= n[:2] <= "39"))


def singapore(n: str) -> bool:
    """NRIC and FIN: the remainder by eleven as a letter."""
    total = weighted(n[1:8], (2, 7, 6, 5, 4, 3, 2)) + {"S": 0, "F": 0, "T": 4, "G": 4, "M": 3}[n[0]]
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}[n[0]]
    return letters[total % 11] == n[8]


def thailand(n: str) -> bool:
    """Identity number: a remainder by eleven."""
    return n[0] in "12345678" and (11 - weighted(n[:12], range(13, 1, -1)) % 11) % 10 == int(n[12])


def israel(n: str) -> bool:
    """Teudat zehut: a Luhn sum over nine digits."""
    return len(set(n)) > 2 and luhn_fits(n)


def emirates(n: str) -> bool:
    """Emirates ID: 784, a year of birth, a Luhn sum."""
    return n[:3] == "784" and n[3:5] in ("19", "20") and luhn_fits(n)


def saudi_arabia(n: str) -> bool:
    """National and resident identity: begins with 1 or 2, a Luhn sum."""
    return n[0] in "12" and luhn_fits(n)


def south_africa(n: str) -> bool:
    """Identity number: a day, citizenship 0 to 2, then 8 or 9, a Luhn sum."""
    return is_day(n[2:4], n[4:6]) and n[10] in "012" and n[11] in "89" and luhn_fits(n)


def australia(n: str) -> bool:
    """Tax file number: a remainder by eleven."""
    return len(set(n)) > 1 and weighted(n, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def australia_insured(n: str) -> bool:
    """Medicare number: begins with 2 to 6, a remainder by ten."""
    return n[0] in "23456" and len(set(n)) > 1 and weighted(n[:8], (1, 3, 7, 9) * 2) % 10 == int(n[8])


def new_zealand(n: str) -> bool:
    """IRD number: from 10 million to 150 million, a remainder by eleven in two tries."""
    digits = n.zfill(9)
    if not 10_000_000 < int(n) < 150_000_000:
        return False
    for weights in ((3, 2, 7, 6, 5, 4, 3, 2), (7, 4, 3, 2, 5, 2, 7, 6)):
        check = -weighted(digits[:8], weights) % 11
        if check < 10:
            return check == int(digits[8])
    return False
