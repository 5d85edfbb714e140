"""From the tables to what the catalogue keeps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Row,
    Select,
    Subquery,
    and_,
    bindparam,
    func,
    select,
    type_coerce,
)
from sqlalchemy.orm import Session

from marketplace import text
from marketplace.catalogue.facts import SPELLED, Facts, image_of
from marketplace.facets import Facet
from marketplace.models import ChangeRow, Current, Entry, EntryBody, EntryTag, RenewalRow, Twin
from marketplace.models.aliases import shared_alias
from marketplace.rules.current import Rank
from marketplace.rules.visibility import unindexed

#: Rows fetched at a time of a long result.
_FETCHED = 2000
#: Characters of a text whose words may be suggested.
_TOLD = 1000


def load_current(
    session: Session, log_id: int, since: int, end: int, renewed: int | None = None
) -> Iterator[Facts]:
    """The current entries of a log that its rows ``since <= sequence < end`` can have changed.

    Args:
        renewed: of the log's renewals those from this number on count too; None for none.
    """
    statement, tagged, said_twice = _statements(caught_up=since > 0, renewed=renewed is not None)
    given = {"log": log_id, "since": since, "end": end, "renewed": renewed}
    # Through the connection: the session would look for objects to make of these values.
    connection = session.connection()
    tags: defaultdict[int, list[str]] = defaultdict(list)
    for key, tag in connection.execute(tagged, given):
        tags[key].append(tag)
    others: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    if connection.scalar(_LAST_TWIN) is not None:
        for key, certificate, strength in connection.execute(said_twice, given):
            others[key].append((certificate, strength))
    for row in connection.execute(statement, given, execution_options={"yield_per": _FETCHED}):
        yield _loaded(row, tuple(tags.get(row.entry_key, ())), tuple(others.get(row.entry_key, ())))


def load_trusted(
    session: Session, log_id: int, since: int, end: int, renewed: int | None = None
) -> list[tuple[int, int, Rank | None]]:
    """``Facts.trusted`` of what is current in other logs about the images that ``load_current`` reads.

    It is known where several keys speak about an image. A new key in one log changes that in all logs, and
    nothing tells their readers of it: only whoever sees both logs needs to know.

    Returns:
        the keys of the log and the entry with each.
    """
    statement = _trusted(caught_up=since > 0, renewed=renewed is not None)
    given = {"log": log_id, "since": since, "end": end, "renewed": renewed}
    return [(log, key, _rank(*place)) for log, key, *place in session.connection().execute(statement, given)]


@cache
def _trusted(*, caught_up: bool, renewed: bool) -> Select[Any]:
    log: BindParameter[Any] = bindparam("log")
    if caught_up:
        rows = _touched(log, renewed=renewed)
    else:
        own = select(Current.identifier, Current.email).distinct()
        rows = own.where(Current.log_id == log, Current.contested).subquery("touched")
    return (
        select(Current.log_id, Current.entry_key, *_TRUSTED)
        .join(rows, and_(Current.identifier == rows.c.identifier, Current.email == rows.c.email))
        .where(Current.log_id != log, Current.contested)
    )


def find_renewed(session: Session, log_id: int, since: int) -> set[bytes]:
    """The images of a log's renewals from a number on, each by an endorser as ``image_of`` has it."""
    renewed = RenewalRow.log_id == log_id, RenewalRow.number >= since
    rows = session.execute(select(RenewalRow.identifier, RenewalRow.email).where(*renewed).distinct())
    return {image_of(identifier, email) for identifier, email in rows}


@cache
def _statements(*, caught_up: bool, renewed: bool) -> tuple[Select[Any], ...]:
    """Of current entries, of their tags, and of their twins.

    Made once: making one and its cache key takes longer than running it.
    """
    log: BindParameter[Any] = bindparam("log")
    tagged = (
        select(EntryTag.entry_key, EntryTag.tag)
        .join(Current, and_(Current.entry_key == EntryTag.entry_key, Current.log_id == log))
        .order_by(EntryTag.entry_key, EntryTag.position)
    )
    statements: tuple[Select[Any], ...] = (
        _CURRENT.where(Current.log_id == log),
        tagged,
        _TWINS.where(Current.log_id == log),
    )
    if caught_up:
        rows = _touched(log, renewed=renewed)
        same = and_(Current.identifier == rows.c.identifier, Current.email == rows.c.email)
        statements = tuple(one.join(rows, same) for one in statements)
    return statements


def _touched(log: BindParameter[Any], *, renewed: bool) -> Subquery:
    return touched(log, bindparam("since"), bindparam("end"), bindparam("renewed") if renewed else None)


Number = int | BindParameter[Any]


def touched(log_id: Number, since: Number, end: Number, renewed: Number | None = None) -> Subquery:
    """The images and endorsers that some rows of a log are about, and those of its renewals from a number on.

    Joined first, so that indexes lead on.
    """
    of_rows = (
        select(Entry.identifier, Entry.email)
        .distinct()
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .where(ChangeRow.log_id == log_id, ChangeRow.sequence >= since, ChangeRow.sequence < end)
    )
    if renewed is None:
        return of_rows.subquery("touched")
    of_renewals = select(RenewalRow.identifier, RenewalRow.email).where(
        RenewalRow.log_id == log_id, RenewalRow.number >= renewed
    )
    return of_rows.union(of_renewals).subquery("touched")


#: What ``_rank`` takes.
_TRUSTED = (
    type_coerce(Current.trusted_created, BigInteger).label("trusted_created"),
    Current.trusted_deprecated,
    Current.trusted_id,
)


def _rank(created: int, deprecated: bool, entry_id: str | None) -> Rank | None:
    return None if entry_id is None else (created, deprecated, -int(entry_id, 16))


#: Asked before ``_TWINS``, which takes long to plan: most sites have no twins at all.
_LAST_TWIN = select(func.max(Twin.entry_key))
_OWN, _OTHER = shared_alias(Twin), shared_alias(Twin)
#: Certificates and strengths of the entries that say what current ones say.
_TWINS: Select[Any] = (
    select(_OWN.entry_key, Entry.certificate_id, EntryBody.strength)
    .select_from(_OWN)
    .join(Current, Current.entry_key == _OWN.entry_key)
    .join(_OTHER, and_(_OTHER.statement == _OWN.statement, _OTHER.entry_key != _OWN.entry_key))
    .join(
        ChangeRow,
        and_(
            # By the entry: SQLite would walk the log.
            unindexed(ChangeRow.log_id) == Current.log_id,
            ChangeRow.entry_key == _OTHER.entry_key,
            ChangeRow.shown,
        ),
    )
    .join(Entry, Entry.id == _OTHER.entry_key)
    .join(EntryBody, EntryBody.id == ChangeRow.body_id)
    # Of equally close ones the smallest id counts, and the current entry has a smaller one than its twins.
    .order_by(_OWN.entry_key, Entry.entry_id)
)


#: Times are seconds, as they are stored: a hundred thousand datetimes would be made for nothing.
_CURRENT: Select[Any] = (
    select(
        Current.entry_key,
        Current.entry_id,
        Current.identifier,
        Current.email,
        type_coerce(Current.created, BigInteger).label("created"),
        Current.deprecated,
        Current.key_digest,
        *_TRUSTED,
        Current.valid_until,
        Current.has_web,
        Current.has_pdisk,
        Current.os,
        Current.os_version,
        Current.os_arch,
        Current.kind,
        Current.title,
        Current.search_text,
        Entry.size,
        Entry.format,
        Entry.publisher,
        Entry.certificate_id,
        EntryBody.strength,
    )
    .join(Entry, Entry.id == Current.entry_key)
    .join(ChangeRow, and_(ChangeRow.log_id == Current.log_id, ChangeRow.entry_key == Current.entry_key))
    .join(EntryBody, EntryBody.id == ChangeRow.body_id)
)


def _loaded(row: Row[Any], tags: tuple[str, ...], twins: tuple[tuple[int, str], ...]) -> Facts:
    words = text.words(row.title[:_TOLD]) if row.title else []
    for shared in (row.os, row.publisher, *tags):
        if shared:
            words += _words_of(shared[:_TOLD])
    return Facts(
        entry_key=row.entry_key,
        certificate_id=row.certificate_id,
        strength=row.strength,
        entry_number=int(row.entry_id, 16),
        identifier=row.identifier,
        email=row.email,
        created=row.created,
        deprecated=row.deprecated,
        valid_until=row.valid_until,
        title=row.title or "",
        size=row.size,
        spelled=spelled_by(row, tags),
        search_text=row.search_text,
        words=words,
        key_digest=row.key_digest,
        trusted=_rank(row.trusted_created, row.trusted_deprecated, row.trusted_id),
        twins=twins,
    )


def spelled_by(row: Any, tags: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The values of each facet in SPELLED, in that order.

    Args:
        row: of ``_CURRENT``.
    """
    values = {
        Facet.OS: _present(row.os),
        Facet.OS_VERSION: _present(row.os_version),
        Facet.ARCH: _present(row.os_arch),
        Facet.KIND: _present(row.kind),
        Facet.FORMAT: _present(row.format),
        Facet.LOCATION: _LOCATIONS[row.has_web, row.has_pdisk],
        Facet.ENDORSER: (row.email,),
        Facet.TAG: tuple(tag for tag in tags if tag.strip()),
    }
    return tuple([values[facet] for facet in SPELLED])


@lru_cache(maxsize=4096)
def _present(value: str | None) -> tuple[str, ...]:
    """A value that says something."""
    return (value,) if value is not None and value.strip() else ()


@lru_cache(maxsize=4096)
def _words_of(shared: str) -> list[str]:
    return text.words(shared)


#: The values of the location facet: where the content can be fetched from.
_LOCATIONS = {
    (web, pdisk): tuple(name for name, there in (("web", web), ("pdisk", pdisk)) if there)
    for web in (False, True)
    for pdisk in (False, True)
}
