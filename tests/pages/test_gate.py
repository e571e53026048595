"""Hostile text cannot become markup, nor hide what it says."""

from tunesmith.pages.gate import environment, shown


def test_joiners_stay_where_a_script_needs_them():
    assert shown("می\u200cخواهم") == "می\u200cخواهم"
    assert shown("pay\u200dment") == "pay\\u200dment"
    assert shown("\u2066x") == "\\u2066x"
    assert shown("line\nline") == "line\nline"


def test_every_value_passes_both_gates():
    text = environment().from_string("<p>{{ a }}</p>{{ b | breakable }}").render(a="<b>\x1b[2J", b="card_<i>")
    assert text == "<p>&lt;b&gt;\\x1b[2J</p>card_<wbr>&lt;i&gt;"
