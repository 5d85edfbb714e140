"""Verdicts in the database: made for new certificates, made anew where files or the clock change them."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from cryptography import x509
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from marketplace.changes import PUBLIC, ChangeLog
from marketplace.db import Database
from marketplace.models import Certificate, IntermediateCertificate, TrustState, VerdictChange, VerdictRow
from marketplace.trust import TrustService, VerdictService
from marketplace.trust.follower import VerdictFollower
from marketplace.trust_files import TrustStore
from marketplace.trust_files.loading import Sources
from marketplace.worker import catch_up
from tests.attacks.certificates import revocation_list
from tests.attacks.distrust.forging import Cast
from tests.attacks.distrust.oddities import COMMON_NAME, EMAIL_ADDRESS, attribute, issued, name
from tests.factories.entries import accepted, signer
from tests.factories.identities import make_identity
from tests.factories.storing import imports, take_all
from tests.unit.trust.authorities import DAY, NOW, crl_bytes, der, der_of, issue, root
from tests.waiting import HANGING
from validators.links import parse_link
from validators.material import TrustPolicy

ROOT = root()
JIM = make_identity("Jim", "jim@example.org", issuer=ROOT)
JANE = make_identity("Jane", "jane@example.org")
MIDDLE = issue(ROOT, "Middle", ca=True)
KIM = issue(MIDDLE, "Kim", email="kim@example.org")


class Site:
    """A database with the trust files of a directory, as one process sees them."""

    def __init__(self, database, folder):
        self.database, self.folder, self.now = database, folder, NOW
        sources = Sources((str(folder),), (), (), None, None)
        self.store = TrustStore(sources, TrustPolicy(), now=lambda: self.now)
        self.trust = TrustService(self.store)
        self.verdicts = VerdictService(database, self.store, self.trust, lambda: self.now)

    def reload(self):
        self.store.reload()
        return self.verdicts.refresh()

    def follow(self):
        catch_up(self.database, VerdictFollower(self.verdicts))

    def standing(self, identity):
        with self.database.read() as session:
            found = parse_link(der(identity)).fingerprint
            return session.scalar(
                select(VerdictRow.standing)
                .join(Certificate, Certificate.id == VerdictRow.certificate_id)
                .where(Certificate.fingerprint == found)
            )

    def revision(self):
        with self.database.read() as session:
            return session.scalar(select(TrustState.revision))


def entry(identity, image="image", beside=(), **said):
    certificate = parse_link(der(identity))
    by = signer(
        certificate=certificate.der,
        fingerprint=certificate.fingerprint,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        intermediates=tuple(beside),
    )
    return accepted(image, identity.email or "claimed@example.org", signed_by=by, **said)


def add(database, *entries, log=PUBLIC):
    with database.write() as session:
        take_all(session, imports(entries, log), NOW)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "anchors"
    made.mkdir()
    (made / "root.pem").write_bytes(ROOT.certificate_pem)
    return made


@pytest.fixture
def site(database, folder):
    return Site(database, folder)


def test_the_follower_judges_new_certificates_once(site):
    add(site.database, entry(JIM), entry(JIM, "other"), entry(JANE))
    site.follow()
    assert (site.standing(JIM), site.standing(JANE)) == ("chained", "self-signed")
    before = site.revision()
    add(site.database, entry(JIM, "third"))
    site.follow()
    assert site.revision() == before


def test_a_new_list_changes_only_what_it_revokes(site, folder):
    add(site.database, entry(JIM), entry(JANE))
    site.follow()
    (folder / "root.r0").write_bytes(crl_bytes(ROOT, JIM))
    done = site.reload()
    assert (done.judged, done.changed) == (2, 1)
    assert (site.standing(JIM), site.standing(JANE)) == ("revoked", "self-signed")
    with site.database.read() as session:
        (row,) = session.execute(select(VerdictRow).where(VerdictRow.standing == "revoked")).scalars()
        assert (row.revoked_since, row.revoked_reason) == (NOW - 2 * DAY, "keyCompromise")
        told = session.execute(
            select(VerdictChange.before, VerdictChange.after).order_by(VerdictChange.id)
        ).all()
    assert sorted(told, key=str) == sorted(
        [(None, "chained"), (None, "self-signed"), ("chained", "revoked")], key=str
    )
    again = site.reload()
    assert (again.judged, again.changed) == (0, 0)


def test_the_clock_alone_can_change_a_verdict(site, folder):
    (folder / "root.r0").write_bytes(crl_bytes(ROOT, next_update=NOW + DAY))
    add(site.database, entry(JIM))
    site.reload()
    assert site.standing(JIM) == "chained"
    site.now = NOW + 2 * DAY
    assert site.reload().changed == 1
    assert site.standing(JIM) == "revocation-unknown"


def test_a_path_may_lead_through_what_any_entry_brought_along(site):
    middle = der_of(MIDDLE.certificate)
    add(site.database, entry(KIM))
    site.follow()
    assert site.standing(KIM) == "untrusted-issuer"
    add(site.database, entry(KIM, "other", beside=[der(JANE), middle]))
    site.now += timedelta(seconds=5)
    site.follow()
    assert site.standing(KIM) == "chained"
    with site.database.read() as session:
        # Jane's certificate has nothing to do with it: anybody could have put it there.
        assert session.scalars(select(IntermediateCertificate.der)).all() == [middle]


def test_what_a_group_brings_along_vouches_for_nothing_public(site):
    middle = der_of(MIDDLE.certificate)
    with site.database.write() as session:
        ChangeLog(session).create("group:g")
    add(site.database, entry(KIM, "private", beside=[middle]), log="group:g")
    site.follow()
    assert site.standing(KIM) == "chained", "only the group sees it"
    add(site.database, entry(KIM, "public"))
    site.follow()
    assert site.standing(KIM) == "untrusted-issuer"
    site.reload()
    assert site.standing(KIM) == "untrusted-issuer"
    with site.database.read() as session:
        told = session.scalars(select(VerdictChange).where(VerdictChange.before.is_not(None))).all()
        assert told == [], "how it stood for the group is not told"
    # Publishing the group's entry brings the missing link to everybody.
    add(site.database, entry(KIM, "private", beside=[middle]))
    site.now += timedelta(seconds=5)
    site.follow()
    assert site.standing(KIM) == "chained"


def test_a_process_with_older_files_leaves_newer_verdicts_alone(site, folder, database):
    add(database, entry(JIM))
    behind = Site(database, folder)
    (folder / "root.r0").write_bytes(crl_bytes(ROOT, JIM))
    site.reload()
    add(database, entry(JIM, "other"))
    behind.follow()
    assert site.standing(JIM) == "revoked"
    assert behind.reload().changed == 0


def test_a_process_hears_that_another_one_judged_by_newer_files(site, folder, database, monkeypatch):
    behind = Site(database, folder)
    assert behind.verdicts.find_other_basis() is None
    behind.reload()
    assert site.verdicts.find_other_basis() is None
    (folder / "root.r0").write_bytes(crl_bytes(ROOT, JIM))
    site.reload()
    assert behind.verdicts.find_other_basis()

    def down(self):
        raise OperationalError("SELECT", None, OSError("gone"))

    with monkeypatch.context() as patched:
        patched.setattr(Database, "read", down)
        assert behind.verdicts.find_other_basis() is None
    behind.store.reload()
    assert behind.verdicts.find_other_basis() is None


def test_two_processes_tell_a_change_once(site, folder, database):
    entries = [entry(make_identity(f"E{n}", f"e{n}@example.org", issuer=ROOT)) for n in range(6)]
    add(database, *entries)
    sites = [site, *(Site(database, folder) for _ in range(3))]
    threads = [threading.Thread(target=one.verdicts.refresh) for one in sites]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANGING)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(VerdictChange)) == 6
        assert session.scalar(select(func.count()).select_from(VerdictRow)) == 6


def test_a_refresh_that_ends_half_way_goes_on(site, database: Database, folder, monkeypatch):
    monkeypatch.setattr("marketplace.trust.verdicts.CHUNK", 2)
    entries = [entry(make_identity(f"F{n}", f"f{n}@example.org", issuer=ROOT)) for n in range(5)]
    add(database, *entries)
    write, calls = site.verdicts._write, []

    def failing(*found, **how):
        if len(calls) == 1:
            raise OSError("the disk is full")
        calls.append(write(*found, **how))
        return calls[-1]

    monkeypatch.setattr(site.verdicts, "_write", failing)
    with pytest.raises(OSError, match="full"):
        site.verdicts.refresh()
    monkeypatch.setattr(site.verdicts, "_write", write)
    assert site.verdicts.refresh().judged == 3


def test_certificates_that_a_library_cannot_read_keep_no_other_from_being_judged(site, folder):
    """One entry used to freeze all trust: nothing was judged any more, and a refresh died."""
    names = {
        "an empty address": [attribute(EMAIL_ADDRESS, 0x16, b"")],
        "Latin-1": [attribute(COMMON_NAME, 0x14, b"eve\xe9\xff")],
        "nothing odd but the number": [attribute(COMMON_NAME, 0x0C, b"Neg")],
    }
    bounds = x509.NameConstraints([x509.RFC822Name("example.org")], None)
    bounded = issue(ROOT, "Bounded", ca=True, extensions=[(bounds, True)])
    cast, poison = Cast("poison"), []
    for label, parts in names.items():
        issuer = ROOT if "number" in label else bounded
        serial = b"\x02\x01\xf9" if "number" in label else b"\x02\x01\x07"
        who = issued(cast, issuer, name(*parts), serial=serial)
        poison.append(who)
        add(site.database, entry(who, label, beside=[der(issuer)]))
    add(site.database, entry(JIM))
    site.follow()
    assert [site.standing(one) for one in poison] == ["untrusted-issuer", "chained", "chained"]
    assert site.standing(JIM) == "chained"
    (folder / "root.r0").write_bytes(revocation_list(ROOT, b"\x02\x01\xf9"))
    assert site.reload().judged == 4
    assert [site.standing(one) for one in (JIM, poison[2])] == ["chained", "revoked"]
    (folder / "root.r0").write_bytes(crl_bytes(ROOT, JIM))
    assert site.reload().judged == 4
    assert [site.standing(one) for one in (JIM, poison[2])] == ["revoked", "chained"]
