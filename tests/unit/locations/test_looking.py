"""Looks at locations: what a server does is told, and nothing inside is asked."""

import pytest

from marketplace.locations import AddressGuard, Looker, LookLimits, Reach
from tests.unit.locations.content import content_server

CONTENT = bytes(range(256)) * 4096
HERE = AddressGuard(["127.0.0.0/8"])


@pytest.fixture
def site():
    with content_server() as running:
        running.files["/image"] = CONTENT
        yield running


def look(url, guard=HERE, **limits):
    with Looker(guard, LookLimits(**limits)) as looker:
        return looker.look(url)


def test_size_and_beginning_are_told(site) -> None:
    found = look(f"{site.url}/image", most_bytes=1000)
    assert (found.reach, found.size, found.start) == (Reach.THERE, len(CONTENT), CONTENT[:1000])
    assert site.asked == [("HEAD", "/image"), ("GET", "/image")]
    assert site.sent == 1000


def test_nothing_is_read_where_nothing_is_wanted(site) -> None:
    found = look(f"{site.url}/image", most_bytes=0)
    assert (found.reach, found.size, site.sent) == (Reach.THERE, len(CONTENT), 0)


def test_a_server_without_head_or_ranges_is_understood(site) -> None:
    site.without_head = site.without_range = True
    found = look(f"{site.url}/image", most_bytes=1000)
    assert (found.reach, found.size, found.start) == (Reach.THERE, len(CONTENT), CONTENT[:1000])


@pytest.mark.parametrize("status", [401, 404, 410, 418, 500, 503])
def test_other_answers_are_told(site, status) -> None:
    site.answers["/image"] = (status, {}, b"")
    found = look(f"{site.url}/image")
    assert found.reach is Reach.ANSWERED_OTHERWISE
    assert str(status) in found.reason


def test_redirects_are_followed_to_an_end(site) -> None:
    site.answers["/a"] = (302, {"Location": "/b"}, b"")
    site.answers["/b"] = (307, {"Location": f"{site.url}/image"}, b"")
    assert look(f"{site.url}/a").size == len(CONTENT)
    site.answers["/b"] = (302, {"Location": "/a"}, b"")
    assert "redirects endlessly" in look(f"{site.url}/a").reason
    site.answers["/b"] = (302, {}, b"")
    assert look(f"{site.url}/a").reach is Reach.ANSWERED_OTHERWISE


def test_addresses_inside_are_not_asked_by_themselves_or_behind_a_redirect(site) -> None:
    assert look(f"{site.url}/image", AddressGuard()).reach is Reach.INSIDE
    assert site.asked == []
    # Only this one address is let in: any other of this machine is inside.
    other = site.url.replace("127.0.0.1", "127.0.0.2")
    site.answers["/a"] = (302, {"Location": f"{other}/image"}, b"")
    found = look(f"{site.url}/a", AddressGuard(["127.0.0.1/32"]))
    assert found.reach is Reach.INSIDE
    assert site.asked == [("HEAD", "/a")]


@pytest.mark.parametrize(
    "target",
    ["file:///etc/passwd", "ftp://example.org/a", "gopher://a", "http://a:b@example.org/", "http://[", "//"],
)
def test_only_the_web_is_asked(site, target) -> None:
    assert look(target).reach is Reach.NOT_WEB
    site.answers["/a"] = (302, {"Location": target}, b"")
    assert look(f"{site.url}/a").reach in (Reach.NOT_WEB, Reach.ANSWERED_OTHERWISE)


def test_silence_is_told(site) -> None:
    assert look("http://127.0.0.1:9/image").reach is Reach.SILENT
    assert look("http://nobody.invalid/image").reach is Reach.SILENT
    assert look(site.url.replace("http:", "https:") + "/image").reach is Reach.SILENT


def test_lengths_that_are_none_are_not_believed(site) -> None:
    site.answers["/image"] = (206, {"Content-Range": "bytes 0-9/*"}, CONTENT[:10])
    assert look(f"{site.url}/image").size is None
