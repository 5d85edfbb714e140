"""Which entries state a checksum of their image."""

from __future__ import annotations

from sqlalchemy import Select, select

from marketplace.models import Entry, EntryChecksum
from validators.checksums import SHA1
from validators.document import Checksum
from validators.identifier import identifier_from_sha1


def stating(checksum: Checksum) -> Select[tuple[int]]:
    """Keys of the entries that state a checksum, superseded ones and those of any log among them.

    Args:
        checksum: in its canonical spelling; see ``validators.checksums.find_checksum``.
    """
    if checksum.algorithm == SHA1:
        return select(Entry.id).where(Entry.identifier == identifier_from_sha1(checksum.value))
    # The value alone would do, since each algorithm has values of a length of its own.
    return select(EntryChecksum.entry_key).where(
        EntryChecksum.value == checksum.value, EntryChecksum.algorithm == checksum.algorithm
    )
