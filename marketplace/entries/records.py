"""What the read side hands out: frozen values, no sessions behind them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from marketplace.facets import TrustMark
from marketplace.rules.columns import Column
from marketplace.rules.current import Claim, make_claim, precedence, unsuperseded
from marketplace.rules.trust import StoredVerdict, speaks_for
from validators.document import Coordinates, Strength
from validators.status import Status, status_of


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry as lists show it.

    Args:
        key: the entry's key in the tables.
        location: the first location.
        conflicting: another visible entry says something else at the same coordinates.
        confirmed: whoever reads the endorser's mail agreed to its certificate, as far as all may know.
        key_digest: of the key that signed it.
        bound: its certificate holds the endorser's address.
        verdict: on its certificate; None where nobody has looked at it yet.
    """

    key: int
    entry_id: str
    identifier: str
    email: str
    created: datetime
    subject: str
    issuer: str
    size: int
    type: str
    valid: datetime | None
    deprecated: str | None
    title: str | None
    description: str | None
    os: str | None
    os_version: str | None
    os_arch: str | None
    kind: str | None
    format: str | None
    publisher: str | None
    version: str | None
    location: str | None
    has_web: bool
    has_pdisk: bool
    strength: Strength
    conflicting: bool
    confirmed: bool
    key_digest: str
    bound: bool
    verdict: StoredVerdict | None = None

    @property
    def coordinates(self) -> Coordinates:
        """Identifier, endorser's e-mail and creation time."""
        return Coordinates(self.identifier, self.email, self.created)

    def status(self, now: datetime) -> Status:
        """The status at a moment."""
        return status_of(self.deprecated, self.valid, now)

    def marks(self) -> tuple[TrustMark, ...]:
        """This site's marks of trust for the entry."""
        if self.verdict is None:
            return (TrustMark.UNJUDGED,)
        return self.verdict.marks(self.created, self.strength, confirmed=self.confirmed)

    @property
    def trusted(self) -> bool:
        """Whether the site trusts its certificate for the address: it supersedes entries of other keys."""
        standing = None if self.verdict is None else self.verdict.standing.value
        return speaks_for(standing, bound=self.bound, confirmed=self.confirmed)

    def rank(self) -> tuple[datetime, bool, int]:
        """The entry's precedence among entries of the same image and endorser."""
        return precedence(self.created, self.deprecated is not None, self.entry_id)

    def claim(self) -> Claim[EntryRow]:
        """This entry as a claim to be current."""
        deprecated = self.deprecated is not None
        return make_claim(self, self.created, deprecated, self.entry_id, self.key_digest, self.trusted)

    def column(self, column: Column) -> str | datetime | None:
        """The value of a column of the list."""
        value: str | datetime | None = getattr(self, column.value)
        return value


def current_among(rows: Iterable[EntryRow]) -> set[int]:
    """The keys of the current ones of a whole timeline."""
    by_image: defaultdict[tuple[str, str], list[Claim[EntryRow]]] = defaultdict(list)
    for row in rows:
        by_image[row.coordinates.image].append(row.claim())
    return {claim.entry.key for claims in by_image.values() for claim in unsuperseded(claims)}


@dataclass(frozen=True, slots=True)
class EntryPage:
    """A window of a list.

    Args:
        total: entries that pass the filters, whatever is searched for.
        matching: entries that pass the filters and the searches.
    """

    rows: Sequence[EntryRow]
    total: int
    matching: int


#: Rivals of an entry that are told: anybody can add to them.
MOST_RIVALS = 20


@dataclass(frozen=True, slots=True)
class Rival:
    """A current entry beside another one of the same image and address, signed with another key."""

    entry_id: str
    coordinates: Coordinates
    key_digest: str
    trusted: bool


@dataclass(frozen=True, slots=True)
class EntryRecord:
    """One entry with everything the store knows about it.

    Args:
        certificate: DER bytes of the signer's certificate.
        conflicts: ids of the visible entries that say something else at the same coordinates.
        current: coordinates of the current entry for the image that counts in the place of this one, which
            may be this one; None where that was erased.
        withdrawn: why that other one withdraws the image, perhaps an empty reason; None where it does not,
            or there is no other one.
        rivals: the other current entries for the image by the same address, each signed with another key
            that cannot supersede this one's; the newest first, at most MOST_RIVALS of them.
        accepted_at: when the log took it.
        origin: the log where it was first accepted, as the peer that it came from says; None where it was
            uploaded or imported here.
        body_size: length of the received bytes.
        logs: names of the visible logs that hold it, the oldest first.
    """

    row: EntryRow
    locations: tuple[str, ...]
    tags: tuple[str, ...]
    certificate: bytes
    not_before: datetime
    not_after: datetime
    signature_algorithm: str
    digest_algorithm: str
    conflicts: tuple[str, ...]
    current_id: str
    current: Coordinates | None
    withdrawn: str | None
    rivals: tuple[Rival, ...]
    accepted_at: datetime
    origin: str | None
    body_size: int
    logs: tuple[str, ...]

    @property
    def is_current(self) -> bool:
        """Whether the entry is current, so that lists show it."""
        return self.row.entry_id == self.current_id


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """The received bytes of an entry, exactly.

    Args:
        alone: nothing else that the reader sees is known to have its coordinates, so these will show it.
    """

    coordinates: Coordinates
    entry_id: str
    data: bytes
    alone: bool = True


@dataclass(frozen=True, slots=True)
class EndorserRow:
    """An endorser under one pair of certificate names, and how many visible entries carry it."""

    email: str
    subject: str
    issuer: str
    entries: int


@dataclass(frozen=True, slots=True)
class EndorserRecord:
    """An endorser's e-mail with every name it signed under, and the times of its statements."""

    email: str
    names: tuple[EndorserRow, ...]
    first: datetime
    latest: datetime

    @property
    def entries(self) -> int:
        """How many visible entries there are."""
        return sum(name.entries for name in self.names)
