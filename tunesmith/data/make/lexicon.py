"""Words by what they do: those that say no, that count, that only hold a sentence together. Small letters; matched against `measure.text.words`."""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    """The words of a text as a set.

    >>> sorted(word_set("b a  b"))
    ['a', 'b']
    """
    return frozenset(text.split())


NEGATIONS = word_set(
    """
    not no never none cannot nobody nothing neither nor without unable dont doesnt didnt isnt arent wasnt werent cant couldnt wont wouldnt shouldnt hasnt
    havent hadnt aint mustnt neednt nicht kein keine keinen keinem keiner nie niemals nichts ohne pas jamais aucun aucune rien sans ne nunca ningún ninguna
    nada sin non mai nessun nessuna niente senza não nenhum nenhuma sem niet geen nooit zonder inte ingen aldrig ikke aldri не нет никогда без nigdy bez
    """
)
"""In a dozen languages; English contractions without their apostrophe."""
NUMBER_WORDS = word_set(
    """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty
    fifty sixty seventy eighty ninety hundred thousand million billion half quarter third twice once double triple dozen first second
    """
)
SMALL_NUMBERS = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
}  # fmt: skip
FUNCTION_WORDS = word_set(
    """
    a an the this that these those it its he she they them their his her you your we our us i me my is are was were be been being am do does did has have had
    will would can could may might must should shall to of in on at by for from with within into onto over under after before about as than then so if when
    while get gets got and or but there here which who what also only just up out
    der die das den dem des ein eine einen einem einer es er sie ihr ihre sich ist sind wird werden kann können und oder aber zu zum zur von vom mit auf aus
    bei nach für im am als wie
    le la les un une du de et ou est sont il elle au aux en dans par pour sur avec que qui se ce
    el los las una y o es del al por para con su lo gli uno di da nel della che e sono os as um uma do dos em na het een van op te voor met zijn wordt
    """
)
"""They stand in any answer, right or wrong: of English, German, French, Spanish, Italian, Portuguese and Dutch."""
FIRST_WORDS = word_set(
    """
    how what where when why who which whose is are am was were do does did can could may might will would shall should must has have had the a an my your
    our his her their this that these those there it he she we they you if after before once please tell help show give let so and but any all some in on
    at for to from with by about as of need want looking trying just since because
    """
)
"""English words that lose their capital inside a sentence; any other first word could be a name."""
COMMON_ENGLISH = word_set(
    "the a an is are was do does did can could how what when where why which who i my me you your it to of in on for and or not have has with this that be"
)
DETERMINERS = word_set(
    "a an the my your our his her their this that these those another any each every some no new old first last next second other same current"
)
"""Words that may stand before a thing's name so that a word in between still makes good English."""
NO_THINGS = word_set(
    """
    own way time day name side end part help fault choice mind problem question issue understanding life money cash info information identification knowledge
    advice luggage husband wife son daughter child children kid mother father parent friend family partner landlord boss roommate colleague neighbour home
    country city
    """
)
"""What comes after `my` without being a thing of a service that one can have one of."""
