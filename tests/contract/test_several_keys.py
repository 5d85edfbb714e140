"""Several keys sign for one address: every store says what ``rules/current.py`` says, at every step.

Entries come one by one and in pages, into two logs, while verdicts and confirmations change between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from marketplace.access import ANONYMOUS, Principal
from marketplace.catalogue import Catalogue
from marketplace.changes import PUBLIC
from marketplace.confirmation import PendingUploads
from marketplace.db import Database
from marketplace.entries import EntryQuery, ListCaches, StatusFilter, VisibleEntries
from marketplace.fsck.current import verify_current
from marketplace.ingest.current_refresh import CurrentRefresh
from marketplace.models import Current, Entry
from marketplace.rules.trust import speaks_for
from marketplace.rules.visibility import find_scope
from marketplace.search.request import SearchRequest
from marketplace.search.service import SearchService
from tests.contract.judging import JUDGED, hold, verdict
from tests.contract.search_store import GROUP, NOW, empty
from tests.entry_rules import current, preferred_at, tag_target
from tests.factories.entries import accepted, hex_digest, moment, signer
from tests.factories.stated import Stated
from tests.factories.storing import imports, take_all
from validators.document import AcceptedEntry
from validators.verdict import Standing

ADDRESS = "ann@x.org"
MEMBER = Principal("member", frozenset({PUBLIC, GROUP}))
SEEN = {ANONYMOUS: (PUBLIC,), MEMBER: (PUBLIC, GROUP)}
#: Certificates by name: the key, and whether they hold the address.
CERTIFICATES = {
    "ann": ("a", ADDRESS),
    "ann again": ("a", None),
    "ann renewed": ("b", ADDRESS),
    "eve": ("c", ADDRESS),
    "eve again": ("d", None),
}
SIGNERS = {
    name: signer(name, key_digest=hex_digest("key", key), email=email)
    for name, (key, email) in CERTIFICATES.items()
}
NAMES = st.sampled_from(list(CERTIFICATES))
LOGS = st.sampled_from([PUBLIC, PUBLIC, GROUP])
ENTRIES = st.builds(
    lambda image, second, name, **said: accepted(
        image, ADDRESS, moment(second), signed_by=SIGNERS[name], **said
    ),
    image=st.integers(0, 1),
    second=st.integers(0, 4),
    name=NAMES,
    deprecated=st.sampled_from([None, None, ""]),
    tags=st.sampled_from([(), ("stable",)]),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), LOGS, st.lists(ENTRIES, min_size=1, max_size=4)),
        st.tuples(st.just("page"), LOGS, st.lists(ENTRIES, min_size=1, max_size=4)),
        st.tuples(
            st.just("hold"),
            NAMES,
            st.sampled_from([Standing.CHAINED, Standing.REVOKED, Standing.SELF_SIGNED]),
        ),
        st.tuples(st.just("confirm"), NAMES, st.none()),
    ),
    max_size=8,
)


@dataclass
class Site:
    """What a marketplace was given."""

    database: Database
    logs: dict[str, dict[str, AcceptedEntry]] = field(default_factory=lambda: {PUBLIC: {}, GROUP: {}})
    standings: dict[str, Standing] = field(default_factory=dict)
    confirmed: set[str] = field(default_factory=set)
    caches: ListCaches = field(default_factory=ListCaches)
    catalogue: Catalogue = field(default_factory=Catalogue)

    def add(self, log: str, entries: Sequence[AcceptedEntry]) -> None:
        with self.database.write() as session:
            for entry in entries:
                take_all(session, imports([entry], log), NOW)
        self.logs[log] |= {entry.entry_id: entry for entry in entries}

    def page(self, log: str, entries: Sequence[AcceptedEntry]) -> None:
        with self.database.write() as session:
            take_all(session, imports(entries, log), NOW)
        self.logs[log] |= {entry.entry_id: entry for entry in entries}

    def hold(self, name: str, standing: Standing) -> None:
        known = {entry.signer.fingerprint for held in self.logs.values() for entry in held.values()}
        hold(self.database, {name: verdict(standing)})
        if SIGNERS[name].fingerprint in known:
            self.standings[name] = standing

    def confirm(self, name: str, _: None) -> None:
        with self.database.write() as session:
            PendingUploads(session).remember(SIGNERS[name].fingerprint, ADDRESS, PUBLIC, JUDGED)
        self.confirmed.add(name)

    def trusts(self, entry: AcceptedEntry) -> bool:
        name = next(one for one, made in SIGNERS.items() if made.fingerprint == entry.signer.fingerprint)
        standing = self.standings.get(name)
        return speaks_for(
            None if standing is None else standing.value,
            bound=entry.signer.email is not None,
            confirmed=name in self.confirmed,
        )


def check(site: Site, principal: Principal) -> None:
    held = {key: entry for log in SEEN[principal] for key, entry in site.logs[log].items()}
    stated = [Stated(entry, site.trusts(entry)) for entry in held.values()]
    wanted = {one.entry_id for found in current(stated).values() for one in found}
    target = tag_target(stated, ADDRESS, "stable")
    with site.database.read() as session:
        scope = find_scope(session, principal)
        listed = session.scalars(
            select(Entry.entry_id).join(Current, Current.entry_key == Entry.id).where(scope.current())
        ).all()
        assert sorted(listed) == sorted(wanted)
        visible = VisibleEntries(session, principal, site.caches)
        page = visible.list(EntryQuery(now=NOW, status=StatusFilter.ALL))
        assert sorted(row.entry_id for row in page.rows) == sorted(wanted)
        tagged = visible.tagged(ADDRESS, "stable")
        assert (tagged and tagged.entry_id) == (target and target.entry_id)
        for one in stated[:4]:
            beside = [other for other in stated if other.entry.coordinates == one.entry.coordinates]
            shown, best = visible.find_preferred(one.entry.coordinates), preferred_at(beside)
            assert (shown and shown.entry_id) == (best and best.entry_id)
            record = visible.find_by_entry_id(one.entry_id)
            assert record is not None
            rivals = {rival.entry_id for rival in record.rivals}
            own = {
                other.entry_id
                for other in current(stated)[one.identifier, one.email]
                if other.entry_id != record.current_id
            }
            assert (rivals, record.is_current) == (own, one.entry_id in wanted)
        assert not list(verify_current(session))
    found = SearchService(site.database, site.catalogue, None).search(
        SearchRequest(limit=100), principal, NOW
    )
    assert sorted(hit.row.entry_id for hit in found.hits) == sorted(wanted)


def said(name: str, second: int, **how: object) -> AcceptedEntry:
    """An entry about the first image."""
    return accepted(0, ADDRESS, moment(second), signed_by=SIGNERS[name], **how)


@example(
    steps=[
        ("confirm", "ann again", None),
        ("add", PUBLIC, [said("ann again", 2), said("ann", 4), said("eve again", 0)]),
    ]
)
@example(
    steps=[
        ("confirm", "eve", None),
        ("add", PUBLIC, [said("eve", 4)]),
        ("add", GROUP, [said("ann", 2)]),
        ("confirm", "ann", None),
        ("add", GROUP, [said("ann renewed", 1)]),
    ]
)
@example(
    steps=[
        ("add", GROUP, [said("ann renewed", 0)]),
        ("confirm", "eve", None),
        ("add", PUBLIC, [said("eve", 4)]),
        ("add", GROUP, [said("ann", 2)]),
    ]
)
@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_every_store_says_what_the_set_and_the_verdicts_say(
    database: Database, steps: list[tuple[str, str, object]]
) -> None:
    empty(database)
    site = Site(database)
    for step, which, what in steps:
        getattr(site, step)(which, what)
        CurrentRefresh(database).refresh()
        for principal in SEEN:
            check(site, principal)
