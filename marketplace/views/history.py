"""Since when a view shows what it shows, and what it does not show any more: for harvesters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from marketplace.models import ChangeRow, Current, Entry, VerdictChange
from marketplace.portions import portions
from marketplace.rules.visibility import VisibleLogs
from marketplace.views.value import Record, ViewImage
from validators.document import Coordinates

#: Keys named in one statement.
_CHUNK: Final = 500
#: Images of a view whose replaced entries are looked up image by image, and not in the log.
FEW: Final = 1000


def find_records(
    session: Session,
    scope: VisibleLogs,
    found: Mapping[int, ViewImage],
    withdrawn: Mapping[int, ViewImage],
    images: Iterable[ViewImage],
    now: datetime,
    *,
    judged: bool,
    since: datetime,
) -> tuple[Record, ...]:
    """One record for each entry that a view's search ever found, as far as that is known.

    Args:
        found, withdrawn: what the search finds now, by keys of entries.
        judged: whether verdicts on certificates decide what is shown.
        since: when the view became what it is.

    Returns:
        the records, by time and id.
    """
    known = {**found, **withdrawn}
    turned = _turns(session, list(known)) if judged else {}
    taken = taken_at(known.values())
    by_image = {one.identifier: one for one in images}
    records = []
    for key, image in known.items():
        shows = by_image.get(image.identifier)
        moments = [since, turned.get(key, since), taken[image.entry_id]]
        if shows is not None:
            moments.append(taken[shows.entry_id])  # which may have taken its place
        records.append(_record(image, shows is image, max(moments), now))
    newest: dict[tuple[str, str], datetime] = {}
    for one in records:
        place = one.coordinates.image
        newest[place] = max(newest.get(place, one.since), one.since)
    records += [one for key, one in _replaced(session, scope, newest) if key not in known]
    return _in_order(records)


def taken_at(images: Iterable[ViewImage]) -> Mapping[str, datetime]:
    """When each entry was taken in, by its id: not before what stands before it in its log.

    A clock that went back must not hide what is new from who harvests by time.
    """
    found: dict[str, datetime] = {}
    latest: dict[bool, datetime] = {}
    for one in sorted(images, key=lambda one: one.sequence):
        latest[one.private] = max(one.accepted_at, latest.get(one.private, one.accepted_at))
        found[one.entry_id] = latest[one.private]
    return found


def _record(image: ViewImage, is_in_view: bool, since: datetime, now: datetime) -> Record:
    ended = image.metadata.valid
    if ended is not None and since < ended <= now:
        since = ended
    return Record(
        entry_id=image.entry_id,
        coordinates=image.coordinates,
        since=since.replace(microsecond=0),
        os=image.metadata.os or "",
        deprecated=image.metadata.deprecated is not None,
        image=image if is_in_view else None,
    )


def _in_order(records: Sequence[Record]) -> tuple[Record, ...]:
    """By time and id; of two about the same coordinates the one that is shown, else the latest."""
    best: dict[Coordinates, Record] = {}
    for one in sorted(records, key=lambda one: (one.image is not None, one.since, one.entry_id)):
        best[one.coordinates] = one
    return tuple(sorted(best.values(), key=lambda one: (one.since, one.entry_id)))


def _turns(session: Session, keys: Sequence[int]) -> Mapping[int, datetime]:
    """When the verdict on the certificate of each entry changed last."""
    last = (
        select(VerdictChange.certificate_id, func.max(VerdictChange.changed_at).label("at"))
        .group_by(VerdictChange.certificate_id)
        .subquery()
    )
    found: dict[int, datetime] = {}
    for portion in portions(keys, _CHUNK):
        statement = (
            select(Entry.id, last.c.at)
            .join(last, last.c.certificate_id == Entry.certificate_id)
            .where(Entry.id.in_(portion))
        )
        found.update({row.id: row.at for row in session.execute(statement)})
    return found


def _replaced(
    session: Session, scope: VisibleLogs, newest: Mapping[tuple[str, str], datetime]
) -> Iterator[tuple[int, Record]]:
    """Entries that newer ones of the same endorser about the same image took the place of."""
    current = exists().where(Current.entry_key == Entry.id, scope.covers(Current.log_id), ~Current.contested)
    statement = (
        select(
            Entry.id, Entry.entry_id, Entry.identifier, Entry.email, Entry.created, Entry.os,
            Entry.deprecated, ChangeRow.accepted_at,
        )
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .where(scope.serves(), ~current)
    )  # fmt: skip
    images = sorted({identifier for identifier, _ in newest})
    if len(images) > FEW:
        rows = session.execute(statement).all()
    else:
        # By the index of images: a narrow view must not cost a walk through the whole log.
        asked = (statement.where(Entry.identifier.in_(chunk)) for chunk in portions(images, _CHUNK))
        rows = [row for one in asked for row in session.execute(one)]
    for row in rows:
        since = newest.get((row.identifier, row.email))
        if since is not None:
            yield (
                row.id,
                Record(
                    entry_id=row.entry_id,
                    coordinates=Coordinates(row.identifier, row.email, row.created),
                    since=max(since, row.accepted_at.replace(microsecond=0)),
                    os=row.os or "",
                    deprecated=row.deprecated is not None,
                ),
            )
