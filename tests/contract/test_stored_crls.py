"""A revocation list outlives its file, also over a restart, until an operator lets it go."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from marketplace.db import Database
from marketplace.trust.stored_crls import StoredCrls, forget_lists
from marketplace.trust_files import TrustStore
from marketplace.trust_files.loading import Sources
from tests.factories.identities import make_identity
from tests.unit.trust.authorities import DAY, NOW, crl_bytes, der, revocations, root
from validators.links import MaterialError
from validators.material import TrustPolicy
from validators.verdict import judge_certificate

ROOT = root()
RITA = make_identity("Rita", "rita@example.org", issuer=ROOT)
JIM = make_identity("Jim", "jim@example.org", issuer=ROOT)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "anchors"
    made.mkdir()
    (made / "root.pem").write_bytes(ROOT.certificate_pem)
    return made


def opened(database, folder):
    """The trust of a process that has just started."""
    return TrustStore(Sources((str(folder),)), TrustPolicy(), now=lambda: NOW, memory=StoredCrls(database))


def state(store, identity=RITA):
    standing = judge_certificate(der(identity), [], store.material, NOW).standing.value
    return standing, [fault.code for fault in store.faults]


def test_a_list_that_vanished_while_nobody_ran_still_counts(database, folder):
    (folder / "root.r0").write_bytes(crl_bytes(ROOT, RITA))
    assert state(opened(database, folder)) == ("revoked", [])
    (folder / "root.r0").unlink()
    store = opened(database, folder)
    assert state(store) == ("revoked", ["trust.crl-gone"])
    store.reload()
    assert state(opened(database, folder)) == ("revoked", ["trust.crl-gone"])


def test_a_list_that_is_damaged_or_older_at_the_start_still_counts(database, folder):
    list_ = folder / "root.r0"
    list_.write_bytes(crl_bytes(ROOT, RITA))
    opened(database, folder)
    list_.write_bytes(b"broken")
    assert state(opened(database, folder)) == ("revoked", ["trust.crl-unreadable"])
    list_.write_bytes(crl_bytes(ROOT, this_update=NOW - 5 * DAY))
    assert state(opened(database, folder)) == ("revoked", ["trust.crl-older"])
    list_.write_bytes(crl_bytes(ROOT, this_update=NOW))
    assert state(opened(database, folder)) == ("chained", [])


def test_a_renamed_list_is_not_missed(database, folder):
    (folder / "root.r0").write_bytes(crl_bytes(ROOT, RITA))
    opened(database, folder)
    (folder / "root.r0").rename(folder / "root.crl")
    store = opened(database, folder)
    assert state(store) == ("revoked", [])
    assert StoredCrls(database).paths() == {folder / "root.crl"}


def test_an_operator_lets_it_go_also_at_a_running_process(database, folder):
    (folder / "root.r0").write_bytes(crl_bytes(ROOT, RITA))
    store = opened(database, folder)
    (folder / "root.r0").unlink()
    store.reload()
    with database.write() as session:
        assert forget_lists(session, "no.r0") == []
        assert forget_lists(session, "root.r0") == [folder / "root.r0"]
    store.reload()
    assert state(store) == ("chained", [])
    assert state(opened(database, folder)) == ("chained", [])


def test_a_list_replaced_by_a_stranger_s_still_counts_until_an_operator_lets_it_go(database, folder):
    list_ = folder / "root.r0"
    list_.write_bytes(crl_bytes(ROOT, RITA))
    running = opened(database, folder)
    list_.write_bytes(crl_bytes(root("Stranger")))
    for store in (running, opened(database, folder)):
        store.reload()
        assert state(store) == ("revoked", ["trust.crl-foreign", "trust.crl-gone"])
    with database.write() as session:
        assert forget_lists(session, "root.r0") == [list_]
    running.reload()
    assert state(running) == ("chained", ["trust.crl-foreign"])
    assert state(opened(database, folder)) == ("chained", ["trust.crl-foreign"])


def test_what_another_machine_read_counts_here(database, folder):
    there = Path("/another/machine/root.r0")
    StoredCrls(database).remember({there: [revocations(ROOT, RITA)]}, ())
    store = opened(database, folder)
    assert state(store) == ("revoked", ["trust.crl-gone"])
    # With a list of its own it has no need of that one, and nothing is missed.
    (folder / "root.r0").write_bytes(crl_bytes(ROOT, RITA))
    store.reload()
    assert state(store) == ("revoked", [])


def test_a_list_that_the_settings_no_longer_name_is_let_go(database, folder, tmp_path):
    (tmp_path / "root.crl").write_bytes(crl_bytes(ROOT, RITA))
    sources = Sources((str(folder),), lists=(str(tmp_path / "root.crl"),))
    before = TrustStore(sources, TrustPolicy(), now=lambda: NOW, memory=StoredCrls(database))
    assert state(before) == ("revoked", [])
    assert state(opened(database, folder)) == ("chained", [])
    # Who still reads it is not made to forget it.
    before.reload()
    assert state(before) == ("revoked", [])


def test_where_nothing_can_be_recalled_silence_is_no_innocence(database: Database, folder, monkeypatch):
    (folder / "root.r0").write_bytes(crl_bytes(ROOT, RITA))
    opened(database, folder)
    (folder / "root.r0").unlink()

    def down(self):
        raise MaterialError("the database is down")

    with monkeypatch.context() as patched:
        patched.setattr(StoredCrls, "recall", down)
        store = opened(database, folder)
        assert state(store, JIM) == ("revocation-unknown", ["trust.memory"])
    store.reload()
    assert state(store, JIM) == ("chained", ["trust.crl-gone"])
    assert state(store)[0] == "revoked"


def test_what_could_not_be_remembered_is_not_forgotten(database, folder, monkeypatch):
    store = opened(database, folder)
    (folder / "root.r0").write_bytes(crl_bytes(ROOT, RITA))

    def full(*_, **__):
        raise OperationalError("INSERT", None, OSError("the disk is full"))

    with monkeypatch.context() as patched:
        patched.setattr(Database, "write", full)
        store.reload()
        assert state(store) == ("revoked", ["trust.memory"])
        (folder / "root.r0").unlink()
        store.reload()
        assert state(store)[0] == "revoked"
    store.reload()
    assert state(opened(database, folder)) == ("revoked", ["trust.crl-gone"])
