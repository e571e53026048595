"""One verdict, with its reasons."""

from tunesmith.data.examine.verdict import verdict
from tunesmith.spec.finding import Finding


def a(kind, lines, severity="mend", file="a"):
    return Finding(kind=kind, group="text", severity=severity, file=file, lines=tuple(lines), message=f"{kind}!", why="", evidence="", fix="")


def test_nothing_wrong_is_fit():
    assert verdict([], {"a": 500}) == ("fit", ())


def test_a_look_does_not_make_it_unfit():
    assert verdict([a("near_contradiction", [1, 2], "review"), a("template", [], "note")], {"a": 500}) == ("fit", ("a: near_contradiction!",))


def test_what_blocks_comes_first():
    assert verdict([a("duplicate", [3]), a("email", [1], "block")], {"a": 500}) == ("fit_after_fixes", ("a: email!", "a: duplicate!"))


def test_few_rows_left_is_not_fit():
    fitness, reasons = verdict([a("duplicate", range(60))], {"a": 100})
    assert fitness == "not_fit"
    assert reasons == ("a: 40 different rows can be used; below 50 a written prompt is usually the better remedy",)


def test_many_unusable_or_wrong_rows_are_not_fit():
    assert verdict([a("unusable_bad_json", range(40))], {"a": 100})[0] == "not_fit"
    assert verdict([a("contradiction", range(20)), a("label_error", range(10, 40), "review")], {"a": 100})[0] == "not_fit"
    assert verdict([a("contradiction", range(20))], {"a": 100})[0] == "fit_after_fixes"


def test_rows_are_counted_over_all_files():
    assert verdict([], {"a": 292, "b": 12}) == ("fit", ())
    fitness, reasons = verdict([a("duplicate", range(10), file="b")], {"a": 40, "b": 12})
    assert fitness == "not_fit"
    assert reasons[0].startswith("a, b: 42 different rows can be used")
    assert verdict([a("contradiction", range(6), file="b")], {"a": 292, "b": 12})[0] == "fit_after_fixes"
    assert verdict([a("contradiction", range(9)), a("contradiction", range(9), file="b")], {"a": 35, "b": 35})[0] == "not_fit"


def test_an_export_that_went_wrong_is_one_files():
    fitness, reasons = verdict([a("unusable_bad_json", range(40), file="b")], {"a": 10_000, "b": 100})
    assert (fitness, reasons) == ("not_fit", ("b: 40 of 100 rows cannot be read or used: check how the file was exported",))
