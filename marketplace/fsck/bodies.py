"""Checks 2 and 3: stored documents, and the columns that were taken from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.entries.erased import Erasures, find_erasures
from marketplace.fsck.damage import Damage
from marketplace.ingest.erasing import BLANK
from marketplace.ingest.rows import body_row, certificate_row, checksum_rows, entry_row
from marketplace.models import Certificate, Entry, EntryBody, EntryChecksum, EntryLocation, EntryTag, Erasure
from marketplace.rules.columns import tag_digest
from validators import accept
from validators.document import AcceptedEntry
from validators.errors import RefusedError, printable

#: Documents in memory at a time; one has at most 1 MiB.
_PAGE = 32


def verify_bodies(session: Session, advance: Callable[[int], None]) -> Iterator[Damage]:
    """Accept every stored document again and compare all that was extracted from it."""
    last, erasures = 0, find_erasures(session)
    while page := session.scalars(
        select(EntryBody).where(EntryBody.id > last).order_by(EntryBody.id).limit(_PAGE)
    ).all():
        entries = {
            entry.id: entry
            for entry in session.scalars(select(Entry).where(Entry.id.in_([body.entry_key for body in page])))
        }
        for body in page:
            yield from _verify_body(session, body, entries.get(body.entry_key), erasures)
        last = page[-1].id
        session.expunge_all()  # a whole catalogue does not fit into memory
        advance(len(page))
    yield from _verify_each_has_a_body(session)


def _verify_body(
    session: Session, body: EntryBody, entry: Entry | None, erasures: Erasures
) -> Iterator[Damage]:
    if entry is None:
        yield Damage("body.orphan", f"document {body.id}", "belongs to no entry")
        return
    if session.get(Erasure, entry.id) is not None:
        yield from _verify_erased(body, entry)
        return
    if entry.statement in erasures.reasons:
        yield Damage("entry.not-erased", entry.entry_id, "its content was erased under another certificate")
    try:
        accepted = accept(body.data)
    except RefusedError as error:
        yield Damage(
            "body.refused",
            entry.entry_id,
            f"the stored document is not acceptable: {error.code}: {error.message}",
        )
        return
    if accepted.entry_id != entry.entry_id:
        yield Damage("body.entry-id", entry.entry_id, f"the stored document is the entry {accepted.entry_id}")
        return
    expected = body_row(accepted, body.received_at)
    yield from _compare("body.column", entry.entry_id, body, expected, skip=("data",))
    yield from _compare("entry.column", entry.entry_id, entry, entry_row(accepted))
    yield from _verify_certificate(session, entry, accepted)
    yield from _verify_lists(session, entry, accepted)


def _verify_erased(body: EntryBody, entry: Entry) -> Iterator[Damage]:
    if body.data:
        yield Damage(
            "body.not-erased", entry.entry_id, "the document was erased, but its bytes are still there"
        )
    yield from _compare("entry.not-erased", entry.entry_id, entry, BLANK)


def _verify_certificate(session: Session, entry: Entry, accepted: AcceptedEntry) -> Iterator[Damage]:
    certificate = session.get(Certificate, entry.certificate_id)
    if certificate is None:
        yield Damage("certificate.missing", entry.entry_id, "the signer's certificate is not stored")
        return
    yield from _compare("certificate.column", entry.entry_id, certificate, certificate_row(accepted.signer))


def _verify_lists(session: Session, entry: Entry, accepted: AcceptedEntry) -> Iterator[Damage]:
    uris = session.execute(
        select(EntryLocation.position, EntryLocation.uri)
        .where(EntryLocation.entry_key == entry.id)
        .order_by(EntryLocation.position)
    ).all()
    if [tuple(row) for row in uris] != list(enumerate(accepted.metadata.locations)):
        yield Damage("entry.locations", entry.entry_id, "the stored locations are not those of the document")
    tags = session.execute(
        select(EntryTag.position, EntryTag.tag, EntryTag.digest)
        .where(EntryTag.entry_key == entry.id)
        .order_by(EntryTag.position)
    ).all()
    expected = [(number, tag, tag_digest(tag)) for number, tag in enumerate(accepted.metadata.tags)]
    if [tuple(row) for row in tags] != expected:
        yield Damage("entry.tags", entry.entry_id, "the stored tags are not those of the document")
    stored = session.scalars(
        select(EntryChecksum).where(EntryChecksum.entry_key == entry.id).order_by(EntryChecksum.position)
    )
    found = [
        {"entry_key": entry.id, "position": one.position, "algorithm": one.algorithm, "value": one.value}
        for one in stored
    ]
    if found != checksum_rows(accepted, entry.id):
        yield Damage("entry.checksums", entry.entry_id, "the stored checksums are not those of the document")


def _verify_each_has_a_body(session: Session) -> Iterator[Damage]:
    bare = select(Entry.entry_id).where(~select(EntryBody.id).where(EntryBody.entry_key == Entry.id).exists())
    for entry_id in session.scalars(bare):
        yield Damage("entry.no-body", entry_id, "no document is stored for the entry")


def _compare(
    code: str, where: str, stored: object, expected: Mapping[str, Any], skip: Sequence[str] = ()
) -> Iterator[Damage]:
    for column, value in expected.items():
        found = getattr(stored, column)
        if column not in skip and found != value:
            yield Damage(
                code, where, f"{column} is stored as {printable(found)}, the document has {printable(value)}"
            )
