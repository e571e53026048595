"""An evaluation of a real tiny model: what is told, counted and kept."""

from __future__ import annotations

import json

from tests import tiny
from tests.ears import Ears
from tunesmith.answer.candidate import ModelAnswerer
from tunesmith.answer.engine import Engine
from tunesmith.evaluate.answers import ANSWERS
from tunesmith.evaluate.run import How, Questions, evaluate
from tunesmith.spec.candidate import Decoding, Prompted
from tunesmith.spec.chat import Prompt
from tunesmith.spec.dataset import Dataset
from tunesmith.spec.job import Note


def test_questions_that_fit_alone_but_not_behind_the_prompt_are_named_and_count_as_wrong(tmp_path):
    engine = Engine(tiny.load(tiny.save(tmp_path / "m")))
    rows = [tiny.record(n, question, answer) for n, (question, answer) in enumerate([("short", "yes"), ("z" * 300, "yes"), ("short too", "no")])]
    rows[1] = rows[1].model_copy(update={"cluster": rows[0].id})
    prompt = Prompt(name="long", system="p" * 250)
    ears = Ears()
    questions = Questions(rows, Dataset.model_construct(task="classify", labels=("yes", "no"), out_of_scope=None), "dataset-x", "dev", 0.95)
    report = evaluate(
        Prompted(name="prompt-long", model="m", prompt=prompt),
        ModelAnswerer(engine, prompt),
        questions,
        How(Decoding(choices=("yes", "no"))),
        tmp_path,
        ears,
    )
    [told] = [event for event in ears.heard if isinstance(event, Note)]
    assert told.level == "warning"
    assert "1 of 3 questions leave prompt-long no room to answer" in told.text
    assert "rows.csv, line 3" in told.text
    assert report.rows == 3
    kept = [json.loads(line) for line in (tmp_path / ANSWERS).read_text().splitlines()]
    assert [row["answer"] == "" for row in kept] == [False, True, False]
    assert [row["cluster"] for row in kept] == [None, rows[0].id, None]
    assert kept[1]["scores"]["exact_match"] == 0
