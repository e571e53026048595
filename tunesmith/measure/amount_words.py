"""The words by which numbers, months, magnitudes and units are known, in English and its neighbours: tables only."""

from __future__ import annotations

from collections.abc import Mapping


def numbered(rows: str, start: int = 1, step: int = 1) -> dict[str, int]:
    """Each word of a line → the line's number.

    >>> numbered("january jan|february feb")
    {'january': 1, 'jan': 1, 'february': 2, 'feb': 2}
    """
    return {word: start + step * place for place, line in enumerate(rows.split("|")) for word in line.split()}


MONTHS: Mapping[str, int] = numbered(
    "january jan januar jänner janvier janv enero gennaio januari janeiro января|february feb februar février févr febrero febbraio februari "
    "fevereiro февраля|march mar märz mars marzo maart março марта|april apr avril abril aprile апреля|may mai mayo maggio mei maio мая|june jun "
    "juni juin junio giugno junho июня|july jul juli juillet julio luglio julho июля|august aug août agosto augustus августа|september sep sept "
    "septembre septiembre settembre setembro сентября|october oct okt oktober octobre octubre ottobre outubro октября|november nov novembre "
    "noviembre novembro ноября|december dec dez dezember décembre diciembre dicembre dezembro декабря"
)
UNNAMED_MONTHS = frozenset({"may", "march", "mar", "mars", "mai", "mei", "jun", "sep", "dec", "dez", "jan", "abril"})
"""Also other words; they name a month only with a capital letter."""

NUMBER_WORDS: Mapping[str, int] = {
    **numbered(
        "zero null zéro cero ноль|one eins ein eine einen einem einer un une uno una один|two zwei deux dos due два две both pair|three drei trois tres "
        "tre три|four vier quatre cuatro quattro четыре|five fünf cinq cinco cinque пять|six sechs seis sei шесть|seven sieben sept siete sette семь|"
        "eight acht huit ocho otto восемь|nine neun neuf nueve nove девять|ten zehn dix diez dieci десять|eleven elf onze once undici одиннадцать|"
        "twelve zwölf douze doce dodici двенадцать dozen dutzend|thirteen dreizehn treize trece|fourteen vierzehn quatorze catorce|fifteen fünfzehn "
        "quinze quince|sixteen sechzehn seize dieciséis|seventeen siebzehn diecisiete|eighteen achtzehn dieciocho|nineteen neunzehn diecinueve",
        start=0,
    ),
    **numbered(
        "ten|twenty zwanzig vingt veinte venti двадцать|thirty dreißig trente treinta|forty vierzig quarante cuarenta|fifty fünfzig cinquante "
        "cincuenta|sixty sechzig soixante sesenta|seventy siebzig setenta|eighty achtzig ochenta|ninety neunzig noventa|hundred hundert cent cien сто",
        start=10, step=10,
    ),
    **numbered("first erste ersten premier première primero первый|second zweite zweiten deuxième segundo|third dritte dritten troisième tercero|fourth|fifth"),
    "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10, "once": 1, "twice": 2, "thousand": 1000, "tausend": 1000, "mille": 1000, "mil": 1000,
}  # fmt: skip

MAGNITUDES: Mapping[str, float] = {
    **dict.fromkeys(("k", "thousand", "tausend", "mille", "mil", "тысяч", "тысячи"), 1e3),
    **dict.fromkeys(("m", "mn", "mio", "million", "millions", "millionen", "millón", "millones", "milioni", "milione", "миллион", "миллиона", "миллионов"), 1e6),
    **dict.fromkeys(("bn", "billion", "billions", "mrd", "milliarde", "milliarden", "milliard", "milliards", "miliardi", "миллиард", "миллиарда"), 1e9),
    **dict.fromkeys(("trillion", "trillions", "billionen", "tn"), 1e12),
    "万": 1e4, "亿": 1e8, "億": 1e8,
}  # fmt: skip


def units(dimension: str, **names: str) -> dict[str, tuple[str, float]]:
    """Each name → (dimension, factor); the keyword is the factor, `_` for the point and `x` in front: `x0_001="mm"`."""
    return {name: (dimension, float(factor[1:].replace("_", "."))) for factor, line in names.items() for name in line.split()}


UNITS: Mapping[str, tuple[str, float]] = {
    **units(
        "length", x0_001="mm millimetre millimetres millimeter millimeters", x0_01="cm centimetre centimetres centimeter centimeters",
        x1="m metre metres meter meters mètre mètres metro metros", x1000="km kilometre kilometres kilometer kilometers kilomètres kilómetros",
        x1609_344="mile miles mi", x0_3048="ft foot feet", x0_0254="inch inches",
    ),
    **units(
        "mass", x0_000001="mg", x0_001="g gram grams gramm grammes gramos", x1="kg kilo kilos kilogram kilograms kilogramm kilogrammes",
        x1000="t tonne tonnes tonnen toneladas", x0_45359237="lb lbs",
    ),
    **units(
        "time", x0_001="ms millisecond milliseconds", x1="s sec secs second seconds sekunde sekunden seconde secondes segundos",
        x60="min mins minute minutes minuten minuto minutos", x3600="h hr hrs hour hours stunde stunden heure heures hora horas",
        x86400="day days tag tage tagen jour jours día días giorni", x604800="week weeks woche wochen semaine semaines semana semanas",
    ),
    **units("years", x1="month months monat monate monaten mois mes meses mesi", x12="year years jahr jahre jahren an ans année années año años anni"),
    **units("volume", x0_001="ml millilitre millilitres milliliter milliliters", x1="l litre litres liter liters litro litros"),
    **units("data", x1000="kb", x1000000="mb", x1000000000="gb", x1000000000000="tb"),
    **units("percent", x1="% percent prozent procent pourcent"),
    **units("degrees", x1="°c celsius"),
    **units("usd", x1="$ usd dollar dollars"), **units("eur", x1="€ eur euro euros"), **units("gbp", x1="£ gbp"), **units("jpy", x1="¥ jpy yen"),
    **units("chf", x1="chf franken"),
}  # fmt: skip
