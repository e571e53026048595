"""Fine-tuning examples that are sound, and a file of examples checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tunesmith.data.given import FileRole, Given, Method, check_given

U, A = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}
CHAT = {"messages": [U, A]}
PAIR = {"prompt": "Hi", "completion": "Hello"}
DPO = {"input": {"messages": [U]}, "preferred_output": [A], "non_preferred_output": [{"role": "assistant", "content": "No"}]}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


def lines(*rows: Any) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def check(folder: Path, data: bytes, method: Method = "supervised", role: FileRole = "training_file") -> Given:
    path = folder / "given.jsonl"
    path.write_bytes(data)
    return check_given(path, method, role=role, file_id="file-x")
