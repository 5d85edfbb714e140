"""What sites have to survive: killed, stopped, without room on the disk, with wrong clocks."""

from __future__ import annotations

import itertools
import os
import random
import resource
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from marketplace.peers.registry.peer_registry import Peers
from tests.federation.sites import (
    HEALED,
    Load,
    Site,
    await_equal,
    document,
    doubled,
    heal,
    introduce,
    make_site,
    sites,
)
from tests.soaking import Tell
from tests.waiting import wait_for
from validators import accept

KILLS, SOAK_KILLS = 5, 100
STOPPED, SOAK_STOPPED = 5.0, 60.0
#: Where Debian's faketime keeps its library.
FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(KILLS, marks=pytest.mark.timeout(900)),
        pytest.param(SOAK_KILLS, marks=pytest.mark.soak),
    ],
)
def test_sites_killed_at_random_under_load_lose_and_double_nothing(
    tmp_path: Path, kills: int, tell: Tell
) -> None:
    chance = random.Random(20_260_101)
    with sites(tmp_path) as made:
        with Load(made, "kill") as load:
            for _ in range(kills):
                load.await_confirmed(chance.randint(2, 8))
                victim = chance.choice(made)
                victim.kill()
                load.await_confirmed(2)
                victim.start()
        held, seconds = heal(made, load.confirmed)
        lost = load.confirmed - held
        tell(kills, len(load.confirmed), len(lost), doubled(made), seconds)
        assert len(load.confirmed) >= 3 * kills
        assert load.confirmed <= held
        for site in made:
            assert site.complaints() == []
            for other in made:
                if other is not site:
                    assert site.evidence(other.keys.site) == []


@pytest.mark.parametrize("seconds", [STOPPED, pytest.param(SOAK_STOPPED, marks=pytest.mark.soak)])
def test_a_site_that_stands_still_holds_nobody_up(tmp_path: Path, seconds: float, tell: Tell) -> None:
    with sites(tmp_path) as made:
        still, *others = made
        before = still.upload(document("before"))
        await_equal(made, {before})
        os.kill(still.running.process.pid, signal.SIGSTOP)
        began = datetime.now(UTC)
        try:
            meanwhile = {other.upload(document(f"meanwhile {other.name}")) for other in others}
            await_equal(others, {before, *meanwhile})
            while datetime.now(UTC) - began < timedelta(seconds=seconds):
                meanwhile.add(others[0].upload(document(f"while it stands {len(meanwhile)}")))
        finally:
            os.kill(still.running.process.pid, signal.SIGCONT)
        sent = {before, *meanwhile}
        held, equal_after = heal(made, sent)
        tell(1, len(sent), len(sent - held), doubled(made), equal_after)
        assert [site.complaints() for site in made] == [[], [], []]


@pytest.mark.fault
def test_a_disk_without_room_stops_the_pull_and_nothing_else(tmp_path: Path, tell: Tell) -> None:
    with sites(tmp_path, "ab") as (full, other):
        here = full.upload(document("here"))
        await_equal([full, other], {here})
        log = (full.data / "server.log").stat().st_size
        grown = max(path.stat().st_size for path in full.data.iterdir() if path.is_file())
        # The files of this process end here, as on a disk that is full, but its log may still grow a bit.
        limit_files(full, max(grown, log + 200_000) + 4096)
        filler = "x" * 40_000
        sent = {other.upload(document(f"large {n}", description=filler)) for n in range(12)}
        numbers = itertools.count()
        refused: httpx.Response

        def cannot_pull() -> bool:
            # SQLite may find room again in its write-ahead log, so the rest is filled each time.
            nonlocal refused
            taken, refused = upload_until_refused(full, filler, numbers)
            assert refused.status_code == 503, refused.text
            # What a client cannot add a peer cannot add either.
            sent.update({*taken, other.upload(document(f"more {next(numbers)}", description=filler))})
            # The database may have no room to note the failure: the log of the server has.
            return '"code": "store.unavailable"' in (full.data / "server.log").read_text()

        wait_for(cannot_pull, HEALED)
        with full.running.client() as http:
            assert http.get("/healthz").status_code == 200
            assert http.get("/metadata?media=json").status_code == 200
        assert "Traceback" not in refused.text
        limit_files(full, resource.RLIM_INFINITY)
        held, seconds = heal([full, other], sent | {here})
        lost = (sent | {here}) - held
        tell(1, len(sent) + 1, len(lost), doubled([full, other]), seconds)
        assert held == sent | {here}
        assert full.upload(document("room again")) in await_equal([full, other], sent)
        assert full.evidence(other.keys.site) == []


XML = {"Content-Type": "text/xml"}


def upload_until_refused(site: Site, filler: str, numbers: Iterator[int]) -> tuple[set[str], httpx.Response]:
    """Upload large entries; the ids of those that had room, and the first other answer."""
    taken: set[str] = set()
    with site.running.client() as http:
        for number in itertools.islice(numbers, 100):
            data = document(f"no room {number}", description=filler)
            answer = http.post("/metadata", content=data, headers=XML)
            if answer.status_code != 201:
                return taken, answer
            taken.add(accept(data).entry_id)
    raise AssertionError("the files may not grow, and a hundred large entries had room")


def limit_files(site: Site, size: int) -> None:
    """Let no file of a running process grow beyond a size in bytes."""
    _, hard = resource.prlimit(site.running.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(site.running.process.pid, resource.RLIMIT_FSIZE, (size, hard))


@pytest.mark.fault
@pytest.mark.skipif(FAKETIME is None, reason="needs libfaketime (Debian: apt install faketime)")
def test_clocks_a_day_ahead_and_an_hour_behind_change_no_set(tmp_path: Path, tell: Tell) -> None:
    right, ahead, behind = (make_site(tmp_path, name) for name in ("right", "ahead", "behind"))
    made = [right, ahead, behind]
    for site, offset in ((ahead, "+1d"), (behind, "-1h")):
        site.environment = {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME": offset,
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(Path(__file__).parent / "clock"),
        }
    introduce(made)
    try:
        for site in made:
            site.start()
        now = datetime.now(UTC).replace(microsecond=0)
        sent = {site.upload(document(f"old of {site.name}")) for site in made}
        # What is new to the right clock is far ahead for the one that is behind: its gate refuses it, ...
        fresh = document("fresh", created_at=now)
        with behind.running.client() as http:
            answer = http.post(
                "/metadata", content=fresh, headers={**XML, "Accept": "application/problem+json"}
            )
            assert (answer.status_code, answer.json()["code"]) == (400, "gate.created-in-future")
        # ... but not what its peers took in.
        sent.add(right.upload(fresh))
        sent.add(ahead.upload(document("of tomorrow", created_at=now + timedelta(hours=23))))
        held, seconds = heal(made, sent)
        tell(1, len(sent), len(sent - held), doubled(made), seconds)
        # What a peer offers, and its clock, is looked at once a minute, and at start.
        right.kill()
        right.start()
        for site in (ahead, behind):
            wait_for(lambda site=site: _offset(right, site) is not None, HEALED)
        offsets = {site.name: _offset(right, site) for site in (ahead, behind)}
        assert abs(offsets["ahead"] - 86_400) < 120 and abs(offsets["behind"] + 3600) < 120
        assert [site.evidence(o.keys.site) for site in made for o in made if o is not site] == [[]] * 6
        assert [site.complaints() for site in made] == [[], [], []]
    finally:
        for site in made:
            site.end()


def _offset(site: Site, peer: Site) -> int | None:
    with site.database() as database, database.read() as session:
        return Peers(session).get(peer.keys.site).clock_offset
