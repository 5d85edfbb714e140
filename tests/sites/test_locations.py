"""Locations that lie, drip, cut, redirect inwards: the next one is asked, and no wrong byte is ever shown."""

from __future__ import annotations

import gzip
import ipaddress
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from marketplace.locations import AddressGuard
from marketplace.sites.errors import FetchError
from marketplace.sites.fetch.locations import credentials, order
from marketplace.sites.runs import sync
from marketplace.sites.settings import CredentialTable, FetchTable
from marketplace.sites.state import CopyState
from tests.factories import images
from tests.mail.server import make_certificate
from tests.sites.clouds import Cloud
from tests.sites.content import Behaviour, ContentServer, answer, cut, drip, stall, whole
from tests.sites.pictures import Picture, bomb, qcow2, raw
from tests.sites.tls import behind_tls
from tests.waiting import HANGING


def offer(cloud: Cloud, picture: Picture, *locations: str, **fields: object) -> None:
    """Endorse a picture under a tag of its own, and subscribe to that."""
    tag = picture.identifier
    cloud.configure(subscription=f'tag = "alice@images.example.org/{tag}"')
    cloud.say(picture.draft(*locations, tags=(tag,), **fields))


def reasons(cloud: Cloud) -> str:
    return cloud.copy().reason


#: What a location does with an image's bytes, and what is told of it.
LIES: dict[str, tuple[Callable[[bytes], Behaviour], str]] = {
    "403": (lambda data: answer(403), "status 403"),
    "404": (lambda data: answer(404), "status 404"),
    "410": (lambda data: answer(410), "status 410"),
    "500": (lambda data: answer(500), "status 500"),
    "longer": (lambda data: whole(data + b"x"), "more than the"),
    "shorter": (lambda data: whole(data[:-1]), "ended after"),
    "empty": (lambda data: whole(b""), "empty"),
    "cut short": (lambda data: cut(data, 1000), ""),
    "drips": (drip, "too slow"),
    "redirect loop": (lambda data: answer(302, Location="/lie"), "redirected more than"),
    "redirect to a file": (
        lambda data: answer(302, Location="file:///etc/passwd"),
        "that is not http",
    ),
    "redirect inside": (lambda data: answer(302, Location="http://169.254.169.254/"), "an address inside"),
    "redirect nowhere": (lambda data: answer(302), "that is not http"),
    "odd encoding": (lambda data: answer(200, Content_Encoding="gzip"), "encoding"),
    "a range unasked": (lambda data: answer(206, Content_Range="bytes 5-6/7"), "status 206"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_location_that_lies_is_passed_over(cloud: Cloud, content: ContentServer, name: str) -> None:
    picture = raw(name)
    behaviour, told = LIES[name]
    lie, good = content.put("lie", behaviour(picture.data)), content.put("good", picture.data)
    offer(cloud, picture, lie, good)
    assert cloud.sync().imported == 1
    assert (cloud.images / f"{picture.identifier}.raw").read_bytes() == picture.data
    assert content.requests["/lie"] >= 1
    with cloud.site() as site:
        told_lines = [one.why for one in site.state.history.read(None, 100) if one.what == "location failed"]
    assert len(told_lines) == 1 and told in told_lines[0], told_lines


def test_a_location_whose_certificate_is_not_trusted_is_passed_over(
    cloud: Cloud, content: ContentServer, tmp_path: Path
) -> None:
    picture = raw("tls")
    good = content.put("good", picture.data)
    with behind_tls(urlsplit(content.url).port or 0, make_certificate(tmp_path)) as port:
        offer(cloud, picture, f"https://127.0.0.1:{port}/good", good)
        assert cloud.sync().imported == 1
    assert content.requests["/good"] == 1
    with cloud.site() as site:
        assert any("certificate verify failed" in one.why for one in site.state.history.read(None, 100))


def test_all_that_went_wrong_is_told_together(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("together")
    offer(cloud, picture, content.put("a", answer(404)), content.put("b", answer(500)))
    assert cloud.sync().failed == 1
    assert "status 404" in reasons(cloud) and "status 500" in reasons(cloud)
    copy = cloud.copy()
    assert copy.state is CopyState.FAILED and copy.next_at is not None
    assert not cloud.visible()


def test_wrong_bytes_go_into_quarantine_and_are_never_shown(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("wrong")
    offer(cloud, picture, content.put("wrong", bytes(len(picture.data))))
    assert cloud.sync().unproven == 1
    assert cloud.copy().state is CopyState.QUARANTINED and "SHA-512" in reasons(cloud)
    assert not cloud.visible() and not cloud.remains() - {f".{picture.identifier}.raw.note"}
    done = cloud.command("sync")
    assert done.returncode == 0, done.stderr  # nothing is tried again by itself
    listed = cloud.command("quarantine", "list", "-o", "id")
    assert listed.stdout.split() == [picture.identifier]
    content.put("wrong", picture.data)
    assert cloud.command("quarantine", "release", picture.identifier, "--reason", "mended").returncode == 0
    assert cloud.sync().imported == 1
    assert not list((cloud.work / "quarantine").iterdir())


@pytest.mark.parametrize(
    ("name", "picture", "told"),
    [
        ("backing", qcow2("evil", backing="/etc/passwd"), "backing file"),
        ("not what is endorsed", Picture(qcow2("liar").data, "raw"), "is qcow2, endorsed is raw"),
        ("unknown format", Picture(raw("vmdk").data, "vmdk"), "endorsed is vmdk"),
        ("data file", Picture(images.qcow2(data_file=True), "qcow2"), "its data in another file"),
        ("polyglot", Picture(images.over(images.iso(), images.qcow2(), 4096), "qcow2"), "formats at once"),
        ("flat vmdk", Picture(images.flat_vmdk(), "vmdk"), "can name other files"),
    ],
)
def test_a_hostile_image_is_never_shown_though_its_digest_is_endorsed(
    cloud: Cloud, content: ContentServer, name: str, picture: Picture, told: str
) -> None:
    offer(cloud, picture, content.put("evil", picture.data))
    assert cloud.sync().unproven == 1
    assert cloud.copy().state is CopyState.QUARANTINED and told in reasons(cloud)
    assert not cloud.visible()


def test_a_bomb_stops_at_the_endorsed_size(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("bomb")
    offer(cloud, picture, content.put("bomb", bomb(picture)))
    done = cloud.command("sync")
    assert done.returncode == 5 and "more than the" in reasons(cloud)
    assert not cloud.visible() and not cloud.remains()


def test_a_compressed_location_is_unfolded_on_the_way(cloud: Cloud, content: ContentServer) -> None:
    picture = qcow2("packed")
    packed = gzip.compress(picture.data)
    offer(cloud, picture, content.put("packed.gz", packed))
    assert cloud.sync().imported == 1
    assert (cloud.images / f"{picture.identifier}.qcow2").read_bytes() == picture.data
    assert content.sent == len(packed)


def test_a_transfer_that_broke_off_goes_on_where_it_ended(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("resumed", 3 << 20)
    offer(cloud, picture, content.put("resumed", cut(picture.data, 2 << 20)))
    assert cloud.sync().failed == 1
    assert cloud.remains()
    now = time.time()
    assert cloud.sync(wall=lambda: now + 100).imported == 1
    assert (cloud.images / f"{picture.identifier}.raw").read_bytes() == picture.data
    have = int(content.headers[-1]["range"].removeprefix("bytes=").rstrip("-"))
    assert 0 < have <= 2 << 20 and content.sent == (2 << 20) + len(picture.data) - have
    assert not cloud.remains()


def test_a_file_that_changed_between_two_parts_begins_anew(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("changed", 3 << 20)
    content.put("changed", cut(bytes(len(picture.data)), 2 << 20, tag='"old"'))
    offer(cloud, picture, f"{content.url}/changed")
    assert cloud.sync().failed == 1
    content.put("changed", whole(picture.data, tag='"new"'))
    now = time.time()
    assert cloud.sync(wall=lambda: now + 100).imported == 1
    assert (cloud.images / f"{picture.identifier}.raw").read_bytes() == picture.data


def test_a_server_that_lies_about_the_tag_of_a_part_is_found_out(
    cloud: Cloud, content: ContentServer
) -> None:
    picture = raw("same tag", 3 << 20)
    content.put("same", cut(bytes(len(picture.data)), 2 << 20))
    offer(cloud, picture, f"{content.url}/same")
    assert cloud.sync().failed == 1
    content.put("same", whole(picture.data))
    now = time.time()
    assert cloud.sync(wall=lambda: now + 100).imported == 1
    assert (cloud.images / f"{picture.identifier}.raw").read_bytes() == picture.data


def test_a_transfer_ends_when_the_image_is_deprecated(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("stopped", 2 << 20)
    url = content.put("stopped", stall(picture.data, 1 << 20))
    offer(cloud, picture, url)
    with cloud.site() as site:
        running = threading.Thread(target=sync, args=(site,))
        running.start()
        assert content.stalled.wait(HANGING)
        cloud.say(picture.draft(url, deprecated="stop"), created="2024-05-02T12:00:00Z")
        site.learn(site.followers[0])
        content.go_on.set()
        running.join(HANGING)
        assert not running.is_alive()
    copy = cloud.copy()
    assert copy.state is CopyState.REMOVED and "stop" in copy.reason
    assert not cloud.visible() and not cloud.remains()


def test_a_new_version_that_comes_while_bytes_flow_lets_the_old_one_end(
    cloud: Cloud, content: ContentServer
) -> None:
    old, new = raw("old flows"), raw("new comes")
    cloud.configure(subscription='tag = "alice@images.example.org/flows"')
    cloud.say(old.draft(content.put("old", stall(old.data, 1000)), tags=("flows",)))
    running = threading.Thread(target=cloud.sync)
    running.start()
    assert content.stalled.wait(HANGING)
    url = f"{content.url}/new"
    cloud.say(new.draft(url, tags=("flows",)), created="2024-05-02T12:00:00Z")
    content.go_on.set()
    running.join(HANGING)
    assert cloud.visible() == {f"{old.identifier}.raw"}
    assert cloud.sync().failed == 1  # its location has nothing yet, so the old one stays
    assert cloud.visible() == {f"{old.identifier}.raw"}
    content.put("new", new.data)
    cloud.sync(wall=lambda: time.time() + 61)
    assert cloud.visible() == {f"{new.identifier}.raw"}


def test_addresses_inside_are_refused_unless_they_are_named() -> None:
    guard = AddressGuard(["10.1.0.0/16", "images.internal"])
    for address in (
        "127.0.0.1", "10.2.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "::1", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::",
    ):  # fmt: skip
        assert not guard.allows("images.example.org", ipaddress.ip_address(address)), address
    assert guard.allows("images.example.org", ipaddress.ip_address("93.184.216.34"))
    assert guard.allows("images.example.org", ipaddress.ip_address("10.1.2.3"))
    assert guard.allows("images.internal", ipaddress.ip_address("192.168.1.1"))


def test_preferred_hosts_and_https_come_first() -> None:
    table = FetchTable(prefer=("near.example",))
    found = order(
        [
            "http://a/x",
            "ftp://b/x",
            "https://c/x",
            "http://near.example/x",
            "pdisk:1",
            "https://u:p@d/x",
            "http://a/x",
        ],
        table,
    )
    assert found == ["http://near.example/x", "https://c/x", "http://a/x"]


def test_credentials_go_to_their_host_over_https_only(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("abc\n")
    known = {"h.example": CredentialTable(bearer_file=file)}
    assert credentials("https://h.example/x", known) == "Bearer abc"
    assert credentials("https://other.example/x", known) is None
    with pytest.raises(FetchError, match="https only"):
        credentials("http://h.example/x", known)
