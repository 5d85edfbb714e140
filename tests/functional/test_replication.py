"""Real servers that follow each other: what is uploaded at one is at all, soon, once, and after restarts."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from marketplace.access import group_log
from marketplace.models import PeerLog
from marketplace.moments import utc_now
from marketplace.peers.errors import GrantError
from marketplace.peers.registry.grants import Grants
from marketplace.peers.registry.peer_registry import Peers
from marketplace.peers.registry.row_conversion import frontier_bytes
from marketplace.tlog.following import EMPTY
from marketplace.tlog.merkle import hash_leaf
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.private_site import GROUP, MEMBER, found_groups, put
from tests.functional.sites import Site, sites, until
from validators import accept

PRIVATE = f"<dcterms:accessRights>private</dcterms:accessRights><dcterms:audience>{GROUP}</dcterms:audience>"


@pytest.fixture
def identity() -> object:
    return make_identity()


def test_an_upload_at_one_site_reaches_the_other_also_after_restarts(
    tmp_path: Path, identity: object
) -> None:
    with sites(tmp_path, 2) as (a, b):
        a.follow(b)
        until(lambda: peers(a)[0]["follows"] is False, "the other site says whom it follows")
        b.follow(a)
        first = signed(image(content="first", title="First"), identity)
        path = a.upload(first)
        until(lambda: b.has(path, first), "the upload is at the other site")
        b.stop()
        second = signed(image(content="second", title="Second"), identity)
        path2 = a.upload(second)
        b.start()
        until(lambda: b.has(path2, second), "what was uploaded meanwhile is there after a restart")
        assert b.has(path, first)
        until(lambda: peers(a)[0]["follows"] is True, "the other site says that it follows this one")
        assert "follows this site" in page(a, "/federation")
        assert "uploaded at this site" in page(a, f"/metadata/{path}")
        assert "first accepted by mp-a.example according to the peer" in page(b, f"/metadata/{path}")


def peers(site: Site) -> list[dict[str, object]]:
    assert site.server is not None
    with site.server.client() as http:
        return http.get("/api/v1/peers").json()["peers"]


def page(site: Site, path: str) -> str:
    assert site.server is not None
    with site.server.client() as http:
        return http.get(path, headers={"Accept": "text/html"}).raise_for_status().text


def test_private_entries_reach_the_granted_peer_and_nobody_else(tmp_path: Path, identity: object) -> None:
    with sites(tmp_path, 3) as (a, b, c):
        tokens = found_groups(f"sqlite:///{a.data / 'marketplace.sqlite'}")
        for other in (b, c):
            other.follow(a)
            a.follow(other)
        until(lambda: bool(b.followed(a)[0].succeeded_at and c.followed(a)[0].succeeded_at), "both follow")
        secret, later = (signed(image(content=f"secret {n}", extra=PRIVATE), identity) for n in range(2))
        path = accept(secret).coordinates.path()
        upload_to_group(a, secret, tokens)
        with a.database() as database, database.write() as session:
            Grants(session).grant(group_log(GROUP), Peers(session).get(b.name), utc_now())
        b.pull(a)
        until(lambda: len(b.followed(a)) == 2, "the granted log is followed")
        until(lambda: b.followed(a)[1].entries == 1, "the private entry is there")
        assert b.followed(a)[1].log.startswith("group:mp-a.example.")
        assert len(c.followed(a)) == 1
        assert not b.has(path, secret)  # nobody there belongs to the group yet
        upload_to_group(a, later, tokens)
        until(lambda: b.followed(a)[1].entries == 2, "later ones come too", 120)
        assert b.server is not None
        with b.server.client() as http:
            told = http.get("/fed/v1/witness/heads").json()["heads"]
        assert [note.partition("\n")[0] for note in told] == [f"{a.name}/public"]  # of no private log
        with b.database() as database, database.write() as session, pytest.raises(GrantError):
            Grants(session).grant(b.followed(a)[1].log, Peers(session).get(a.name), utc_now())


def upload_to_group(site: Site, data: bytes, tokens: dict[str, str]) -> None:
    assert site.server is not None
    with site.server.client() as http:
        answer = put(http, data, tokens[MEMBER], GROUP)
    assert answer.status_code == 201, answer.text


def test_a_comparison_of_sets_finds_what_the_log_does_not_tell(tmp_path: Path, identity: object) -> None:
    """The cursor stands at the end and nothing is here, as if every row had been passed over."""
    with sites(tmp_path, 2) as (a, b):
        documents = [signed(image(content=f"image {n}"), identity) for n in range(5)]
        paths = [a.upload(data) for data in documents]
        until(lambda: head_of(a).startswith("mp-a.example/public\n5\n"), "everything is published")
        b.stop()
        b.follow(a)
        pretend_to_have_all(b, a)
        b.start()
        until(lambda: all(map(b.has, paths, documents)), "the digests show what is missing")
        assert b.followed(a)[0].compared_at is not None


def test_what_was_erased_before_a_peer_read_it_is_told_and_not_alarmed(
    tmp_path: Path, identity: object
) -> None:
    with sites(tmp_path, 2) as (a, b):
        gone, kept = (signed(image(content=f"image {n}"), identity) for n in range(2))
        path = [a.upload(data) for data in (gone, kept)][1]
        until(lambda: head_of(a).startswith("mp-a.example/public\n2\n"), "everything is published")
        done = a.command("erase", accept(gone).entry_id, "--reason", "asked by its author")
        assert done.returncode == 0, done.stderr
        b.follow(a)
        until(lambda: b.has(path, kept), "what was not erased is there")
        assert b.server is not None
        with b.server.client() as http:
            peer = lambda: http.get("/api/v1/peers").json()["peers"][0]  # noqa: E731  # short
            until(lambda: (peer()["erased"], peer()["wanted"]) == (1, 0), "it is told that it was erased")
            assert http.get("/api/v1/alerts").json() == {"alerts": []}
        shown = b.command("peer", "show", a.name)
        assert "1 erased" in shown.stdout and f"0: {accept(gone).entry_id}, erased there" in shown.stdout
        assert b.command("peer", "disable", a.name).returncode == 0
        pulled = b.command("peer", "pull", a.name, "--now")
        assert (pulled.returncode, "switched off" in pulled.stderr) == (1, True), pulled.stderr
        released = b.command("peer", "release", a.name)
        assert (released.returncode, "nothing of mp-a.example was quarantined" in released.stderr) == (
            0,
            True,
        )


def head_of(site: Site) -> str:
    assert site.server is not None
    with site.server.client() as http:
        return http.get("/fed/v1/logs/public/checkpoint").text


def pretend_to_have_all(site: Site, other: Site) -> None:
    assert other.server is not None
    with other.server.client() as http:
        rows = http.get("/fed/v1/logs/public/changes").content.splitlines()
    tree = frontier_bytes(EMPTY.extended(map(hash_leaf, rows)))
    place = {"reached": len(rows), "proven": len(rows), "covered": len(rows)}
    with site.database() as database, database.write() as session:
        session.execute(update(PeerLog).values(reached_frontier=tree, proven_frontier=tree, **place))
