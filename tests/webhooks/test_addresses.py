"""Where webhooks may go, and what they are asked to be: every odd address is refused, or is asked nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketplace.db import Database
from marketplace.locations import AddressGuard
from marketplace.webhooks.definitions import AskedWebhook, EventFilters, check
from marketplace.webhooks.errors import WebhookDefinitionError
from marketplace.webhooks.posting import Poster
from marketplace.webhooks.signature import parse_secret, spell_secret
from tests.webhooks.receiver import Receiver
from tests.webhooks.rig import Rig, upload

#: What is refused when a webhook is made, by the word that says why.
REFUSED = {
    "inside": [
        "https://127.0.0.1:1/", "https://[::1]:1/", "https://10.0.0.1/", "https://169.254.169.254/latest",
        "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[64:ff9b::7f00:1]/",
        "https://[fe80::1]/", "https://[fd00::1]/", "https://[::]/", "https://0.0.0.0/", "https://0/",
        "https://127.1/", "https://0x7f.1/", "https://0x7f000001/", "https://2130706433/",
        "https://0177.0.0.1/", "https://100.64.0.1/", "https://255.255.255.255/", "https://224.0.0.1/",
    ],
    "is an https address": [
        "http://127.0.0.1:1/", "http://example.org/", "ftp://example.org/", "https:///x", "//example.org/x",
        "example.org", "", "javascript:alert(1)", "file:///etc/passwd", "https://", "https://:443/",
    ],
    "no user name": [
        "https://user@example.org/", "https://user:pass@example.org/", "https://:pass@example.org/",
        "https://@example.org/", "https://example.org\\@127.0.0.1/", "https://example.org/#part",
    ],
    "visible ASCII": [
        "https://exa mple.org/", "https://m\u00fcller.example/", "https://example.org/\u2028",
        "https://\uff11\uff12\uff17.0.0.1/", "https://example.org/\r\nHost: x", "https://example.org/\0",
        f"https://example.org/{'x' * 2000}",
    ],
    "is not an address": [
        "https://example.org:x/", "https://example.org:0/", "https://example.org:65536/",
        "https://example.org:-1/", "https://[::1/", "https://[x]/", "https://a..b/", "https://.example.org/",
        "https://example.org\\path/", "https://exa%6dple.org/", "https://<b>/",
    ],
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_an_address_that_cannot_be_is_refused(why: str) -> None:
    for url in REFUSED[why]:
        with pytest.raises(WebhookDefinitionError, match=why) as refused:
            check(AskedWebhook(url, "own"), AddressGuard())
        assert [one.member for one in refused.value.faults] == ["url"], url
        assert "pass" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org", "https://EXAMPLE.org:8443/a?b=c", "https://xn--mller-kva.example/",
        "https://example.org./", "https://[2606:4700::1111]:8443/", "https://1.1.1.1/", "https://dead.beef/",
    ],
)  # fmt: skip
def test_an_address_that_everybody_has_is_taken(url: str) -> None:
    check(AskedWebhook(url, "own"), AddressGuard())


@pytest.mark.parametrize(
    ("member", "asked"),
    [
        ("description", {"description": "x" * 201}),
        ("description", {"description": "two\nlines"}),
        ("endorser", {"filters": EventFilters(endorser="nobody")}),
        ("endorser", {"filters": EventFilters(endorser=f"{'x' * 10_000}@example.org")}),
        ("tag", {"filters": EventFilters(tag="")}),
        ("tag", {"filters": EventFilters(tag="x" * 1001)}),
    ],
)
def test_what_a_webhook_cannot_be_is_said_by_its_member(member: str, asked: dict[str, object]) -> None:
    with pytest.raises(WebhookDefinitionError) as refused:
        check(AskedWebhook("https://example.org/", "own", **asked), AddressGuard())
    assert [one.member for one in refused.value.faults] == [member]
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("size", [24, 32, 64])
def test_a_secret_that_is_brought_along_has_so_many_bytes(size: int) -> None:
    assert parse_secret(spell_secret(bytes(size))) == bytes(size)


@pytest.mark.parametrize(
    "text",
    [
        "", "whsec_", "hunter2", spell_secret(bytes(23)), spell_secret(bytes(65)),
        spell_secret(bytes(32)).removeprefix("whsec_"), spell_secret(bytes(32)) + "!", "whsec_\u00e4" * 20,
        "whsec_" + "A" * 60_000,
    ],
)  # fmt: skip
def test_another_secret_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(WebhookDefinitionError) as refused:
        parse_secret(text)
    assert str(refused.value) == "secret is whsec_ and 24 to 64 random bytes in base64"


def test_a_name_that_leads_inside_is_not_asked(
    database: Database, tmp_path: Path, receiver: Receiver
) -> None:
    rig = Rig(database, tmp_path, {"webhooks.allow_private": ""})
    made = rig.make(f"https://localhost:{receiver.port}/")
    upload(rig, "one")
    rig.run()
    (failed,) = rig.deliveries(made)
    assert failed.error == "the address leads inside: loopback, private, link-local or metadata"
    assert receiver.came == []
    allowed = Rig(database, tmp_path / "other", {"webhooks.allow_private": "127.0.0.0/8"})
    insecure = allowed.make(receiver.url)
    assert rig.hook(insecure).url == receiver.url
    upload(rig, "two")
    rig.run()
    assert receiver.came == []  # this process has other settings: no plain http goes out of it


class Answering(AddressGuard):
    """A guard for which a name that nobody else can resolve is at an address; it notes who asked."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.asked: list[str] = []

    def addresses(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return [self.address]


def test_a_name_is_resolved_once_and_its_address_is_what_is_connected_to(receiver: Receiver) -> None:
    """A name that answers otherwise a moment later (DNS rebinding) leads nowhere else."""
    guard = Answering("127.0.0.1")
    outcome = Poster(guard, 5).post(f"http://rebound.invalid:{receiver.port}/hook", {}, b"{}")
    assert (outcome.status, guard.asked) == (204, ["rebound.invalid"])
    assert receiver.came[0].headers["host"] == f"rebound.invalid:{receiver.port}"
