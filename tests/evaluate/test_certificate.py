"""The certificate of a made-up line: what it states, how it is read, and the page that is printed."""

from __future__ import annotations

import json
import math
import re

import pytest

from tests.evaluate.test_page import HOSTILE, read, router, words_of
from tunesmith.errors import Alarm, BadData
from tunesmith.evaluate.certificate import differing, prove, shortened, tried, wording, worse
from tunesmith.evaluate.certificate import read as read_certificate
from tunesmith.evaluate.certificate_page import certificate_page, goal_words, kind_words, plan_words, tried_words
from tunesmith.evaluate.page_costs import money
from tunesmith.spec.candidate import Retrieval, Tuned
from tunesmith.spec.certificate import Certificate, Code, Pin, Proof
from tunesmith.spec.forgetting import TOPIC, UNMEASURED
from tunesmith.spec.plan import Plan
from tunesmith.spec.report import Wait
from tunesmith.spec.trial import Failure, Trial
from tunesmith.spec.verdict import Bill, Known, Mean, Pace, Prices, Side

CODE = Code(
    version="0.1.0", commit="c" * 40, is_changed=False, packages={"torch": "2.9"}, computing={"dtype": None}, machine="a processor, Linux x86_64"
)
PINS = (Pin(kind="code", name="tunesmith", sha256="a" * 64), Pin(kind="rows", name="dataset-0123456789ab/test.jsonl", sha256="b" * 64))
LOST = Side(candidate="tuned-smollm2", topic="forgetting", sentence="It forgot 3.1 points of general questions.", standing="worse")


def made(**verdict: object) -> Certificate:
    report, measured, _ = router()
    bills = tuple(
        Bill(
            candidate=f.candidate.name, remedy=f.remedy, prompt_tokens=310.0, answer_tokens=4.0, computed_tokens=40.0, per_1000_answers=0.16,
            training_tokens=612_400 if f.remedy == "fine-tune" else 0, training=1.84 if f.remedy == "fine-tune" else None,
            break_even=12_000 if f.remedy == "fine-tune" else None, instead_of="few-shot-8", privacy="Questions and answers stay on this machine.",
        )
        for f in report.finalists
    )  # fmt: skip
    known = Known(sides=(LOST,), prices=Prices(currency="€"))
    changes = {"recommended": "tuned-smollm2", "settle": "", "bills": bills, "known": known, **verdict}
    report = report.model_copy(update={"verdict": report.verdict.model_copy(update=changes)})
    wait = Wait(n=20, median_s=0.18, p90_s=0.231, p90_least_s=0.18)
    paces = tuple(Pace(candidate=f.candidate.name, row_s=0.0312, wait=wait, hours_per_1000_answers=0.01, training_s=161.4) for f in report.finalists)
    return Certificate.of(prove(report, "line-0123456789ab", PINS, CODE), measured.model_copy(update={"paces": paces}))


def test_the_proof_states_what_was_found() -> None:
    proof, (report, _, _) = made().proof, router()
    assert (proof.decision, proof.winner, proof.recommended) == ("fine-tune", "tuned-smollm2", "tuned-smollm2")
    assert len(proof.tried) == len(report.trials)
    assert [entrant.answers for entrant in proof.entrants] == [f.report.files["answers.jsonl"] for f in report.finalists]
    assert proof.locked.model_dump() == {
        "dataset": "dataset-0123456789ab",
        "rows": 600,
        "clusters": None,
        "sha256": report.dataset.files["test.jsonl"],
        "looks": 1,
        "also_asked": (),
    }
    assert proof.seeds == (0,)
    assert proof.worse == (LOST.sentence,)


def test_who_fell_silent_on_the_locked_rows_is_named_by_its_digest() -> None:
    report, _, _ = router()
    failure = Failure(error=Alarm("it answers no more").to_json())
    silent = report.trials[0].model_copy(update={"failure": failure})
    proof = prove(report.model_copy(update={"trials": (silent, *report.trials[1:])}), "line-0123456789ab", PINS, CODE)
    assert proof.locked.also_asked == (silent.candidate.content_digest(),)
    assert (proof.tried[0].failed, proof.tried[0].value is None) == ("it answers no more", False)


def test_the_mean_that_the_comparisons_are_of_stands_in_front_of_its_trainings() -> None:
    report, _, _ = router()
    value = next(one for one in report.finalists if one.remedy == "fine-tune").report.metrics["exact_match"].model_copy(update={"value": 0.8})
    page = certificate_page(made(means=(Mean(candidate="tuned-smollm2", seeds=2, value=value),)))
    text = words_of(page)
    assert "mean of 2 seeds80.0 %" in text.replace("\u00a0", " ")
    assert "tuned-smollm2" in text[text.index("mean of 2 seeds") :][:120]
    assert text.count("mean of 2 seeds") == 1  # the clock has nothing to say of it


def test_losses_of_whoever_is_ahead_are_told_as_theirs() -> None:
    report, _, _ = router()
    verdict = report.verdict.model_copy(
        update={"recommended": "minilm-logistic", "winner": "tuned-smollm2", "comparisons": (), "known": Known(sides=(LOST,))}
    )
    found = worse(verdict, report.finalists)
    assert f"tuned-smollm2, which is ahead: {LOST.sentence}" in found
    unseen = "Whether minilm-logistic invents, declines or wavers was not looked into."
    assert unseen not in found  # nothing says that anybody was
    wavers = Side(candidate="tuned-smollm2", topic="consistency", sentence="It wavers.", standing="measured")
    limited = Side(candidate="minilm-logistic", topic="declined", sentence="Within.", standing="fine", is_limited=True)
    assert unseen in worse(verdict.model_copy(update={"known": Known(sides=(LOST, wavers, limited))}), report.finalists)


def test_what_the_recommended_one_loses_beyond_doubt_is_stated() -> None:
    report, _, _ = router()
    lost = report.verdict.comparisons[0].model_copy(update={"outcome": "worse", "metric": "out_of_scope_recall"})
    found = made(comparisons=(lost,)).proof.worse
    assert found[0].startswith("Out-of-scope recall: tuned-smollm2 loses against minilm-logistic, ")
    turned = lost.model_copy(update={"better": "minilm-logistic", "rival": "tuned-smollm2", "outcome": "better"})
    assert made(comparisons=(turned,)).proof.worse[0].startswith("Out-of-scope recall: tuned-smollm2 loses against minilm-logistic, −")


def test_what_a_tuned_reader_has_forgotten_is_spoken_of_or_its_absence_is() -> None:
    report, _, _ = router()
    name = "tuned-smollm2"
    tuned = next(one for one in report.finalists if one.candidate.name == name)
    assert isinstance(tuned.candidate, Tuned)
    reads = tuned.model_copy(
        update={"candidate": Retrieval(name=name, reader=tuned.candidate.model_copy(update={"name": "reader"}), index="index-0")}
    )
    finalists = [reads, *(one for one in report.finalists if one is not tuned)]
    verdict = report.verdict.model_copy(update={"recommended": name, "comparisons": (), "known": Known()})
    untold = f"What {name} has forgotten of general ability was not measured."
    assert worse(verdict, finalists) == worse(verdict, report.finalists) == [untold]
    assert worse(verdict.model_copy(update={"recommended": "minilm-logistic", "winner": None}), finalists) == []
    reason = Side(candidate=name, topic=UNMEASURED, sentence="It does not fit.", standing="cannot tell")
    kept = Side(candidate=name, topic=TOPIC, sentence="Nothing is lost.", standing="fine")
    for sides, told in (((LOST,), [LOST.sentence]), ((kept,), []), ((reason,), ["It does not fit."])):
        assert worse(verdict.model_copy(update={"known": Known(sides=sides)}), finalists) == told


@pytest.mark.parametrize(
    ("stated", "found", "how"),
    [
        ("It reaches 87.5 % of 16 rows.", "It reaches 87.5 % of 16 rows.", "same"),
        ("It reaches 87.5 %.", "It reaches 88.4 %.", "same"),
        ("It reaches 87.5 %.", "It reaches 88.6 %.", "other numbers"),
        ("+3.0 points [1.0, 5.0], p = 0.03", "+3.4 points [0.4, 5.9], p = 0.035", "same"),
        ("+3.0 points [1.0, 5.0]", "+3.4 points [-0.4, 5.9]", "other numbers"),
        ("p = 0.03", "p = 0.06", "other numbers"),
        ("About 1,000 more rows", "About 1,009 more rows", "same"),
        ("About 1,000 more rows", "About 2,000 more rows", "other numbers"),
        ("It reaches 87.5 %.", "It reaches 87.5 points.", "other words"),
        ("A triumph.", "It reaches 87.5 %.", "other words"),
        ("−3 of 8", "3 of 8", "other numbers"),
    ],
)
def test_sentences_say_the_same_where_their_words_do_and_their_numbers_nearly(stated: str, found: str, how: str) -> None:
    assert wording(stated, found, 0.01) == how


def test_the_digest_is_of_the_proof_alone() -> None:
    one = made()
    later = one.model_copy(update={"clock": one.clock.model_copy(update={"finished": "tomorrow"}) if one.clock else None})
    assert (later.is_intact(), later.digest) == (True, one.digest)
    other = one.model_copy(update={"proof": one.proof.model_copy(update={"winner": None})})
    assert not other.is_intact()


def test_a_file_reads_back_and_anything_else_is_refused() -> None:
    one = made()
    assert read_certificate(one.to_text(), "c.json") == one
    for text in ("", "[]", '{"proof": 1}', one.to_text().replace('"decision"', '"decided"')):
        with pytest.raises(BadData, match=r"is no certificate|was issued by Tunesmith"):
            read_certificate(text, "c.json")


@pytest.mark.parametrize(
    ("stated", "found", "tolerance", "places"),
    [
        ({"a": 1}, {"a": 1}, 0.0, []),
        ({"a": 0.5}, {"a": 0.505}, 0.0, ["a: 0.5 is stated, 0.505 was found"]),
        ({"a": 0.5}, {"a": 0.505}, 0.01, []),
        ({"a": [1, {"b": "x"}]}, {"a": [1, {"b": "y"}]}, 0.5, ['a[1].b: "x" is stated, "y" was found']),
        ({"a": 1}, {}, 0.0, ["a: 1 is stated, null was found"]),
        ([1, 2], [1], 0.0, ["[1, 2] is stated, [1] was found"]),
        (True, 1.0, 0.5, []),  # JSON's true equals 1 in Python; no field of ours may be either
        (math.nan, math.nan, 0.0, []),
        (100.0, 100.9, 0.01, []),
        (None, 0.0, 0.5, ["null is stated, 0.0 was found"]),
    ],
)
def test_places_that_differ_are_named(stated: object, found: object, tolerance: float, places: list[str]) -> None:
    assert differing(stated, found, tolerance) == places


def test_long_values_are_cut() -> None:
    assert len(shortened("x" * 500)) == 60


@pytest.mark.parametrize(
    ("goal_met", "recommended", "both", "alone"),
    [
        (True, "tuned-smollm2", "met", "met"),
        (False, None, "not met", "not met"),
        (None, None, "cannot be judged with these rows", "nothing is recommended"),
    ],
)
def test_a_limit_of_latency_is_a_goal_beside_the_other(goal_met: bool | None, recommended: str | None, both: str, alone: str) -> None:
    proof = made(goal_met=goal_met, recommended=recommended).proof
    wait = Wait(n=20, median_s=0.1, p90_s=0.15, p90_least_s=0.1, at_most_s=0.2)
    limited = proof.model_copy(update={"entrants": tuple(one.model_copy(update={"wait": wait}) for one in proof.entrants)})
    assert goal_words(limited) == f"at least 75.0\u00a0%, nine of ten questions within 200 ms: {both}"
    free = limited.model_copy(update={"goal": proof.goal.model_copy(update={"at_least": None})})
    assert goal_words(free) == f"nine of ten questions within 200 ms: {alone}"
    assert goal_words(proof) == f"at least 75.0\u00a0%: {both}"


def test_a_limit_that_the_timed_questions_leave_open_is_not_called_met() -> None:
    proof = made(goal_met=True, recommended="tuned-smollm2").proof
    wait = Wait(n=20, median_s=0.1, p90_s=0.25, p90_least_s=0.15, at_most_s=0.2)
    limited = proof.model_copy(update={"entrants": tuple(one.model_copy(update={"wait": wait}) for one in proof.entrants)})
    left_open = "open is whether nine of ten questions take 200 ms at most: of 20, they took 250 ms"
    assert goal_words(limited) == f"at least 75.0\u00a0%: met; {left_open}"
    assert goal_words(limited.model_copy(update={"goal": proof.goal.model_copy(update={"at_least": None})})) == left_open


def test_the_page_says_it_all() -> None:
    certificate = made()
    text = words_of(certificate_page(certificate))
    for words in (
        "Tunesmith certificate", "Fine-tune", "★ Fine-tuned tuned-smollm2", "€0.16", "€1.84", "from 12,000 answers", "opened once for a verdict", "600 rows",
        "8 candidates on the dev rows", LOST.sentence, "tunesmith verify certificate.json", "tunesmith run examples/router/project.toml",
        certificate.digest, "c" * 40, "code tunesmith aaaaaaaaaaaaaaaa", "180 ms, 9 of 10 within 231 ms, 20 asked", "31 ms", "2 min 41 s", "at least 75.0 %: met", "exact match",
    ):  # fmt: skip
        assert words.lower() in text.lower(), words


def test_the_page_asks_nothing_of_any_network_and_is_well_formed() -> None:
    reader = read(certificate_page(made()))
    assert not {"script", "iframe", "img", "object", "embed", "form", "base"} & {tag for tag, _ in reader.elements}
    assert not [key for _, attrs in reader.elements for key in attrs if key.startswith("on") or key in ("src", "style", "action")]
    levels = [int(tag[1]) for tag, _ in reader.elements if re.fullmatch("h[1-6]", tag)]
    assert (levels[0], set(levels[1:])) == (1, {2})


def test_two_pages_of_one_proof_differ_only_where_the_clock_is() -> None:
    one = made()
    assert one.clock is not None
    other = one.model_copy(update={"clock": one.clock.model_copy(update={"started": "then", "paces": ()})})
    pages = [re.sub(r'<div class="clock" data-clock>.*?</main>', "", certificate_page(each), flags=re.DOTALL) for each in (one, other)]
    assert pages[0] == pages[1]


def test_without_a_clock_a_winner_or_a_loss_it_is_still_a_page() -> None:
    bare = Certificate.of(made(winner=None, recommended=None, known=Known(), bills=(), comparisons=()).proof, None)
    text = words_of(certificate_page(bare))
    assert "Nothing is ahead beyond doubt" in text
    assert "Nothing is recommended" in text
    assert "Nothing that was measured." in text


def test_hostile_text_is_inert() -> None:
    certificate = made(headline=HOSTILE, settle=HOSTILE)
    proof = certificate.proof.model_copy(
        update={"project": HOSTILE, "rerun": HOSTILE, "worse": (HOSTILE,), "pins": (Pin(kind="source", name=HOSTILE, sha256="d" * 64),)}
    )
    page = certificate_page(Certificate.of(proof, certificate.clock))
    assert HOSTILE not in page
    assert not {"script", "img", "svg"} & {tag for tag, _ in read(page).elements}


def test_amounts_have_the_digits_that_help() -> None:
    assert [money(amount, Prices(currency="$")) for amount in (0.0, 1.0, 1234.5, 0.004567)] == ["$0.00", "$1.00", "$1,234.50", "$0.0046"]


def test_a_proof_without_finalists_can_be_made() -> None:
    report, _, _ = router()
    empty = report.model_copy(update={"finalists": (), "trials": (), "checkpoint": None})
    proof = prove(empty, "line-0", (), CODE)
    assert (proof.entrants, proof.seeds, proof.locked.clusters) == ((), (), None)
    assert Proof.model_validate_json(proof.model_dump_json()) == proof


def test_what_was_tried_names_the_best_of_each_kind() -> None:
    report, _, _ = router()
    values = {trial.candidate.name: trial.report.metrics["exact_match"].value for trial in report.trials if trial.report}
    best = max(value for name, value in values.items() if name.startswith("prompt-"))
    text = words_of(certificate_page(made()))
    assert f"8 candidates on the dev rows: Prompt {100 * best:.1f} % (best of 5), Prompt with examples" in text
    pilot = made().proof.tried[-1].model_copy(update={"share": 0.25})
    several = made().proof.model_copy(update={"tried": (*made().proof.tried, pilot, pilot)})
    assert tried_words(several).endswith("; and 2 small trainings before the full one")


def test_what_failed_is_in_the_certificate_with_its_reason() -> None:
    failure = Failure(error=Alarm("not a number: the loss is nan in step 3").to_json())
    report, _, _ = router()
    trial = Trial(remedy="fine-tune", candidate=report.finalists[0].candidate, failure=failure)
    said = tried(trial, report)
    assert (said.value, said.failed) == (None, "not a number: the loss is nan in step 3")
    several = made().proof.model_copy(update={"tried": (*made().proof.tried, said)})
    assert tried_words(several).endswith("; 1 of all these failed")


def test_kinds_that_were_tried_on_a_part_of_the_rows_are_not_ahead_by_luck() -> None:
    one = made().proof.tried[0]
    assert one.value is not None
    lucky = one.model_copy(update={"value": one.value.model_copy(update={"value": 0.99, "n": 5})})
    assert kind_words([one, lucky], "exact_match") == f"Prompt {100 * one.value.value:.1f}\u00a0% (best of 2)"
    assert kind_words([one.model_copy(update={"value": None})], "exact_match") == "Prompt"


def test_open_comparisons_say_what_would_settle_them_and_by_which_test() -> None:
    text = words_of(certificate_page(made()))
    assert "◆ cannot tell shown are 4.8 points or more; settled by about 380 more rows" in text
    assert "0.16 McNemar, mid-p" in text


def test_what_was_examined_and_not_found_worse_is_said() -> None:
    fine = LOST.model_copy(update={"topic": "calibration", "sentence": "It is calibrated.", "standing": "fine"})
    other = fine.model_copy(update={"candidate": "majority", "topic": "worst slice"})
    unclear = fine.model_copy(update={"topic": "hallucination", "standing": "cannot tell"})
    alone = fine.model_copy(update={"topic": "consistency", "standing": "measured"})
    text = words_of(certificate_page(made(known=Known(sides=(LOST, fine, other, unclear, alone)))))
    assert (
        "Looked at as well, and not found worse: calibration. Looked at as well, without a clear answer: hallucination. "
        "Measured, with nothing to compare it with: consistency."
    ) in text
    assert "worst slice" not in text


def test_the_plan_is_told_with_what_was_not_done() -> None:
    left = {"name": "ladder", "seconds": 600.0, "reason": "not enough time"}
    step = {"name": "prompts", "kind": "prompt", "base": "m", "can_change": "which prompt", "parts": []}
    frozen = Plan.model_validate({"decide": {"budget": 1200}, "steps": [step], "left_out": [left]}).model_dump(mode="json")
    proof = made().proof.model_copy(update={"plan": {"frozen": frozen, "passed_over": [left | {"name": "rag", "reason": "it cannot win"}]}})
    assert plan_words(proof) == "1 step in 20 min 00 s; left out: ladder; passed over, as they could change nothing any more: rag"
    assert plan_words(made().proof) == ""
    assert "1 step in 20 min 00 s" in words_of(certificate_page(Certificate.of(proof, None)))


def test_columns_that_nobody_fills_are_not_there() -> None:
    text = certificate_page(Certificate.of(made(bills=(), known=Known()).proof, None))
    assert "Pays for itself" not in text
    assert "Tokens per answer" not in text
    for table in re.findall(r"<table.*?</table>", certificate_page(made()), flags=re.DOTALL):
        heads = len(re.findall(r'scope="col"', table))
        assert {heads} == {len(re.findall(r"<t[dh]\b", row)) for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table, flags=re.DOTALL)}


def test_a_certificate_of_another_version_is_told_from_what_is_none() -> None:
    raw = json.loads(made().to_text())
    del raw["proof"]["kind"]
    with pytest.raises(
        BadData, match=r"was issued by Tunesmith 0\.1\.0, commit cccccccccccc, which stated other things than this one reads: Field required"
    ):
        read_certificate(json.dumps(raw), "old.json")
    with pytest.raises(BadData, match="is no certificate"):
        read_certificate("{}", "x.json")
