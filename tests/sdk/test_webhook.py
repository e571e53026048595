"""A job ends while the server is being killed: its webhook comes all the same, and the official client accepts it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from tests.finetune.conftest import chat, lines
from tests.sdk.conftest import follow, serving
from tests.waiting import until


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """Somebody's server that takes every second message only."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(({name.lower(): value for name, value in self.headers.items()}, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200 if len(got) % 2 == 0 else 500)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", got
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.long
def test_it_comes_although_the_server_was_killed(tmp_path: Path, model: Path, receiver: Any) -> None:
    url, got = receiver
    for running in serving(tmp_path / "server", model, "--webhook", url, "--allow-private-webhooks"):
        client = running.client(max_retries=5)
        few = client.files.create(file=("few.jsonl", lines([chat(number) for number in range(7)])), purpose="fine-tune").id
        job = client.fine_tuning.jobs.create(model="tiny", training_file=few)
        running.kill("console")
        running.start()
        assert follow(client, job.id).status == "failed"
        until(lambda: got)
        running.kill("console")  # between the refused first attempt and the second
        running.start()
        until(lambda: len(got) >= 2)
        secret = (running.home / "webhook.secret").read_text().strip()
        for headers, body in got:
            event = OpenAI(api_key="x", webhook_secret=secret).webhooks.unwrap(body, headers)
            assert (event.type, event.data.id) == ("fine_tuning.job.failed", job.id)
        assert len({headers["webhook-id"] for headers, _ in got}) == 1
        assert secret not in running.log()
