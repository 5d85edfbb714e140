"""A new site takes in another one's whole log, and is killed meanwhile."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from marketplace.ingest import IngestResult, IngestService, UploadPolicy
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.tlog.tiles import WIDTH, parse_tile_name
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.federation.sites import Site, await_equal, doubled, make_site
from tests.soaking import Tell
from tests.waiting import wait_for

KILLS, SOAK_KILLS = 3, 30
ENTRIES, SOAK_ENTRIES = 5 * WIDTH + 7, 60 * WIDTH + 7
#: Seconds for a bootstrap: many times what it takes.
WHOLE = 600.0
BUNDLE = "/fed/v1/logs/public/tile/entries/"


@pytest.mark.parametrize(
    ("kills", "entries"),
    [
        pytest.param(KILLS, ENTRIES, marks=pytest.mark.timeout(1200)),
        pytest.param(SOAK_KILLS, SOAK_ENTRIES, marks=pytest.mark.soak),
    ],
)
def test_a_bootstrap_that_is_killed_goes_on_where_it_was(
    tmp_path: Path, kills: int, entries: int, tell: Tell
) -> None:
    chance = random.Random(20_260_102)
    full, new = make_site(tmp_path, "a"), make_site(tmp_path, "b")
    fill(full, entries)
    new.follow(full.url, full.keys.log.verifier)
    moments = sorted(chance.sample(range(entries - WIDTH), kills))
    try:
        full.start()
        await_published(full, entries)
        resumed_at = []
        for moment in moments:
            new.start()
            wait_for(lambda at=moment: reached(new, full) >= at, WHOLE)
            new.kill()
            kept = reached(new, full)
            assert kept == new.size(), "the cursor and the entries are one transaction"
            resumed_at.append((kept, requested(full)))
        new.start()
        wait_for(lambda: reached(new, full) == entries, WHOLE, lambda: new.followed(full.keys.site))
        assert len(await_equal([full, new])) == entries
        tell(kills, entries, entries - new.size(), doubled([new]))
        verify_whole(new, full)
        verify_resumed(resumed_at, requested(full))
        assert new.complaints() == []
    finally:
        for site in (full, new):
            site.end()


def fill(site: Site, count: int) -> None:
    """Put entries into a site that does not run."""
    identity = make_identity()
    documents = (signed(image(content=f"bootstrap {n}", title=f"Entry {n}"), identity) for n in range(count))
    with site.database() as database:
        ingest = IngestService(database, UploadPolicy())
        try:
            assert all(isinstance(outcome, IngestResult) for outcome in ingest.import_all(documents))
        finally:
            ingest.close()


def await_published(site: Site, entries: int) -> None:
    with site.running.client() as http:
        wait_for(
            lambda: http.get("/fed/v1/logs/public/checkpoint").text.split("\n")[1:2] == [str(entries)], WHOLE
        )


def reached(site: Site, peer: Site) -> int:
    return site.followed(peer.keys.site).trusted.reached.size


def requested(site: Site) -> list[int]:
    """The numbers of the bundles of rows that were asked for, in the order of the answers."""
    paths = [str(line.get("path", "")) for line in site.running.log_lines()]
    return [parse_tile_name(path.removeprefix(BUNDLE)).number for path in paths if path.startswith(BUNDLE)]


def verify_whole(site: Site, peer: Site) -> None:
    """Success is the signed root and nothing wanted."""
    log = site.followed(peer.keys.site)
    assert log.trusted.proven == log.trusted.reached
    assert log.entries == log.trusted.reached.size
    with site.database() as database, database.read() as session:
        assert FollowedLogs(session).trouble().get(log.id) is None


def verify_resumed(kills: list[tuple[int, list[int]]], everything: list[int]) -> None:
    """After each kill nothing in front of what was kept is asked for again.

    Args:
        kills: rows kept, and what had been asked for until then.
    """
    assert set(everything) == set(range(max(everything) + 1))
    for kept, before in kills:
        later = everything[len(before) :]
        assert min(later, default=kept // WIDTH) >= kept // WIDTH
