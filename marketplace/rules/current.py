"""Current, timeline and tag as functions of a set of entries.

Nothing here depends on the order in which entries arrived: two marketplaces
with the same entries give the same answers. The tables that listings read hold
what these functions say; the tests hold one against the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar


class Statement(Protocol):
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


S = TypeVar("S", bound=Statement)


def precedence(created: datetime, deprecated: bool, entry_id: str) -> tuple[datetime, bool, int]:
    """A key whose greatest value is the entry that is shown.

    The later creation time wins. Two statements with one creation time are an
    equivocation: the deprecation wins, because showing a withdrawn image harms
    more than hiding a good one; else the smaller id, because it is the same everywhere.
    """
    return created, deprecated, -int(entry_id, 16)


def rank(entry: Statement) -> tuple[datetime, bool, int]:
    """The precedence of an entry."""
    return precedence(entry.created, entry.deprecated is not None, entry.entry_id)


def current(entries: Iterable[S]) -> dict[tuple[str, str], S]:
    """The entry shown for each (identifier, endorser's e-mail)."""
    found: dict[tuple[str, str], S] = {}
    for entry in entries:
        key = entry.identifier, entry.email
        if key not in found or rank(found[key]) < rank(entry):
            found[key] = entry
    return found


def timeline(entries: Iterable[S], identifier: str) -> list[S]:
    """Every entry about an image by every endorser, oldest first."""
    return sorted((entry for entry in entries if entry.identifier == identifier), key=rank)


def tag_target(entries: Iterable[S], email: str, tag: str) -> S | None:
    """What e-mail + tag names: that endorser's newest current entry with the tag that is not deprecated."""
    candidates = [
        entry
        for entry in current(entries).values()
        if entry.email == email and entry.deprecated is None and tag in entry.tags
    ]
    return max(candidates, key=rank, default=None)


def conflicting(entries: Iterable[Statement]) -> set[str]:
    """The ids of entries beside which another statement has the same coordinates.

    The same content under the same key is one statement, however many ids it has: a
    certificate that an authority issued can be altered by anybody, and so can an ECDSA
    signature on it. That is nothing its endorser did.
    """
    places: defaultdict[tuple[str, str, datetime], list[Statement]] = defaultdict(list)
    for entry in entries:
        places[entry.identifier, entry.email, entry.created].append(entry)
    return {
        one.entry_id
        for group in places.values()
        if len({one.statement for one in group}) > 1
        for one in group
    }
