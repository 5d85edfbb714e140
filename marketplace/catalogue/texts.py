"""The folded texts of entries in memory, and which of them hold a word: exact, and without reading them all.

A word has no space in it, so it stands in one place of a text or in none. The
trigrams of the texts name candidates, the texts themselves decide, and what was
decided is kept: an entry never changes, so neither does the answer.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pyroaring import BitMap

from marketplace.catalogue.sections import DamagedError, Reader, Writer
from marketplace.models.current import SEPARATOR
from marketplace.rules.columns import SEARCHABLE, Column

#: Characters of one text, and of all together, that are held; the database looks into the others.
LONGEST, MOST_HELD = 4000, 64_000_000
#: Words whose answers are kept.
WORDS = 256
#: Most trigrams of one word that name candidates; more would leave hardly fewer.
MOST_GRAMS = 48
#: From this many undecided candidates on, the few different values of the columns are asked first.
_MANY = 500
#: Different values of a column beyond which that saves nothing.
_FEW_VALUES = 2000
#: Texts that are written to a file together.
_BATCH = 4096

#: The columns with a search of their own, in the order in which a text begins with them.
LEADING = tuple(column for column in Column if column in SEARCHABLE)


@dataclass(slots=True)
class _Decided:
    """Which entries were looked at for a word, and which of them hold it."""

    checked: BitMap = field(default_factory=BitMap)
    holding: BitMap = field(default_factory=BitMap)


class Texts:
    """The texts of many entries. Not safe to share between threads; the catalogue sees to that.

    Args:
        most_held: characters of all texts together.
    """

    def __init__(self, most_held: int = MOST_HELD) -> None:
        self._texts: dict[int, str] = {}
        self._room = most_held
        #: Keys of the texts that are here, and of those for which there was no room.
        self._held = BitMap()
        self._unheld = BitMap()
        self._grams: dict[str, BitMap] = {}
        self._without_grams = BitMap()
        self._values: Mapping[Column, dict[str, BitMap]] = {column: {} for column in LEADING}
        self._decided: OrderedDict[tuple[Column | None, str], _Decided] = OrderedDict()

    def add(self, key: int, leading: Sequence[str | None], search_text: str) -> None:
        """Hold the text of an entry, if there is room.

        Args:
            leading: its folded values of the columns in LEADING; the e-mail is never absent.
            search_text: as stored: all present columns, which begin with these.
        """
        rest = search_text[len(SEPARATOR.join(value for value in leading if value is not None)) :]
        text = SEPARATOR.join(value or "" for value in leading) + rest
        if len(text) > min(LONGEST, self._room):
            self._unheld.add(key)
            return
        self._room -= len(text)
        self._texts[key] = text
        self._held.add(key)
        self._without_grams.add(key)
        for values, value in zip(self._values.values(), leading, strict=True):
            values.setdefault(value or "", BitMap()).add(key)

    def remove(self, key: int) -> None:
        """Let the text of an entry go."""
        self._unheld.discard(key)
        self._held.discard(key)
        text = self._texts.pop(key, None)
        if text is None:
            return
        self._room += len(text)
        for values, value in zip(self._values.values(), text.split(SEPARATOR), strict=False):
            _take(values, value, key)
        if key in self._without_grams:
            self._without_grams.remove(key)
        else:
            for gram in set().union(*map(_grams_of, _words_in(text))):
                _take(self._grams, gram, key)

    def without_grams(self, most: int) -> list[tuple[int, str]]:
        """Some of the texts that are not yet in the index of trigrams: until then each is looked into."""
        return [(key, self._texts[key]) for key in self._without_grams[:most]]

    def index(self, keys: Iterable[int], grams: Mapping[str, array[int]]) -> None:
        """Take the trigrams of some texts into the index.

        Args:
            grams: as ``gather`` gives them for these texts.
        """
        there = BitMap(keys) & self._without_grams
        for gram, held_by in grams.items():
            self._grams.setdefault(gram, BitMap()).update(there & BitMap(held_by))
        self._without_grams -= there

    def find(self, column: Column | None, word: str, among: BitMap) -> tuple[BitMap, BitMap]:
        """Which of some entries hold a word, in a column or anywhere.

        Only entries among these are looked into, so the time it takes tells nothing about others.

        Returns:
            those that hold it, and those that must be asked in the database.
        """
        decided = self._decided_for(column, word)
        undecided = self._candidates(column, word, among) - decided.checked
        if undecided:
            decided.holding |= self._look(column, word, undecided)
            decided.checked |= undecided
        return decided.holding & among, (self._unheld & among) - decided.checked

    def note(self, column: Column | None, word: str, checked: BitMap, holding: BitMap) -> None:
        """Keep what the database said."""
        decided = self._decided_for(column, word)
        decided.checked |= checked
        decided.holding |= holding

    def forget(self) -> None:
        """Drop what was decided about words."""
        self._decided.clear()

    def write(self, writer: Writer) -> None:
        """Write everything to a file but what was decided about words."""
        writer.array("texts.keys", array("I", self._texts))
        for part, texts in enumerate(_batches(list(self._texts.values()))):
            writer.array(f"texts.{part}.lengths", array("I", map(len, texts)))
            writer.raw(f"texts.{part}", "".join(texts).encode())
        writer.bitmaps("texts.sets", [self._held, self._unheld, self._without_grams])
        for column, values in self._values.items():
            writer.json(f"texts.{column}.values", list(values))
            writer.bitmaps(f"texts.{column}.entries", values.values())
        writer.json("texts.grams", list(self._grams))
        writer.bitmaps("texts.of_grams", self._grams.values())

    def read(self, reader: Reader) -> None:
        """Take what a file holds.

        Raises:
            DamagedError: it is not what ``write`` wrote.
        """
        keys, start = reader.array("texts.keys", "I"), 0
        for part in range(-(-len(keys) // _BATCH)):
            lengths = reader.array(f"texts.{part}.lengths", "I")
            together, at = reader.raw(f"texts.{part}").decode(), 0
            for key, length in zip(keys[start : start + _BATCH], lengths, strict=True):
                self._texts[key] = together[at : at + length]
                at += length
            self._room -= at
            start += _BATCH
        self._held, self._unheld, self._without_grams = reader.bitmaps("texts.sets")
        if len(self._texts) != len(self._held) or not self._held >= BitMap(keys):
            raise DamagedError("the texts are of other entries")
        self._values = {
            column: _named(reader, f"texts.{column}.values", f"texts.{column}.entries") for column in LEADING
        }
        self._grams = _named(reader, "texts.grams", "texts.of_grams")

    def _decided_for(self, column: Column | None, word: str) -> _Decided:
        decided = self._decided.setdefault((column, word), _Decided())
        self._decided.move_to_end((column, word))
        while len(self._decided) > WORDS:
            self._decided.popitem(last=False)
        return decided

    def _candidates(self, column: Column | None, word: str, among: BitMap) -> BitMap:
        grams = _grams_of(word[: MOST_GRAMS + 2])
        if column is not None or not grams:
            return among & self._held
        found = [self._grams.get(gram) for gram in grams]
        named = BitMap() if None in found else BitMap.intersection(*(one for one in found if one is not None))
        return (named | self._without_grams) & among & self._held

    def _look(self, column: Column | None, word: str, keys: BitMap) -> BitMap:
        if column is not None:
            return self._with_value(column, word, keys)
        holding = BitMap()
        if len(keys) > _MANY:
            for one, values in self._values.items():
                if len(values) <= _FEW_VALUES:
                    holding |= self._with_value(one, word, keys)
        texts = self._texts
        return holding | BitMap([key for key in keys - holding if word in texts[key]])

    def _with_value(self, column: Column, word: str, keys: BitMap) -> BitMap:
        held_by = [held for value, held in self._values[column].items() if word in value]
        return BitMap.union(*held_by) & keys if held_by else BitMap()


def _batches(texts: list[str]) -> Iterator[list[str]]:
    return (texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH))


def _named(reader: Reader, names: str, maps: str) -> dict[str, BitMap]:
    return dict(zip(reader.json(names), reader.bitmaps(maps), strict=True))


def gather(texts: Iterable[tuple[int, str]]) -> dict[str, array[int]]:
    """The trigrams of some texts with the keys of the texts that hold them."""
    # Most words stand in many texts: each is taken apart once.
    holders: defaultdict[str, array[int]] = defaultdict(lambda: array("I"))
    for key, text in texts:
        for word in _words_in(text):
            holders[word].append(key)
    found: defaultdict[str, array[int]] = defaultdict(lambda: array("I"))
    for word, keys in holders.items():
        for gram in _grams_of(word):
            found[gram].extend(keys)
    return found


def _words_in(text: str) -> set[str]:
    return set(text.replace(SEPARATOR, " ").split(" "))


def _grams_of(word: str) -> set[str]:
    return {word[start : start + 3] for start in range(len(word) - 2)}


def _take(held: dict[str, BitMap], name: str, key: int) -> None:
    found = held.get(name)
    if found is not None:
        found.discard(key)
        if not found:
            del held[name]
