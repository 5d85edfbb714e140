"""Keys of current entries: those of some images, and the one that an address and a tag name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, select
from sqlalchemy.orm import Session

from marketplace.models import Certificate, Current, Entry, EntryTag, VerdictRow
from marketplace.rules.columns import tag_digest
from marketplace.rules.trust import is_trusted
from marketplace.rules.visibility import VisibleLogs


def find_current(
    session: Session, scope: VisibleLogs, identifiers: Collection[str], limit: int
) -> Sequence[int]:
    """The first current entries of some images: by image, the newest of each first."""
    given = {"identifiers": list(identifiers), "most": limit}
    return session.connection().scalars(_of_images(scope.keys), given).all()


def find_tagged(session: Session, scope: VisibleLogs, email: str, tag: str) -> int | None:
    """The entry that an address and a tag name; see ``VisibleEntries.tagged``."""
    newest, trusted, of_key = _of_tag(scope.keys)
    connection, given = session.connection(), {"email": email, "tag": tag, "digest": tag_digest(tag)}
    key_digest = connection.scalar(trusted, given)
    if key_digest is None:
        return connection.scalar(newest, given)
    return connection.scalar(of_key, given | {"key_digest": key_digest})


# Kept, because putting the statements together takes longer than running them.


@lru_cache(maxsize=256)
def _of_images(logs: tuple[int, ...]) -> Select[tuple[int]]:
    return (
        select(Current.entry_key)
        .where(
            VisibleLogs.of(logs).current(), Current.identifier.in_(bindparam("identifiers", expanding=True))
        )
        .order_by(Current.identifier, Current.created.desc(), Current.entry_id)
        .limit(bindparam("most"))
    )


@lru_cache(maxsize=256)
def _of_tag(logs: tuple[int, ...]) -> tuple[Select[tuple[int]], Select[Any], Select[tuple[int]]]:
    """The newest entry; the key that signed the newest trusted one, and the newest that a key signed."""
    tagged = and_(
        EntryTag.entry_key == Current.entry_key,
        EntryTag.digest == bindparam("digest"),
        EntryTag.tag == bindparam("tag"),
    )
    newest = (
        select(Current.entry_key)
        .join(EntryTag, tagged)
        .where(
            VisibleLogs.of(logs).current(),
            Current.email == bindparam("email"),
            Current.deprecated.is_(False),
        )
        .order_by(Current.created.desc(), Current.entry_id)
        .limit(1)
    )
    trusted = (
        newest.with_only_columns(Current.key_digest)
        .join(Entry, Entry.id == Current.entry_key)
        .join(Certificate, Certificate.id == Entry.certificate_id)
        .outerjoin(VerdictRow, VerdictRow.certificate_id == Entry.certificate_id)
        .where(is_trusted())
    )
    return newest, trusted, newest.where(Current.key_digest == bindparam("key_digest"))
