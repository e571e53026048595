"""How surely are personal data and secrets found, and how often is something else taken for them?

    python -m bench.personal [--seed 1] [--each 100] [--rows 20000]

Puts values of every kind, right ones and ones with a wrong digit, into sentences of twelve languages, beside clean sentences and numbers that are
nothing, and prints recall and precision of each kind with 95 % intervals (Wilson), and rows a second on rows of 300 characters. Take a fresh seed.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench import personal_values as values
from bench.personal_sentences import CALLING, CLEAN, NEUTRAL, SETTING, WORDED, tricky
from bench.score import Score
from tunesmith.data.personal.money import card_fits, iban_fits
from tunesmith.data.personal.national import RULES
from tunesmith.data.personal.spans import KINDS, spans
from tunesmith.measure.statistics import wilson


@dataclass(frozen=True)
class Case:
    """A text, and where which kind stands in it."""

    text: str
    kind: str | None = None
    value: str = ""
    """Empty: nothing is to be found."""


def see(score: Score, case: Case) -> None:
    """Compare what is found in a text with what stands there."""
    expected = (case.kind, case.value) if case.value else None
    if case.value and case.kind:
        score.planted[case.kind] += 1
    hit = False
    for span in spans(case.text):
        score.named[span.kind] += 1
        if (span.kind, case.text[span.start : span.end]) == expected:
            hit = True
            score.found[span.kind] += 1
            score.right[span.kind] += 1
        else:
            score.wrong[span.kind].append(f"{span.kind}: {case.text[span.start : span.end]!r} in {case.text!r}")
    if case.kind and expected and not hit:
        score.missed[case.kind].append(f"{case.kind}: {case.text!r}")


def cases(rng: random.Random, each: int) -> Iterator[Case]:
    """Right values, wrong values, and texts without any."""
    for _ in range(each):
        for rule in RULES:
            number = values.fill(values.TEMPLATES.get(rule.kind, "#"), rng, rule)
            said, needs_word = values.written(rule, number, rng)
            sentence = rng.choice(WORDED[rule.kind] if needs_word else NEUTRAL)
            yield Case(sentence.format(said), rule.kind, said)
            changed = (
                values.wrong(said, lambda n, rule=rule: values.accepts(rule, n), rng)
                if rule.kind not in ("dk_cpr", "gb_nino", "us_ssn", "in_pan")
                else ""
            )
            if changed:
                yield Case(sentence.format(changed), rule.kind)
        yield from people(rng)
        for _ in range(20):
            yield Case(tricky(rng))
        yield Case(rng.choice(CLEAN))


def people(rng: random.Random) -> Iterator[Case]:
    """Contacts, accounts, addresses and secrets."""
    for kind, value, bad in (
        ("email", values.email(rng), f"user{rng.randrange(9)}@host"),
        ("iban", iban := values.iban(rng), values.wrong(iban, iban_fits, rng)),
        ("card", card := values.card(rng), values.wrong(card, card_fits, rng)),
        ("ip_address", values.address(rng), f"{rng.randrange(256, 999)}.{rng.randrange(256)}.1.{rng.randrange(99)}"),
        ("mac_address", values.mac(rng), f"{rng.randrange(10, 24)}:{rng.randrange(10, 60)}:{rng.randrange(10, 60)}"),
        ("secret", values.key(rng), "sk-" + "x" * 32),
    ):
        yield Case(rng.choice(NEUTRAL).format(value), kind, value)
        yield Case(rng.choice(NEUTRAL).format(bad), kind)
    value = values.password(rng)
    yield Case(rng.choice(SETTING).format(value), "password", value)
    yield Case(rng.choice(SETTING).format(rng.choice(("********", "required", "<password>", "${PASSWORD}", "incorrect"))), "password")
    region = rng.choice(sorted(CALLING))
    abroad = values.phone(region, rng, international=True)
    yield Case(rng.choice(NEUTRAL).format(abroad), "phone", abroad)
    at_home = values.phone(region, rng, international=False)
    yield Case(rng.choice(CALLING[region]).format(at_home), "phone", at_home)
    yield Case(rng.choice(NEUTRAL).format(values.no_phone(rng)), "phone")


def rate(part: int, whole: int) -> str:
    """A share with its interval."""
    if not whole:
        return "      –"
    low, high = wilson(part, whole)
    return f"{100 * part / whole:5.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def speed(rows: int) -> None:
    """Rows a second on rows of 300 characters: prose, prose with a number, prose with personal data."""
    base = ("I ordered a card last week and it is still not here, so where is it now and when will it come? " * 4)[:270]
    forms = {"prose": base, "with numbers": base + " order 1234567890 of 2024-05-06", "with personal data": base + " +49 30 901820, e@mail.org"}
    for name, text in forms.items():
        start = time.perf_counter()
        for _ in range(rows):
            spans(text)
        took = time.perf_counter() - start
        print(f"{name:20} {rows / took:10,.0f} rows/s   {1e6 * took / rows:6.1f} µs a row of {len(text)} characters")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--each", type=int, default=100, help="values of each kind")
    parser.add_argument("--rows", type=int, default=20_000, help="rows for the speed")
    parser.add_argument("--show", type=int, default=10, help="misses and false finds to print")
    options = parser.parse_args()
    score, start = Score(), time.perf_counter()
    total = 0
    for case in cases(random.Random(options.seed), options.each):
        see(score, case)
        total += 1
    print(f"seed {options.seed}: {total:,} texts in {time.perf_counter() - start:.1f} s")
    print(f"{'kind':22} {'recall':26} {'precision':26}")
    for kind in KINDS:
        if score.planted[kind] or score.named[kind]:
            print(f"{kind:22} {rate(score.found[kind], score.planted[kind]):26} {rate(score.right[kind], score.named[kind]):26}")
    everything = [sum(c.values()) for c in (score.planted, score.found, score.right, score.named)]
    print(f"{'all':22} {rate(everything[1], everything[0]):26} {rate(everything[2], everything[3]):26}")
    for title, of_kind in (("missed", score.missed), ("taken for it", score.wrong)):
        some = [line for lines in of_kind.values() for line in lines]
        for line in random.Random(0).sample(some, min(options.show, len(some))):
            print(f"{title}: {line}")
    speed(options.rows)


if __name__ == "__main__":
    main()
