"""Whose address counts where proxies stand in front."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from marketplace.proxies import BehindProxies, find_client, plain_address

TRUSTED = [ip_network(one) for one in ("10.0.0.0/8", "127.0.0.1/32", "2001:db8::/32")]


@pytest.mark.parametrize(
    ("peer", "told", "client"),
    [
        ("127.0.0.1", "192.0.2.1", "192.0.2.1"),
        # Two proxies of ours, one behind the other.
        ("127.0.0.1", "192.0.2.1, 10.1.2.3", "192.0.2.1"),
        ("2001:db8::1", "192.0.2.1,10.1.2.3 , 10.9.9.9", "192.0.2.1"),
        # What the client wrote itself stands before what the first trusted proxy wrote.
        ("127.0.0.1", "203.0.113.9, 192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "10.1.1.1, 192.0.2.1", "192.0.2.1"),
        # Nobody trusted says anything.
        ("192.0.2.7", "192.0.2.1", "192.0.2.7"),
        # Everybody on the way is trusted: the farthest one asks.
        ("127.0.0.1", "10.0.0.1", "10.0.0.1"),
        # Other spellings of proxies.
        ("::ffff:127.0.0.1", "192.0.2.1:4711", "192.0.2.1"),
        ("127.0.0.1", "[2a00::5]:4711", "2a00::5"),
        ("127.0.0.1", "2a00::5", "2a00::5"),
        # What is no address is no word about who asks.
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.1, <script>", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("", "192.0.2.1", ""),
        ("127.0.0.1", "192.0.2.1," * 10_000, "127.0.0.1"),
    ],
)
def test_the_client_is_next_to_the_last_trusted_proxy(peer: str, told: str, client: str) -> None:
    assert find_client(peer, told, TRUSTED) == client


@pytest.mark.parametrize("trusted", [[], TRUSTED])
def test_what_proxies_say_of_other_things_reaches_no_application(trusted: list) -> None:
    seen: dict[str, str] = {}

    def application(environ, start_response):
        seen.update(environ)
        return []

    said = {f"HTTP_X_FORWARDED_{one}": "evil" for one in ("HOST", "PROTO", "PORT", "BY")}
    environ = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.1", "HTTP_FORWARDED": "for=x"}
    BehindProxies(application, trusted)(environ | said, None)
    assert [name for name in seen if "FORWARDED" in name] == []
    assert seen["REMOTE_ADDR"] == ("192.0.2.1" if trusted else "127.0.0.1")


@pytest.mark.parametrize(
    ("text", "plain"),
    [("::ffff:192.0.2.1", "192.0.2.1"), ("192.0.2.1", "192.0.2.1"), ("2A00:0::1", "2a00::1"), ("", "")],
)
def test_addresses_are_written_as_their_own_family_does(text: str, plain: str) -> None:
    assert plain_address(text) == plain
