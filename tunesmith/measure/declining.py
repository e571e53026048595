"""An answer → whether it does nothing but decline: English ways of saying that one does not know, cannot say, or is not there for that.

At least one clause declines, and every other one apologises, says who is speaking, or offers help: "I'm not sure, but it takes three days" is an answer. A clause
declines where the speaker or the text at hand (I, we, the document …) stands before a negation, and that before a word of knowing or telling; or by one of a few
fixed frames ("outside my area", "there is nothing about that"). What is negated is what matters: "we cannot refund payments" is an answer.
"""

from __future__ import annotations

import re

from tunesmith.measure.text import words

_CLAUSE = re.compile(
    r"(?<=[.!?;:])\s+|\n+|,?\s+(?=(?:but|however|though|although|so|because|since|and then)\b)|,\s+(?=(?:I|we|you|it|please|try|ask|as)\b)", re.I
)
_SORRY = (
    r"(?:(?:(?:i am|im|we are|were) )?(?:very |so |really |truly )?sorry(?: about that| to say(?: that)?| for the inconvenience| that)?|unfortunately|regrettably|sadly"
    r"|(?:i am|im|we are) afraid(?: that)?|(?:my |our )?apologies|(?:i|we) apologi[sz]e(?: for that)?"
    r"|(?:as|being) an? (?:\w+ ){0,2}(?:ai|model|assistant|agent|bot)|hm+|oh|but|however|so|and then|well|no|because|since|as)"
)
_WHO = r"(?:i am|im|we are|were|this is) (?:just |only |merely |simply )?(?:an?|the|here) (?:\w+ ){0,4}\w+\Z"
_KNOWING = (
    r"(?:know|knows|knowing|knowledge|say|says|said|tell|tells|told|answer|answers|answered|help|assist|find|locate|look (?:that|this|it) up|understand|recogni[sz]e|determine|determined|comment|discuss|advise|advice"
    r"|information|info|details?|opinions?|clear|mention|mentions|mentioned|figures?|idea|clue|sure|certain|familiar|aware|heard|reply|respond|verify|confirm|specify|specified|stated?"
    r"|contain|entry|such|cover|covers|covered|access|context|talk about|speak about|trained|designed|the right)"
)
_NOT = r"(?:cannot|cant|can not|couldnt|could not|not|dont|doesnt|didnt|wont|wouldnt|wasnt|werent|havent|unable|no|nothing|never|lack|lacks|decline)"
_TEXT = r"(?:contexts?|passages?|documents?|texts?|documentation|sources?|articles?|handbook|manual|report|training|knowledge|excerpts?|question)"
_SPEAKER = rf"(?:i|we|im|ive|were|(?:the |this |these |that |those |my |your |our )(?:\w+ ){{0,2}}{_TEXT})"
_IT = r"(?:this|that|it|thats|its|your question|the question|this question|that question|this topic|that topic|this subject|that subject)"
_DECLINES = (
    rf"(?:\w+ ){{0,2}}?{_SPEAKER} (?:\w+ ){{0,3}}?{_NOT} (?:(?!(?:but|than)\b)\w+ ){{0,4}}?{_KNOWING}\b",
    r"(?:i|we) (?:can |am |are )?(?:able to |was made to |was trained to )?only (?:able to )?(?:answer|discuss|help|handle|deal|talk|respond|know)\b",
    r"im only able to (?:answer|discuss|help|handle|deal|talk|respond)\b",
    r"(?:i|we) (?:really )?(?:know nothing|must decline|have to decline|would rather not|need more (?:information|details|context)|would need more)\b",
    r"id rather not\b",
    rf"{_IT} (?:is |falls |goes |lies )?(?:\w+ )?(?:outside|beyond|out of) (?:\w+ ){{0,3}}(?:scope|me|us|area|remit|expertise|knowledge|abilities|capabilities|field|domain|business|what)\b",
    rf"{_IT} (?:is )?(?:not|isnt) (?:something|anything|a topic|a question|part of what|our business|my area|in my|within my|what i|clear|known|possible (?:for (?:me|us) )?to (?:say|tell|know|answer|help))\b",
    r"(?:\w+ ){0,4}?(?:isnt|is not|are not|arent) something (?:i|we)\b",
    r"its impossible for (?:me|us) to (?:say|tell|know|answer|help)\b|it is impossible for (?:me|us) to (?:say|tell|know|answer|help)\b",
    rf"{_IT} (?:cannot|can not|cant) be (?:answered|determined|known|told|verified)\b",
    r"(?:\w+ ){0,3}?(?:cannot|can not|cant) be (?:answered|determined|known|told|verified) from\b",
    rf"(?:there is|theres|there are|i see|i found|we found) (?:nothing|no (?:\w+ )?(?:information|info|details?|mention|data|answer)|not enough (?:information|context|details?)) (?:about|of|regarding|available|on (?:that|this|it)|to (?:answer|say|tell|help)|in (?:the|this|these|that|those|my|our) (?:\w+ ){{0,2}}{_TEXT})\b",
    r"there isnt (?:enough|any|sufficient) (?:information|context|details?|mention)\b",
    r"no (?:\w+ )?(?:information|details?|data|answer) (?:is|are|was|were)? ?(?:available|given|provided|known|found)\b",
    rf"nothing in (?:the|this|these|that|those|my|our) (?:\w+ ){{0,2}}{_TEXT}\b",
    r"no idea\b",
    r"not something (?:i|we)\b",
    r"(?:i am|im) unsure\b",
    r"(?:i|we) (?:can )?only (?:speak|know) (?:about|of)\b",
    rf"{_SPEAKER} (?:is|are) silent\b",
    r"(?:we have|there is|theres|i know of) no such\b",
    r"(?:that|this|it|no such|the) (?:\w+ ){0,2}(?:does not|doesnt|do not|dont) exist\b",
    r"my (?:knowledge|training|data) (?:ends|stops|ended)\b",
)
_OFFERS = (
    r"(?:please|is there|let me know|feel free|if you|can i|may i|how can|how may|what else|would you like|could you|try (?:asking|again|another|to ask)|ask (?:me|about|something)|contact|"
    r"i (?:can|could|will|would) (?:only|help|answer|assist|try|look|connect|pass|forward|be)\b|i (?:only|hope|suggest|recommend|deal|answer|handle)|"
    r"im (?:here|only|happy)|i am (?:here|only|happy)|we (?:can only|only|recommend|suggest)|"
    r"you (?:may|might|could|can|should|would have to|will have to) (?:want to |try to |wish to )?(?:contact|ask|check|consult|try|reach|look|search|rephrase|call|visit)|"
    rf"my (?:knowledge|training|job|area)|thank|thanks|have a|{_IT} is not about|its not about)\b"
)
_SHORT = frozenset(
    {
        "unknown",
        "not known",
        "unanswerable",
        "no answer",
        "not answerable",
        "cannot answer",
        "cant answer",
        "cannot be answered",
        "not available",
        "not mentioned",
    }
)
_IS_DECLINE = re.compile(rf"(?:{_SORRY}\s+)*(?:{'|'.join(_DECLINES)})")
_IS_HARMLESS = re.compile(rf"(?:{_SORRY}(?:\s+|\Z))+\Z|(?:{_SORRY}\s+)*(?:{_WHO}|{_OFFERS})")
LONGEST = 2_000
"""Characters; whoever says more does more than decline."""


def declines(answer: str) -> bool:
    """True if the answer declines, apologises and offers help, and does nothing else.

    >>> declines("I'm sorry, but I don't have any information about that. Is there anything else?"), declines("I'm not sure, but it takes three days.")
    (True, False)
    """
    if len(answer) > LONGEST:
        return False
    found = clauses(answer)
    if " ".join(found) in _SHORT or found in (["sorry"], ["im sorry"], ["i am sorry"]):
        return True
    declining = [bool(_IS_DECLINE.match(clause)) for clause in found]
    return any(declining) and all(is_so or _is_harmless(clause) for is_so, clause in zip(declining, found, strict=True))


def _is_harmless(clause: str) -> bool:
    """True for what may stand beside a refusal: it answers nothing."""
    return not any(c.isdigit() for c in clause) and bool(_IS_HARMLESS.match(clause))


def only_offers(text: str) -> bool:
    """True if nothing in `text` answers anything; also where it is empty.

    >>> only_offers("Is there anything else?"), only_offers("Your balance is 12.")
    (True, False)
    """
    return all(_is_harmless(clause) or bool(_IS_DECLINE.match(clause)) for clause in clauses(text))


def clauses(text: str) -> list[str]:
    """The clauses of `text` as folded words, cut at ends of sentences, before `but` and the like, and where a comma brings a new subject; empty ones left out.

    >>> clauses("I'm sorry, but I can't say. Ask again!")
    ['im sorry', 'but i cant say', 'ask again']
    """
    return [found for part in _CLAUSE.split(text) if (found := " ".join(words(part)))]
