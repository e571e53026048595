"""Which URLs a teacher may have, and which addresses are called."""

from __future__ import annotations

import asyncio
import doctest

import httpx2
import pytest

from tests.data.make.little_teacher import LittleTeacher, say
from tunesmith.answer import remote_address
from tunesmith.answer.remote_address import Endpoint, Pinned, endpoint, resolved
from tunesmith.errors import BadProject, Unsupported
from tunesmith.spec.making_teacher import RemoteTeacher


def there(url: str, **changes: object) -> Endpoint:
    return endpoint(RemoteTeacher.model_validate({"base_url": url, "model": "m", **changes}))


def test_examples():
    assert doctest.testmod(remote_address).failed == 0


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"), ("https://api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"),
        ("https://x.org/v1/chat/completions", "https://x.org/v1/chat/completions"), ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1/chat/completions"), ("http://localhost/v1", "http://localhost/v1/chat/completions"),
    ],
)  # fmt: skip
def test_urls_that_are_called(url, called):
    assert called == there(url).url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("api.openai.com/v1", "no URL that can be called"), ("ftp://x.org/v1", "no URL that can be called"), ("https://", "no URL that can be called"),
        ("https://x.org:99999/v1", "no URL"), ("https://me:secret@x.org/v1", "more than an address"), ("https://x.org/v1?api-key=secret", "more than an address"),
        ("https://x.org/v1#secret", "more than an address"), ("http://x.org/v1", "not encrypted"), ("http://192.168.1.5:8000/v1", "not encrypted"),
        ("https://x.org/v1 secret", "no URL that can be called"), ("https://bücher.de/v1", "no URL that can be called"), ("http://[::1/v1", "no URL"),
    ],
)  # fmt: skip
def test_urls_that_are_refused(url, words):
    with pytest.raises(BadProject, match=words) as error:
        there(url)
    assert "secret" not in str(error.value)
    assert "fix:" in str(error.value)


def test_plain_http_inside_a_trusted_network():
    assert there("http://192.168.1.5:8000/v1", allow_private=True).port == 8000


@pytest.mark.parametrize(
    "host", ["10.1.2.3", "192.168.0.7", "169.254.169.254", "127.0.0.1", "[::1]", "[fd00::1]", "[::ffff:10.0.0.1]", "0.0.0.0", "100.64.0.1"]
)
def test_private_addresses_are_refused_unless_allowed(host):
    named = Endpoint(f"https://{host}/v1", "https", host.strip("[]"), 443, False)
    with pytest.raises(Unsupported, match="private network"):
        asyncio.run(resolved(named, allow_private=False))
    assert asyncio.run(resolved(named, allow_private=True))


def test_this_machine_by_name_is_allowed_and_no_other_one():
    assert asyncio.run(resolved(there("http://127.0.0.1:80/v1"), allow_private=False)) == ["127.0.0.1"]
    claims = Endpoint("http://10.0.0.1/v1", "http", "10.0.0.1", 80, True)
    with pytest.raises(Unsupported):
        asyncio.run(resolved(claims, allow_private=False))


def test_a_public_address_is_called():
    assert asyncio.run(resolved(Endpoint("https://8.8.8.8/v1", "https", "8.8.8.8", 443, False), allow_private=False)) == ["8.8.8.8"]


def test_a_name_that_has_no_address_is_a_connection_that_fails():
    async def ask() -> None:
        async with httpx2.AsyncClient(
            transport=Pinned(there("https://teacher.invalid/v1"), httpx2.AsyncHTTPTransport(trust_env=False), allow_private=False)
        ) as client:
            await client.post("https://teacher.invalid/v1/chat/completions", json={})

    with pytest.raises(httpx2.ConnectError, match=r"teacher\.invalid has no address"):
        asyncio.run(ask())


def test_the_next_address_is_tried_where_the_first_does_not_listen(monkeypatch):
    async def two(there: Endpoint, *, allow_private: bool) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    monkeypatch.setattr(remote_address, "resolved", two)

    async def ask(port: int) -> httpx2.Response:
        where = there(f"http://localhost:{port}/v1")
        async with httpx2.AsyncClient(transport=Pinned(where, httpx2.AsyncHTTPTransport(trust_env=False), allow_private=False)) as client:
            return await client.post(where.url, json={"messages": []})

    with LittleTeacher(lambda body, number: say("ok")) as teacher:
        assert asyncio.run(ask(teacher.port)).status_code == 200
        assert teacher.headers[0]["host"] == f"localhost:{teacher.port}"
