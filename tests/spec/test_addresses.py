"""Which addresses anybody could call, and which are this machine's own."""

from __future__ import annotations

import doctest

import pytest

from tunesmith.spec import addresses
from tunesmith.spec.addresses import is_loopback, is_public


def test_examples():
    assert doctest.testmod(addresses).failed == 0


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808", "2002:808:808::1"])
def test_public(address):
    assert is_public(address)
    assert not is_loopback(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fd00::1",
        "fe80::1%eth0",
        "ff02::1",
        "64:ff9b:1::1",
        "2002:a00:1::1",
    ],
)
def test_private(address):
    assert not is_public(address)
