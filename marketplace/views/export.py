"""Writes a copy of a view into a folder that any web server or bucket can serve."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.federation.keys import SiteKeys
from marketplace.federation.published_logs import PublishedLogs
from marketplace.federation.trees import PublishedLog, Trees
from marketplace.models import ChangeRow, Entry, EntryBody, Log
from marketplace.portions import portions
from marketplace.tlog.merkle import prove_inclusion
from marketplace.tlog.proof import InclusionProof
from marketplace.views.copy import INDEX, CopiedEntry, CopiedFile, Index, describe, receipt_path
from marketplace.views.copy_folder import CopyFolder
from marketplace.views.copy_head import HEAD, CopyHead, LogPosition, describe_index, sign_head
from marketplace.views.definitions import Definition, digest
from marketplace.views.dialects import DIALECTS
from marketplace.views.errors import DialectUnavailableError
from marketplace.views.pages import write_pages
from marketplace.views.value import View, ViewImage, entry_path

#: Keys named in one statement.
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Exported:
    """The results of an export.

    Args:
        unavailable: why a document is not in the copy, by its path.
        written, unchanged, removed: how many files were written, were there already, and are gone.
    """

    entries: int
    unavailable: Mapping[str, str]
    written: int
    unchanged: int
    removed: int


class Exporter:
    """Writes the copy of a view; what is there already and would be the same is left alone.

    Args:
        keys: of the site; without them the copy is not signed and has no receipts.
    """

    def __init__(self, folder: Path, definition: Definition, keys: SiteKeys | None) -> None:
        private = definition.group is not None or definition.secret
        self._folder = CopyFolder(folder, private=private)
        self._definition = definition
        self._keys = keys

    def export(self, session: Session, view: View, base: str, now: datetime) -> Exported:
        """Write a view: everything that is named before what names it, the index and its head last.

        Args:
            base: URL under which the folder will be served, without a slash at the end.

        Raises:
            OSError: the folder cannot be written.
            CopyError: something else is in it, or another export writes to it.
        """
        view = replace(view, base=base, copied=True, until=None)
        images = [*view.images, *view.withdrawn]
        logs = [] if self._keys is None else self._published(session)
        with self._folder.locked() as folder, _uncollected():
            self._write_entries(session, images)
            public = next((one for one in logs if one.name == PUBLIC), None)
            checkpoint = None if public is None else self._write_receipts(session, public, images)
            unavailable = dict(self._write_documents(view))
            for path, data in write_pages(view, unavailable):
                folder.write(path, data)
            index = Index(
                view=describe(view),
                images=tuple(map(_copied, view.images)),
                withdrawn=tuple(map(_copied, view.withdrawn)),
                files=folder.files,
                unavailable=unavailable,
                key=None if self._keys is None else str(self._keys.log.verifier),
                checkpoint=checkpoint,
            ).to_bytes()
            folder.finish(INDEX, index)
            if self._keys is not None:
                folder.finish(HEAD, self._head(self._keys, view, logs, index, now))
            removed = folder.remove_others()
        return Exported(len(images), unavailable, folder.written, folder.unchanged, removed)

    def _published(self, session: Session) -> list[PublishedLog]:
        """The logs that the view shows, as far as they are published now."""
        return [
            one for one in Trees(session).all() if one.name in self._definition.logs and one.halted is None
        ]

    def _head(
        self, keys: SiteKeys, view: View, logs: Sequence[PublishedLog], index: bytes, now: datetime
    ) -> bytes:
        head = CopyHead(
            view=view.name,
            definition=digest(self._definition),
            logs=tuple(LogPosition(one.origin, one.size, one.root.hex()) for one in logs),
            index=describe_index(index),
            hour=now.replace(minute=0, second=0, microsecond=0),
        )
        # Under the name of the public log its own key proves the head too.
        name = next((one.origin for one in logs if one.name == PUBLIC), keys.site)
        return sign_head(head, keys.log.named(name))

    def _write_entries(self, session: Session, images: Sequence[ViewImage]) -> None:
        """The signed entries; the bytes of those that are there already are not read."""
        wanted = sorted({one.entry_id for one in images})
        for chunk in portions(wanted, _CHUNK):
            about = _ABOUT.where(Entry.entry_id.in_(chunk), Log.name.in_(self._definition.logs))
            served = {row.entry_id: row for row in session.execute(about)}
            lacking = {
                row.body_id: entry_path(row.entry_id)
                for row in served.values()
                if not self._folder.keep(CopiedFile(entry_path(row.entry_id), row.size, row.sha256))
            }
            for body_id, data in session.execute(_BODIES.where(EntryBody.id.in_(list(lacking)))).tuples():
                self._folder.write(lacking[body_id], data)

    def _write_receipts(self, session: Session, log: PublishedLog, images: Iterable[ViewImage]) -> str:
        """What proves that each public entry stands in the log, all under one checkpoint.

        Returns:
            digest of the checkpoint.
        """
        trees, checkpoint = Trees(session), PublishedLogs(session, frozenset({PUBLIC})).checkpoint(log)
        state = sha256(checkpoint).hexdigest()
        positions = {log.head + one.sequence: receipt_path(one.entry_id) for one in images if not one.private}
        lacking = [
            position
            for position, receipt in positions.items()
            if position < log.size and not self._folder.keep_receipt(receipt, state)
        ]
        # The same nodes are on very many paths.
        nodes = cache(trees.nodes(log))
        for position, leaf in trees.leaves_at(log.tree_id, lacking):
            path = tuple(prove_inclusion(position, log.size, nodes))
            proof = InclusionProof(leaf, position, path, checkpoint)
            self._folder.write(positions[position], proof.to_bytes())
        return state

    def _write_documents(self, view: View) -> Iterator[tuple[str, str]]:
        """Every document; the paths of those that cannot be written, and why."""
        for dialect in DIALECTS:
            written = dict(dialect.write_all(view))
            for document in dialect.files(view):
                path = document.path
                try:
                    data = written.pop(path) if path in written else dialect.write(view, path)
                    self._folder.write(path, data)
                except DialectUnavailableError as error:
                    yield document.path, str(error)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no cycles meanwhile: documents are made of very many objects and have none, and looking
    through these and the view again and again takes a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


_ABOUT: Final = (
    select(Entry.entry_id, EntryBody.id.label("body_id"), EntryBody.size, EntryBody.sha256)
    .join(ChangeRow, ChangeRow.entry_key == Entry.id)
    .join(EntryBody, EntryBody.id == ChangeRow.body_id)
    .join(Log, Log.id == ChangeRow.log_id)
    .where(ChangeRow.shown)
    # Of an entry in several logs the bytes of the oldest log.
    .order_by(Log.id.desc())
)
_BODIES: Final = select(EntryBody.id, EntryBody.data)


def _copied(image: ViewImage) -> CopiedEntry:
    return CopiedEntry(image.entry_id, image.accepted_at, image.private)
