"""A small OpenAI-compatible endpoint on this machine that answers by a rule, for tests of teachers.

with LittleTeacher(lambda body, number: say("hello")) as teacher:
    Remote(RemoteTeacher(base_url=teacher.url, model="m"))
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Told:
    """What the endpoint sends back."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    cut: bool = False
    """Close the connection before the body is whole."""


Rule = Callable[[dict[str, Any], int], Told]


def say(text: str | None, *, finish: str = "stop", tokens: tuple[int, int] | None = (10, 5), wait_s: float = 0.0, **message: Any) -> Told:
    """A chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    usage = {} if tokens is None else {"usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}}
    return Told(json.dumps({"id": "x", "object": "chat.completion", "choices": [choice], **usage}).encode(), wait_s=wait_s)


def fail(status: int, message: str = "no", code: str = "", **headers: str) -> Told:
    """An error in OpenAI's form."""
    body = json.dumps({"error": {"message": message, "type": "error", "code": code}}).encode()
    return Told(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


class LittleTeacher:
    """The endpoint. `heard` holds every request's body, `headers` theirs, in the order in which they came."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.heard: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """For `base_url`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> LittleTeacher:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Told:
        """Note a request and find its answer."""
        with self._lock:
            number = len(self.heard)
            self.heard.append(body)
            self.headers.append(headers)
            self.paths.append(path)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            told = self.rule(body, number)
            time.sleep(told.wait_s)
            return told
        finally:
            with self._lock:
                self.at_once -= 1


def _handler(teacher: LittleTeacher) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
            told = teacher.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            try:
                self.send_response(told.status)
                for name, value in told.headers.items():
                    self.send_header(name, value)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(told.body)))
                self.end_headers()
                self.wfile.write(told.body[: len(told.body) // 2] if told.cut else told.body)
                self.close_connection = self.close_connection or told.cut
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # whoever asked is gone

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    return Handler
