"""A URL → a connection to an address that may be called: none inside a private network, unless the user allowed or named it.

Whoever wrote the project file must not make this machine call its neighbours or the cloud's metadata service. The name is resolved here,
every address it has is looked at, and the connection goes to one of those: a name that answers differently a moment later gains nothing.
This machine itself counts as allowed when the URL names it. Redirects are not followed, and no proxy is taken from the environment.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2

from tunesmith.errors import BadProject, Unsupported
from tunesmith.spec.addresses import is_loopback, is_public
from tunesmith.spec.making_teacher import RemoteTeacher

WHERE = "base_url"
ENCRYPTED = "https://HOST/v1; plain http only for this machine, or with allow_private inside a network that you trust"


@dataclass(frozen=True)
class Endpoint:
    """Where requests go."""

    url: str
    """Of chat completions."""
    scheme: str
    host: str
    port: int
    is_this_machine: bool
    """The URL itself says so, by `localhost` or a loopback address."""

    @property
    def name(self) -> str:
        """For messages and logs: scheme, host and port."""
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def endpoint(config: RemoteTeacher) -> Endpoint:
    """The parts of an endpoint's URL.

    >>> endpoint(RemoteTeacher(base_url="http://localhost:8000/v1/", model="m")).url
    'http://localhost:8000/v1/chat/completions'

    Raises: BadProject for what is no URL, carries a name or a query, or would send the key in the clear.
    """
    url = config.base_url.rstrip("/").removesuffix("/chat/completions")
    fix = "write it as the endpoint's own documents do, up to /v1"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadProject("is no URL", where=WHERE, expected=ENCRYPTED, fix=fix) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii() or not url.isprintable() or " " in url:
        raise BadProject("is no URL that can be called", where=WHERE, expected=ENCRYPTED, fix=fix)
    if parts.username is not None or parts.query or parts.fragment:
        got = "a user's name" if parts.username is not None else "a query or a fragment"
        raise BadProject(
            "holds more than an address", where=WHERE, got=got, fix="leave it out; a key belongs in the variable that `key_variable` names"
        )
    is_here = parts.hostname == "localhost" or is_loopback(parts.hostname)
    if parts.scheme == "http" and not (is_here or config.allow_private):
        raise BadProject("is not encrypted: what is asked and the key could be read on the way", where=WHERE, got="http", expected=ENCRYPTED, fix=fix)
    return Endpoint(f"{url}/chat/completions", parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80), is_here)


async def resolved(there: Endpoint, *, allow_private: bool) -> list[str]:
    """The addresses of an endpoint, in the resolver's order.

    Raises: Unsupported if one of them is private and this was not allowed; OSError where the name has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(there.host, there.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    allowed = is_loopback if there.is_this_machine else is_public
    if not allow_private and not all(allowed(address) for address in addresses):
        raise Unsupported(
            "leads into a private network", where=f"{WHERE} {there.name}", expected="an address on the internet, or this machine by name",
            fix="if you trust it, set allow_private = true",
        )  # fmt: skip
    return addresses


class Pinned(httpx2.AsyncBaseTransport):
    """Sends requests to addresses that were looked at, under the name that the URL has."""

    def __init__(self, there: Endpoint, inner: httpx2.AsyncBaseTransport, *, allow_private: bool) -> None:
        self._there, self._inner, self._allow_private = there, inner, allow_private

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The response of the first address that can be reached.

        Raises: Unsupported as `resolved` does; httpx2.TransportError where there is no answer.
        """
        try:
            addresses = await resolved(self._there, allow_private=self._allow_private)
        except OSError as error:
            raise httpx2.ConnectError(f"the name {self._there.host} has no address") from error
        extensions = {**request.extensions, "sni_hostname": self._there.host} if not _is_address(self._there.host) else request.extensions
        for number, address in enumerate(addresses):
            there = httpx2.Request(
                request.method, request.url.copy_with(host=address), headers=request.headers, stream=request.stream, extensions=extensions
            )
            try:
                return await self._inner.handle_async_request(there)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                if number == len(addresses) - 1:
                    raise
        raise httpx2.ConnectError(f"the name {self._there.host} has no address")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def _is_address(host: str) -> bool:
    """True if the host is a number: certificates for numbers are compared without a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
