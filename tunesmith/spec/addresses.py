"""An IP address → whether anybody on the internet could call it, or only this machine and its neighbours. Pure."""

from __future__ import annotations

import ipaddress

NAT64 = ipaddress.ip_network("64:ff9b::/96")
LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(text: str) -> bool:
    """True for an address that anybody on the internet could call.

    >>> [is_public(a) for a in ("8.8.8.8", "127.0.0.1", "169.254.169.254", "10.1.2.3", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1")]
    [True, False, False, False, False, False, False]
    """
    address = meant(ipaddress.ip_address(text.partition("%")[0]))
    return address.is_global and not address.is_multicast and not (address.version == 4 and address.is_reserved) and address not in LOCAL_NAT64


def is_loopback(text: str) -> bool:
    """True for an address of this machine itself; False for what is no address.

    >>> [is_loopback(a) for a in ("127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "localhost")]
    [True, True, True, True, False, False]
    """
    try:
        return meant(ipaddress.ip_address(text.partition("%")[0])).is_loopback
    except ValueError:
        return False


def meant(address: IpAddress) -> IpAddress:
    """The address that packets end at: some of version 6 only wrap one of version 4."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)
