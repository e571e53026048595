"""Suites as sections of a page: what is shown, what is left out, and hostile text."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from tests.ears import Ears
from tests.evaluate.suites.scripted import OUTSIDE, TUNED, Scripted
from tests.evaluate.suites.test_run import DECODING, DEV, material, say
from tunesmith.evaluate.suites import suite_plots
from tunesmith.evaluate.suites.asking import Asker
from tunesmith.evaluate.suites.page_parts import Part, forgetting, parts, shares
from tunesmith.evaluate.suites.run import examine
from tunesmith.pages.gate import environment
from tunesmith.spec.forgetting import Change, Divergence, Fluency, Forgetting, Lost, ProbeLimits, Tolerance
from tunesmith.spec.report import Metric
from tunesmith.spec.suite import Bar, Covered, Suites

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> a\u202eb\x1b[31m {{ 7 * 7 }}"
TEMPLATE = """
{% for part in parts %}<section id="{{ part.ident }}"><h2>{{ part.title }}</h2><p>{{ part.sentence }}</p>
{% for table in part.tables %}<table><caption>{{ table.caption }}</caption>
{% for row in table.rows %}<tr>{% for cell in row %}<td>{{ cell.text | breakable }} <small>{{ cell.small }}</small></td>{% endfor %}</tr>{% endfor %}</table>{% endfor %}
{% for title, plot in part.plots %}<figure><figcaption>{{ title }}</figcaption>{{ plot }}</figure>{% endfor %}
{% for one in part.examples %}<p>{{ one.question }} {{ one.answer }} {{ one.wanted }} {{ one.note }} {{ one.where }}</p>{% endfor %}
{% for note in part.notes %}<p>{{ note }}</p>{% endfor %}</section>{% endfor %}
"""


def suites() -> Suites:
    return examine(Asker(TUNED, lambda: Scripted(say), DECODING, Ears()), material(paraphrases={DEV[0].id: ("lock the card",)}))


def shown(found: list[Part]) -> str:
    return environment().from_string(TEMPLATE).render(parts=found)


def test_a_section_for_every_suite() -> None:
    found = parts(suites())
    assert [part.ident for part in found] == [
        "evidence-scope",
        "evidence-unknown",
        "evidence-steady",
        "evidence-memory",
        "evidence-confidence",
        "evidence-slices",
        "evidence-rest",
    ]
    assert found[-1].sentence == "Everything was examined."
    assert all(part.sentence for part in found)
    assert shown(found) == shown(parts(suites()))  # byte for byte


def test_what_was_left_out_is_said() -> None:
    made = suites().model_copy(update={"slices": None, "left_out": {"slices": "there are no rows"}})
    rest = parts(made)[-1]
    assert rest.notes[0] == "slices: there are no rows"
    assert "evidence-slices" not in {part.ident for part in parts(made)}


def test_hostile_text_passes_the_gate() -> None:
    made = suites()
    assert made.out_of_scope is not None
    assert made.slices is not None
    assert made.out_of_scope.examples
    bad = made.out_of_scope.examples[0].model_copy(update={"question": HOSTILE, "answer": HOSTILE, "wanted": HOSTILE, "note": HOSTILE})
    worst = made.slices.slices[0].model_copy(update={"value": HOSTILE, "column": HOSTILE})
    text = shown(
        parts(
            made.model_copy(
                update={
                    "out_of_scope": made.out_of_scope.model_copy(update={"examples": (bad,), "sentence": HOSTILE}),
                    "slices": made.slices.model_copy(update={"slices": (worst,)}),
                }
            )
        )
    )
    assert "<script>" not in text
    assert "<img" not in text
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert "{{ 7 * 7 }}" in text
    assert "49" not in text.partition("{{ 7 * 7 }}")[0][-5:]


def test_tables_leave_out_what_was_not_measured() -> None:
    table = shares("x", [("a", None), ("b", Metric(value=0.5, low=0.4, high=0.6, n=10, clusters=4, method="rule of three"))])
    assert len(table.rows) == 1
    assert [cell.text for cell in table.rows[0]] == ["b", "50.0\u00a0%", "10", "none seen: rule of three"]
    assert table.rows[0][2].small == "in 4 clusters"


def test_plots_are_well_formed_and_say_their_numbers() -> None:
    curve = (Covered(threshold=0.9, coverage=0.2, risk=0.0), Covered(threshold=0.1, coverage=1.0, risk=0.3))
    risk = suite_plots.risk_coverage(curve, ident="r", mark=0.8)
    bars = suite_plots.reliability((Bar(low=0.8, high=0.9, rows=12, confidence=0.85, accuracy=0.5),), ident="c")
    for svg in (risk, bars):
        assert ElementTree.fromstring(str(svg)).get("role") == "img"
    assert "30\u00a0% wrong with 100\u00a0% answered" in risk
    assert "proposed threshold" in risk
    assert "12 rows" in bars
    assert suite_plots.risk_coverage(curve[:1], ident="r") == ""
    assert suite_plots.reliability((), ident="c") == ""


def test_outside_is_shown_as_it_is() -> None:
    assert OUTSIDE.replace("_", "_<wbr>") in shown(parts(suites())) or OUTSIDE in shown(parts(suites()))


def test_what_was_forgotten_has_a_section() -> None:
    def share(value: float) -> Metric:
        return Metric(value=value, low=value - 0.05, high=value + 0.05, n=400, method="wilson")

    change = Change(
        ability="questions", before=share(0.6), after=share(0.5), difference=share(-0.1), lost=50, won=10, p_value=0.001, p_adjusted=0.002,
        test="mcnemar mid-p", minimum_detectable=0.04, standing="block",
    )  # fmt: skip
    found = Forgetting(
        probes="d", limits=ProbeLimits(), tolerance=Tolerance(), changes=(change,),
        fluency=Fluency(before=share(12.0), after=share(13.0), ratio=share(1.1), standing="kept"),
        divergence=(Divergence(on="task", nats=share(0.4), tokens=900),), areas={"physics": (10, 7, 3), "time": (10, 7, 7)},
        lost=(Lost(id="time-1", ability="questions", asked=HOSTILE, before="noon", after=HOSTILE, drop=1.0),), standing="block", sentence="It has forgotten much.",
    )  # fmt: skip
    [part] = forgetting([("tuned", found)])
    assert (part.title, part.about, part.beside) == ("What has the tuned model forgotten?", "tuned", "before the tuning")
    several = forgetting([("tuned", found), ("tuned-rag", found)])
    assert [(one.title, one.about) for one in several] == [(f"What has {name} forgotten?", name) for name in ("tuned", "tuned-rag")]
    assert len({one.ident for one in several}) == 2
    text = shown([part])
    assert "suffered much" in text
    assert "−10.0 points" in text
    assert "13.00" in text
    assert "0.400 nats per token" in text
    assert text.index("physics") < text.index("time")
    assert "<script>" not in text
