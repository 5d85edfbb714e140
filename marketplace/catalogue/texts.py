"""The folded texts of entries in memory, and which of them hold a word: exact, and without reading them all.

Texts are cut at spaces, and no word has a space in it: a word stands in a text if it stands in some piece of
it. Pieces that many texts have are kept once, with the texts that have them. What is left of a text is mostly
what names this image alone; ``remainders`` has that of all texts. What was decided is kept: an entry never
changes, so neither does the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice

from cachetools import LRUCache
from pyroaring import BitMap

from marketplace.catalogue.remainders import Remainders
from marketplace.catalogue.sections import Reader, Writer
from marketplace.models.current import SEPARATOR

#: Characters of one text, and bytes of all together, that are held; the database looks into the others.
LONGEST, MOST_CACHED = 4000, 160_000_000
#: Words whose answers are kept.
WORDS = 128
#: A piece is common from so many texts on, unless so many other pieces came between them.
OFTEN, _LATELY = 3, 50_000
#: Pieces that are kept as common ones, and characters of each.
MOST_COMMON, _LONGEST_COMMON = 30_000, 200
#: Bytes that it costs to note that a text has a common piece, about.
_NOTED = 2
#: So many texts are looked into one by one in the time that takes looking through all together.
_DIRECTLY = 12
#: Texts that went and are still noted with common pieces, until those are tidied.
_MOST_GONE = 1000


@dataclass(slots=True)
class _Decided:
    """What is known of a word.

    Args:
        checked: the entries that were looked at for it.
        holding: those of them that hold it.
        common: common pieces that it stands in, among so many that were looked at.
    """

    checked: BitMap = field(default_factory=BitMap)
    holding: BitMap = field(default_factory=BitMap)
    common: list[BitMap] = field(default_factory=list)
    looked_at: int = 0


class Texts:
    """The texts of many entries. Not safe to share between threads; the catalogue sees to that.

    Args:
        most_cached: bytes of all texts together.
    """

    def __init__(self, most_cached: int = MOST_CACHED) -> None:
        self._room = most_cached
        #: Keys of the texts that are here, of those that went and are still noted, and of those without room.
        self._held, self._gone, self._unheld = BitMap(), BitMap(), BitMap()
        self._common: dict[str, BitMap] = {}
        #: How often other pieces came lately.
        self._lately: dict[str, int] = {}
        self._remainders = Remainders()
        self._decided: LRUCache[str, _Decided] = LRUCache(WORDS)

    def add(self, key: int, search_text: str) -> None:
        """Hold the text of an entry, if there is room."""
        if len(search_text) > min(LONGEST, self._room):
            self._unheld.add(key)
            return
        left = []
        for piece in set(search_text.replace(SEPARATOR, " ").split(" ")):
            left += self._note(key, piece)
        self._room -= self._remainders.add(key, " ".join(left))
        self._held.add(key)
        self._gone.discard(key)

    def remove(self, key: int) -> None:
        """Let the text of an entry go."""
        self._unheld.discard(key)
        if key in self._held:
            self._held.remove(key)
            self._gone.add(key)
            self._room += self._remainders.remove(key)
            if len(self._gone) > _MOST_GONE + len(self._held) // 8:
                self._tidy()

    def find(self, word: str, among: BitMap) -> tuple[BitMap, BitMap]:
        """Which of some entries hold a word, and which must be asked in the database."""
        decided = self._decided_for(word)
        undecided = (among & self._held) - decided.checked
        if undecided:
            self._look(word, undecided, decided)
        return decided.holding & among, among - decided.checked

    def note(self, word: str, checked: BitMap, holding: BitMap) -> None:
        """Remember which of some entries the database found to hold a word."""
        decided = self._decided_for(word)
        decided.checked |= checked
        decided.holding |= holding

    def write(self, writer: Writer) -> None:
        """Write everything to a file but what was decided about words."""
        self._remainders.write(writer)
        writer.bitmaps("texts.sets", [self._held, self._gone, self._unheld])
        writer.named("texts.common", self._common)

    def read(self, reader: Reader) -> None:
        """Take the texts of a file."""
        self._remainders.read(reader)
        self._held, self._gone, self._unheld = reader.bitmaps("texts.sets")
        self._common = reader.named("texts.common")
        self._room -= self._remainders.size() + _NOTED * sum(map(len, self._common.values()))

    def _note(self, key: int, piece: str) -> list[str]:
        """Note the common pieces of a piece of a text; what is left of it then."""
        if self._has(key, piece):
            return []
        # Most addresses have the same beginning.
        cut = piece.rfind("/") + 1
        if cut and self._has(key, piece[:cut]):
            return [] if self._has(key, piece[cut:]) else [piece[cut:]]
        return [piece]

    def _has(self, key: int, piece: str) -> bool:
        """Note that a text has a piece, where it is a common one; whether it is."""
        held_by = self._common.get(piece)
        if held_by is None:
            if len(piece) > _LONGEST_COMMON or len(self._common) >= MOST_COMMON:
                return False
            often = self._lately.pop(piece, 0) + 1
            if often < OFTEN:
                if len(self._lately) >= _LATELY:
                    self._lately.clear()
                self._lately[piece] = often
                return False
            held_by = self._common[piece] = BitMap()
        held_by.add(key)
        self._room -= _NOTED
        return True

    def _decided_for(self, word: str) -> _Decided:
        return self._decided.setdefault(word, _Decided())

    def _look(self, word: str, undecided: BitMap, decided: _Decided) -> None:
        """Decide about some entries, all but those whose address may hold the word where it was cut."""
        fresh = islice(self._common.items(), decided.looked_at, None)
        decided.common += [having for piece, having in fresh if word in piece]
        decided.looked_at = len(self._common)
        if _DIRECTLY * len(undecided) > len(self._held):
            undecided = self._held
            found = BitMap.union(BitMap(), *decided.common) & undecided
            found |= self._remainders.find(word) & undecided
        else:
            found = BitMap.union(BitMap(), *(having & undecided for having in decided.common))
            found.update([key for key in undecided - found if self._remainders.has(key, word)])
        decided.holding |= found
        decided.checked |= undecided - (self._cut_in(word, undecided - found) if "/" in word else BitMap())
        decided.checked.run_optimize()

    def _cut_in(self, word: str, among: BitMap) -> BitMap:
        """The entries that may have a word across the place where an address was cut."""
        start, _, end = word.rpartition("/")
        if not end:
            return BitMap()
        starting = [having for piece, having in self._common.items() if piece.endswith(f"{start}/")]
        ending = [having for piece, having in self._common.items() if piece.startswith(end)]
        among = BitMap.union(BitMap(), *starting) & among
        return among & BitMap.union(self._remainders.find(end), *ending) if among else among

    def _tidy(self) -> None:
        """Note nothing any more of the texts that went."""
        noted = sum(having.intersection_cardinality(self._gone) for having in self._common.values())
        self._room += _NOTED * noted
        left = ((piece, having - self._gone) for piece, having in self._common.items())
        self._common = {piece: having for piece, having in left if having}
        self._gone = BitMap()
        self._lately.clear()
        self._decided.clear()
