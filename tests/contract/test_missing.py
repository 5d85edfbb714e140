"""Bodies that their own site erased, and entries that say what was erased here: asked for, then no more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from marketplace.access.principal import group_log
from marketplace.changes import PUBLIC, ChangeLog
from marketplace.ingest.erasing import ErasingService
from marketplace.peers.administration import PeerAdministration
from marketplace.peers.model import FollowedLog, Peer, PullState, Trouble
from marketplace.peers.pull.fetch_missing import Compared, MissingEntries
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.peers.registry.peer_registry import Peers
from marketplace.tlog.digest import SetSum
from tests.contract.test_erasing import ALTERED
from tests.contract.test_pull import DOCUMENTS, KEY, SITE, FakeFeed, Site, site, verification
from tests.factories.storing import import_entry
from validators import accept
from validators.document import format_time

__all__ = ["site", "verification"]

GONE, KEPT = accept(DOCUMENTS[0]).entry_id, accept(DOCUMENTS[1]).entry_id


class SetFeed(FakeFeed):
    """A peer that also tells what its log holds."""

    def digests(self, slug: str, prefix: str, known: str) -> dict[str, str] | None:
        self._count()
        if not prefix and SetSum().plus(self._ids()).digest == known:
            return None
        parts: dict[str, SetSum] = {}
        for one in self._ids():
            if one.startswith(prefix):
                part = one[: len(prefix) + 2]
                parts[part] = parts.get(part, SetSum()).plus([one])
        return {part: total.digest for part, total in parts.items()}

    def digest_ids(self, slug: str, prefix: str) -> list[str]:
        self._count()
        return [one for one in self._ids() if one.startswith(prefix)]

    def _ids(self) -> set[str]:
        return set(self.bodies_held) | self.erased


def erasing_feed() -> SetFeed:
    """A peer that erased the first of two entries."""
    feed = SetFeed(DOCUMENTS[:2])
    del feed.bodies_held[GONE]
    feed.erased.add(GONE)
    return feed


def trouble(site: Site) -> Trouble:
    with site.database.read() as session:
        return FollowedLogs(session).trouble().get(site.followed().id, Trouble())


def another(site: Site, number: int = 2) -> MissingEntries:
    """Another peer of the site."""
    with site.database.write() as session:
        url = f"http://127.0.0.1:{number}"
        peer: Peer = Peers(session).add(url, KEY.verifier.named(f"mp-{number}.example"), None, site.now)
    return MissingEntries(site.means, peer)


def told(site: Site, feed: SetFeed) -> FollowedLog:
    """Pull, and ask again for what did not come."""
    log = site.pull(feed)
    assert (log.state, trouble(site).wanted) == (PullState.TAILING, 1)
    site.now += timedelta(seconds=10)
    assert site.missing.retry_wanted(log, feed) == 0
    return log


def test_what_its_own_site_erased_is_wanted_no_more(site: Site) -> None:
    feed = erasing_feed()
    log = told(site, feed)
    assert trouble(site) == Trouble(erased=1)
    site.now += timedelta(days=1)
    assert site.missing.retry_wanted(log, feed) is None
    assert site.missing.ask_elsewhere(log, feed) is None
    feed.asked.clear()
    assert site.missing.compare(log, PUBLIC, feed) == Compared(0, 0)
    assert feed.asked == []


def test_the_operator_is_told_which_rows_were_left_out_and_why(site: Site) -> None:
    feed = erasing_feed()
    feed.rows_held.append(b"nonsense")
    told(site, feed)
    record = PeerAdministration(site.database, "test", lambda: site.now).record(SITE)
    (log,) = record["logs"]
    assert log["missing"] == [
        {"sequence": 0, "entry": GONE, "attempts": 1, "erased_at": format_time(site.now)}
    ]
    reason = "the row cannot be read"
    assert log["passed_over"] == [{"sequence": 2, "entry": None, "code": "leaf.format", "reason": reason}]


def test_every_other_peer_is_asked_once_for_what_one_erased(site: Site) -> None:
    log = told(site, erasing_feed())
    empty, others = FakeFeed(), [another(site, 2), another(site, 3)]
    for other in others:
        assert other.ask_elsewhere(log, empty) is None
    site.now += timedelta(seconds=10)
    for other in others:
        assert other.ask_elsewhere(log, empty) == 0
        assert other.ask_elsewhere(log, empty) is None
    assert empty.asked == [GONE, GONE]
    assert another(site, 4).ask_elsewhere(log, empty) == 0


def test_nobody_hides_by_erasing_what_others_have(site: Site) -> None:
    log = told(site, erasing_feed())
    site.now += timedelta(seconds=10)
    assert another(site).ask_elsewhere(log, FakeFeed(DOCUMENTS[:1])) == 1
    assert (site.size(), trouble(site)) == (2, Trouble())


def test_nobody_says_of_the_rows_of_others_that_they_were_erased(site: Site) -> None:
    feed, liar = FakeFeed(DOCUMENTS[:2]), FakeFeed()
    del feed.bodies_held[GONE]
    liar.erased.add(GONE)
    site.pull(feed)
    other = another(site)
    with site.database.read() as session:
        (log,) = [one for one in FollowedLogs(session).all() if one.id != site.followed().id]
    site.now += timedelta(seconds=10)
    assert other.retry_wanted(log, liar) is None
    site.now += timedelta(minutes=1)
    assert other.retry_wanted(log, liar) == 0
    assert trouble(site) == Trouble(wanted=1)


def test_what_a_private_log_lacks_is_nobody_elses_business(site: Site) -> None:
    with site.database.write() as session:
        ChangeLog(session).create(group_log("guests"))
        log = FollowedLogs(session).follow(site.peer, "mp-z.example/g/7f", group_log("guests"))
    feed = erasing_feed()
    log = site.log_pull.run(log, _renamed(feed, log.origin))
    site.now += timedelta(seconds=10)
    assert site.missing.retry_wanted(log, feed) == 0
    site.now += timedelta(seconds=10)
    asked = FakeFeed()
    assert another(site).ask_elsewhere(site.followed(), asked) is None
    assert asked.asked == []


def _renamed(feed: FakeFeed, origin: str) -> FakeFeed:
    feed.origin = origin
    return feed


@pytest.mark.parametrize("late", [False, True], ids=["with-its-row", "later"])
def test_what_says_what_was_erased_here_is_passed_over_and_not_fetched_again(site: Site, late: bool) -> None:
    said, twin = ALTERED
    import_entry(site.ingest, said)
    ErasingService(site.database, lambda: site.now).erase(accept(said).entry_id, "asked for", "cli:test")
    feed = SetFeed([twin])
    kept = dict(feed.bodies_held)
    if late:
        feed.bodies_held.clear()
    log = site.pull(feed)
    feed.bodies_held |= kept
    site.now += timedelta(seconds=10)
    assert site.missing.retry_wanted(log, feed) == (1 if late else None)
    assert trouble(site) == Trouble(rejected=1)
    feed.asked.clear()
    assert site.missing.compare(log, PUBLIC, feed) == Compared(0, 0)
    assert feed.asked == []


def test_what_is_listed_and_not_handed_out_is_counted(site: Site) -> None:
    feed = SetFeed(DOCUMENTS[:2])
    log = site.pull(feed)
    feed.erased.add(_ids(DOCUMENTS[2:3])[0])
    feed.bodies_held[_ids(DOCUMENTS[3:4])[0]] = DOCUMENTS[3]
    feed.bodies_held["ab" * 32] = b""  # listed only
    del feed.bodies_held[KEPT]
    answer = feed.bodies

    feed.bodies = lambda ids: answer([one for one in ids if one != "ab" * 32])
    assert site.missing.compare(log, PUBLIC, feed) == Compared(1, 1)
    assert site.size() == 3


def _ids(documents: Iterable[bytes]) -> list[str]:
    return [accept(one).entry_id for one in documents]
