"""One run of a site against a real marketplace and a real content server."""

from __future__ import annotations

from marketplace.sites.state import CopyState
from tests.sites.clouds import ALICE, MALLORY, Cloud
from tests.sites.content import ContentServer
from tests.sites.pictures import qcow2, raw


def tagged(cloud: Cloud, tag: str) -> None:
    cloud.configure(subscription=f'tag = "alice@images.example.org/{tag}"')


def test_what_a_tag_names_is_imported_and_the_bytes_are_those(cloud: Cloud, content: ContentServer) -> None:
    picture = qcow2("first")
    tagged(cloud, "first")
    cloud.say(picture.draft(content.put("first", picture.data), tags=("first",)))
    done = cloud.sync()
    assert (done.imported, done.failed, done.unheard) == (1, 0, [])
    file = cloud.images / f"{picture.identifier}.qcow2"
    assert file.read_bytes() == picture.data
    assert file.stat().st_mode & 0o777 == 0o644
    assert content.sent == len(picture.data)
    assert cloud.copy().state is CopyState.AVAILABLE
    assert not cloud.remains()


def test_a_second_run_asks_for_nothing(cloud: Cloud, content: ContentServer) -> None:
    picture = raw("twice")
    tagged(cloud, "twice")
    cloud.say(picture.draft(content.put("twice", picture.data), tags=("twice",)))
    cloud.sync()
    with cloud.site() as site:
        done = site.sync()
    assert done.imported == 0 and content.sent == len(picture.data)


def test_a_deprecation_withdraws_and_a_new_word_brings_back(cloud: Cloud, content: ContentServer) -> None:
    picture = qcow2("deprecated")
    tagged(cloud, "dep")
    url = content.put("deprecated", picture.data)
    cloud.say(picture.draft(url, tags=("dep",)))
    cloud.sync()
    assert cloud.visible() == {f"{picture.identifier}.qcow2"}
    cloud.say(picture.draft(url, tags=("dep",), deprecated="has a hole"), created="2024-05-02T12:00:00Z")
    assert cloud.sync().withdrawn == 1
    assert not cloud.visible()
    copy = cloud.copy()
    assert copy.state is CopyState.WITHDRAWN and "has a hole" in copy.reason
    assert (cloud.work / "withdrawn" / f"{picture.identifier}.qcow2").read_bytes() == picture.data
    cloud.say(picture.draft(url, tags=("dep",)), created="2024-05-03T12:00:00Z")
    assert cloud.sync().imported == 1
    assert cloud.visible() == {f"{picture.identifier}.qcow2"}
    assert content.requests["/deprecated"] == 1


def test_a_stranger_stops_nothing_and_brings_nothing(cloud: Cloud, content: ContentServer) -> None:
    picture, other = qcow2("mine"), qcow2("stranger")
    cloud.configure(subscription='search = "format=qcow2&tag=strange"')
    cloud.say(picture.draft(content.put("mine", picture.data), tags=("strange",)))
    cloud.say(picture.draft("http://x.example/", deprecated="no"), MALLORY, created="2024-05-05T12:00:00Z")
    cloud.say(other.draft(content.put("other", other.data), tags=("strange",)), MALLORY)
    done = cloud.sync()
    assert done.imported == 1
    assert cloud.visible() == {f"{picture.identifier}.qcow2"}


def test_a_new_version_is_in_before_the_old_one_is_out(cloud: Cloud, content: ContentServer) -> None:
    old, new = qcow2("old"), qcow2("new")
    tagged(cloud, "moves")
    cloud.say(old.draft(content.put("old", old.data), tags=("moves",)), ALICE, "2024-05-01T12:00:00Z")
    cloud.sync()
    url = f"{content.url}/new"
    cloud.say(new.draft(url, tags=("moves",)), ALICE, "2024-05-02T12:00:00Z")
    done = cloud.sync()  # the new one's location has nothing yet
    assert (done.failed, done.withdrawn) == (1, 0)
    assert cloud.visible() == {f"{old.identifier}.qcow2"}
    content.put("new", new.data)
    later = {"wall": __import__("time").time}
    with cloud.site(wall=lambda: later["wall"]() + 61) as site:
        done = site.sync()
    assert (done.imported, done.withdrawn) == (1, 1)
    assert cloud.visible() == {f"{new.identifier}.qcow2"}
