"""The shipped probes: enough, unique, balanced, with nothing to be guessed from; and what a faulty file is told."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from tunesmith.errors import BadData
from tunesmith.measure.compliance import complies
from tunesmith.probes.load import FOLDER, checked, choice_of, choices_of, instructions_of, probes, prose_of
from tunesmith.spec.probe import Area, ChoiceProbe

SHIPPED = probes()
ROOT = Path(__file__).resolve().parents[2]
CHANCE = 0.25
SLACK = 0.06
"""Three standard errors of a quarter of 432."""


def share(guess: dict[str, list[int]]) -> float:
    """The share of questions that a guess gets right, where several places are equally good any of them."""
    right = [1 / len(guess[one.id]) if one.right in guess[one.id] else 0.0 for one in SHIPPED.choices]
    return sum(right) / len(right)


def best(one: ChoiceProbe, values: list[float]) -> list[int]:
    return [place for place, value in enumerate(values) if value == max(values)]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def test_there_are_enough_of_each() -> None:
    assert len(SHIPPED.choices) >= 400
    assert len(SHIPPED.instructions) >= 100
    assert sum(len(words(one.text)) for one in SHIPPED.prose) >= 6_000
    assert all(len(one.options) == 4 for one in SHIPPED.choices)


def test_the_areas_are_balanced() -> None:
    counts = Counter(one.area for one in SHIPPED.choices)
    assert set(counts) == set(get_args(Area))
    assert max(counts.values()) <= 1.25 * min(counts.values())


def test_no_question_instruction_or_passage_stands_there_twice() -> None:
    asked = [" ".join(words(text)) for text in SHIPPED.texts().values()]
    assert len(asked) == len(set(asked))
    assert len(SHIPPED.texts()) == len(SHIPPED.choices) + len(SHIPPED.instructions) + len(SHIPPED.prose)


@pytest.mark.parametrize("sign", [1, -1], ids=["longest", "shortest"])
@pytest.mark.parametrize("measure", [len, lambda text: len(text.split())], ids=["characters", "words"])
def test_the_right_answer_cannot_be_guessed_by_its_length(measure, sign) -> None:
    assert abs(share({one.id: best(one, [sign * measure(text) for text in one.options]) for one in SHIPPED.choices}) - CHANCE) < SLACK


@pytest.mark.parametrize("place", range(4))
def test_the_right_answer_cannot_be_guessed_by_its_place(place) -> None:
    assert abs(share({one.id: [place] for one in SHIPPED.choices}) - CHANCE) < SLACK


def test_the_right_answer_can_hardly_be_guessed_by_words_of_the_question() -> None:
    guesses = {one.id: best(one, [len(set(words(text)) & set(words(one.asked))) for text in one.options]) for one in SHIPPED.choices}
    assert share(guesses) < CHANCE + 2 * SLACK


def test_no_worked_example_is_a_probe() -> None:
    asked = {" ".join(words(text)) for text in SHIPPED.texts().values()}
    assert len(SHIPPED.examples) >= 4
    assert not {" ".join(words(question)) for question, _ in SHIPPED.examples} & asked


def test_the_probes_are_the_same_in_every_process() -> None:
    again = probes.__wrapped__()
    assert again == SHIPPED
    assert again.digest == SHIPPED.digest


def test_the_order_of_the_wrong_answers_does_not_matter() -> None:
    one = choice_of("tools", None, "What cuts paper?", "scissors", "a spoon", "a bed", "a hat")
    other = choice_of("tools", None, "What cuts paper?", "scissors", "a hat", "a bed", "a spoon")
    assert one == other
    assert one.options[one.right] == "scissors"


def test_questions_about_one_passage_are_no_independent_evidence() -> None:
    reading = [one for one in SHIPPED.choices if one.area == "reading"]
    assert 3 * len({one.cluster for one in reading}) == len(reading)
    assert all(one.asked.startswith(one.passage or "") and one.asked.endswith(one.question) for one in reading)
    assert len({one.cluster for one in SHIPPED.choices if one.area != "reading"}) == len(SHIPPED.choices) - len(reading)


ANSWERS = tomllib.loads((Path(__file__).parent / "answers.toml").read_text(encoding="utf-8"))["answers"]


@pytest.mark.parametrize(
    ("probe", "answer"), list(zip(SHIPPED.instructions, ANSWERS, strict=True)), ids=[one.ask[:50] for one in SHIPPED.instructions]
)
def test_every_instruction_can_be_followed(probe, answer) -> None:
    assert complies(answer, probe)


def test_no_instruction_is_followed_by_a_router_or_by_silence() -> None:
    followed = [one for one in SHIPPED.instructions if complies("card_arrival", one) or complies("", one)]
    assert len(followed) <= 2  # a label is one word in lower case, and so are a few right answers


def test_a_faulty_item_is_named() -> None:
    with pytest.raises(BadData) as told:
        choices_of({"area": "tools", "items": [["What cuts?", "a knife", "a bed", "a hat"], ["What?", "a", "b", "B ", "c"]]})
    assert [problem.got.split(" · ")[0] for problem in told.value.problems] == ["What cuts?", "What?"]
    assert told.value.problems[0].where == "choice/tools.toml"


def test_a_check_that_makes_no_sense_is_named() -> None:
    bad = [
        {"ask": "Write.", "checks": [{"kind": "words"}]},
        {"ask": "Sing.", "checks": [{"kind": "dance"}]},
        {"ask": "Draw.", "checks": [{"kind": "pattern", "pattern": "("}]},
        {"ask": "Count.", "checks": [{"kind": "lines", "least": 3, "most": 2}]},
        {"ask": "Wait.", "checks": []},
    ]
    with pytest.raises(BadData) as told:
        instructions_of({"item": bad})
    assert [problem.got.split(" ")[0] for problem in told.value.problems] == ["Write.", "Sing.", "Draw.", "Count.", "Wait."]


def test_prose_needs_names() -> None:
    assert [(one.id, one.text) for one in prose_of("# about\n\n== old mill\nIt turns.\n\n== sea\nIt is wide.\n")] == [
        ("prose-old-mill", "It turns."),
        ("prose-sea", "It is wide."),
    ]
    with pytest.raises(BadData, match="does not name each passage"):
        prose_of("== one\nA text.\nAnother one.\n")


def test_a_probe_that_stands_there_twice_is_named() -> None:
    one = choice_of("tools", None, "What cuts paper?", "scissors", "a spoon", "a bed", "a hat")
    with pytest.raises(BadData, match="asks what another probe asks"):
        checked([one, one], [], [])


def test_the_files_are_part_of_the_package_and_name_their_licence() -> None:
    folder = ROOT / FOLDER.replace(".", "/")
    for path in sorted(folder.rglob("*.toml")):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        assert (content["licence"], content["attribution"]) == ("Apache-2.0", "Written for this project."), path.name
    assert {path.stem for path in (folder / "choice").glob("*.toml")} == set(get_args(Area))
    assert "Apache-2.0" in (folder / "prose.txt").read_text(encoding="utf-8").splitlines()[0]
