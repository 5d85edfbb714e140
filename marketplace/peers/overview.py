"""What everybody may know of the federation: the public log of each peer, and what is wrong with it.

Groups, what was granted, and private logs stay out of it; operators see those by
``PeerAdministration.record``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from marketplace.moments import counted
from marketplace.peers.administration import DISABLED, PeerStatus
from marketplace.peers.model import FollowedLog, PullState, Question, Trouble

#: Failed attempts in a row from which a peer counts as away and not as unlucky.
AWAY = 3
#: Time after which rows that are covered and not here count as late.
LATE = timedelta(minutes=5)
#: Rows passed over from which on they are no accident.
MANY = 1000
#: Seconds that clocks may differ before somebody should look: what the upload gate forgives is 300.
CLOCK = 60

#: What a peer is asked, as the end of "when asked ...".
_ASKED = {
    Question.DESCRIPTION: "which logs it offers",
    Question.WITNESS: "which heads of other logs it saw",
    Question.TILES: "for the proof that its log continues an older head",
    Question.BODIES: "for missing entries",
    Question.SETS: "which entries its log holds",
}


@dataclass(frozen=True, slots=True)
class PublicPeer:
    """A peer's public log, and the peer's clock minus ours in seconds.

    ``withheld`` are the rows that it signed for elsewhere and does not show here, ``faults`` the codes
    of what is wrong with its answers to other questions, by the question; ``erased`` rows are those
    whose bodies are missing here, because it erased them, as it says. ``follows`` tells whether it says
    that it reads this site's log; None where it said nothing yet.
    """

    name: str
    url: str
    state: str
    rows: int
    behind: int
    entries: int
    received: int
    wanted: int
    rejected: int
    failures: int
    error: str | None
    succeeded_at: datetime | None
    contacted_at: datetime | None
    clock_offset: int | None
    follows: bool | None = None
    withheld: int = 0
    faults: Mapping[str, str] = field(default_factory=dict)
    erased: int = 0


@dataclass(frozen=True, slots=True)
class Alert:
    """Something an operator should look at.

    Args:
        code: stable name of what is wrong.
        severity: ``critical`` where replication with the peer stands still until somebody acts, else
            ``warning``.
    """

    code: str
    severity: str
    peer: str
    message: str


def public_peer(status: PeerStatus) -> PublicPeer:
    """What may be told of a peer."""
    peer, log = status.peer, status.public
    trouble = Trouble() if log is None else status.trouble.get(log.id, Trouble())
    return PublicPeer(
        name=peer.name,
        url=peer.url,
        state=status.state,
        rows=0 if log is None else log.trusted.reached.size,
        behind=0 if log is None else log.trusted.behind,
        entries=0 if log is None else log.entries,
        received=0 if log is None else log.received,
        wanted=trouble.wanted,
        rejected=trouble.rejected,
        failures=0 if log is None else log.failures,
        error=None if log is None else log.error_code,
        succeeded_at=None if log is None else log.succeeded_at,
        contacted_at=peer.contacted_at,
        clock_offset=peer.clock_offset,
        follows=peer.follows,
        withheld=0 if log is None else _withheld(log, status.withheld.get(log.id, 0)),
        erased=trouble.erased,
        # What is asked about a private log is nobody's business.
        faults={
            one.question.value: one.code
            for one in status.faults
            if not one.origin or (log is not None and one.origin == log.origin)
        },
    )


def _withheld(log: FollowedLog, size: int) -> int:
    return max(0, size - log.trusted.reached.size - log.trusted.behind)


def alerts(peers: Sequence[PublicPeer], now: datetime) -> list[Alert]:
    """Everything an operator should look at, peer by peer."""
    return [alert for peer in peers if peer.state != DISABLED for alert in _alerts(peer, now)]


def _alerts(peer: PublicPeer, now: datetime) -> Iterator[Alert]:
    if peer.state == PullState.QUARANTINED.value:
        message = (
            f"the peer's log contradicts a checkpoint that the peer signed ({peer.error}): look at "
            "the evidence (marketplace peer show), then release the peer (marketplace peer release)"
        )
        yield Alert("peer.quarantined", "critical", peer.name, message)
    elif peer.failures >= AWAY:
        message = (
            f"{counted(peer.failures, 'attempt')} in a row to read the peer's log failed ({peer.error}): if "
            "this goes on, check the address and the network, and ask the peer's operator"
        )
        yield Alert("peer.away", "warning", peer.name, message)
    if peer.withheld:
        rows = counted(peer.withheld, "more row")
        message = f"the peer signed {rows} for another site, and does not show them here"
        yield Alert("peer.frozen", "critical", peer.name, message)
    late = peer.succeeded_at is None or now - peer.succeeded_at > LATE
    if peer.behind and late and peer.state != PullState.QUARANTINED.value:
        message = f"the peer's log has {counted(peer.behind, 'row')} more than arrived here"
        yield Alert("peer.late", "warning", peer.name, message)
    if peer.wanted:
        message = (
            f"the peer's log lists {counted(peer.wanted, 'entry', 'entries')} that no peer could send yet"
        )
        yield Alert("peer.wanted", "warning", peer.name, message)
    if peer.rejected >= MANY:
        message = (
            f"{peer.rejected} rows of the peer's log were rejected by this site: look at the newest ones"
        )
        yield Alert("peer.rejected", "warning", peer.name, message)
    for question, code in peer.faults.items():
        message = f"the peer does not answer correctly when asked {_ASKED[Question(question)]} ({code})"
        yield Alert("peer.faulty", "warning", peer.name, message)
    if peer.clock_offset is not None and abs(peer.clock_offset) > CLOCK:
        side = "ahead of" if peer.clock_offset > 0 else "behind"
        seconds = abs(peer.clock_offset)
        message = f"the peer's clock is {seconds} s {side} this site's: compare both with the true time"
        yield Alert("peer.clock", "warning", peer.name, message)
