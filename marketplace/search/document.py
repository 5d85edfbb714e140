"""What the search knows about an entry: facts for the catalogue, words for the engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from marketplace.search import text
from marketplace.search.words import Field
from validators.document import AcceptedEntry, Extension

#: Most words of one field that are indexed; a text as long as the format allows has about this many.
FIELD_WORDS = 4000
#: Most words of an entry that are indexed. PostgreSQL counts positions no further than 16 383.
ENTRY_WORDS = 12_000


@dataclass(frozen=True, slots=True)
class SearchDocument:
    """One entry as the search sees it.

    Args:
        entry_key: the entry's key in the database; what hits are named by.
        extension: every text and attribute value of the extension elements, in document order.
    """

    entry_key: int
    identifier: str
    email: str
    created: datetime
    title: str = ""
    description: str = ""
    os: str = ""
    os_version: str = ""
    arch: str = ""
    kind: str = ""
    format: str = ""
    version: str = ""
    publisher: str = ""
    subject: str = ""
    tags: tuple[str, ...] = ()
    extension: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, entry_key: int, entry: AcceptedEntry) -> Self:
        """Make the document of an accepted entry."""
        metadata = entry.metadata
        return cls(
            entry_key=entry_key,
            identifier=entry.identifier,
            email=entry.endorser.email,
            created=entry.created,
            title=metadata.title or "",
            description=metadata.description or "",
            os=metadata.os or "",
            os_version=metadata.os_version or "",
            arch=metadata.os_arch or "",
            kind=metadata.kind or "",
            format=metadata.format or "",
            version=metadata.version or "",
            publisher=metadata.publisher or "",
            subject=entry.endorser.subject,
            tags=metadata.tags,
            extension=tuple(extension_texts(metadata.extensions)),
        )

    def field_words(self) -> Mapping[Field, list[list[str]]]:
        """The words that ``field:`` finds, as runs: a phrase never spans two runs."""
        return {
            Field.TITLE: runs(self.title),
            Field.DESCRIPTION: runs(self.description),
            Field.OS: runs(f"{self.os} {self.os_version}"),
            Field.TAG: runs(*self.tags),
            Field.ENDORSER: runs(self.email, self.subject),
            Field.IDENTIFIER: runs(self.identifier),
            Field.PUBLISHER: runs(self.publisher),
        }

    def other_words(self) -> list[list[str]]:
        """The words that only a search without a field finds, as runs."""
        return runs(self.arch, self.kind, self.format, self.version, *self.extension)


def runs(*texts: str) -> list[list[str]]:
    """The words of each text that has any, FIELD_WORDS at most over all of them."""
    found: list[list[str]] = []
    left = FIELD_WORDS
    for one in texts:
        if left > 0 and (run := text.words(one)[:left]):
            found.append(run)
            left -= len(run)
    return found


def bounded(found: Iterable[list[str]]) -> list[list[str]]:
    """The first runs that hold ENTRY_WORDS words together, the last of them cut."""
    kept: list[list[str]] = []
    left = ENTRY_WORDS
    for run in found:
        if left <= 0:
            break
        kept.append(run[:left])
        left -= len(run)
    return kept


def extension_texts(extensions: tuple[Extension, ...]) -> Iterable[str]:
    """Every text and attribute value of extension elements and what is nested in them."""
    for extension in extensions:
        yield from (attribute.value for attribute in extension.attributes if attribute.value.strip())
        if extension.text.strip():
            yield extension.text
        yield from extension_texts(extension.children)
        if extension.tail.strip():
            yield extension.tail
