"""What a site shows of its logs, as settings and verdicts change; the log never does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from marketplace.access import ANONYMOUS
from marketplace.changes import PUBLIC, ChangeLog
from marketplace.db import Database
from marketplace.entries import EntryQuery, StatusFilter, VisibleEntries
from marketplace.fsck.current import verify_current
from marketplace.ingest import IngestService, UploadPolicy
from marketplace.ingest.errors import NotShownError
from marketplace.ingest.filter_refresh import FilterRefresh
from marketplace.ingest.site_filter import SiteFilter
from marketplace.models import TrustState, VerdictRow
from tests.factories.documents import CREATED, image, signed
from tests.factories.identities import make_identity
from validators import accept

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JANE, BOB = make_identity(email="jane@example.org"), make_identity("Bob", "bob@elsewhere.example")
OLD = signed(image(content="filtered", title="old", tags=("lts",)), JANE, CREATED)
NEW = signed(image(content="filtered", title="new"), JANE, "2024-05-02T12:00:00Z")
OTHER = signed(image(content="filtered", title="other", tags=("lts",)), BOB, CREATED)


@contextmanager
def taking(database: Database, *conditions: str) -> Iterator[IngestService]:
    policy = UploadPolicy(site_filter=SiteFilter(conditions, lambda signer: "chained"))
    with closing(IngestService(database, policy, lambda: NOW)) as service:
        yield service


def take(database: Database, documents: Sequence[bytes], *conditions: str) -> None:
    with taking(database, *conditions) as service:
        assert [type(one).__name__ for one in service.import_all(documents)] == ["IngestResult"] * len(
            documents
        )


def titles(database: Database) -> set[str | None]:
    """The titles of the list; the table that it is made of is what the log shows, and the log is whole."""
    with database.read() as session:
        visible = VisibleEntries(session, ANONYMOUS)
        listed = visible.list(EntryQuery(now=NOW, status=StatusFilter.ALL))
        assert listed.total == len(listed.rows)
        assert list(verify_current(session)) == []
        assert {row.email for row in visible.endorsers()} == {row.email for row in listed.rows}
    return {row.title for row in listed.rows}


def size(database: Database) -> int:
    with database.read() as session:
        return ChangeLog(session).size(PUBLIC)


def refilter(database: Database, *conditions: str) -> int:
    return FilterRefresh(database, SiteFilter(conditions)).refresh()


def test_what_comes_in_is_shown_as_the_filter_says_and_logged_all_the_same(database: Database) -> None:
    take(database, [OLD, NEW, OTHER], "endorser:bob@elsewhere.example")
    assert (titles(database), size(database)) == ({"other"}, 3)


def test_other_conditions_hold_for_everything_that_is_here(database: Database) -> None:
    take(database, [OLD, NEW, OTHER])
    assert titles(database) == {"new", "other"}
    assert refilter(database, "tag:lts") == 1
    # The newest that is shown is the current one.
    assert titles(database) == {"old", "other"}
    assert refilter(database, "tag:lts", "endorser:@elsewhere.example") == 1
    assert titles(database) == {"other"}
    assert refilter(database, "tag:lts", "endorser:@elsewhere.example") == 0
    assert refilter(database) == 2
    assert (titles(database), size(database)) == ({"new", "other"}, 3)


def test_nothing_moves_a_reader_into_what_was_hidden(database: Database) -> None:
    take(database, [OLD, OTHER])
    refilter(database, "endorser:@elsewhere.example")
    with database.read() as session:
        visible = VisibleEntries(session, ANONYMOUS)
        hidden = accept(OLD)
        assert visible.find_preferred(hidden.coordinates) is None
        assert visible.find_by_entry_id(hidden.entry_id) is None
        assert visible.tagged("jane@example.org", "lts") is None
        assert visible.endorser("jane@example.org") is None
        assert [row.email for row in visible.timeline(hidden.identifier)] == ["bob@elsewhere.example"]


def test_remembered_answers_end_with_a_change_of_the_filter(database: Database) -> None:
    take(database, [OLD, OTHER])
    with database.read() as session:
        before = VisibleEntries(session, ANONYMOUS).version()
    refilter(database, "tag:none")
    with database.read() as session:
        assert VisibleEntries(session, ANONYMOUS).version() != before


def test_entries_come_and_go_with_the_verdicts_on_their_certificates(database: Database) -> None:
    take(database, [OLD, OTHER], "trust:chained")
    assert titles(database) == {"old", "other"}
    # No verdict is stored yet: what the site's trust said when they came still holds.
    with database.write() as session:
        key = VisibleEntries(session, ANONYMOUS).certificates("jane@example.org", NOW)[0].key
        session.add(_verdict(key, "self-signed", 1))
        session.merge(TrustState(id=1, revision=1, basis="x", refreshed_at=NOW))
    refilter(database, "trust:chained")
    with database.write() as session:
        session.execute(update(VerdictRow).values(standing="chained", revision=2))
        session.execute(update(TrustState).values(revision=2))
    refilter(database, "trust:chained")
    assert "old" in titles(database)
    with database.write() as session:
        session.execute(update(VerdictRow).values(standing="revoked", revision=3))
        session.execute(update(TrustState).values(revision=3))
    assert refilter(database, "trust:chained") == 1
    assert "old" not in titles(database)


def test_uploads_that_nobody_would_see_are_refused_also_where_the_log_has_them(database: Database) -> None:
    take(database, [OTHER], "endorser:@example.org")
    with taking(database, "endorser:@example.org") as service:
        for document in (OTHER, signed(image(content="more"), BOB)):
            answer = service.enqueue(accept(document)).exception()
            assert isinstance(answer, NotShownError)
    assert size(database) == 1


def _verdict(key: int, standing: str, revision: int) -> VerdictRow:
    return VerdictRow(
        certificate_id=key,
        standing=standing,
        pinned=False,
        listed=False,
        takes_legacy=False,
        begins=NOW,
        ends=NOW + timedelta(days=1),
        basis="x",
        judged_at=NOW,
        revision=revision,
    )
