"""What a mail or a message holds → what its writer wrote: quoted replies, signatures, disclaimers, a telephone's greetings and a company's thanks for
writing are left out.

A turn that is only a greeting or thanks stays: it was said. What is left out stands at the beginning or end of a text, or is marked as quoted; words in the
middle stay.
"""

from __future__ import annotations

import re

MAX_SIGNATURE_LINES = 12
MAX_CLOSING_LINES = 7
MAX_SIGNATURE_LINE = 80
_ATTRIBUTION = re.compile(
    r"^\W{0,3}(?:on\b.{5,200}\bwrote|am\b.{5,200}\bschrieb\b.{0,120}|le\b.{5,200}\ba écrit|el\b.{5,200}\bescribió|il\b.{5,200}\bha scritto|"
    r"op\b.{5,200}\bschreef\b.{0,120}|em\b.{5,200}\bescreveu|den\b.{5,200}\bskrev\b.{0,120}|.{3,120}(?:<[^<>\s]+@[^<>\s]+>).{0,60}(?:wrote|writes|schrieb))\s?:\s*$",
    re.I,
)
_ORIGINAL = re.compile(
    r"^\W{0,8}(?:original message|ursprüngliche nachricht|message d'origine|mensaje original|messaggio originale|reply above this line|"
    r"please type your reply above this line|(?:begin )?forwarded message|weitergeleitete nachricht)\b.{0,60}$",
    re.I,
)
_HEADER = re.compile(r"^\W{0,3}\*?(from|sent|date|to|cc|subject|von|gesendet|an|betreff|de|envoyé|objet|à|enviado|para|asunto)\s?:\*?\s?\S", re.I)
_RULE = re.compile(r"^[_=—–-]{5,}\s*$")
_DEVICE = re.compile(
    r"^\W{0,3}(?:sent from (?:my |the )?[\w .'’-]{2,40}|get outlook for (?:ios|android)\b.{0,60}|sent (?:via|with) [\w .]{2,30}|von meinem [\w .]{2,30} gesendet|"
    r"gesendet (?:mit|von) [\w .]{2,40}|envoyé (?:de|depuis) mon [\w .]{2,30}|enviado desde mi [\w .]{2,30}|inviato da(?:l mio)? [\w .]{2,30}|"
    r"sent from yahoo mail.{0,60}|this message was sent from .{2,60})\W*$",
    re.I,
)
_CLOSING = re.compile(
    r"^\W{0,3}(?:(?:with )?(?:best|kind|warm|many|kindest|warmest|sincere)?\s?(?:regards|wishes)|best|cheers|sincerely(?: yours)?|yours (?:sincerely|faithfully|truly)|"
    r"respectfully|cordially|(?:many )?thanks(?: again| in advance| so much| and (?:best|kind) regards)?|thank you(?: in advance| very much| and (?:best|kind) regards)?|rgds|br|"
    r"mit freundlichen grüßen|freundliche grüße|viele grüße|beste grüße|liebe grüße|mfg|cordialement|bien à vous|saludos(?: cordiales)?|atentamente|"
    r"cordiali saluti|distinti saluti|met vriendelijke groet|atenciosamente)[\s,.!–-]*$",
    re.I,
)
_DISCLAIMER = re.compile(
    r"(?:(?:e-?mail|message|communication|transmission|nachricht|mensaje)\b.{0,200}\b(?:confidential|privileged|vertraulich|confidentiel|confidencial)|"
    r"\bconfidential\w*\b.{0,200}\b(?:intended (?:solely|only|recipient|for)|addressee)|intended (?:solely|only) for the (?:use of the )?(?:addressee|individual|person|recipient|named)|"
    r"if you (?:are not|have received).{0,60}(?:intended recipient|this (?:e-?mail|message) in error)|consider the environment before printing|"
    r"\bunsubscribe\b.{0,80}\b(?:click|here|link)\b|this (?:e-?mail|message) (?:has been|was) scanned (?:for|by))",
    re.I | re.S,
)
_AUTOMATIC = re.compile(
    r"\b(?:out of (?:the )?office|auto(?:matic|mated)?[- ]?(?:reply|response)|i am (?:currently )?(?:away|on (?:annual |parental )?(?:leave|vacation|holiday))|abwesenheitsnotiz|"
    r"automatische antwort|ich bin (?:derzeit|momentan) nicht im (?:büro|haus)|réponse automatique|respuesta automática|risposta automatica|"
    r"this is an? (?:automated|automatic|auto-generated)|do not reply to this (?:e-?mail|message)|please do not reply|delivery (?:status notification|has failed)|"
    r"undeliverable|we have received your (?:request|message|e-?mail|ticket|enquiry|inquiry)|your (?:request|ticket|case)(?: \(?#?\w+\)?)? has been (?:received|created|updated|closed|solved|assigned))",
    re.I,
)
_THANKS = (
    r"(?:(?:(?:many )?thanks|thank you)(?: so much| very much)? for (?:contacting|reaching out|getting in touch|writing (?:in|to us)|calling|choosing|"
    r"being an? (?:(?:valued|loyal) )?customer|your (?:e-?mail|message|inquiry|enquiry|patience|business|interest|understanding|call))"
    r"|(?:vielen |herzlichen )?dank für (?:ihre|deine|eure) (?:anfrage|nachricht|e-?mail|kontaktaufnahme|geduld)|merci (?:beaucoup )?(?:de nous avoir (?:contactés?|écrit)|(?:pour|de) votre (?:message|e-?mail|demande|patience))"
    r"|(?:muchas )?gracias por (?:contactar|contactarnos|escribirnos|ponerse en contacto|su (?:mensaje|correo|consulta|paciencia))|grazie per (?:averci (?:contattato|scritto)|(?:il suo messaggio|la sua (?:e-?mail|richiesta|pazienza)))"
    r"|obrigad[oa] por (?:entrar em contato|nos contatar|sua mensagem)|(?:hartelijk )?(?:dank|bedankt) voor (?:uw|je) (?:bericht|e-?mail|vraag|geduld))"
    r"\b(?:(?! and | und | et | y | e | en )[^.!?,;:\n–—]){0,60}(?:[.!]+(?=\s|\Z)|(?=\n)|\Z)"
)
_GREETING = re.compile(
    r"\A(?:(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day)|hallo|guten (?:morgen|tag|abend)|liebe[r]?|sehr geehrte[r]?|bonjour|bonsoir|cher|chère|hola|buenos días|"
    r"buenas tardes|estimad[oa]|ciao|buongiorno|gentile|olá|bom dia|beste|geachte)\b[^.!?,\n]{0,40}[,.!]?\s*)",
    re.I,
)
_THANKS_FIRST = re.compile(rf"({_GREETING.pattern}|\A){_THANKS}\s*", re.I)
_THANKS_LAST = re.compile(rf"([.!?]\s+|\n\s*){_THANKS}\s*\Z", re.I)
MARKUP_CHARACTERS = 20_000
"""HTML shows itself at its beginning."""
AUTOMATIC_CHARACTERS = 300
"""An automatic reply says so at its beginning."""
_HTML = re.compile(r"<(?:p|br|div|span|table|html|body|ul|ol|li|blockquote|b|strong|a)\b[^>]{0,500}>", re.I)


def is_markup(text: str) -> bool:
    """True if a text is HTML."""
    return "<" in text and bool(_HTML.search(text[:MARKUP_CHARACTERS]))


def is_automatic(text: str, subject: str = "") -> bool:
    """True for an automatic reply.

    >>> is_automatic("I am out of the office until Monday."), is_automatic("The office is closed.")
    (True, False)
    """
    return bool(_AUTOMATIC.search(text[:AUTOMATIC_CHARACTERS])) or bool(re.match(r"(?:automatic reply|auto:|out of office|abwesend)", subject, re.I))


def own_words(text: str) -> str:
    """What the writer of a text wrote in it.

    >>> own_words("It works now.\\n\\nBest regards,\\nAnn\\n\\nOn Mon, 3 Feb 2025 at 10:01, Bob wrote:\\n> Does it work?")
    'It works now.'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = [line.rstrip() for line in lines]
    lines = without_quotes(lines)
    before = None
    while before != lines:  # a disclaimer may stand under a signature, and the other way round
        before = lines
        lines = without_end(without_disclaimer(lines))
    return without_courtesy(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip())


def without_courtesy(text: str) -> str:
    """The text without the thanks for writing that companies put before and behind every answer; a text of nothing else stays.

    >>> without_courtesy("Hi Ann, thank you for contacting Acme Bank! Your card is on its way.")
    'Hi Ann, Your card is on its way.'
    """
    kept = _THANKS_LAST.sub(r"\1", _THANKS_FIRST.sub(r"\1", text, count=1), count=1).strip()
    return kept if any(map(str.isalnum, _GREETING.sub("", kept))) else text


def without_quotes(lines: list[str]) -> list[str]:
    """The lines without what was quoted: `>` lines, and all that stands under a header of the quoted mail."""
    kept: list[str] = []
    i = 0
    while i < len(lines):
        line = lines[i]
        taken = attribution(lines, i)
        if taken:
            rest = lines[i + taken :]
            first = next((one for one in rest if one.strip()), "")
            if not first.lstrip().startswith(">"):  # the quoted text is not marked: everything below is it
                return kept if any(one.strip() for one in kept) else lines
            i += taken
        elif _ORIGINAL.match(line) or is_header(lines, i):
            return kept if any(one.strip() for one in kept) else lines
        elif line.lstrip().startswith(">"):
            i += 1
        else:
            kept.append(line)
            i += 1
    return kept if any(one.strip() for one in kept) else lines


def attribution(lines: list[str], i: int) -> int:
    """How many lines from `i` on say who wrote what is quoted below; 0 if none do."""
    for count in (1, 2, 3):
        near = [line.strip() for line in lines[i : i + count]]
        text = " ".join(near)
        if all(near) and len(text) < 400 and _ATTRIBUTION.match(text):
            return count
    return 0


def is_header(lines: list[str], i: int) -> bool:
    """True if the head of a quoted mail begins here: three or more of its fields, after a rule or a blank line."""
    start = i + 1 if _RULE.match(lines[i].strip()) else i
    if start == i and i and lines[i - 1].strip():
        return False
    near = [line for line in lines[start : start + 7] if line.strip()]
    fields = {found[1].lower() for line in near if (found := _HEADER.match(line))}
    return len(fields) >= 3 and bool(near) and bool(_HEADER.match(near[0]))


def without_end(lines: list[str]) -> list[str]:
    """The lines without the signature, the closing words and a telephone's remark at their end."""
    kept = list(lines)
    while kept and (not kept[-1].strip() or _DEVICE.match(kept[-1].strip()) or _RULE.match(kept[-1].strip())):
        kept.pop()
    for i in range(max(0, len(kept) - MAX_SIGNATURE_LINES - 1), len(kept)):
        if kept[i].rstrip() in ("--", "-- ", "—", "__") and any(line.strip() for line in kept[:i]):
            return kept[:i]
    for i in range(max(1, len(kept) - MAX_CLOSING_LINES), len(kept)):
        below = [line.strip() for line in kept[i + 1 :] if line.strip()]
        if _CLOSING.match(kept[i].strip()) and all(is_signed(line) for line in below) and any(line.strip() for line in kept[:i]):
            is_thanks = kept[i].strip().lower().startswith("than")
            return kept[: i + 1] if is_thanks and not below else kept[:i]
    return kept


def is_signed(line: str) -> bool:
    """True for a line that can stand in a signature: short, and no sentence."""
    return len(line) <= MAX_SIGNATURE_LINE and not line.endswith(("?", "!")) and not (line.endswith(".") and len(line.split()) > 5)


def without_disclaimer(lines: list[str]) -> list[str]:
    """The lines without paragraphs in which a company's lawyers speak, at the end of the text."""
    kept = list(lines)
    while True:
        while kept and not kept[-1].strip():
            kept.pop()
        start = next((i + 1 for i in range(len(kept) - 1, -1, -1) if not kept[i].strip()), 0)
        if not kept or start == 0 or not _DISCLAIMER.search("\n".join(kept[start:])):
            return kept
        kept = kept[:start]
