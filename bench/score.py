"""What was planted and what was found → counts, by sort of what is planted or by kind of finding."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass
class Score:
    """Counts, and texts to look at."""

    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    """Of what was planted."""
    named: Counter[str] = field(default_factory=Counter)
    """Findings."""
    right: Counter[str] = field(default_factory=Counter)
    """Of the findings."""
    missed: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    wrong: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
