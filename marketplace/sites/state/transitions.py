"""The states of a copy (one image in one store), and how one leads to another (docs/sites.md)."""

from __future__ import annotations

from enum import StrEnum


class CopyState(StrEnum):
    """Where an image stands in a store."""

    #: The policy allows it and a subscription asks for it.
    WANTED = "wanted"
    #: Its name in the store is chosen and written down, before the store is asked.
    RESERVED = "reserved"
    #: Bytes flow.
    FILLING = "filling"
    #: All bytes are there, and nobody sees them.
    FILLED = "filled"
    #: Size, digests, format and safety agree with what was endorsed.
    VERIFIED = "verified"
    #: Users can start it.
    AVAILABLE = "available"
    #: The verdict is "refuse" already; the store has not been told yet.
    WITHDRAWING = "withdrawing"
    #: Out of users' sight, bytes kept.
    WITHDRAWN = "withdrawn"
    #: Not what was endorsed, or not safe: only a person lets it out.
    QUARANTINED = "quarantined"
    #: An attempt failed; it is tried again at a time that is written down.
    FAILED = "failed"
    #: Gone; the row stays.
    REMOVED = "removed"


_S = CopyState
#: State -> the states that may follow it.
FOLLOWING: dict[CopyState, frozenset[CopyState]] = {
    _S.WANTED: frozenset({_S.RESERVED, _S.FAILED, _S.REMOVED}),
    _S.RESERVED: frozenset({_S.FILLING, _S.FAILED, _S.REMOVED, _S.WANTED}),
    _S.FILLING: frozenset({_S.FILLED, _S.FAILED, _S.QUARANTINED, _S.WANTED, _S.REMOVED}),
    _S.FILLED: frozenset({_S.VERIFIED, _S.QUARANTINED, _S.FAILED, _S.WANTED, _S.REMOVED}),
    _S.VERIFIED: frozenset({_S.AVAILABLE, _S.FAILED, _S.QUARANTINED, _S.WANTED, _S.REMOVED}),
    _S.AVAILABLE: frozenset({_S.WITHDRAWING, _S.QUARANTINED, _S.WANTED}),
    _S.WITHDRAWING: frozenset({_S.WITHDRAWN, _S.QUARANTINED, _S.REMOVED}),
    _S.WITHDRAWN: frozenset({_S.VERIFIED, _S.AVAILABLE, _S.REMOVED, _S.QUARANTINED, _S.WANTED}),
    _S.QUARANTINED: frozenset({_S.WANTED, _S.REMOVED}),
    _S.FAILED: frozenset({_S.WANTED, _S.REMOVED}),
    _S.REMOVED: frozenset({_S.WANTED}),
}

#: States in which bytes are on their way; a crash leaves them behind, and the next run goes on from there.
UNDER_WAY = frozenset({_S.WANTED, _S.RESERVED, _S.FILLING, _S.FILLED, _S.VERIFIED})


class TransitionError(Exception):
    """A state does not follow another: a mistake in the program, never in what came from outside."""


def verify_transition(before: CopyState, after: CopyState) -> None:
    """Hold a step against the table.

    Raises:
        TransitionError: the state does not follow.
    """
    if after not in FOLLOWING[before]:
        raise TransitionError(f"a copy that is {before} cannot become {after}")
