"""A URL that this server is to call → a connection to an address that it may call: none inside the network, unless that was allowed.

Whoever names a URL must not reach what only this machine can see: its own ports, its neighbours, the cloud's metadata service. The name is
resolved once, every address it has is looked at, and the connection goes to one of those: a name that answers differently a moment later gains
nothing. Redirects are not followed.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from tunesmith.errors import BadProject, Unsupported

PORTS = {"http": 80, "https": 443}
NAT64 = ipaddress.ip_network("64:ff9b::/96")
LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Destination:
    """Where a request goes."""

    scheme: str
    host: str
    port: int
    path: str
    """With its query."""

    @property
    def name(self) -> str:
        """For logs: a path may hold a secret, and is not in it."""
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def destination(url: str, where: str, *, allow_private: bool = False) -> Destination:
    """The parts of a URL that may be called: HTTPS, or plain HTTP where private addresses are allowed.

    >>> destination("https://example.org/hook?a=1", "--webhook").name
    'https://example.org:443'

    Raises: BadProject.
    """
    fix = "write it as https://HOST/PATH"
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadProject("is no URL", where=where, expected="https://HOST/PATH", fix=fix) from None
    if parts.scheme not in PORTS or not parts.hostname or parts.username is not None or not url.isascii() or not url.isprintable() or " " in url:
        raise BadProject("is no URL that can be called", where=where, expected="https://HOST/PATH, without a user's name, in ASCII", fix=fix)
    if parts.scheme == "http" and not allow_private:
        raise BadProject("is not encrypted", where=where, got="http", expected="https; http only inside a network that you trust", fix=fix)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(parts.scheme, parts.hostname, port or PORTS[parts.scheme], path)


def is_public(text: str) -> bool:
    """True for an address that anybody on the internet could call.

    >>> [is_public(a) for a in ("8.8.8.8", "127.0.0.1", "169.254.169.254", "10.1.2.3", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1")]
    [True, False, False, False, False, False, False]
    """
    address: IpAddress = ipaddress.ip_address(text.partition("%")[0])
    meant = _meant(address)
    return meant.is_global and not meant.is_multicast and not (meant.version == 4 and meant.is_reserved) and meant not in LOCAL_NAT64


def _meant(address: IpAddress) -> IpAddress:
    """The address that packets end at: some of version 6 only wrap one of version 4."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def resolved(there: Destination, *, allow_private: bool) -> list[tuple[str, int]]:
    """The addresses of a destination, each with its port.

    Raises: Unsupported if one of them is private and this was not allowed; OSError where the name has none.
    """
    found = [(str(info[4][0]), there.port) for info in socket.getaddrinfo(there.host, there.port, type=socket.SOCK_STREAM)]
    if not allow_private and not all(is_public(address) for address, _ in found):
        raise Unsupported(
            "leads into a private network", where=there.name, expected="an address on the internet",
            fix="if you trust it, start the server with --allow-private-webhooks",
        )  # fmt: skip
    return found


def post(there: Destination, body: bytes, headers: Mapping[str, str], *, allow_private: bool, within_s: float) -> int:
    """The status with which the destination answers; what else it says is not read.

    Raises: Unsupported as `resolved` does; OSError and http.client.HTTPException where there is no answer in time.
    """
    last: OSError = OSError("the name has no address")
    for address in resolved(there, allow_private=allow_private):
        try:
            plain = socket.create_connection(address, timeout=within_s)
        except OSError as error:
            last = error
            continue
        with _limited(plain, within_s):
            connection = http.client.HTTPConnection(there.host, there.port, timeout=within_s)
            connection.sock = plain
            if there.scheme == "https":
                connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=there.host)
                connection.default_port = PORTS["https"]  # the Host header names other ports only
            try:
                connection.request("POST", there.path, body, dict(headers))
                return connection.getresponse().status
            finally:
                connection.close()
    raise last


@contextmanager
def _limited(connected: socket.socket, within_s: float) -> Iterator[None]:
    """End the connection after so long, however slowly it drips."""

    def end() -> None:
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(within_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        connected.close()
