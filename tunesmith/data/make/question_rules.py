"""A heading → the question that it asks, or that it can be turned into without doubt; None for every other one.

A false question spoils a row for good, while a heading that is left alone costs one row: where the grammar leaves a doubt, the heading stays a topic.
"Installing the driver" can only mean "How do I install the driver?", but "Shipping costs" are not "How do I ship costs?".
"""

from __future__ import annotations

import re

MAX_QUESTION_CHARACTERS = 300
WORDS = r"(?:what|which|who|whom|whose|where|when|why|how)"
AUXILIARIES = r"(?:is|are|was|were|am|do|does|did|can|could|will|would|should|shall|may|might|must|has|have|had|isn't|aren't|wasn't|weren't|don't|doesn't|didn't|can't|couldn't|won't|wouldn't|shouldn't|haven't|hasn't)"  # fmt: skip
SUBJECTS = r"(?:i|you|we|they|he|she|it|there|the|a|an|my|your|our|this|that|these|those|any|some|all)"
BASES = [
    "activate",
    "add",
    "adjust",
    "apply",
    "approve",
    "archive",
    "assign",
    "attach",
    "block",
    "book",
    "build",
    "buy",
    "calibrate",
    "cancel",
    "change",
    "charge",
    "check",
    "choose",
    "clean",
    "clear",
    "close",
    "compare",
    "compile",
    "configure",
    "confirm",
    "connect",
    "convert",
    "copy",
    "create",
    "customize",
    "customise",
    "deactivate",
    "debug",
    "define",
    "delete",
    "deploy",
    "disable",
    "disconnect",
    "download",
    "edit",
    "enable",
    "enter",
    "exchange",
    "export",
    "extend",
    "file",
    "fill",
    "find",
    "fix",
    "format",
    "generate",
    "get",
    "grant",
    "hide",
    "import",
    "increase",
    "insert",
    "install",
    "invite",
    "join",
    "leave",
    "link",
    "load",
    "lock",
    "log",
    "manage",
    "mark",
    "measure",
    "merge",
    "migrate",
    "modify",
    "mount",
    "move",
    "open",
    "order",
    "pair",
    "pause",
    "pay",
    "place",
    "prepare",
    "prevent",
    "print",
    "protect",
    "publish",
    "purchase",
    "recover",
    "redeem",
    "reduce",
    "register",
    "remove",
    "rename",
    "renew",
    "repair",
    "replace",
    "report",
    "request",
    "reset",
    "resize",
    "restart",
    "restore",
    "resume",
    "return",
    "revoke",
    "run",
    "save",
    "schedule",
    "select",
    "sell",
    "send",
    "set",
    "share",
    "ship",
    "sign",
    "specify",
    "start",
    "stop",
    "submit",
    "subscribe",
    "switch",
    "sync",
    "test",
    "track",
    "transfer",
    "translate",
    "turn",
    "uninstall",
    "unlock",
    "unsubscribe",
    "update",
    "upgrade",
    "upload",
    "use",
    "validate",
    "verify",
    "view",
    "wash",
    "withdraw",
    "write",
]
DOUBLED = frozenset(["get", "log", "plug", "put", "reset", "run", "set", "ship", "stop", "submit", "begin", "cut", "swap"])
DETERMINERS = r"(?:a|an|the|your|my|our|another)"
GERUNDS = {
    (base + base[-1] if base in DOUBLED else base[:-1] if base.endswith("e") and not base.endswith("ee") else base) + "ing": base for base in BASES
}
GERUNDS |= {"cancelling": "cancel", "syncing": "sync", "submitting": "submit", "transferring": "transfer"}

_NUMBERING = re.compile(
    r"^(?:\(?\d{1,3}(?:\.\d{1,3})*[.):]|\d{1,3}(?:\.\d{1,3})+|§\s*\d+|[IVX]{1,4}\.)\s+(?=\S)|^\d{1,3}\s+(?=(?:What|Which|Who|Where|When|Why|How|Can|Do|Does|Is|Are|Should)\b)"
)
_LABEL = re.compile(r"^(?:Q|Question|Frage|Pregunta|Domanda|FAQ|问|問|質問|Вопрос)\s?#?\d{0,3}\s?[.:：)]\s*", re.I)
_MARKED = re.compile(r"^(.*[?？؟][\"”»’]?)\s*(?:\([^()]{0,120}\)|¶)?$", re.S)
_QUOTED = re.compile(r"^[\"“«„](.*)[\"”»“]$", re.S)
_INVERTED = re.compile(
    rf"^{WORDS}(?:'s\s+|\s+{AUXILIARIES}\s+(?!not\b)|\s+(?:many|much|long|often|far|old|large|big)\b.*\s{AUXILIARIES}\s+{SUBJECTS}\s)\S", re.I
)
_DIRECT = re.compile(r"^(?:is|are|was|were|do|does|did|can|could|will|would|should)(?:n't)?\s+(?:i|you|we|they|he|she|it|there|my|your|our|this|these)\s+\S+\s\S", re.I)  # fmt: skip
_FURNITURE = re.compile(
    r"^(?:any |more |still |other |further |got |have |do you have )*(?:a |any |more |further )?(?:questions?|problems?|feedback|comments?|suggestions?)\?$|"
    r"^(?:still )?need(?: more| any| some| further)? (?:help|assistance|support|information)\b|helpful\?$|answer your question|find what you|looking for\?$|"
    r"^(?:not )?(?:convinced|ready|interested|curious|sold|stuck|lost)\?$|^what(?:'s| is) (?:new|next|on this page)\?$|^ready to \w+|^did you know",
    re.I,
)
_QUESTION_WORD = re.compile(rf"^(?:{WORDS}|{AUXILIARIES})\b", re.I)
_STATEMENT = re.compile(
    r"^(?:(?:I|I'm|I've)\s|(?:My|We|Our)\s(?=.*\b(?:I|is|are|was|does|do|not|\w+n't|cannot|gets?|fails?|keeps?|want|need|has|have)\b))\S+(?:\s+\S+){3,}$"
)
_HOW_TO = re.compile(r"^how\s+to\s+((?!not\b)[a-z]+\b.*\S)$", re.I)
_WHEN_TO = re.compile(r"^(when|where)\s+to\s+([a-z]+\b.*\S)$", re.I)
_WHAT_TO_DO = re.compile(r"^what\s+to\s+do\s+(if|when|before|after|with|about)\s+(.+\S)$", re.I)
_HOW_WORKS = re.compile(rf"^how\s+((?:{DETERMINERS}\s+)?[\w-]+(?:\s+[\w-]+)?)\s+works$", re.I)
_GERUND = re.compile(rf"^([A-Za-z]+ing)((?:\s+(?:in|out|up|off|on|down|back))?(?:\s+(?:to|for|from|with|into))?\s+{DETERMINERS}\s+\S.*)$")
_IMPERATIVE = re.compile(rf"^([A-Za-z]+)((?:\s+(?:in|out|up|off|on|down|back))?(?:\s+(?:to|for|from|with|into))?\s+{DETERMINERS}\s+\S.*)$")
_SECOND_DEED = re.compile(r"(?:\b(?:and|or|then)|&|,)\s+(?:\w+ly\s+)?\w+ing\b", re.I)
_CJK = re.compile(r"[\u2e80-\u9fff\uac00-\ud7ff\u3040-\u30ff]")


def bare(heading: str) -> str:
    """The heading without its number, its label and the space around it.

    >>> bare("3.1  Q2: Can I pay by card?")
    'Can I pay by card?'
    """
    text = " ".join(heading.split()).strip("* ¶")
    text = _LABEL.sub("", _NUMBERING.sub("", text, count=1), count=1)
    return _NUMBERING.sub("", text, count=1).strip()


def as_question(heading: str) -> str | None:
    """The question that a heading asks itself; a question mark that was left out is added where the word order asks.

    >>> as_question("How do you remove items from a list"), as_question("Why Python uses colons"), as_question("Any questions?")
    ('How do you remove items from a list?', None, None)
    """
    text = bare(heading)
    if quoted := _QUOTED.match(text):
        text = quoted[1].strip() if not re.search(r"[\"“”«»]", quoted[1]) else text
    if not text or len(text) > MAX_QUESTION_CHARACTERS or _FURNITURE.search(text):
        return None
    marked = _MARKED.match(text)
    if marked:
        return marked[1].strip() if is_enough(marked[1]) else None
    if "?" in text or text.endswith((":", ",", ";")):
        return None
    if _INVERTED.match(text) or _DIRECT.match(text):
        return text.rstrip(". ") + "?"
    return None


def is_enough(question: str) -> bool:
    """True if a text with a question mark is more than a word thrown in.

    >>> is_enough("Why Python?"), is_enough("Allergies?"), is_enough("Really good?")
    (True, False, False)
    """
    words = question.split()
    if _CJK.search(question):
        return len(question) >= 4
    return len(words) >= 3 or (len(words) == 2 and bool(_QUESTION_WORD.match(question)))


def as_statement(heading: str) -> str | None:
    """What somebody says of a trouble, as lists of questions have it between questions: a sentence in the first person.

    >>> as_statement("My class defines __del__ but it is not called."), as_statement("My account")
    ('My class defines __del__ but it is not called.', None)
    """
    text = bare(heading)
    return text if len(text) <= MAX_QUESTION_CHARACTERS and _STATEMENT.match(text) else None


def from_topic(heading: str) -> str | None:
    """The question that a heading names without asking it.

    >>> from_topic("How to reset your password"), from_topic("Installing the driver"), from_topic("Shipping costs")
    ('How do I reset my password?', 'How do I install the driver?', None)
    """
    text = bare(heading).rstrip(".: ")
    if not text or len(text) > MAX_QUESTION_CHARACTERS or "?" in text:
        return None
    if found := _HOW_TO.match(text):
        return spoken("How do", found[1])
    if found := _WHEN_TO.match(text):
        return spoken(f"{found[1].capitalize()} {'should' if found[1].lower() == 'when' else 'can'}", found[2])
    if found := _WHAT_TO_DO.match(text):
        return spoken("What should", f"do {found[1].lower()} {found[2]}")
    if found := _HOW_WORKS.match(text):
        return f"How does {found[1][0].lower() + found[1][1:] if found[1].split()[0].lower() in ('a', 'an', 'the', 'your', 'my', 'our') else found[1]} work?"
    if (found := _GERUND.match(text)) and found[1].lower() in GERUNDS and not _SECOND_DEED.search(found[2]):
        return spoken("How do", GERUNDS[found[1].lower()] + found[2])
    if (found := _IMPERATIVE.match(text)) and found[1].lower() in BASES:
        return spoken("How do", found[1].lower() + found[2])
    return None


def spoken(opening: str, deed: str) -> str:
    """The question as the one who does it asks it; where the text says `you` itself, it stays with `you`.

    >>> spoken("How do", "Change your PIN"), spoken("How do", "pay before you leave")
    ('How do I change my PIN?', 'How do you pay before you leave?')
    """
    first, _, rest = deed.partition(" ")
    first = first if first.isupper() and len(first) > 1 else first[:1].lower() + first[1:]
    text = f"{first} {rest}".strip()
    if re.search(r"\byou(?:'\w+)?\b", text, re.I):
        return f"{opening} you {text}?"
    text = re.sub(r"\byourself\b", "myself", re.sub(r"\byour\b", "my", re.sub(r"\byours\b", "mine", text)))
    return f"{opening} I {text}?"


def from_definition(heading: str, first_sentence: str) -> str | None:
    """`What is X?` where the heading is X, and the text under it begins with `X is a …`.

    >>> from_definition("Loyalty card", "A loyalty card is a card that …"), from_definition("Prices", "Prices are on the back.")
    ('What is a loyalty card?', None)
    """
    topic = bare(heading).rstrip(".: ")
    if not topic or len(topic) > 80 or "?" in topic:
        return None
    named = re.escape(topic)
    found = re.match(
        rf"(?:(an?|the)\s+)?({named})\s*(?:\([^()]{{1,60}}\)\s*)?\s(is|are)\s+(?:an?|the|one|any|our|your|how|when|where|what)\b",
        first_sentence,
        re.I,
    )
    if not found:
        return None
    article = f"{found[1].lower()} " if found[1] else ""
    return f"What {found[3].lower()} {article}{found[2]}?"
