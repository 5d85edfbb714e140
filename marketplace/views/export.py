"""Writes a copy of a view into a folder that any web server or bucket can serve."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.federation.feed import Feed
from marketplace.federation.trees import Trees
from marketplace.models import Change, Entry, EntryBody, Log
from marketplace.tlog.leaf import EntryLeaf, parse_leaf
from marketplace.tlog.merkle import prove_inclusion
from marketplace.tlog.note import VerifierKey
from marketplace.tlog.proof import InclusionProof
from marketplace.views.copy import INDEX, CopiedEntry, CopiedFile, Index, describe, receipt_path
from marketplace.views.dialects import DIALECTS
from marketplace.views.errors import DialectUnavailableError
from marketplace.views.folder import CopyFolder
from marketplace.views.pages import write_pages
from marketplace.views.value import View, ViewImage, entry_path

#: Keys named in one statement, and leaves read at once.
_CHUNK: Final = 500
_LEAVES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did.

    Args:
        unavailable: why a document is not in the copy, by its path.
        written, kept, removed: how many files were written, were there already, and are gone.
    """

    entries: int
    unavailable: Mapping[str, str]
    written: int
    kept: int
    removed: int


class Exporter:
    """Writes one copy; what is there already and would be the same is left alone.

    Args:
        private: whether only its owner may read the files.
    """

    def __init__(self, folder: Path, *, private: bool) -> None:
        self._folder = CopyFolder(folder, private=private)

    def export(
        self, session: Session, view: View, logs: frozenset[str], base: str, key: VerifierKey | None
    ) -> Exported:
        """Write a view: everything that is named before what names it, and the index last.

        Args:
            logs: that the view shows.
            base: URL under which the folder will be served, without a slash at the end.
            key: of this site's logs; None where it publishes none.

        Raises:
            OSError: the folder cannot be written.
            CopyError: something else is in it, or another export writes to it.
        """
        view = replace(view, base=base, copied=True, until=None)
        images = [*view.images, *view.withdrawn]
        with self._folder.locked() as folder:
            self._write_entries(session, images, logs)
            receipts = self._write_receipts(session, images, key)
            unavailable = dict(self._write_documents(view))
            for path, data in write_pages(view, unavailable):
                folder.write(path, data)
            index = Index(
                view=describe(view),
                images=tuple(map(_copied, view.images)),
                withdrawn=tuple(map(_copied, view.withdrawn)),
                files=folder.files,
                unavailable=unavailable,
                key=str(key) if key is not None and receipts else None,
            )
            folder.finish(INDEX, index.to_bytes())
            removed = folder.remove_others()
        return Exported(len(images), unavailable, folder.written, folder.kept, removed)

    def _write_entries(self, session: Session, images: Sequence[ViewImage], logs: frozenset[str]) -> None:
        """The signed entries; the bytes of those that are there already are not read."""
        wanted = sorted({one.entry_id for one in images})
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            about = _ABOUT.where(Entry.entry_id.in_(chunk), Log.name.in_(logs))
            served = {row.entry_id: row for row in session.execute(about)}
            lacking = {
                row.body_id: entry_path(row.entry_id)
                for row in served.values()
                if not self._folder.keep(CopiedFile(entry_path(row.entry_id), row.size, row.sha256))
            }
            for body_id, data in session.execute(_BODIES.where(EntryBody.id.in_(lacking))).tuples():
                self._folder.write(lacking[body_id], data)

    def _write_receipts(self, session: Session, images: Iterable[ViewImage], key: VerifierKey | None) -> int:
        """What proves that each public entry stands in the log, all under one checkpoint."""
        trees = Trees(session)
        log = None if key is None else trees.find(PUBLIC)
        if log is None or log.halted is not None:
            return 0
        wanted = {one.entry_id for one in images if not one.private}
        checkpoint, nodes = Feed(session, frozenset({PUBLIC})).checkpoint(log), trees.nodes(log)
        found = 0
        for start in range(0, log.size, _LEAVES):
            leaves = trees.leaves(log.tree_id, start, min(log.size, start + _LEAVES))
            for index, data in enumerate(leaves, start):
                leaf = parse_leaf(data)
                if isinstance(leaf, EntryLeaf) and leaf.entry_id in wanted:
                    path = tuple(prove_inclusion(index, log.size, nodes))
                    proof = InclusionProof(data, index, path, checkpoint)
                    self._folder.write(receipt_path(leaf.entry_id), proof.to_bytes())
                    found += 1
        return found

    def _write_documents(self, view: View) -> Iterator[tuple[str, str]]:
        """Every document; the paths of those that cannot be written, and why."""
        for dialect in DIALECTS:
            for document in dialect.files(view):
                try:
                    self._folder.write(document.path, dialect.write(view, document.path))
                except DialectUnavailableError as error:
                    yield document.path, str(error)


_ABOUT: Final = (
    select(Entry.entry_id, EntryBody.id.label("body_id"), EntryBody.size, EntryBody.sha256)
    .join(Change, Change.entry_key == Entry.id)
    .join(EntryBody, EntryBody.id == Change.body_id)
    .join(Log, Log.id == Change.log_id)
    .where(Change.shown)
    # Of an entry in several logs the bytes of the oldest log.
    .order_by(Log.id.desc())
)
_BODIES: Final = select(EntryBody.id, EntryBody.data)


def _copied(image: ViewImage) -> CopiedEntry:
    return CopiedEntry(image.entry_id, image.accepted_at, image.private)
