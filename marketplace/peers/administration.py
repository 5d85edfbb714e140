"""What operators do with peers, by whatever way: each act in a transaction of its own, with its record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC, group_log
from marketplace.accounts.errors import GroupNotFoundError
from marketplace.audit import AuditLog
from marketplace.changes import ChangeLog
from marketplace.db import Database
from marketplace.peers.errors import PeerDisabledError
from marketplace.peers.model import FollowedLog, Peer, PullState, Trouble, UnansweredQuestion
from marketplace.peers.registry.answer_faults import AnswerFaults
from marketplace.peers.registry.checkpoints import CheckpointSighting, newest_seen, withheld
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.peers.registry.grants import Grants
from marketplace.peers.registry.mirror_list import MirrorList
from marketplace.peers.registry.missing_rows import first_wanted, last_rejected
from marketplace.peers.registry.peer_registry import Peers
from marketplace.tlog.note import VerifierKey
from validators.document import format_time

#: Shown instead of a log's state where the peer is switched off.
DISABLED = "disabled"
_NOTHING = Trouble()
#: Checkpoints shown of a log, the largest ones.
CHECKPOINTS = 20
#: Rows shown of a log that are missing, and that were passed over.
LEFT_OUT = 20


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """A peer, its logs, by their keys what is missing from each and what its site withholds, its faults."""

    peer: Peer
    logs: tuple[FollowedLog, ...]
    trouble: dict[int, Trouble]
    withheld: Mapping[int, int] = field(default_factory=dict)
    faults: tuple[UnansweredQuestion, ...] = ()

    @property
    def public(self) -> FollowedLog | None:
        """The peer's public log."""
        return next((one for one in self.logs if one.log == PUBLIC), None)

    @property
    def state(self) -> str:
        """The state of the public log, or ``disabled``."""
        if self.peer.disabled:
            return DISABLED
        return PullState.NEW.value if self.public is None else self.public.state.value


class PeerAdministration:
    """Acts upon peers.

    Args:
        actor: who acts, as the audit log names it.
    """

    def __init__(self, database: Database, actor: str, clock: Callable[[], datetime]) -> None:
        self.database = database
        self._actor = actor
        self._clock = clock

    def add(
        self, url: str, log_key: VerifierKey, auth_key: VerifierKey | None, mirrors: Sequence[str] = ()
    ) -> Peer:
        """Begin to follow a site; see ``Peers.add`` and ``MirrorList.set``."""
        with self.database.write() as session:
            peer = Peers(session).add(url, log_key, auth_key, self._clock())
            MirrorList(session).set(peer.id, mirrors)
            self._record(session, "peer.add", log_key.name)
        return peer

    def set_mirrors(self, name: str, urls: Sequence[str]) -> None:
        """Make these the mirrors of a peer; see ``MirrorList.set``.

        Raises:
            PeerNotFoundError: there is no such peer.
        """
        with self.database.write() as session:
            MirrorList(session).set(Peers(session).get(name).id, urls)
            self._record(session, "peer.mirrors", name)

    def get(self, name: str) -> Peer:
        """A peer by its name.

        Raises:
            PeerNotFoundError: there is none.
        """
        with self.database.read() as session:
            return Peers(session).get(name)

    def all(self) -> list[PeerStatus]:
        """Every peer, with the state of its logs."""
        with self.database.read() as session:
            followed = FollowedLogs(session)
            trouble, logs, kept_back = followed.trouble(), followed.all(), withheld(session)
            faults = AnswerFaults(session).all()
            return [
                PeerStatus(
                    peer,
                    tuple(one for one in logs if one.peer_id == peer.id),
                    trouble,
                    kept_back,
                    faults.get(peer.id, ()),
                )
                for peer in Peers(session).all()
            ]

    def switch(self, name: str, *, disabled: bool) -> None:
        """Stop or go on pulling from a peer."""
        with self._acting("peer.disable" if disabled else "peer.enable", name) as session:
            Peers(session).switch(name, disabled=disabled)

    def get_enabled(self, name: str) -> Peer:
        """A peer that may be pulled from.

        Raises:
            PeerNotFoundError: there is none.
            PeerDisabledError: it is switched off.
        """
        peer = self.get(name)
        if peer.disabled:
            raise PeerDisabledError(f"{name} is switched off: enable it first")
        return peer

    def release(self, name: str) -> list[FollowedLog]:
        """Let a quarantined peer be pulled again, from what was proven last; the logs that were."""
        with self._acting("peer.release", name) as session:
            return FollowedLogs(session).release(Peers(session).get(name))

    def restart(self, name: str) -> None:
        """Read every log of a peer again from its first row."""
        with self._acting("peer.restart", name) as session:
            FollowedLogs(session).restart(Peers(session).get(name))

    def accept_epoch(self, name: str, origin: str) -> None:
        """Go on with a peer's public log under another name; see ``FollowedLogs.accept_epoch``."""
        with self._acting("peer.epoch", name) as session:
            FollowedLogs(session).accept_epoch(Peers(session).get(name), origin)

    def grant(self, group: str, name: str) -> None:
        """Let a peer read a group's entries; see ``Grants.grant``."""
        with self._acting("peer.grant", f"{name} {group}") as session:
            Grants(session).grant(_group_log(session, group), Peers(session).get(name), self._clock())

    def revoke(self, group: str, name: str) -> None:
        """Let a peer read them no longer; see ``Grants.revoke``."""
        with self._acting("peer.revoke", f"{name} {group}") as session:
            Grants(session).revoke(_group_log(session, group), Peers(session).get(name))

    def summary(self, status: PeerStatus) -> dict[str, Any]:
        """A peer in one line: its public log, and what is missing from any."""
        public = status.public
        trouble = [status.trouble.get(one.id, _NOTHING) for one in status.logs]
        return {
            "name": status.peer.name,
            "url": status.peer.url,
            "state": status.state,
            "entries": sum(one.entries for one in status.logs),
            "behind": 0 if public is None else public.trusted.behind,
            "wanted": sum(one.wanted for one in trouble),
            "rejected": sum(one.rejected for one in trouble),
            "error": next((one.error_code for one in status.logs if one.error_code), None),
        }

    def record(self, name: str) -> dict[str, Any]:
        """Everything about a peer.

        Raises:
            PeerNotFoundError: there is none.
        """
        with self.database.read() as session:
            peer, logs = Peers(session).get(name), FollowedLogs(session)
            status = PeerStatus(peer, tuple(logs.of(peer.id)), logs.trouble())
            granted, evidence = Grants(session).granted(peer.id), logs.evidence(peer.id)
            mirrors = MirrorList(session).of(peer.id)
            faults = AnswerFaults(session).of(peer.id)
            details = {one.id: _details(session, one) for one in status.logs}
        return self.summary(status) | {
            "log_key": str(peer.log_key),
            "auth_key": None if peer.auth_key is None else str(peer.auth_key),
            "added_at": format_time(peer.added_at),
            "contacted_at": _time(peer.contacted_at),
            "clock_offset": peer.clock_offset,
            "follows": peer.follows,
            "granted": [log.removeprefix(group_log("")) for log in granted],
            "mirrors": [asdict(mirror) for mirror in mirrors],
            "logs": [
                self.log_record(one, status.trouble.get(one.id, _NOTHING)) | details[one.id]
                for one in status.logs
            ],
            "faults": [
                {
                    "question": one.question.value,
                    "origin": one.origin or None,
                    "code": one.code,
                    "reason": one.reason,
                    "since": format_time(one.since),
                }
                for one in faults
            ],
            "evidence": [
                {
                    "origin": one.origin,
                    "found_at": format_time(one.found_at),
                    "code": one.code,
                    "message": one.message,
                    "first": one.first,
                    "second": one.second,
                }
                for one in evidence
            ],
        }

    def log_record(self, followed: FollowedLog, trouble: Trouble = _NOTHING) -> dict[str, Any]:
        """Everything about a log of a peer."""
        trusted = followed.trusted
        return {
            "origin": followed.origin,
            "log": followed.log,
            "state": followed.state.value,
            "rows": trusted.reached.size,
            "proven": trusted.proven.size,
            "covered": trusted.reached.size + trusted.behind,
            "behind": trusted.behind,
            "entries": followed.entries,
            "received": followed.received,
            "wanted": trouble.wanted,
            "erased": trouble.erased,
            "rejected": trouble.rejected,
            "failures": followed.failures,
            "error": followed.error_code,
            "reason": followed.error,
            "failed_at": _time(followed.failed_at),
            "succeeded_at": _time(followed.succeeded_at),
            "compared_at": _time(followed.compared_at),
        }

    @contextmanager
    def _acting(self, action: str, subject: str) -> Iterator[Session]:
        with self.database.write() as session:
            yield session
            self._record(session, action, subject)

    def _record(self, session: Session, action: str, subject: str) -> None:
        AuditLog(session).record(self._actor, action, subject, at=self._clock())


def _group_log(session: Session, group: str) -> str:
    """The log of a group.

    Raises:
        GroupNotFoundError: there is no such group.
    """
    if group_log(group) not in ChangeLog(session).names():
        raise GroupNotFoundError(group)
    return group_log(group)


def _details(session: Session, followed: FollowedLog) -> dict[str, Any]:
    """What was seen of a log, and the rows that were left out."""
    return {
        "checkpoints": [_seen(one) for one in newest_seen(session, followed.id, CHECKPOINTS)],
        "missing": [
            {
                "sequence": one.sequence,
                "entry": one.entry_id,
                "attempts": one.attempts,
                "erased_at": _time(one.erased_at),
            }
            for one in first_wanted(session, followed.id, LEFT_OUT)
        ],
        "passed_over": [
            {"sequence": one.sequence, "entry": one.entry_id, "code": one.code, "reason": one.reason}
            for one in last_rejected(session, followed.id, LEFT_OUT)
        ],
    }


def _seen(one: CheckpointSighting) -> dict[str, Any]:
    return {
        "origin": one.origin,
        "size": one.size,
        "root": one.root.hex(),
        "witness": one.witness or None,
        "seen_at": format_time(one.seen_at),
        "withheld_at": _time(one.withheld_at),
        "note": one.note,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
