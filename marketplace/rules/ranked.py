"""Entries of logs with what decides which of them are current, as the database has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Select, select

from marketplace.models import Certificate, Entry, VerdictRow
from marketplace.rules.current import Claim, make_claim
from marketplace.rules.trust import is_trusted
from validators.document import Coordinates

#: Rows for ``to_ranked``: whoever executes it says of which entries.
SELECT_RANKED: Final[Select[Any]] = (
    select(
        Entry.id,
        Entry.entry_id,
        Entry.identifier,
        Entry.email,
        Entry.created,
        Entry.deprecated.is_not(None),
        Certificate.key_digest,
        is_trusted(),
    )
    .join(Certificate, Certificate.id == Entry.certificate_id)
    .outerjoin(VerdictRow, VerdictRow.certificate_id == Entry.certificate_id)
)


@dataclass(frozen=True, slots=True)
class RankedEntry:
    """An entry without its bytes.

    Args:
        trusted: the site trusts its certificate for the address.
    """

    key: int
    entry_id: str
    coordinates: Coordinates
    deprecated: bool
    key_digest: str
    trusted: bool

    @property
    def created(self) -> datetime:
        """When it says that it was made."""
        return self.coordinates.created

    def claim(self) -> Claim[RankedEntry]:
        """This entry as a claim to be current."""
        return make_claim(self, self.created, self.deprecated, self.entry_id, self.key_digest, self.trusted)


def to_ranked(rows: Iterable[Row[Any]]) -> Iterator[RankedEntry]:
    """The entries of rows of ``SELECT_RANKED``."""
    for key, entry_id, identifier, email, created, deprecated, key_digest, trusted in rows:
        yield RankedEntry(
            key=key,
            entry_id=entry_id,
            coordinates=Coordinates(identifier, email, created),
            deprecated=deprecated,
            key_digest=key_digest,
            trusted=trusted,
        )
