"""What the engines index of an entry: its words, as they were cut for every engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from marketplace import text
from marketplace.search.words import SearchField

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
        texts: of each field.
        further: texts that only a search without a field finds, above all those of the extension elements.
    """

    entry_key: int
    texts: Mapping[SearchField, Sequence[str]]
    further: Sequence[str] = ()

    def field_words(self) -> Mapping[SearchField, list[list[str]]]:
        """The words that ``field:`` finds, as runs: a phrase never spans two runs."""
        return {field: runs(texts) for field, texts in self.texts.items()}

    def all_words(self, by_field: Mapping[SearchField, list[list[str]]]) -> list[list[str]]:
        """The words that a search without a field finds, as runs, those of the title several times.

        Args:
            by_field: ``field_words``.
        """
        fields = {**by_field}
        found = fields.pop(SearchField.TITLE, []) * TITLE_WEIGHT
        return _bounded([*found, *(run for words in fields.values() for run in words), *runs(self.further)])


def runs(texts: Iterable[str]) -> list[list[str]]:
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


def _bounded(found: Iterable[list[str]]) -> list[list[str]]:
    """The first runs that hold ENTRY_WORDS words together, the last of them cut."""
    kept: list[list[str]] = []
    left = ENTRY_WORDS
    for run in found:
        if left <= 0:
            break
        kept.append(run[:left])
        left -= len(run)
    return kept
