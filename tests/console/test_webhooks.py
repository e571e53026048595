"""What has ended is told of, signed, until it was taken; and nobody in the network is called unasked."""

from __future__ import annotations

import base64
import json
import shutil
import ssl
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import openai
import pytest

from tests.waiting import until
from tunesmith.console import webhooks as module
from tunesmith.console.addresses import destination, is_public, post, resolved
from tunesmith.console.configuration import Configuration
from tunesmith.console.state import open_console
from tunesmith.console.webhooks import Webhooks, after_failure, delivering, is_due
from tunesmith.console.webhooks_signing import FILE, secret_of, signed
from tunesmith.errors import BadProject, Unsupported


@dataclass
class Receiver:
    """Somebody's server: answers with the statuses of a list, then 200."""

    statuses: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes, str]] = field(default_factory=list)
    silence: threading.Event = field(default_factory=threading.Event)
    """Answers once it is set."""
    url: str = ""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    made.silence.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.got.append(({name.lower(): value for name, value in self.headers.items()}, body, self.path))
            made.silence.wait(600)
            self.send_response(made.statuses.pop(0) if made.statuses else 200)
            self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/hook?token=t0k3n"
    yield made
    made.silence.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.02)
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.02)


@contextmanager
def telling(home: Any, *urls: str) -> Iterator[Webhooks]:
    console = open_console(home, Configuration(webhooks=urls, private_webhooks=True))
    try:
        with delivering(console) as webhooks:
            yield webhooks
        end(webhooks)
    finally:
        console.store.close()


def end(webhooks: Webhooks) -> None:
    """Stop, and wait until what was being sent is sent: `stop` does not wait long for it."""
    webhooks.stop()
    for thread in webhooks._threads:
        if thread.is_alive():
            thread.join()


def ended(webhooks: Webhooks, name: str, status: str = "succeeded") -> None:
    queue = webhooks.console.queue
    queue.enqueue("finetune", "fine-tune", {}, name=name, shared=True)
    match status:
        case "succeeded":
            queue.finish(name, {})
        case "failed":
            queue.fail(name, {"code": "bad_record"})
        case _:
            queue.cancel(name)


def waiting(webhooks: Webhooks) -> int:
    return len(webhooks.console.objects.page("delivery").items)


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_the_official_client_reads_what_is_sent(home, receiver, status):
    with telling(home, receiver.url) as webhooks:
        webhooks.console.queue.enqueue("run", "no job of the API", {}, name="job-other")
        webhooks.console.queue.finish("job-other", {})
        ended(webhooks, "ftjob-a", status)
        until(lambda: receiver.got and not waiting(webhooks))
        time.sleep(0.1)
    [(headers, body, path)] = receiver.got
    assert path == "/hook?token=t0k3n"
    client = openai.OpenAI(api_key="x", webhook_secret=(home / FILE).read_text().strip())
    event = client.webhooks.unwrap(body, headers)
    assert (event.type, event.data.id, event.object) == (f"fine_tuning.job.{status}", "ftjob-a", "event")
    assert event.id == headers["webhook-id"]
    assert abs(event.created_at - time.time()) < 300
    with pytest.raises(openai.InvalidWebhookSignatureError):
        client.webhooks.unwrap(body.replace(b"ftjob-a", b"ftjob-b"), headers)


def test_what_is_not_taken_is_sent_again(home, receiver):
    receiver.statuses = [500, 302, 404]
    with telling(home, receiver.url) as webhooks:
        ended(webhooks, "ftjob-a")
        until(lambda: len(receiver.got) == 4 and not waiting(webhooks))
    assert {(headers["webhook-id"], path) for headers, _, path in receiver.got} == {("evt_ftjob-a_succeeded", "/hook?token=t0k3n")}  # no redirect


def test_what_happened_while_no_server_ran_is_told_later(home, receiver):
    receiver.statuses = [503] * 1000
    with telling(home, receiver.url) as webhooks:
        ended(webhooks, "ftjob-a")
        until(lambda: receiver.got)
        end(webhooks)
        ended(webhooks, "ftjob-b", "failed")
    receiver.statuses, before = [], len(receiver.got)
    with telling(home, receiver.url) as webhooks:
        until(lambda: len({headers["webhook-id"] for headers, _, _ in receiver.got[before:]}) == 2 and not waiting(webhooks))
    with telling(home, receiver.url):
        time.sleep(0.2)
    assert len(receiver.got) == before + 2


def test_nothing_from_before_there_were_webhooks_is_told(home, receiver):
    with telling(home) as webhooks:
        ended(webhooks, "ftjob-old")
    with telling(home, receiver.url) as webhooks:
        ended(webhooks, "ftjob-new")
        until(lambda: receiver.got)
    with telling(home) as webhooks:  # for a while nobody wants to know
        ended(webhooks, "ftjob-unheard")
    time.sleep(0.01)
    with telling(home, receiver.url) as webhooks:
        ended(webhooks, "ftjob-newest")
        until(lambda: len(receiver.got) == 2)
        time.sleep(0.1)
    assert [json.loads(body)["data"]["id"] for _, body, _ in receiver.got] == ["ftjob-new", "ftjob-newest"]


def test_batches_and_evals(home, receiver):
    with telling(home) as webhooks:
        objects = webhooks.console.objects
        objects.add("batch", "batch_old", {"status": "completed", "completed_at": int(time.time()) - 9})
        objects.add("batch", "batch_slow", {"status": "in_progress"})
    time.sleep(0.01)
    with telling(home, receiver.url) as webhooks:
        objects.change("batch", "batch_slow", lambda old: {"status": "expired", "expired_at": int(time.time()) + 1})
        objects.add("run", "evalrun_a", {"status": "completed"})
        objects.add("run", "evalrun_b", {"status": "in_progress"})
        until(lambda: len(receiver.got) == 2 and not waiting(webhooks))
    told = {(json.loads(body)["type"], json.loads(body)["data"]["id"]) for _, body, _ in receiver.got}
    assert told == {("batch.expired", "batch_slow"), ("eval.run.succeeded", "evalrun_a")}


def test_one_receiver_does_not_hold_up_another(home, receiver):
    with telling(home, "http://127.0.0.1:9/nobody-listens", receiver.url) as webhooks:
        ended(webhooks, "ftjob-a")
        until(lambda: receiver.got and waiting(webhooks) == 1)
        [left] = webhooks.console.objects.page("delivery").items
        until(lambda: webhooks.console.objects.get("delivery", left.id).body["attempts"] >= 2)
    assert "t0k3n" not in json.dumps([one.body for one in [left]])


@pytest.mark.parametrize("how", ["gone", "old"])
def test_what_nobody_will_ever_take_is_dropped(home, receiver, how, monkeypatch):
    receiver.statuses = [410 if how == "gone" else 500] * 1000
    if how == "old":
        monkeypatch.setattr(module, "KEPT_S", 0.2)
    with telling(home, receiver.url) as webhooks:
        ended(webhooks, "ftjob-a")
        until(lambda: receiver.got and not waiting(webhooks))
        time.sleep(0.1)
        assert waiting(webhooks) == 0


def test_waits_grow_up_to_ten_hours(monkeypatch):
    monkeypatch.setattr(module, "FIRST_WAIT_S", 5.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: 1e9))
    body: dict[str, Any] = {"attempts": 0}
    waits = []
    for _ in range(10):
        body = after_failure(body)
        waits.append(body["not_before"] - 1e9)
    assert all(
        0.89 * wanted <= wait <= 1.11 * wanted for wanted, wait in zip([5, 20, 80, 320, 1280, 5120, 20480, 36000, 36000, 36000], waits, strict=True)
    )


def test_signature_by_hand():
    """The example of the specification of Standard Webhooks."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', secret, at=1614265330)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_secret_is_the_owners_and_stays(tmp_path):
    secret = secret_of(tmp_path)
    assert secret_of(tmp_path) == secret
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    for bad in ("", "whsec_", "whsec_c2hvcnQ=", "whsec_###", secret.hex()):
        (tmp_path / FILE).write_text(bad)
        with pytest.raises(BadProject, match="is no secret for webhooks"):
            secret_of(tmp_path)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "198.18.0.1", "::", "::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
        "2002:7f00:1::", "2002:a00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_private_addresses(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses(address):
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0177.0.0.1", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]"])
def test_no_spelling_of_this_machine_is_called(host):
    there = destination(f"https://{host}/", "--webhook")
    with pytest.raises((Unsupported, OSError)):
        resolved(there, allow_private=False)
    with pytest.raises((Unsupported, OSError)):
        post(there, b"{}", {}, allow_private=False, within_s=1)


@pytest.mark.parametrize(
    "url",
    ["http://example.org/", "ftp://example.org", "example.org", "https://", "https://a:b@example.org", "https://example.org/a b", "https://example.org:x", "https://exämple.org", "https://example.org/\r\nx"],
)  # fmt: skip
def test_what_is_no_url_to_call(url):
    with pytest.raises(BadProject):
        destination(url, "--webhook")


def test_a_receiver_that_drips_is_left(receiver):
    receiver.silence.clear()
    there = destination(receiver.url, "--webhook", allow_private=True)
    began = time.monotonic()
    with pytest.raises(OSError):  # noqa: PT011  # a time-out, or the end of the connection, whichever is seen first
        post(there, b"{}", {}, allow_private=True, within_s=0.3)
    assert time.monotonic() - began < 120, "it would have answered after ten minutes"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command to make a certificate")
def test_certificates_are_verified(tmp_path, monkeypatch):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*make, "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(f"{self.headers['host']} {self.path} {self.rfile.read(2).decode()}")
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, address: Any) -> None:
            """The client that does not trust us goes away: as it should."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Quiet(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        there = destination(f"https://localhost:{server.server_port}/a?b=c", "--webhook")
        with pytest.raises(ssl.SSLCertVerificationError):
            post(there, b"{}", {}, allow_private=True, within_s=300)
        trusting = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
        assert post(there, b"{}", {}, allow_private=True, within_s=300) == 204
        server.shutdown()
        thread.join()
    assert heard == [f"localhost:{there.port} /a?b=c {{}}"]


def test_a_server_does_not_start_with_a_private_webhook(home):
    console = open_console(home, Configuration(webhooks=("https://127.0.0.1/hook",)))
    with pytest.raises(Unsupported, match="private network"), delivering(console):
        pass
    console.store.close()


def test_a_message_that_a_clock_put_into_the_far_future_is_due(home):
    console = open_console(home, Configuration())
    far = console.objects.add("delivery", "a", {"not_before": time.time() + 1e7})
    soon = console.objects.add("delivery", "b", {"not_before": time.time() + 60})
    assert [is_due(one, time.time()) for one in (far, soon)] == [True, False]
    console.store.close()
