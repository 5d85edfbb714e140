"""How little a site asks of a marketplace: many images at once, and groups by their logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from marketplace.access import Scope
from marketplace.accounts import GroupService
from marketplace.db import Database
from marketplace.sites.runs import Done, hear
from tests.factories.documents import image, signed
from tests.functional.access import bearer, found_group, issue_token
from tests.sites.clouds import ALICE, Cloud
from tests.sites.content import ContentServer
from tests.sites.daemons import await_true, running_site
from tests.sites.pictures import raw
from tests.sites.test_marketplaces import put_between


def heard(cloud: Cloud) -> int:
    """Hear the marketplace once; the requests that took."""
    with cloud.site() as site:
        done = Done()
        hear(site, done)
        assert not done.unheard, done.unheard
        return site.followers[0].reader.requests


def test_many_images_are_looked_up_at_once(cloud: Cloud) -> None:
    cloud.configure(subscription='search = "tag=many"')
    images = 12
    for n in range(images):
        cloud.say(image(content=f"many {n}", tags=("many",), locations=("http://127.0.0.1:9/x",)))
    # Changes, the search, one lookup of all, and each entry once.
    assert heard(cloud) == 3 + images
    with cloud.site() as site:
        site.learning.learn(site.followers[0])
        assert site.followers[0].reader.requests == 1
        site.judge()
        assert len(site.verdicts.latest) == images


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda said: said | {"left_out": [one["identifier"] for one in said["entries"]]},
        lambda said: said | {"left_out": None},
        lambda said: said | {"entries": [{"id": 7}]},
    ],
    ids=["leaves all out", "does not say what it left out", "has a row that is none"],
)
def test_a_lookup_that_makes_no_sense_is_told_and_asked_again(
    cloud: Cloud, content: ContentServer, request: pytest.FixtureRequest, spoiled: object
) -> None:
    picture = raw(f"senseless {request.node.callspec.id}")
    cloud.configure(subscription=f'search = "tag={picture.identifier}"')
    cloud.say(picture.draft(content.put("x", picture.data), tags=(picture.identifier,)))

    def change(found: httpx.Response) -> tuple[int, bytes]:
        if found.request.method != "POST":
            return found.status_code, found.content
        return 200, json.dumps(spoiled(found.json())).encode()

    put_between(cloud, content, change)
    with cloud.site() as site:
        hear(site, Done())
        assert not site.state.evidence.covered(content.url)
    put_between(cloud, content, lambda found: (found.status_code, found.content))
    assert cloud.sync().imported == 1


def test_what_a_lookup_has_no_room_for_is_asked_for_again(cloud: Cloud, content: ContentServer) -> None:
    pictures = [raw(f"room {n}") for n in range(3)]
    cloud.configure(subscription='search = "tag=room"')
    for one in pictures:
        cloud.say(one.draft(content.put(one.identifier, one.data), tags=("room",)))
    asked: list[int] = []

    def only_one(found: httpx.Response) -> tuple[int, bytes]:
        if found.request.method != "POST":
            return found.status_code, found.content
        said = found.json()
        first, *left = sorted({one["identifier"] for one in said["entries"]})
        said["entries"] = [one for one in said["entries"] if one["identifier"] == first]
        asked.append(len(left) + 1)
        return 200, json.dumps(said | {"left_out": left}).encode()

    put_between(cloud, content, only_one)
    assert cloud.sync().imported == 3
    assert asked == [3, 2, 1]


@pytest.fixture
def group(cloud: Cloud) -> Iterator[str]:
    """A group whose member the site is, by a token that may read."""
    name = f"group{len(list(cloud.folder.parent.iterdir()))}"
    found_group(cloud.server, name, f"{name}@example.org")
    token = cloud.folder / "token"
    token.write_text(issue_token(cloud.server, f"{name}@example.org", (Scope.READ, Scope.UPLOAD)))
    yield name


def say_to(cloud: Cloud, group: str, data: bytes) -> None:
    """Upload an entry that a group keeps for itself."""
    token = (cloud.folder / "token").read_text()
    headers = {"Content-Type": "application/rdf+xml", **bearer(token)}
    with cloud.server.client() as http:
        answer = http.post("/metadata", params={"audience": group}, content=data, headers=headers)
        assert answer.status_code == 201, answer.text


def test_what_a_group_deprecates_is_refused_as_soon_as_its_log_has_it(
    cloud: Cloud, content: ContentServer, group: str
) -> None:
    picture = raw("of a group")
    cloud.configure(subscription=f'search = "tag={picture.identifier}"', marketplace='token_file = "token"')
    draft = picture.draft(content.put("group", picture.data), tags=(picture.identifier,))
    say_to(cloud, group, signed(draft, ALICE, created="2024-05-01T12:00:00Z"))
    assert cloud.sync().imported == 1
    bad = picture.draft("http://127.0.0.1:9/x", tags=(picture.identifier,), deprecated="bad")
    with cloud.site() as site:
        (follower,) = site.followers
        site.judge()
        site.learn(follower)
        asked = follower.reader.requests
        say_to(cloud, group, signed(bad, ALICE, created="2024-05-02T12:00:00Z"))
        assert site.learn(follower)  # without asking for what the subscription wants
        assert not site.answer(f"id:{picture.identifier}").allowed
        # Both logs, the entry, and which groups keep it.
        assert follower.reader.requests - asked == 4
        site.learn(follower)
        assert follower.reader.requests - asked == 6
    assert cloud.sync().withdrawn == 1


def test_a_group_that_a_site_leaves_takes_nothing_back(
    cloud: Cloud, content: ContentServer, group: str
) -> None:
    picture = raw("left a group")
    cloud.configure(subscription=f'image = "{picture.identifier}"', marketplace='token_file = "token"')
    draft = picture.draft("http://127.0.0.1:9/x", deprecated="bad")
    say_to(cloud, group, signed(draft, ALICE))
    cloud.sync()
    with cloud.site() as site:
        (follower,) = site.followers
        site.judge()
        site.learn(follower)
        assert [name for name, _ in follower.followed.groups] == [group]
        leave(cloud, group)
        site.learn(follower)
        assert follower.followed.groups == () and follower.failure is None
        assert not site.answer(f"id:{picture.identifier}").allowed


def leave(cloud: Cloud, group: str) -> None:
    database = Database.open(cloud.server.database_url)
    try:
        with database.write() as session:
            GroupService(session).remove(group, f"{group}@example.org", by="cli:test", at=datetime.now(UTC))
    finally:
        database.close()


def test_the_daemon_follows_the_logs_of_groups(cloud: Cloud, content: ContentServer, group: str) -> None:
    picture = raw("daemon of a group")
    cloud.configure(subscription=f'search = "tag={picture.identifier}"', marketplace='token_file = "token"')
    with running_site(cloud) as site:
        draft = picture.draft(content.put("daemon", picture.data), tags=(picture.identifier,))
        say_to(cloud, group, signed(draft, ALICE, created="2024-05-01T12:00:00Z"))
        await_true(lambda: site.allows(picture.identifier), "the group's image is known")
