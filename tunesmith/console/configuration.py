"""How one server was started → what it allows and how it calls itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
MIB = 1 << 20


@dataclass(frozen=True)
class Configuration:
    """What does not change while the server runs."""

    hosts: tuple[str, ...] = LOOPBACK
    """Names by which it may be called (the `Host` header without its port)."""
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """A name that scripts use → the base model on this machine, or the name that `tunesmith run` registered, that is meant."""
    organization: str = "org-tunesmith"
    """Owner of everything in this store, as clients see it."""
    requests_per_minute: int = 60_000
    """Of a key that has no limit of its own; so is the next."""
    tokens_per_minute: int = 10_000_000
    body_bytes: int = 32 * MIB
    """Of a request that is not an upload."""
    file_bytes: int = 512 * MIB
    batch_file_bytes: int = 200 * MIB
    part_bytes: int = 64 * MIB
    upload_bytes: int = 8192 * MIB
    stored_bytes: int = 65_536 * MIB
    """Files of one key together; of a key that has no limit of its own, and so is the next."""
    active_jobs: int = 1_000
    """Fine-tuning jobs, batches and runs of evals of one key that have not ended."""
    answers_life_s: float = 30 * 86_400.0
    """Stored responses and chat completions are deleted at this age, as the hosted service does."""
    body_gap_s: float = 60.0
    """A client that sends nothing of its body for so long is let go."""
    webhooks: tuple[str, ...] = ()
    """URLs that are told when a job ends."""
    private_webhooks: bool = False
    """They may lead into a private network, and be plain HTTP."""
    decline: bool = False
    """Candidates with a threshold decline below it, unless a request says otherwise."""
    preset_key: str | None = None
    """A key that is valid from the start."""
