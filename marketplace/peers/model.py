"""What this site keeps about peers, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from marketplace.tlog.following import TrustedLog
from marketplace.tlog.note import VerifierKey


class PullState(StrEnum):
    """Where the pull of a log stands; a peer that is switched off shows ``disabled`` whatever its logs do."""

    #: Nothing was read yet.
    NEW = "new"
    #: Far behind: whole bundles are read, several at a time.
    BOOTSTRAP = "bootstrap"
    #: Everything the newest checkpoint covers is here.
    TAILING = "tailing"
    #: The last attempt failed; the next one waits.
    BACKOFF = "backoff"
    #: The log contradicted what its key signed. Only the operator goes on from here.
    QUARANTINED = "quarantined"


class Question(StrEnum):
    """What a peer is asked beside the checkpoints and rows of its logs."""

    #: Who it is, and which logs it offers.
    DESCRIPTION = "description"
    #: What it saw of the logs of others.
    WITNESS = "witness"
    #: Hashes that prove that its log continues an older head, which somebody else saw.
    TILES = "tiles"
    #: Bodies that are missing here.
    BODIES = "bodies"
    #: Digests of what one of its logs holds, and the ids below one.
    SETS = "sets"


@dataclass(frozen=True, slots=True)
class UnansweredQuestion:
    """A question that a peer does not answer correctly.

    Args:
        origin: the log that it was about; empty where it was about the site.
        code: of what is wrong with the answer.
    """

    question: Question
    origin: str
    code: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Peer:
    """A site, by the keys its operator gave out of band.

    Args:
        name: the site's name, with which the names of its logs begin.
        url: its base URL.
        log_key: named as the site; signs its checkpoints.
        auth_key: verifies its assertions; None where it never asks for more than everybody sees.
        clock_offset: its clock minus ours when last seen, in seconds.
        follows: whether it says that it reads the public log of this site; None where it said nothing yet.
    """

    id: int
    name: str
    url: str
    log_key: VerifierKey
    auth_key: VerifierKey | None
    added_at: datetime
    disabled: bool
    contacted_at: datetime | None
    clock_offset: int | None
    follows: bool | None = None


@dataclass(frozen=True, slots=True)
class Mirror:
    """Where copies of a peer's tiles and bundles may be had.

    Args:
        url: below which they lie, as the peer has them below ``/fed/v1/logs/public``.
        bundles: how many it gave.
        failures: how often the peer had to be asked instead.
        error: why, the last time.
    """

    url: str
    bundles: int = 0
    failures: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class FollowingState:
    """The state of a followed log that commands and other processes change.

    Args:
        id: the log's key.
        reached: rows that are here.
    """

    id: int
    origin: str
    state: PullState
    reached: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """How many rows of a log are wanted, were rejected, and lack a body that the log's own site erased."""

    wanted: int = 0
    rejected: int = 0
    erased: int = 0


@dataclass(frozen=True, slots=True)
class Standings:
    """How everything stands that is followed.

    Args:
        logs: by the key of the peer.
        wanted: whether any body is missing.
        erased_at: when a peer last said of one that it erased it.
    """

    logs: Mapping[int, frozenset[FollowingState]]
    wanted: bool
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class FollowedLog:
    """A log of a peer and how much of it is here.

    Args:
        log: name of the local log that its entries go into.
        trusted: what the judge knows of it.
        failures: attempts in a row that failed.
        entries: entries that came from there first.
        received: bytes read over the network.
    """

    id: int
    peer_id: int
    log: str
    state: PullState
    trusted: TrustedLog
    failures: int
    error_code: str | None
    error: str | None
    failed_at: datetime | None
    succeeded_at: datetime | None
    compared_at: datetime | None
    entries: int
    received: int

    @property
    def origin(self) -> str:
        """The log's name among sites."""
        return self.trusted.origin

    @property
    def following_state(self) -> FollowingState:
        """The fields of a followed log that other processes may change."""
        return FollowingState(self.id, self.origin, self.state, self.trusted.reached.size)


@dataclass(frozen=True, slots=True)
class WantedRow:
    """A row whose body nobody handed out yet.

    Args:
        erased_at: when the log's own site said that it erased it.
    """

    peer_log_id: int
    sequence: int
    entry_id: str
    origin: str
    origin_sequence: int
    origin_time: int
    attempts: int
    erased_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was passed over, and why."""

    peer_log_id: int
    sequence: int
    entry_id: str | None
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class PeerContradiction:
    """What a peer signed or sent that contradicts itself."""

    origin: str
    found_at: datetime
    code: str
    message: str
    first: str
    second: str
