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
from marketplace.portions import portions
from marketplace.rules.visibility import unindexed
from marketplace.search.document import SearchDocument
from marketplace.search.words import SearchField
from validators import vocabulary
from validators.errors import RefusedError
from validators.parser import parse_trusted

_logger = logging.getLogger(__name__)

#: Keys named in one statement; SQLite and PostgreSQL both take more.
_CHUNK = 500


def load_documents(session: Session, log_id: int, keys: Sequence[int]) -> Iterator[SearchDocument]:
    """What the engines index of some entries of a log."""
    for chunk in portions(keys, _CHUNK):
        tags: defaultdict[int, list[str]] = defaultdict(list)
        wanted = select(EntryTag.entry_key, EntryTag.tag).where(EntryTag.entry_key.in_(chunk))
        for key, tag in session.execute(wanted.order_by(EntryTag.entry_key, EntryTag.position)):
            tags[key].append(tag)
        for row in session.execute(_DOCUMENT.where(ChangeRow.log_id == log_id, Entry.id.in_(chunk))):
            yield _document(row, tags.get(row.id, ()))


def changes_among(session: Session, log_id: int, since: int, end: int) -> tuple[list[int], list[int]]:
    """What rows ``since <= sequence < end`` of a log change in its index.

    Returns:
        the keys of the entries among them that are current, and those of all
        entries that are not current about the same images by the same endorsers.
    """
    return _listed(session, log_id, touched(log_id, since, end), since, end)


def current_of(
    session: Session, log_id: int, images: Sequence[tuple[str, str]], end: int
) -> tuple[list[int], list[int]]:
    """What rows before ``end`` about some images, each with an e-mail, change in the index of a log."""
    current: list[int] = []
    others: list[int] = []
    for chunk in portions(images, _CHUNK):
        # The identifiers by themselves too: for pairs SQLite walks the whole index.
        wanted = (
            Entry.identifier.in_([one for one, _ in chunk]),
            tuple_(Entry.identifier, Entry.email).in_(chunk),
        )
        pairs = select(Entry.identifier, Entry.email).where(*wanted).distinct().subquery("images")
        found = _listed(session, log_id, pairs, 0, end)
        current += found[0]
        others += found[1]
    return current, others


def _listed(
    session: Session, log_id: int, images: Subquery, since: int, end: int
) -> tuple[list[int], list[int]]:
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
        .join(ChangeRow, and_(unindexed(ChangeRow.log_id) == log_id, ChangeRow.entry_key == Entry.id))
        .order_by(ChangeRow.sequence)
    ).all()
    current = [key for key, sequence in entries if key in listed and since <= sequence < end]
    return current, [key for key, _ in entries if key not in listed]


_COLUMNS = (
    "identifier", "email", "subject", "title", "description", "os", "os_version", "os_arch",
    "kind", "format", "version", "publisher",
)  # fmt: skip
_DOCUMENT: Select[Any] = (
    select(Entry.id, EntryBody.data, *(getattr(Entry, name) for name in _COLUMNS))
    .join(ChangeRow, ChangeRow.entry_key == Entry.id)
    .join(EntryBody, EntryBody.id == ChangeRow.body_id)
)


def _document(row: Any, tags: Sequence[str]) -> SearchDocument:
    def texts(*names: str) -> list[str]:
        return [value for name in names if (value := getattr(row, name))]

    fields = {
        SearchField.TITLE: texts("title"),
        SearchField.DESCRIPTION: texts("description"),
        SearchField.OS: [" ".join(texts("os", "os_version"))],
        SearchField.TAG: tags,
        SearchField.ENDORSER: texts("email", "subject"),
        SearchField.IDENTIFIER: texts("identifier"),
        SearchField.PUBLISHER: texts("publisher"),
    }
    further = texts("os_arch", "kind", "format", "version")
    try:
        further += _further_texts(row.data)
    except RefusedError as refused:
        # It was parsed when it was accepted; one damaged body must not hold up all other entries.
        _logger.error(
            "a stored entry is not XML; only its columns are searched",
            extra={"entry_key": row.id, "code": refused.code},
        )
    return SearchDocument(row.id, fields, further)


def _further_texts(body: bytes) -> Iterator[str]:
    """Every text and attribute value of an entry that has no separate column: above all its extensions."""
    root = parse_trusted(body)
    description = root.find(vocabulary.DESCRIPTION)
    for element in () if description is None else description:
        if element.tag in _IN_COLUMNS:
            continue
        for node in element.iter():
            if isinstance(node.tag, str):  # comments and processing instructions have no name
                yield from (value for value in node.attrib.values() if isinstance(value, str))
                if node.text:
                    yield node.text
            if node is not element and node.tail:
                yield node.tail


#: Elements whose text comes from the database, or is nothing to search for.
_IN_COLUMNS = frozenset((
    vocabulary.IDENTIFIER, vocabulary.TYPE, vocabulary.CREATED, vocabulary.VALID, vocabulary.TITLE,
    vocabulary.DESCRIPTION_TEXT, vocabulary.PUBLISHER, vocabulary.FORMAT, vocabulary.ALTERNATIVE,
    vocabulary.OS, vocabulary.OS_VERSION, vocabulary.OS_ARCH, vocabulary.KIND, vocabulary.VERSION,
    vocabulary.BYTES, vocabulary.CHECKSUM, vocabulary.ENDORSEMENT,
))  # fmt: skip
