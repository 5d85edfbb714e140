"""From the tables to what the engines index."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, Subquery, and_, select, tuple_
from sqlalchemy.orm import Session

from marketplace.catalogue.loading import touched
from marketplace.models import ChangeRow, Current, Entry, EntryBody, EntryTag
from marketplace.search.document import SearchDocument, further_texts
from validators.errors import RefusedError

_logger = logging.getLogger(__name__)

#: Keys named in one statement; SQLite and PostgreSQL both take more.
_CHUNK = 500


def load_documents(session: Session, log_id: int, keys: Sequence[int]) -> Iterator[SearchDocument]:
    """What the engines index of some entries of a log."""
    for start in range(0, len(keys), _CHUNK):
        chunk = keys[start : start + _CHUNK]
        tags: defaultdict[int, list[str]] = defaultdict(list)
        wanted = select(EntryTag.entry_key, EntryTag.tag).where(EntryTag.entry_key.in_(chunk))
        for key, tag in session.execute(wanted.order_by(EntryTag.entry_key, EntryTag.position)):
            tags[key].append(tag)
        for row in session.execute(_DOCUMENT.where(ChangeRow.log_id == log_id, Entry.id.in_(chunk))):
            yield _document(row, tuple(tags.get(row.id, ())))


def changes_among(session: Session, log_id: int, since: int, end: int) -> tuple[list[int], list[int]]:
    """What rows ``since <= sequence < end`` of a log change in its index.

    Returns:
        the keys of the entries among them that are current, and those of all
        entries that are not current about the same images by the same endorsers.
    """
    found = _listed(session, log_id, touched(log_id, since, end))
    current = [key for key, sequence, listed in found if listed and since <= sequence < end]
    return current, [key for key, _, listed in found if not listed]


def current_of(
    session: Session, log_id: int, images: Sequence[tuple[str, str]], end: int
) -> tuple[list[int], list[int]]:
    """The documents of the rows before ``end`` about some images, each with an endorser's e-mail."""
    found: list[tuple[int, int, bool]] = []
    for start in range(0, len(images), _CHUNK):
        wanted = tuple_(Entry.identifier, Entry.email).in_(images[start : start + _CHUNK])
        pairs = select(Entry.identifier, Entry.email).where(wanted).distinct().subquery("images")
        found += _listed(session, log_id, pairs)
    current = [key for key, sequence, listed in found if listed and sequence < end]
    return current, [key for key, _, listed in found if not listed]


def _listed(session: Session, log_id: int, images: Subquery) -> list[tuple[int, int, bool]]:
    """The entries of a log about some images, with their sequences and whether they are current in it."""
    # By image and endorser, never by log and entry: SQLite takes the first part of some wide index for that.
    listed = set(
        session.scalars(
            select(Current.entry_key)
            .select_from(images)
            .join(
                Current,
                and_(
                    Current.log_id == log_id,
                    Current.identifier == images.c.identifier,
                    Current.email == images.c.email,
                ),
            )
        )
    )
    entries = session.execute(
        select(ChangeRow.entry_key, ChangeRow.sequence)
        .select_from(images)
        .join(Entry, and_(Entry.identifier == images.c.identifier, Entry.email == images.c.email))
        .join(ChangeRow, and_(ChangeRow.log_id == log_id, ChangeRow.entry_key == Entry.id))
        .order_by(ChangeRow.sequence)
    )
    return [(key, sequence, key in listed) for key, sequence in entries]


_DOCUMENT: Select[Any] = (
    select(
        Entry.id,
        Entry.identifier,
        Entry.email,
        Entry.created,
        Entry.subject,
        Entry.title,
        Entry.description,
        Entry.os,
        Entry.os_version,
        Entry.os_arch,
        Entry.kind,
        Entry.format,
        Entry.version,
        Entry.publisher,
        EntryBody.data,
    )
    .join(ChangeRow, ChangeRow.entry_key == Entry.id)
    .join(EntryBody, EntryBody.id == ChangeRow.body_id)
)


def _document(row: Any, tags: tuple[str, ...]) -> SearchDocument:
    return SearchDocument(
        entry_key=row.id,
        identifier=row.identifier,
        email=row.email,
        created=row.created,
        subject=row.subject,
        title=row.title or "",
        description=row.description or "",
        os=row.os or "",
        os_version=row.os_version or "",
        arch=row.os_arch or "",
        kind=row.kind or "",
        format=row.format or "",
        version=row.version or "",
        publisher=row.publisher or "",
        tags=tags,
        further=_further(row),
    )


def _further(row: Any) -> tuple[str, ...]:
    try:
        return tuple(further_texts(row.data))
    except RefusedError as refused:
        # It was parsed when it was accepted; one damaged body must not hold up all other entries.
        _logger.error(
            "a stored entry is not XML; only its columns are searched",
            extra={"entry_key": row.id, "code": refused.code},
        )
        return ()
