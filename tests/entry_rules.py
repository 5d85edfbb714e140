"""What a whole set of entries says by the rules: the definition that every store is held against.

Nothing here depends on the order in which entries arrived: two marketplaces with the same entries and the
same verdicts on certificates give the same answers. The tables that lists read, the catalogue and the triple
store hold what these functions say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from marketplace.rules.current import Claim, make_claim, precedence, preferred, unsuperseded
from validators.status import Status, status_of


class DatedStatement(Protocol):
    """The part of an entry that decides its place among the others."""

    @property
    def entry_id(self) -> str: ...
    @property
    def statement(self) -> str: ...
    @property
    def identifier(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def created(self) -> datetime: ...
    @property
    def valid(self) -> datetime | None: ...
    @property
    def deprecated(self) -> str | None: ...
    @property
    def tags(self) -> Sequence[str]: ...
    @property
    def key_digest(self) -> str: ...
    @property
    def trusted(self) -> bool:
        """Whether the site trusts the certificate for the entry's address."""


S = TypeVar("S", bound=DatedStatement)


def rank(entry: DatedStatement) -> tuple[datetime, bool, int]:
    """The precedence of an entry."""
    return precedence(entry.created, entry.deprecated is not None, entry.entry_id)


def claim_of(entry: S) -> Claim[S]:
    """An entry as a claim."""
    deprecated = entry.deprecated is not None
    return make_claim(entry, entry.created, deprecated, entry.entry_id, entry.key_digest, entry.trusted)


def current(entries: Iterable[S]) -> dict[tuple[str, str], list[S]]:
    """The current entries for each (identifier, endorser's e-mail), newest first; mostly one."""
    series: defaultdict[tuple[str, str], list[Claim[S]]] = defaultdict(list)
    for entry in entries:
        series[entry.identifier, entry.email].append(claim_of(entry))
    return {pair: [claim.entry for claim in unsuperseded(claims)] for pair, claims in series.items()}


def timeline(entries: Iterable[S], identifier: str) -> list[S]:
    """Every entry about an image by every endorser, oldest first."""
    return sorted((entry for entry in entries if entry.identifier == identifier), key=rank)


def tag_target(entries: Iterable[S], email: str, tag: str) -> S | None:
    """What e-mail + tag names: of the address's current entries with the tag that are no deprecations."""
    return preferred(
        claim_of(entry)
        for found in current(entries).values()
        for entry in found
        if entry.email == email and entry.deprecated is None and tag in entry.tags
    )


def preferred_at(entries: Iterable[S]) -> S | None:
    """What is shown of entries with the same coordinates."""
    return preferred(map(claim_of, entries))


def conflicting(entries: Iterable[DatedStatement]) -> set[str]:
    """The ids of entries beside which another statement has the same coordinates.

    The same content under the same key is one statement, however many ids it has: a
    certificate that an authority issued can be altered by anybody, and so can an ECDSA
    signature on it. That is nothing its endorser did.
    """
    places: defaultdict[tuple[str, str, datetime], list[DatedStatement]] = defaultdict(list)
    for entry in entries:
        places[entry.identifier, entry.email, entry.created].append(entry)
    return {
        one.entry_id
        for group in places.values()
        if len({one.statement for one in group}) > 1
        for one in group
    }


def status(entry: DatedStatement, now: datetime) -> Status:
    """The status of an entry at a moment."""
    return status_of(entry.deprecated, entry.valid, now)
