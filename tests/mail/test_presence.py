"""Receipts of sites: what is taken, what is counted for whom, and who is told, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplace.access import ANONYMOUS
from marketplace.audit import AuditLog
from marketplace.db import Database
from marketplace.models import SiteReceipt
from marketplace.presence import (
    Presence,
    ReceiptService,
    SiteKeyBindingError,
    SiteRegistry,
)
from marketplace.presence.receipt_service import MOST_STORES
from marketplace.receipts import Finding, ReceiptOutcome, sign_receipt
from marketplace.tlog.note import SigningKey
from tests.factories.entries import accepted
from tests.mail.site_receipts import (
    CHECKSUMS,
    HOUR,
    LYON,
    MEMBER,
    NOW,
    ORSAY,
    OTHER,
    SENDER,
    URL,
    recalls,
    receipt,
    send,
    sites,
)
from tests.mail.test_reminders import store


def test_an_image_is_at_as_many_sites_as_say_so(database: Database) -> None:
    entry = accepted("one")
    store(database, entry)
    assert sites(database, entry) == 0
    assert send(database, receipt(entry), receipt(entry, store="second")) == ["kept", "kept"]
    assert sites(database, entry) == 1
    assert send(database, receipt(entry), key=LYON, by=OTHER) == ["kept"]
    assert sites(database, entry) == 2
    gone = receipt(entry, Finding.WITHDRAWN, at=NOW)
    assert send(database, gone) == ["kept"]
    assert sites(database, entry) == 2  # the second store has it
    assert send(database, replace(gone, store="second")) == ["kept"]
    assert sites(database, entry) == 1


def test_the_later_receipt_counts_whatever_comes_first_and_sending_again_changes_nothing(
    database: Database,
) -> None:
    entry = accepted("one")
    store(database, entry)
    gone, back = receipt(entry, Finding.WITHDRAWN), receipt(entry, at=NOW)
    assert send(database, back, gone) == ["kept", "known"]
    assert sites(database, entry) == 1
    assert send(database, gone, back) == ["known", "known"]
    assert sites(database, entry) == 1
    # Of two at one second the one that comes later was made later.
    assert send(database, replace(gone, at=NOW)) == ["kept"]
    assert sites(database, entry) == 0
    with database.read() as session:
        posts = AuditLog(session).page(action="receipt.post")
    assert [act.details for act in posts] == [
        {"kept": 1, "known": 0, "refused": 0},
        {"kept": 1, "known": 1, "refused": 0},
    ]


def test_a_store_that_takes_an_image_back_has_it_by_no_entry(database: Database) -> None:
    first = accepted("one", created=NOW - 3 * HOUR)
    second = accepted("one", created=NOW - 2 * HOUR, title="Again")
    store(database, first, second)
    send(database, receipt(first), receipt(first, store="second"))
    assert send(database, receipt(second, Finding.WITHDRAWN, at=NOW)) == ["kept"]
    with database.read() as session:
        left = [
            one.store
            for one in Presence(session, ANONYMOUS).copies(first.identifier)
            if one.finding is Finding.AVAILABLE
        ]
    assert left == ["second"]


def test_what_is_refused_is_refused_alone_and_says_why(database: Database) -> None:
    entry = accepted("one", locations=(URL,), checksums=CHECKSUMS)
    store(database, entry)
    stranger = accepted("never stored")
    assert send(
        database,
        receipt(stranger),
        receipt(entry, identifier=stranger.identifier),
        receipt(entry, at=NOW + timedelta(minutes=6)),
        receipt(entry, sha512="00" * 64),
        receipt(entry, Finding.UNREACHABLE, location=f"{URL}/other"),
        receipt(entry, at=NOW + timedelta(minutes=4)),
    ) == [
        "receipt.entry",
        "receipt.identifier",
        "receipt.time",
        "receipt.sha512",
        "receipt.location",
        "kept",
    ]
    service = ReceiptService(database, lambda: NOW)
    forged = sign_receipt(receipt(entry), SigningKey("lab-orsay", LYON.private)).decode()
    results = service.take(SENDER, str(ORSAY.verifier), [forged, "none", "\ud800", "\0"])
    assert [one.code for one in results] == ["receipt.signature", *["receipt.format"] * 3]
    assert all(one.outcome is ReceiptOutcome.REFUSED and one.message for one in results)


def test_the_checksum_of_what_a_site_has_is_the_endorsed_one(database: Database) -> None:
    entry = accepted("one", checksums=CHECKSUMS)
    store(database, entry)
    assert send(database, receipt(entry, sha512="ab" * 64)) == ["kept"]
    # What a location served is another matter: that is what is wrong with it.
    located = accepted("two", locations=(URL,), checksums=CHECKSUMS)
    store(database, located)
    assert send(database, receipt(located, Finding.MISMATCH, sha512="00" * 64)) == ["kept"]


def test_a_site_has_an_entry_in_so_many_stores(database: Database) -> None:
    entry = accepted("one")
    store(database, entry)
    many = [receipt(entry, store=f"store-{n}") for n in range(MOST_STORES + 1)]
    assert send(database, *many) == [*["kept"] * MOST_STORES, "receipt.stores"]
    assert send(database, replace(many[0], at=NOW)) == ["kept"]


def test_a_key_is_bound_to_the_name_of_its_site(database: Database) -> None:
    entry = accepted("one")
    store(database, entry)
    send(database, receipt(entry))
    changed = SigningKey("lab-orsay", LYON.private)
    with pytest.raises(SiteKeyBindingError, match="another key is bound to the site lab-orsay"):
        send(database, receipt(entry, at=NOW), key=changed)
    with pytest.raises(SiteKeyBindingError, match="this token speaks for the site lab-orsay"):
        send(database, receipt(entry), key=LYON)
    # A new token of the same site, with the same key.
    assert send(database, receipt(entry, at=NOW), by=replace(OTHER, token="2" * 16)) == ["kept"]
    with database.write() as session:
        SiteRegistry(session).bind(changed.verifier, by="cli:root", at=NOW)
    assert send(database, receipt(entry, at=NOW + timedelta(minutes=1)), key=changed) == ["kept"]
    with pytest.raises(SiteKeyBindingError):
        send(database, receipt(entry, at=NOW))
    with database.write() as session:
        SiteRegistry(session).forget("lab-orsay", by="cli:root", at=NOW)
        assert session.scalars(select(SiteReceipt.about)).all() == []
        assert SiteRegistry(session).list() == []
        acts = [act.action for act in AuditLog(session).page(action="site.")]
    assert acts == ["site.forget", "site.bind", "site.bind"]


def test_receipts_about_a_groups_entries_are_for_its_members(database: Database) -> None:
    private, public = accepted("one", locations=(URL,)), accepted("one", "bob@example.org")
    store(database, public)
    store(database, private, log="group:astro")
    assert send(database, receipt(private)) == ["receipt.entry"]
    assert send(database, receipt(private), receipt(private, Finding.MISMATCH), by=MEMBER) == ["kept"] * 2
    assert (sites(database, private, MEMBER), sites(database, private)) == (1, 0)
    with database.read() as session:
        assert Presence(session, ANONYMOUS).copies(private.identifier) == []
        assert Presence(session, ANONYMOUS).reports(private.entry_id) == []
        assert len(Presence(session, MEMBER).copies(private.identifier)) == 2
        assert [one.location for one in Presence(session, MEMBER).reports(private.entry_id)] == [URL]
    later = accepted("one", created=private.created + HOUR, deprecated="broken")
    store(database, later, log="group:astro")
    assert recalls(database) == []
    assert [one.entry_id for one in recalls(database, MEMBER)] == [later.entry_id]
