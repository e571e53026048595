"""A Slack export (a folder of channels, or one channel's file) → turns: threads by `thread_ts`, names for ids, joins and leaves left out."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tunesmith.data.make.thread_files import faulty, load_json, rows_of
from tunesmith.data.make.thread_turns import Turn
from tunesmith.data.sources.fault import RowFault
from tunesmith.errors import BadData
from tunesmith.spec.passage import Skipped, Spot

META = frozenset(
    {"users.json", "channels.json", "groups.json", "dms.json", "mpims.json", "integration_logs.json", "canvases.json", "file_conversations.json"}
)
SAID = frozenset({"", "thread_broadcast", "me_message", "file_share", "file_comment", "bot_message", "reply_broadcast"})
"""Subtypes of messages in which somebody says something; all others (joins, topics, pins …) are remarks of the program."""
_USER = re.compile(r"<@([A-Z0-9]+)(?:\|([^>]*))?>")
_CHANNEL = re.compile(r"<#[A-Z0-9]+\|([^>]*)>|<!([a-z]+)(?:\^[^>|]*)?(?:\|([^>]*))?>")
_LINK = re.compile(r"<((?:https?|mailto|tel)[^>|]*)(?:\|([^>]*))?>")


def is_export(folder: Path) -> bool:
    """True if a folder is a Slack export."""
    return any((folder / name).is_file() for name in ("channels.json", "groups.json", "dms.json")) or (folder / "users.json").is_file()


def is_channel(rows: list[dict[str, Any]]) -> bool:
    """True if rows look like the messages of a Slack channel."""
    return bool(rows) and sum("ts" in row and ("user" in row or "bot_id" in row or "subtype" in row) for row in rows) >= 0.8 * len(rows)


def users_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Id → user, from users.json in a folder or the one above it; empty where there is none."""
    for place in (folder, folder.parent):
        found = load_json(place / "users.json") if (place / "users.json").is_file() else None
        if isinstance(found, list):
            return {str(user.get("id")): user for user in found if isinstance(user, dict)}
    return {}


def channel_turns(path: Path, file: str, channel: str, users: Mapping[str, dict[str, Any]]) -> Iterator[Turn | Skipped]:
    """The turns of one file of a channel; a message outside any thread is a thread of its own.

    Raises: BadData if the file cannot be read.
    """
    names = {id_: name_of(user) for id_, user in users.items()}
    for line, row in rows_of(path, file):
        if isinstance(row, RowFault):
            yield faulty(file, line, row)
            continue
        subtype = str(row.get("subtype") or "")
        if subtype not in SAID:
            yield Skipped(spot=Spot(file=file, line=line), reason="system_message", message=f"is no message but a remark of the program ({subtype})")
            continue
        id_ = str(row.get("user") or row.get("bot_id") or row.get("username") or "")
        user = users.get(id_, {})
        profile = user.get("profile") if isinstance(user.get("profile"), dict) else {}
        assert isinstance(profile, dict)
        own = row.get("user_profile")
        author = (
            names.get(id_) or (str(own.get("real_name") or own.get("name") or "") if isinstance(own, dict) else "") or str(row.get("username") or id_)
        )
        stamp = str(row.get("ts") or "")
        yield Turn(
            thread=f"{channel}\0{row.get('thread_ts') or stamp}",
            author=author,
            side="bot" if "bot_id" in row or subtype == "bot_message" or user.get("is_bot") else "",
            email=str(profile.get("email") or "").casefold(),
            time=float(stamp) if re.fullmatch(r"\d{1,12}(?:\.\d{1,9})?", stamp) else None,
            text=plain_text(row.get("text") if isinstance(row.get("text"), str) else "", names),
            subject="",
            file=file,
            line=line,
        )


def name_of(user: Mapping[str, Any]) -> str:
    """What a user is called."""
    profile = user.get("profile") if isinstance(user.get("profile"), dict) else {}
    assert isinstance(profile, dict)
    return str(profile.get("display_name") or profile.get("real_name") or user.get("real_name") or user.get("name") or "")


def plain_text(text: str | None, names: Mapping[str, str]) -> str:
    """A message without Slack's marks for people, channels and links.

    >>> plain_text("<@U1> see <https://a.b/c|the page> &amp; <#C1|help>", {"U1": "Ann"})
    '@Ann see the page (https://a.b/c) & #help'
    """
    said = _USER.sub(lambda found: "@" + (names.get(found[1]) or found[2] or found[1]), text or "")
    said = _CHANNEL.sub(lambda found: f"#{found[1]}" if found[1] else f"@{found[3] or found[2]}", said)
    return html.unescape(_LINK.sub(_link, said))


def _link(found: re.Match[str]) -> str:
    target, title = found[1].removeprefix("mailto:").removeprefix("tel:"), found[2]
    return f"{title} ({target})" if title and title not in target and target not in title else title or target


def export_turns(folder: Path, name: str) -> Iterator[tuple[Path, str, Iterator[Turn | Skipped]]]:
    """(path, file, its turns) for every day of every channel of an export."""
    users = users_of(folder)
    for channel in sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith(".")):
        for day in sorted(channel.glob("*.json")):
            file = str(Path(name) / channel.name / day.name)
            yield day, file, _told(day, file, f"{name}\0{channel.name}", users)


def _told(path: Path, file: str, channel: str, users: Mapping[str, dict[str, Any]]) -> Iterator[Turn | Skipped]:
    """The turns of a file, or what is wrong with it."""
    try:
        yield from channel_turns(path, file, channel, users)
    except BadData as error:
        for problem in error.problems:
            yield Skipped(spot=Spot(file=file), reason="unreadable", message=problem.message, fix=problem.fix)
