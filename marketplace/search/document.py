"""What the search knows about an entry: facts for the catalogue, words for the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from marketplace import text
from marketplace.search.words import SearchField
from validators import vocabulary
from validators.parser import parse_trusted

#: Most words of one field that are indexed; a text as long as the format allows has about this many.
FIELD_WORDS = 4000
#: How many times the title's words count where no field is named: a title says what an image is.
TITLE_WEIGHT = 3
#: Most words of an entry that are indexed. PostgreSQL counts positions no further than 16 383.
ENTRY_WORDS = 12_000


@dataclass(frozen=True, slots=True)
class SearchDocument:
    """One entry as the search sees it.

    Args:
        entry_key: the entry's key in the database; what hits are named by.
        further: texts that no other argument has, above all those of the extension elements.
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
    further: tuple[str, ...] = field(default=(), repr=False)

    def field_words(self) -> Mapping[SearchField, list[list[str]]]:
        """The words that ``field:`` finds, as runs: a phrase never spans two runs."""
        return {
            SearchField.TITLE: runs(self.title),
            SearchField.DESCRIPTION: runs(self.description),
            SearchField.OS: runs(f"{self.os} {self.os_version}"),
            SearchField.TAG: runs(*self.tags),
            SearchField.ENDORSER: runs(self.email, self.subject),
            SearchField.IDENTIFIER: runs(self.identifier),
            SearchField.PUBLISHER: runs(self.publisher),
        }

    def all_words(self) -> list[list[str]]:
        """The words that a search without a field finds, as runs, those of the title several times."""
        by_field = {**self.field_words()}
        found = by_field.pop(SearchField.TITLE) * TITLE_WEIGHT
        return bounded([*found, *(run for runs in by_field.values() for run in runs), *self.other_words()])

    def other_words(self) -> list[list[str]]:
        """The words that only a search without a field finds, as runs."""
        return runs(self.arch, self.kind, self.format, self.version, *self.further)


def runs(*texts: str) -> list[list[str]]:
    """The words of each text that has any, FIELD_WORDS at most over all of them.

    What was cut into several words stands once more as a whole, for whoever looks for its beginning.
    """
    found: list[list[str]] = []
    left = FIELD_WORDS
    for one in texts:
        cuts = [(run, text.cut(run)) for run in text.runs(one)]
        wholes = [[run] for run, cut in cuts if len(cut) > 1]
        for words in ([word for _, cut in cuts for word in cut], *wholes):
            if left > 0 and (kept := words[:left]):
                found.append(kept)
                left -= len(kept)
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


def further_texts(body: bytes) -> Iterator[str]:
    """Every text and attribute value of an entry that has no separate column: above all its extensions.

    Args:
        body: an accepted entry.
    """
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
_IN_COLUMNS = frozenset(
    {
        vocabulary.IDENTIFIER,
        vocabulary.TYPE,
        vocabulary.CREATED,
        vocabulary.VALID,
        vocabulary.TITLE,
        vocabulary.DESCRIPTION_TEXT,
        vocabulary.PUBLISHER,
        vocabulary.FORMAT,
        vocabulary.ALTERNATIVE,
        vocabulary.OS,
        vocabulary.OS_VERSION,
        vocabulary.OS_ARCH,
        vocabulary.KIND,
        vocabulary.VERSION,
        vocabulary.BYTES,
        vocabulary.CHECKSUM,
        vocabulary.ENDORSEMENT,
    }
)
