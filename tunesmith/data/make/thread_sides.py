"""The authors of a log → who answers and who asks, with the reason: by what the log says, by addresses, by who writes in many threads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tunesmith.data.make.thread_turns import Turn
from tunesmith.spec.making import ThreadWishes

MIN_THREADS = 3
MAX_STARTED = 0.25
"""An agent begins at most this share of the threads that they write in."""
DOMAIN_SHARE = 0.5
"""The agents' domain writes in at least this share of the threads."""
SAID_SHARE = 0.5
"""From this share of turns whose side the log states, its word decides for the others too."""
SHOWN = 5
FREE_MAIL = frozenset(
    [
        "gmail.com",
        "googlemail.com",
        "yahoo.com",
        "yahoo.de",
        "yahoo.co.uk",
        "hotmail.com",
        "hotmail.de",
        "outlook.com",
        "outlook.de",
        "live.com",
        "msn.com",
        "icloud.com",
        "me.com",
        "aol.com",
        "gmx.de",
        "gmx.net",
        "gmx.com",
        "web.de",
        "t-online.de",
        "freenet.de",
        "proton.me",
        "protonmail.com",
        "mail.ru",
        "yandex.ru",
        "qq.com",
        "163.com",
        "orange.fr",
        "free.fr",
        "laposte.net",
        "libero.it",
    ]
)
_BOT = re.compile(r"(?<![a-z])bot(?![a-z])|[a-z]Bot\b|slackbot|zendesk bot|chatbot|no-?reply|do-?not-?reply|mailer-daemon|postmaster|^automations?$|^system$|^workflow$|^zapier$|^github$|^jira$", re.I)  # fmt: skip


@dataclass
class Author:
    """What an author does in the log."""

    threads: int = 0
    started: int = 0


@dataclass
class Authors:
    """Counts over all threads, and then the decision."""

    wishes: ThreadWishes
    threads: int = 0
    known: dict[str, Author] = field(default_factory=dict)
    domains: dict[str, Author] = field(default_factory=dict)
    said: Counter[str] = field(default_factory=Counter)
    agents: frozenset[str] = frozenset()
    agent_domains: frozenset[str] = frozenset()
    by_start: bool = False
    reason: str = ""

    def see(self, turns: Sequence[Turn]) -> None:
        """One thread."""
        people = [turn for turn in turns if not turn.fault and not self.is_bot(turn)]
        if not people:
            return
        self.threads += 1
        self.said.update(turn.side or "open" for turn in people)
        for name in {turn.who() for turn in people}:
            author = self.known.setdefault(name, Author())
            author.threads += 1
            author.started += people[0].who() == name
        for domain in {domain_of(turn.email) for turn in people} - {""}:
            one = self.domains.setdefault(domain, Author())
            one.threads += 1
            one.started += domain_of(people[0].email) == domain

    def decide(self) -> str:
        """The reason for who is taken for an agent; from now on `side` answers."""
        stated = self.said["agent"] + self.said["customer"]
        if self.wishes.agents or self.wishes.customers:
            self.reason = "agents and customers as you named them"
        elif self.said["agent"] and stated >= SAID_SHARE * sum(self.said.values()):
            self.reason = f"agents and customers as the log says it ({stated:,} of {sum(self.said.values()):,} turns)"
        elif found := self._domains():
            self.agent_domains = found
            self.reason = f"agents are who writes from {shown(sorted(found))}: those addresses answer in most threads and begin few"
        elif self._frequent():
            self.agents = self._frequent()
            threads = sum(self.known[name].threads for name in self.agents)
            self.reason = (
                f"agents are {len(self.agents)} authors who write in {MIN_THREADS} threads or more and begin few of them ({threads:,} threads)"
            )
        else:
            self.by_start = True
            self.reason = "who begins a thread asks, everybody else in it answers: nothing in the log says who is an agent (name them with --agent)"
        return self.reason

    def side(self, turn: Turn, starter: str) -> str:
        """`agent`, `customer` or `bot`; `starter` began the thread."""
        if self.is_bot(turn):
            return "bot"
        if matches(turn, self.wishes.agents):
            return "agent"
        if matches(turn, self.wishes.customers):
            return "customer"
        if self.wishes.agents:
            return "customer"
        if self.wishes.customers:
            return "agent"
        if turn.side:
            return turn.side
        if self.by_start:
            return "customer" if turn.who() == starter else "agent"
        return "agent" if turn.who() in self.agents or domain_of(turn.email) in self.agent_domains else "customer"

    def is_bot(self, turn: Turn) -> bool:
        """True for a turn that no person wrote."""
        if matches(turn, (*self.wishes.agents, *self.wishes.customers)):
            return False
        return (
            turn.side == "bot" or matches(turn, self.wishes.bots) or bool(_BOT.search(turn.author)) or bool(_BOT.search(turn.email.partition("@")[0]))
        )

    def _domains(self) -> frozenset[str]:
        likely = {
            domain
            for domain, one in self.domains.items()
            if domain not in FREE_MAIL and one.threads >= max(MIN_THREADS, DOMAIN_SHARE * self.threads) and one.started <= MAX_STARTED * one.threads
        }
        return frozenset(likely) if likely and len(self.domains) > len(likely) else frozenset()

    def _frequent(self) -> frozenset[str]:
        needed = MIN_THREADS if self.threads >= 2 * MIN_THREADS else 2
        return frozenset(name for name, one in self.known.items() if name and one.threads >= needed and one.started <= MAX_STARTED * one.threads)


def domain_of(email: str) -> str:
    """The domain of an address; empty for none."""
    return email.rpartition("@")[2].casefold() if "@" in email else ""


def matches(turn: Turn, named: Iterable[str]) -> bool:
    """True if a turn is by one of these: an author, an address, or a domain written `@acme.com`."""
    who = {turn.author.casefold(), turn.email.casefold(), "@" + domain_of(turn.email or (turn.author if "@" in turn.author else ""))} - {"", "@"}
    return any(name.casefold() in who for name in named)


def shown(names: Sequence[str]) -> str:
    """The first few of them."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
