"""Words by which names are told from other words with a capital letter, in English and its neighbours: tables only."""

from __future__ import annotations


def listed(words: str) -> frozenset[str]:
    """The words of a line."""
    return frozenset(words.split())


PRONOUNS = listed("i i'm i'll i've i'd ok yes no")
"""English writes them with a capital letter, or they stand alone."""
CONNECTING = listed("of the and for de la des du für und der")
"""Small words inside of names, which their initials leave out."""
ARTICLES = listed("der die das dem den des ein eine einen einem einer")
GERMAN = listed(
    "der die das und ist nicht ein eine einen einem einer mit für auf von zu im am des dem den sich wird wurde sind hat auch als bei nach"
)
"""Function words by which German is known: there every noun has a capital letter."""
OPENING = listed(
    "a an the this that these those his her its their our my your he she it they we you in on at by for from with to of and but or if when while as "
    "after before since during although because however so then both all some many most each every no not there here what who where why how which "
    "according under over between last next today yesterday now later earlier soon meanwhile finally first also still even only just once again thus "
    "hence instead perhaps maybe indeed often sometimes usually recently afterwards did does do is was are were can could will would should has have "
    "had may might must until about bis der die das ein eine im am aber wenn nach vor seit bei mit von zu für laut le la les un une des du et mais dans "
    "let therefore together including given suppose sur après selon el los las y pero según il lo gli i"
)
"""Words that begin sentences and are no part of the name that follows them."""
