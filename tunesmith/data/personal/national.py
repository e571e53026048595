"""The national numbers that are known → a table: how each is written, which words stand near it, and what its digits must fulfil.

Where a random number of the same layout passes with 1 in 1,000 or less, the layout alone is enough (`alone`). Otherwise a word for the number has to
stand nearby (`named`): a check digit by ten or eleven would flag every tenth order number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from tunesmith.data.personal import european_fits as eu
from tunesmith.data.personal import overseas_fits as far
from tunesmith.data.personal.check_digits import mod_11_10_fits


class Rule(NamedTuple):
    """A national number. A layout is its groups' lengths with what stands between them: `3-2-4`; a pattern is for numbers with letters."""

    kind: str
    title: str
    words: str
    """One of these has to stand near a `named` layout: regular expression in lower case."""
    fits: Callable[[str], bool]
    alone: str = ""
    """Layouts that suffice, separated by `|`."""
    named: str = ""
    alone_pattern: str = ""
    """Upper case, digits and separators."""
    named_pattern: str = ""


EUROPE = (
    Rule("de_tax_id", "German tax number (Steuer-ID)", r"steuer|idnr|id-nr|tax|\btin\b", eu.germany, "2 3 3 3", "11"),
    Rule(
        "es_dni",
        "Spanish identity number (DNI, NIE)",
        r"dni|nie\b|nif|identidad|documento|identity|identific",
        eu.spain,
        alone_pattern=r"[0-9]{8}-?[A-Z]|[0-9]{2}\.[0-9]{3}\.[0-9]{3}-?[A-Z]|[XYZ][ -]?[0-9]{7}[ -]?[A-Z]",
        named_pattern=r"[0-9]{8} [A-Z]",
    ),
    Rule(
        "fr_nir",
        "French social security number (NIR)",
        r"sécurité|securite|\bnir\b|insee|\bsécu|french|numéro",
        eu.france,
        "15|13 2|1 2 2 2 3 3 2|1 2 2 2 3 3-2|1-2-2-2-3-3-2",
        alone_pattern=r"[1278] ?[0-9]{2} ?[0-9]{2} ?2[AB] ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
    ),
    Rule(
        "it_codice_fiscale",
        "Italian tax code (codice fiscale)",
        r"codice fiscale|c\.?f\.?\b",
        eu.italy,
        alone_pattern=r"[A-Z]{3} ?[A-Z]{3} ?[0-9L-NP-V]{2}[A-EHLMPRST][0-9L-NP-V]{2} ?[A-Z][0-9L-NP-V]{3}[A-Z]",
    ),
    Rule("pl_pesel", "Polish PESEL", r"pesel|ewidencyjn|polish", eu.poland, named="11"),
    Rule("is_kennitala", "Icelandic kennitala", r"kennital|icelandic", eu.iceland, "6-4", "10|6 4"),
    Rule("fi_hetu", "Finnish henkilötunnus", r"henkil|hetu|personbeteckning", eu.finland, "6-4", alone_pattern=r"[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]"),
    Rule("se_personnummer", "Swedish personnummer", r"person-?n|pnr|samordning|swedish", eu.sweden, "6-4|8-4", "10|12|6 4|8 4", r"[0-9]{6}\+[0-9]{4}"),
    Rule("dk_cpr", "Danish CPR number", r"cpr|danish|dansk", eu.denmark, named="6-4|10|6 4"),
    Rule("no_fodselsnummer", "Norwegian fødselsnummer", r"fødsel|fodsel|personnummer|norwegian", eu.norway, "11|6 5|6-5"),
    Rule("be_rijksregister", "Belgian national register number", r"rijksregister|registre|insz|niss|belgi", eu.belgium, "11|2.2.2-3.2|2 2 2 3 2|6-3.2|6-3-2"),
    Rule("nl_bsn", "Dutch BSN", r"bsn|burgerservice|sofi-?n|dutch", eu.netherlands, named="9|4.2.3|3 3 3|4 2 3|3.3.3|4 3 2"),
    Rule("pt_nif", "Portuguese NIF", r"nif|contribuinte|fiscal|portugu", eu.portugal, named="9|3 3 3|3.3.3"),
    Rule("gb_nhs", "British NHS number", r"nhs|patient|health service", eu.britain, named="10|3 3 4|3-3-4"),
    Rule(
        "gb_nino",
        "British national insurance number",
        r"national insurance|nino\b|\bni (?:number|no)|insurance number|payroll|hmrc",
        eu.britain_insured,
        alone_pattern=r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] [0-9]{2} [0-9]{2} [0-9]{2} [A-D]",
        named_pattern=r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{6} ?[A-D]",
    ),
    Rule("ie_pps", "Irish PPS number", r"\bpps|personal public|revenue|irish", eu.ireland, named_pattern=r"[0-9]{7} ?[A-W][A-IW]?"),
    Rule("at_svnr", "Austrian social insurance number", r"sozialvers|sv-?n|versicherungsnummer|austrian", eu.austria, "4-6|4 6", "10"),
    Rule("ch_ahv", "Swiss AHV number", r"ahv|avs|avs-nr|navs", eu.switzerland, "13|3.4.4.2|3 4 4 2|3-4-4-2"),
    Rule("cz_sk_birth_number", "Czech or Slovak birth number", r"rodn|r\. ?č|birth number|czech|slovak", eu.czechia, "6/4", "10|6 4"),
    Rule("ro_cnp", "Romanian CNP", r"cnp|cod numeric|numeric personal|romanian", eu.romania, named="13"),
    Rule("bg_egn", "Bulgarian ЕГН", r"егн|egn|единен граждански|bulgarian", eu.bulgaria, named="10"),
    Rule("hr_oib", "Croatian OIB", r"oib|osobni identif|croatian", mod_11_10_fits, named="11"),
    Rule("ee_isikukood", "Estonian isikukood", r"isiku|estonian", eu.baltic, named="11"),
    Rule("lt_asmens_kodas", "Lithuanian asmens kodas", r"asmens|a\. ?k\.|lithuanian", eu.baltic, named="11"),
    Rule("lv_personas_kods", "Latvian personas kods", r"personas k|p\. ?k\.|latvian", eu.latvia, named="6-5|11"),
    Rule("gr_amka", "Greek ΑΜΚΑ", r"αμκα|amka|μητρώο|greek", eu.greece, named="11"),
    Rule("hu_taj", "Hungarian TAJ number", r"taj\b|taj-|társadalombiztos|hungarian", eu.hungary, named="9|3 3 3|3-3-3"),
    Rule("jmbg", "JMBG or EMŠO", r"jmbg|emšo|emso|matični|јмбг|матични", eu.yugoslavia, named="13"),
    Rule("tr_kimlik", "Turkish identity number", r"kimlik|t\.?c\.|tckn|vatandaşlık|turkish", eu.turkey, named="11|3 3 3 2"),
    Rule("ua_rnokpp", "Ukrainian taxpayer number", r"рнокпп|іпн|ідентифікаційн|податк|ukrainian", eu.ukraine, named="10"),
    Rule("ru_snils", "Russian СНИЛС", r"снилс|snils|страхов", eu.russia_insured, "3-3-3 2|3-3-3-2", "11"),
    Rule("ru_inn", "Russian ИНН", r"инн\b|\binn\b|налогоплат", eu.russia_taxed, named="12"),
)  # fmt: skip
OVERSEAS = (
    Rule("us_ssn", "American social security number", r"ssn|social sec|soc\. sec|itin|seguro social", far.united_states, "3-2-4", "9|3 2 4|3.2.4"),
    Rule("ca_sin", "Canadian SIN", r"\bsin\b|social insurance|assurance sociale|\bnas\b|canadian", far.canada, named="9|3 3 3|3-3-3"),
    Rule("br_cpf", "Brazilian CPF", r"cpf|pessoa física|cadastro|brazilian", far.brazil, "3.3.3-2", "11|9-2|3 3 3 2"),
    Rule(
        "br_cnpj",
        "Brazilian CNPJ",
        r"cnpj|pessoa jurídica",
        far.brazil_company,
        "2.3.3/4-2",
        "14",
        r"[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-[0-9]{2}",
        r"[0-9A-Z]{12}[0-9]{2}",
    ),
    Rule("ar_cuit", "Argentine CUIT or CUIL", r"cuit|cuil|argentin", far.argentina, "2-8-1", "11|2 8 1"),
    Rule(
        "cl_rut",
        "Chilean RUT",
        r"\brut\b|\brun\b|chilean|chileno|rol único",
        far.chile,
        "2.3.3-1|1.3.3-1",
        "8-1|7-1|9|8",
        r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-K",
        r"[0-9]{7,8}-?K",
    ),
    Rule("mx_curp", "Mexican CURP", "curp", far.mexico, alone_pattern=r"[A-ZÑ]{4}[0-9]{6}[HMX][A-ZÑ]{5}[0-9A-Z][0-9]"),
    Rule("mx_rfc", "Mexican RFC", "rfc", far.mexico_taxed, alone_pattern=r"[A-ZÑ&]{4}-?[0-9]{6}-?[A-Z0-9]{2}[0-9A]"),
    Rule("ec_cedula", "Ecuadorian cédula", r"cédula|cedula|ecuador", far.ecuador, named="10|9-1"),
    Rule("in_aadhaar", "Aadhaar number", r"aadha?ar|आधार|\buid\b|uidai|ஆதார்|ఆధార్|আধার", far.aadhaar, named="12|4 4 4|4-4-4"),
    Rule("in_pan", "Indian PAN", r"\bpan\b|permanent account|पैन|income tax", far.india_taxed, named_pattern=r"[A-Z]{5}[0-9]{4}[A-Z]"),
    Rule("cn_resident_id", "Chinese identity number", "身份证|证件", far.china, "18|6 8 4|6 4 4 4|6-8-4", alone_pattern=r"[1-9][0-9]{16}X|[1-9][0-9]{5} [0-9]{4} ?[0-9]{4} [0-9]{3}X"),
    Rule("tw_id", "Taiwanese identity number", "身分證|身份證|統一編號|taiwan", far.taiwan, named_pattern=r"[A-Z][1289][0-9]{8}"),
    Rule(
        "hk_hkid",
        "Hong Kong identity number",
        r"hkid|hong kong id|identity card|身份證|身分證",
        far.hong_kong,
        alone_pattern=r"[A-Z]{1,2}[0-9]{6}\([0-9A]\)",
        named_pattern=r"[A-Z]{1,2}[0-9]{6}[0-9A]",
    ),
    Rule("jp_my_number", "Japanese My Number", r"マイナンバー|個人番号|my number|mynumber", far.japan, named="12|4 4 4|4-4-4"),
    Rule("kr_rrn", "Korean resident registration number", r"주민|등록번호|resident reg|rrn", far.korea, "6-7", "13|6 7"),
    Rule("sg_nric", "Singaporean NRIC or FIN", r"nric|\bfin\b|singapore", far.singapore, alone_pattern=r"[STFGM][0-9]{7}[A-Z]"),
    Rule("th_id", "Thai identity number", r"บัตร|ประชาชน|เลขประจำตัว|thai", far.thailand, "1-4-5-2-1|1 4 5 2 1", "13"),
    Rule("il_teudat_zehut", "Israeli identity number", r"תעודת זהות|ת\.?ז|מספר זהות|teudat|israeli", far.israel, named="9|8-1"),
    Rule("ae_emirates_id", "Emirates ID", r"emirates|هوية|الهوية", far.emirates, "3-4-7-1|15|3 4 7 1"),
    Rule("sa_id", "Saudi identity number", r"الهوية|هوية|iqama|إقامة|saudi", far.saudi_arabia, named="10"),
    Rule("za_id", "South African identity number", r"\bid\b|identity|south african|rsa id|identiteit", far.south_africa, "13|6 4 3|6 4 2 1|6 4 1 1 1"),
    Rule("au_tfn", "Australian tax file number", r"tfn|tax file", far.australia, named="9|3 3 3"),
    Rule("au_medicare", "Australian Medicare number", "medicare", far.australia_insured, named="10|4 5 1|11|4 5 1-1"),
    Rule("nz_ird", "New Zealand IRD number", r"\bird\b|inland revenue", far.new_zealand, named="9|8|3-3-3|2-3-3|3 3 3|2 3 3"),
)  # fmt: skip
RULES = EUROPE + OVERSEAS
GENERAL = re.compile(
    r"(?:national|personal|citizen|resident|identity|identification|tax|taxpayer)[ -](?:id\b|identity|identification|number|no\b|code)|social (?:security|insurance)"
    r"|id[ -]card|identity card"
)
"""Words for some national number."""
WORDS = {rule.kind: re.compile(rf"(?<![a-zà-öø-ÿа-яё])(?:{rule.words})") for rule in RULES}
ALONE: dict[str, list[Rule]] = {}
NAMED: dict[str, list[Rule]] = {}
for _rule in RULES:
    for _layouts, _table in ((_rule.alone, ALONE), (_rule.named, NAMED)):
        for _layout in _layouts.split("|") if _layouts else ():
            _table.setdefault(_layout, []).append(_rule)
LETTERED = [
    (rule, re.compile(rf"(?<![\w./-])(?:{pattern})(?![\w-]|[./][0-9])", re.ASCII), needs_word)
    for rule in RULES
    for pattern, needs_word in ((rule.alone_pattern, False), (rule.named_pattern, True))
    if pattern
]
