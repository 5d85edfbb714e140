"""The registry of endorsers: certificates with their use, what follows what, and only what a reader sees."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import insert, select

from marketplace.access import ANONYMOUS, Principal
from marketplace.changes import PUBLIC
from marketplace.entries import ListCaches, VisibleEntries
from marketplace.models import Certificate, VerdictChange
from tests.contract.judging import hold, verdict
from tests.contract.search_store import GROUP, NOW, empty
from tests.factories.entries import accepted, moment, signer
from tests.factories.storing import imports, take_all
from validators.document import AcceptedEntry, Endorser
from validators.verdict import Standing

MEMBER = Principal("member", frozenset({PUBLIC, GROUP}))
EMAIL = "jane@x.org"


def made(certificate, image, second, *, subject="CN=Jane", issuer="CN=Authority", email=EMAIL):
    entry = accepted(image, email, moment(second), signed_by=signer(certificate))
    return AcceptedEntry(
        **{name: getattr(entry, name) for name in AcceptedEntry.__slots__}
        | {"endorser": Endorser(email, subject, issuer)}
    )


def add(database, entries, log=PUBLIC, at=NOW):
    with database.write() as session:
        take_all(session, imports(entries, log), at)


def seen(database, principal=ANONYMOUS, now=NOW, caches=None):
    with database.read() as session:
        visible = VisibleEntries(session, principal, caches)
        found = visible.certificates(EMAIL, now)
        return found, visible.endorser_changes(found), visible.look_alikes().of(EMAIL)


def test_certificates_with_first_and_last_use(database):
    empty(database)
    add(database, [made("a", 1, 5), made("a", 2, 1), made("a", 1, 9)])
    hold(database, {"a": verdict(listed=True)})
    ((one,), changes, _) = seen(database)
    assert (one.entries, one.first, one.latest, one.first_seen_at) == (3, moment(1), moment(9), NOW)
    assert (one.succession, one.is_new, changes) == (None, False, [])
    assert one.verdict is not None and one.verdict.standing is Standing.CHAINED


def test_what_follows_what(database):
    empty(database)
    hours = [NOW + timedelta(hours=n) for n in range(4)]
    add(database, [made("a", 1, 0)], at=hours[0])
    add(database, [made("b", 2, 0)], at=hours[1])
    add(database, [made("c", 3, 0, issuer="CN=Jane")], at=hours[2])
    add(database, [made("d", 4, 0, subject="CN=Eve", issuer="CN=Eve")], at=hours[3])
    found, changes, _ = seen(database, now=hours[3])
    assert [one.succession for one in found] == ["other-name", "other-issuer", "renewed", None]
    assert [one.is_new for one in found] == [True, True, True, False]
    assert [(one.before, one.after) for one in changes] == [
        (None, "other-name"),
        (None, "other-issuer"),
        (None, "renewed"),
    ]
    later, _, _ = seen(database, now=hours[3] + timedelta(days=31))
    assert not any(one.is_new for one in later)


def test_a_self_signed_certificate_of_the_same_name_renews_nothing(database):
    empty(database)
    add(database, [made("a", 1, 0, issuer="CN=Jane")])
    add(database, [made("b", 2, 0, issuer="CN=Jane")], at=NOW + timedelta(hours=1))
    found, _, _ = seen(database)
    assert [one.succession for one in found] == ["other-issuer", None]


def test_readers_are_told_only_of_what_they_see(database):
    empty(database)
    caches = ListCaches()
    add(database, [made("private", 1, 0, subject="CN=Project", issuer="CN=Project")], GROUP)
    assert seen(database, caches=caches) == ([], [], [])
    add(database, [made("public", 2, 0)], at=NOW + timedelta(days=1))
    add(database, [made("else", 3, 0, email="Jane@x.org")], GROUP, at=NOW + timedelta(days=1))
    with database.write() as session:
        key = session.scalar(
            select(Certificate.id).where(Certificate.fingerprint == signer("public").fingerprint)
        )
        for day, (before, after) in enumerate([(None, "chained"), ("chained", "revoked")]):
            row = {"certificate_id": key, "changed_at": NOW + timedelta(hours=40 * day)}
            session.execute(insert(VerdictChange).values(**row, before=before, after=after))
    found, changes, alike = seen(database, caches=caches)
    # To everybody it is the first certificate of this address, and nobody is like it.
    assert [one.fingerprint for one in found] == [signer("public").fingerprint]
    assert (found[0].succession, alike) == (None, [])
    assert [(one.before, one.after) for one in changes] == [("chained", "revoked")]
    members, _, theirs = seen(database, MEMBER, caches=caches)
    assert [one.succession for one in members] == ["other-name", None]
    assert [one.email for one in theirs if one.kind == "address"] == ["Jane@x.org"]


def test_a_change_from_before_a_reader_could_know_is_not_told(database):
    empty(database)
    add(database, [made("a", 1, 0)], GROUP)
    add(database, [made("a", 2, 0)], at=NOW + timedelta(days=2))
    with database.write() as session:
        key = session.scalar(select(Certificate.id))
        session.execute(
            insert(VerdictChange).values(
                certificate_id=key, changed_at=NOW + timedelta(days=1), before="chained", after="revoked"
            )
        )
    assert seen(database)[1] == []
    assert len(seen(database, MEMBER)[1]) == 1
