"""Which addresses a location may lead to."""

import ipaddress

import pytest

from marketplace.locations import AddressGuard, RefusedAddressError


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fd00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "fec0::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_inside_are_not_asked(address) -> None:
    assert not AddressGuard().allows("images.example.org", ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"]
)
def test_addresses_that_everybody_has_are_asked(address) -> None:
    assert AddressGuard().allows("images.example.org", ipaddress.ip_address(address))


def test_networks_and_hosts_can_be_let_in() -> None:
    guard = AddressGuard(["10.1.0.0/16", "Store.Example.org"])
    assert guard.allows("a", ipaddress.ip_address("10.1.2.3"))
    assert not guard.allows("a", ipaddress.ip_address("10.2.2.3"))
    assert guard.allows("store.example.ORG.", ipaddress.ip_address("127.0.0.1"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "127.1"])
def test_every_spelling_of_this_machine_is_refused(host) -> None:
    with pytest.raises(RefusedAddressError, match="inside"):
        AddressGuard().addresses(host, 80)
    assert AddressGuard(["127.0.0.0/8", "::1"]).addresses(host, 80)
