"""A message and a secret → the three headers of Standard Webhooks by which its receiver knows who sent it.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import time
from pathlib import Path

from tunesmith.errors import BadProject
from tunesmith.store.disk import disk_faults

FILE = "webhook.secret"
PREFIX = "whsec_"
BYTES = 32
LEAST, MOST = 24, 64
"""Bytes that a secret may have."""


def signed(message: str, body: bytes, secret: bytes, at: float | None = None) -> dict[str, str]:
    """The headers for a message with this id, sent now or at a Unix time."""
    moment = str(int(time.time() if at is None else at))
    digest = hmac.new(secret, f"{message}.{moment}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-id": message, "webhook-timestamp": moment, "webhook-signature": f"v1,{base64.b64encode(digest).decode()}"}


def secret_of(home: Path) -> bytes:
    """The secret of this store, from `HOME/webhook.secret`; made where there is none, readable by its owner only.

    Raises: BadProject for a file that holds no secret; StoreUnusable.
    """
    path = home / FILE
    with disk_faults(path):
        if not path.exists():
            fresh = path.with_name(f".{FILE}.{os.getpid()}")
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode() + "\n")
            fresh.replace(path)
        text = path.read_text("utf-8", "replace").strip()
    try:
        found = base64.b64decode(text.removeprefix(PREFIX), validate=True) if text.startswith(PREFIX) else b""
    except binascii.Error:
        found = b""
    if not LEAST <= len(found) <= MOST:
        expected = f"`{PREFIX}` and {LEAST} to {MOST} bytes in base64"
        raise BadProject("is no secret for webhooks", where=str(path), expected=expected, fix="delete the file: a new one is made")
    return found
