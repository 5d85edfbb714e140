"""Receipts of sites: what is taken, what is counted for whom, and who is told, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from marketplace.access import ANONYMOUS, Principal, Scope
from marketplace.audit import AuditLog
from marketplace.config import Settings
from marketplace.db import Database
from marketplace.models import SiteReceipt, WatchedLocation
from marketplace.presence import (
    Presence,
    PresenceNotices,
    Recall,
    ReceiptService,
    SiteKeyBindingError,
    SiteRegistry,
)
from marketplace.presence.letters import MOST_IMAGES
from marketplace.presence.receipt_service import MOST_STORES
from marketplace.receipts import Finding, Receipt, ReceiptOutcome, sign_receipt
from marketplace.tlog.note import SigningKey
from marketplace.watch import WatchService
from tests.factories.entries import accepted
from tests.mail.test_reminders import JANE, know, mails, store
from tests.mail.test_watch import THERE
from validators.document import AcceptedEntry, Checksum

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
URL = "https://images.example.org/image.qcow2"
ORSAY = SigningKey("lab-orsay", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
LYON = SigningKey("lab-lyon", Ed25519PrivateKey.from_private_bytes(bytes(32)))
SENDER = Principal("ops@orsay.example", frozenset({"public"}), frozenset({Scope.SITE}), token="0" * 16)
OTHER = Principal("ops@lyon.example", frozenset({"public"}), frozenset({Scope.SITE}), token="1" * 16)
CHECKSUMS = (Checksum("SHA-512", "ab" * 64),)
MEMBER = replace(SENDER, logs=frozenset({"public", "group:astro"}))


def receipt(entry: AcceptedEntry, finding: Finding = Finding.AVAILABLE, **said: object) -> Receipt:
    about = {"location": URL} if finding.is_about_location else {}
    return Receipt(
        **{
            "site": "lab-orsay",
            "entry_id": entry.entry_id,
            "identifier": entry.identifier,
            "finding": finding,
            "at": NOW - HOUR,
            "store": "main",
            "kind": "directory",
            **about,
            **said,
        }
    )


def send(
    database: Database,
    *receipts: Receipt,
    key: SigningKey = ORSAY,
    by: Principal = SENDER,
    now: datetime = NOW,
) -> list[str]:
    """What becomes of receipts: outcomes, or the codes of refusals."""
    notes = [sign_receipt(replace(one, site=key.name), key).decode() for one in receipts]
    results = ReceiptService(database, lambda: now).take(by, str(key.verifier), notes)
    return [one.code or one.outcome.value for one in results]


def sites(database: Database, entry: AcceptedEntry, reader: Principal = ANONYMOUS) -> int:
    with database.read() as session:
        return Presence(session, reader).count(entry.identifier)


def recalls(database: Database, reader: Principal = ANONYMOUS) -> list[Recall]:
    with database.read() as session:
        return list(Presence(session, reader).recalls())


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


def notices(database: Database, now: datetime = NOW, **settings: str) -> int:
    """Owe what is due, as the mail worker of some process does; how many mails that are."""
    read = Settings.from_mapping(
        {
            "site.url": "https://mp.example.org",
            "mail.host": "127.0.0.1",
            "mail.sender": "mp@example.org",
            "mail.admin": "root@mp.example.org",
            "reminders.enabled": "true",
            **settings,
        }
    )
    return PresenceNotices(database, read, lambda: now).run()


def withdrawn(database: Database) -> AcceptedEntry:
    """An entry whose image a site has, and that its endorser, whom the site knows, withdrew."""
    entry = accepted("one", JANE, created=NOW - 3 * HOUR)
    store(database, entry)
    know(database)
    send(database, receipt(entry))
    assert recalls(database) == []
    assert notices(database) == 0
    store(database, accepted("one", JANE, created=NOW - 2 * HOUR, deprecated="backdoor"))
    return entry


@pytest.mark.parametrize(
    ("minutes", "subject", "announced"),
    [(0, "1 site has a withdrawn image", True), (61, "1 site still has a withdrawn image", False)],
)
def test_who_has_a_withdrawn_image_is_told_at_once_and_an_hour_later(
    database: Database, minutes: int, subject: str, announced: bool
) -> None:
    """Each is told once: whoever was away for the first one gets the second alone."""
    entry = withdrawn(database)
    (recall,) = recalls(database)
    assert (recall.identifier, recall.email, recall.reason) == (entry.identifier, JANE, "backdoor")
    assert [(one.site, one.store, one.kind) for one in recall.copies] == [("lab-orsay", "main", "directory")]
    moment = NOW + timedelta(minutes=minutes)
    assert [notices(database, moment) for _ in "12"] == [3, 0]
    told = {JANE, "root@mp.example.org", "ops@orsay.example"}
    assert {letter.recipient for letter in mails(database)} == told
    for letter in mails(database):
        assert subject in letter.subject
        assert ("60 minutes after its withdrawal" in letter.body) is announced
        assert "lab-orsay, store main (directory), since 2026-03-14 11:00 UTC" in letter.body
        assert "backdoor" in letter.body
    later = [notices(database, NOW + timedelta(hours=2)), notices(database, NOW + timedelta(days=3))]
    assert later == [3 if announced else 0, 0]
    send(database, receipt(entry, Finding.WITHDRAWN, at=NOW))
    assert recalls(database) == []


def test_whoever_removed_the_image_is_not_reminded(database: Database) -> None:
    entry = withdrawn(database)
    assert notices(database) == 3
    send(database, receipt(entry, Finding.WITHDRAWN, at=NOW))
    assert notices(database, NOW + 2 * HOUR) == 0


def test_one_telling_where_nothing_lies_between(database: Database) -> None:
    withdrawn(database)
    assert [notices(database, **{"recall.after": "0"}) for _ in "12"] == [3, 0]
    assert notices(database, NOW + timedelta(days=3), **{"recall.after": "0"}) == 0


def test_images_that_are_withdrawn_together_are_one_mail_for_each_address(database: Database) -> None:
    know(database)
    entries = [accepted(f"image {n}", JANE, created=NOW - 3 * HOUR, title=f"Image {n}") for n in range(4)]
    bobs = accepted("bob's", "bob@example.org", created=NOW - 3 * HOUR, title="Bob's")
    store(database, *entries, bobs)
    assert set(send(database, *map(receipt, (*entries, bobs)))) == {"kept"}
    assert send(database, receipt(entries[0], site="lab-lyon"), key=LYON, by=OTHER) == ["kept"]
    gone = [
        accepted(f"image {n}", JANE, created=NOW - 2 * HOUR, deprecated="bad", title=f"Image {n}")
        for n in range(4)
    ]
    store(
        database, *gone,
        accepted("bob's", "bob@example.org", created=NOW - 2 * HOUR, deprecated="bad", title="Bob's"),
    )  # fmt: skip
    assert notices(database) == 4
    found = {one.recipient: one for one in mails(database)}
    root, jane, orsay, lyon = (
        found[to] for to in ("root@mp.example.org", JANE, "ops@orsay.example", "ops@lyon.example")
    )
    assert "2 sites have 5 withdrawn images" in root.subject and "Bob's" in root.body
    assert "2 sites have 4 withdrawn images" in jane.subject and "Bob's" not in jane.body
    assert all(f"Image {n}\n" in jane.body for n in range(4)) and "/stop" in jane.body
    assert "1 site has 5 withdrawn images" in orsay.subject and "lyon" not in orsay.body
    assert "1 site has a withdrawn image" in lyon.subject and "orsay" not in lyon.body
    assert "/stop" not in orsay.body + lyon.body + root.body
    send(database, receipt(entries[1], Finding.WITHDRAWN, at=NOW))
    assert [notices(database, NOW + 2 * HOUR) for _ in "12"] == [4, 0]
    assert "2 sites still have 4 withdrawn images" in mails(database)[-4].subject


def test_no_withdrawn_image_is_left_out_where_there_are_more_than_are_looked_up_at_one_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketplace.presence.notices.MOST_TOLD", 2)
    entries = [accepted(f"image {n}", created=NOW - 3 * HOUR, title=f"Image {n}") for n in range(5)]
    store(database, *entries)
    assert set(send(database, *map(receipt, entries))) == {"kept"}
    store(
        database,
        *(
            accepted(f"image {n}", created=NOW - 2 * HOUR, deprecated="bad", title=f"Image {n}")
            for n in range(5)
        ),
    )
    assert [notices(database) for _ in "12"] == [2 * 3, 0]  # administrators and the site, in three mails each
    said = "".join(one.body for one in mails(database))
    assert all(said.count(f"Image {n}\n") == 2 for n in range(5))


def test_a_mail_of_very_many_images_names_some_and_says_how_many_there_are(database: Database) -> None:
    know(database)
    count = MOST_IMAGES + 2
    entries = [accepted(f"image {n}", JANE, created=NOW - 3 * HOUR) for n in range(count)]
    store(database, *entries)
    assert set(send(database, *map(receipt, entries))) == {"kept"}
    store(
        database,
        *(accepted(f"image {n}", JANE, created=NOW - 2 * HOUR, deprecated="bad") for n in range(count)),
    )
    assert notices(database) == 3
    for one in mails(database):
        assert f"{count} withdrawn images" in one.subject
        assert "and 2 more images" in one.body and one.body.count("lab-orsay, store main") == MOST_IMAGES


def test_nobody_is_told_of_an_image_that_every_site_took_back(database: Database) -> None:
    entry = withdrawn(database)
    send(database, receipt(entry, Finding.WITHDRAWN, at=NOW))
    assert notices(database, NOW + 2 * HOUR) == 0


def test_another_endorser_does_not_learn_who_has_an_image(database: Database) -> None:
    """Whoever withdraws an image that somebody else endorsed gets no list of the sites that have it."""
    entry = accepted("one", "bob@example.org", created=NOW - 3 * HOUR)
    store(database, entry)
    know(database)
    send(database, receipt(entry))
    store(database, accepted("one", JANE, created=NOW - 2 * HOUR, deprecated="curious"))
    assert recalls(database) == []
    assert notices(database, NOW + 2 * HOUR) == 0


def test_no_mail_tells_of_what_a_group_has(database: Database) -> None:
    entry = accepted("one", JANE, created=NOW - 3 * HOUR, locations=(URL,))
    store(database, entry, log="group:astro")
    know(database)
    send(database, receipt(entry), receipt(entry, Finding.MISMATCH), by=MEMBER)
    assert notices(database) == 0
    store(database, accepted("one", JANE, created=NOW - 2 * HOUR, deprecated="x"), log="group:astro")
    assert notices(database, NOW + 2 * HOUR) == 0
    # Also where the withdrawal alone is public.
    store(database, accepted("one", JANE, created=NOW - HOUR, deprecated="y"))
    assert notices(database, NOW + 2 * HOUR) == 0


@pytest.mark.parametrize(
    ("finding", "watched", "told"),
    [
        (Finding.MISMATCH, "true", 1),
        (Finding.MISMATCH, "false", 1),
        (Finding.UNREACHABLE, "true", 0),  # the watch looks itself
        (Finding.UNREACHABLE, "false", 1),
    ],
)
def test_the_endorser_is_told_once_what_sites_found_at_a_location(
    database: Database, finding: Finding, watched: str, told: int
) -> None:
    entry = accepted("one", JANE, locations=(URL,))
    store(database, entry)
    know(database)
    said = receipt(entry, finding, reason="has 7 bytes, endorsed are 8")
    send(database, said)
    assert notices(database, **{"watch.enabled": watched}) == told
    send(database, said, key=LYON, by=OTHER)
    send(database, replace(said, at=NOW))
    assert notices(database, **{"watch.enabled": watched}) == 0
    for letter in mails(database):
        assert letter.recipient == JANE
        assert URL in letter.body
        assert "a cloud site found" in letter.body
        assert "has 7 bytes" in letter.body
        assert "lab-" not in letter.body
    # It was there in between.
    send(database, receipt(entry, location=URL, at=NOW + timedelta(minutes=1)))
    send(database, receipt(entry, location=URL, at=NOW + timedelta(minutes=1)), key=LYON, by=OTHER)
    with database.read() as session:
        assert Presence(session, ANONYMOUS).reports(entry.entry_id) == []
    send(database, replace(said, at=NOW + timedelta(minutes=2)))
    assert notices(database, **{"watch.enabled": watched}) == told


def test_a_report_has_the_watch_look_sooner(database: Database) -> None:
    entry = accepted("one", locations=(URL,))
    store(database, entry)
    settings = Settings.from_mapping({"watch.enabled": "true"})
    watch = WatchService(database, settings, lambda: NOW - HOUR)
    watch.learn()
    due = watch.take()
    assert due is not None
    watch.keep(due, THERE)
    assert WatchService(database, settings, lambda: NOW).take() is None
    send(database, receipt(entry, Finding.UNREACHABLE))
    with database.read() as session:
        assert session.scalars(select(WatchedLocation.next_at)).all() == [NOW]
    assert WatchService(database, settings, lambda: NOW).take() is not None
