"""From the tables to what the catalogue and the engines keep."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Select, Subquery, and_, select, type_coerce
from sqlalchemy.orm import Session, aliased

from marketplace.models import Change, Current, Entry, EntryBody, EntryTag, Twin
from marketplace.search import text
from marketplace.search.document import SearchDocument, further_texts
from marketplace.search.facts import SPELLED, Facet, Facts, location_values, present
from validators.errors import RefusedError

_logger = logging.getLogger(__name__)

#: Keys named in one statement; SQLite and PostgreSQL both take more.
_CHUNK = 500
#: Rows fetched at a time of a long result.
_FETCHED = 2000


@dataclass(frozen=True, slots=True)
class Shown:
    """A current entry for the catalogue: its facts, and words that may be suggested."""

    facts: Facts
    words: tuple[str, ...]


def load_current(session: Session, log_id: int, since: int, end: int) -> Iterator[Shown]:
    """The current entries of a log that its rows ``since <= sequence < end`` can have changed."""
    statement = _CURRENT.where(Current.log_id == log_id)
    tagged = (
        select(EntryTag.entry_key, EntryTag.tag)
        .join(Current, and_(Current.entry_key == EntryTag.entry_key, Current.log_id == log_id))
        .order_by(EntryTag.entry_key, EntryTag.position)
    )
    twins = _TWINS.where(Current.log_id == log_id)
    if since > 0:
        touched = _touched(log_id, since, end)
        same = and_(Current.identifier == touched.c.identifier, Current.email == touched.c.email)
        statement, tagged, twins = (one.join(touched, same) for one in (statement, tagged, twins))
    tags: defaultdict[int, list[str]] = defaultdict(list)
    for key, tag in session.execute(tagged):
        tags[key].append(tag)
    others: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    for key, certificate, strength in session.execute(twins):
        others[key].append((certificate, strength))
    shared: dict[Any, Any] = {}
    for row in session.execute(statement).yield_per(_FETCHED):
        key = row.entry_key
        yield _shown(row, tuple(tags.get(key, ())), tuple(others.get(key, ())), shared)


def load_documents(session: Session, log_id: int, keys: Sequence[int]) -> Iterator[SearchDocument]:
    """What the engines index of some entries of a log."""
    for start in range(0, len(keys), _CHUNK):
        chunk = keys[start : start + _CHUNK]
        tags: defaultdict[int, list[str]] = defaultdict(list)
        wanted = select(EntryTag.entry_key, EntryTag.tag).where(EntryTag.entry_key.in_(chunk))
        for key, tag in session.execute(wanted.order_by(EntryTag.entry_key, EntryTag.position)):
            tags[key].append(tag)
        for row in session.execute(_DOCUMENT.where(Change.log_id == log_id, Entry.id.in_(chunk))):
            yield _document(row, tuple(tags.get(row.id, ())))


def shown_among(session: Session, log_id: int, since: int, end: int) -> tuple[list[int], list[int]]:
    """What rows ``since <= sequence < end`` of a log change in its index.

    Returns:
        the keys of the entries among them that are current, and those of all
        entries that are not current about the same images by the same endorsers.
    """
    touched = _touched(log_id, since, end)
    # By image and endorser, never by log and entry: SQLite takes the first part of some wide index for that.
    shown = and_(
        Current.log_id == log_id,
        Current.identifier == touched.c.identifier,
        Current.email == touched.c.email,
    )
    found = session.execute(
        select(Change.entry_key, Change.sequence, Current.entry_key)
        .select_from(touched)
        .join(Entry, and_(Entry.identifier == touched.c.identifier, Entry.email == touched.c.email))
        .join(Change, and_(Change.log_id == log_id, Change.entry_key == Entry.id))
        .join(Current, shown)
        .order_by(Change.sequence)
    ).all()
    current = [key for key, sequence, current in found if key == current and since <= sequence < end]
    return current, [key for key, _, current in found if key != current]


def _touched(log_id: int, since: int, end: int) -> Subquery:
    """The images and endorsers that some rows of a log are about. Joined first, so that indexes lead on."""
    return (
        select(Entry.identifier, Entry.email)
        .distinct()
        .join(Change, Change.entry_key == Entry.id)
        .where(Change.log_id == log_id, Change.sequence >= since, Change.sequence < end)
        .subquery("touched")
    )


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
    .join(Change, Change.entry_key == Entry.id)
    .join(EntryBody, EntryBody.id == Change.body_id)
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
            "a stored entry is no XML; only its columns are searched",
            extra={"entry_key": row.id, "code": refused.code},
        )
        return ()


_OWN, _OTHER = aliased(Twin), aliased(Twin)
#: Certificates and strengths of the entries that say what current ones say.
_TWINS: Select[Any] = (
    select(_OWN.entry_key, Entry.certificate_id, EntryBody.strength)
    .select_from(_OWN)
    .join(Current, Current.entry_key == _OWN.entry_key)
    .join(_OTHER, and_(_OTHER.statement == _OWN.statement, _OTHER.entry_key != _OWN.entry_key))
    .join(Change, and_(Change.log_id == Current.log_id, Change.entry_key == _OTHER.entry_key, Change.shown))
    .join(Entry, Entry.id == _OTHER.entry_key)
    .join(EntryBody, EntryBody.id == Change.body_id)
    # Of equally close ones the smallest id counts, and the current entry has a smaller one than its twins.
    .order_by(_OWN.entry_key, Entry.entry_id)
)

_CURRENT: Select[Any] = (
    select(
        Current.entry_key,
        Current.entry_id,
        Current.identifier,
        Current.email,
        # Seconds, as they are stored: a hundred thousand datetimes would be made for nothing.
        type_coerce(Current.created, BigInteger).label("created"),
        Current.deprecated,
        Current.valid_until,
        Current.has_web,
        Current.has_pdisk,
        Current.os,
        Current.os_version,
        Current.os_arch,
        Current.kind,
        Current.title,
        Entry.size,
        Entry.format,
        Entry.publisher,
        Entry.certificate_id,
        EntryBody.strength,
    )
    .join(Entry, Entry.id == Current.entry_key)
    .join(Change, and_(Change.log_id == Current.log_id, Change.entry_key == Current.entry_key))
    .join(EntryBody, EntryBody.id == Change.body_id)
)


def _shown(
    row: Any, tags: tuple[str, ...], twins: tuple[tuple[int, str], ...], shared: dict[Any, Any]
) -> Shown:
    spelled = {
        Facet.OS: present([row.os]),
        Facet.OS_VERSION: present([row.os_version]),
        Facet.ARCH: present([row.os_arch]),
        Facet.KIND: present([row.kind]),
        Facet.FORMAT: present([row.format]),
        Facet.LOCATION: location_values(web=row.has_web, pdisk=row.has_pdisk),
        Facet.SIGNATURE: (row.strength,),
        Facet.ENDORSER: (row.email,),
        Facet.TAG: present(tags),
    }
    facts = Facts(
        entry_key=row.entry_key,
        certificate_id=row.certificate_id,
        strength=shared.setdefault(row.strength, row.strength),
        entry_number=int(row.entry_id, 16),
        identifier=row.identifier,
        email=shared.setdefault(row.email, row.email),
        created=row.created,
        deprecated=row.deprecated,
        valid_until=row.valid_until,
        title=row.title or "",
        size=row.size,
        # Few values are different ones: the same value is the same object, whatever entry has it.
        spelled=tuple(shared.setdefault(spelled[facet], spelled[facet]) for facet in SPELLED),
        twins=twins,
    )
    told = (row.title, row.os, row.publisher, *tags)
    return Shown(facts, tuple(word for part in told if part for word in text.words(part[:1000])))
