"""Which entries state a checksum of their image."""

from __future__ import annotations

from sqlalchemy import Select, select

from marketplace.models import Current, EntryChecksum
from marketplace.rules.visibility import VisibleLogs
from validators.checksums import SHA1
from validators.document import Checksum
from validators.identifier import identifier_from_sha1


def stating(checksum: Checksum, scope: VisibleLogs) -> Select[tuple[int]]:
    """Keys of the entries that are current in a log of the scope and state a checksum.

    Args:
        checksum: in its canonical spelling; see ``validators.checksums.find_checksum``.
    """
    found = select(Current.entry_key).where(scope.covers(Current.log_id))
    if checksum.algorithm == SHA1:
        return found.where(Current.identifier == identifier_from_sha1(checksum.value))
    # The value alone would do, since each algorithm has values of a length of its own.
    return found.join(EntryChecksum, EntryChecksum.entry_key == Current.entry_key).where(
        EntryChecksum.value == checksum.value, EntryChecksum.algorithm == checksum.algorithm
    )
