"""One thread for one peer: looks at its logs in turn, when they are due or when it is nudged."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from marketplace.access.principal import PUBLIC
from marketplace.background import Job
from marketplace.ingest import IngestError
from marketplace.moments import counted
from marketplace.peers.errors import ContactError, HereError, PeerError, PeerNotFoundError, WithheldError
from marketplace.peers.model import FollowedLog, FollowingState, Peer, PullState, Question
from marketplace.peers.pull.discovery import Discovery
from marketplace.peers.pull.fetch_missing import Compared, MissingEntries
from marketplace.peers.pull.log_pull import LogPull, PullTools, covers_more
from marketplace.peers.pull.reported_heads import OF_EACH, ReportedHeads
from marketplace.peers.pull.side_requests import Questions
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.peers.registry.missing_rows import SETTLED
from marketplace.peers.registry.peer_registry import Peers
from marketplace.peers.registry.pull_writes import MovedError, save_failure
from marketplace.peers.remote.gossip import Tell
from marketplace.peers.remote.peer_client import PeerClient, ReportedHead
from marketplace.peers.schedule import backoff_pause, poll_pause
from marketplace.tlog.checkpoint import SignedCheckpoint
from marketplace.tlog.following import IntegrityError

#: Seconds after which missing bodies are looked for again, and where none was missing.
_WANTED, _UNWANTED = 5.0, 15.0
#: Seconds between two looks, however often the peer is said to have something new: the most where it had not.
_LEAST_GAP, _MOST_GAP = 0.03, 1.0
#: Seconds for which this thread believes what it knows of the logs, unless it is told of a change.
_READ = 60.0
#: Time on the monotonic clock of a look that is due at once.
_AT_ONCE = 0.0
#: Time between two comparisons of whole sets.
COMPARISON = timedelta(hours=1)
_logger = logging.getLogger(__name__)

#: Makes the header that tells a peer, by its name, who is asking; empty where this site has no keys.
Credentials = Callable[[str], Mapping[str, str]]


@dataclass(slots=True)
class _Due:
    """When a log is looked at next, on the monotonic clock."""

    pull: LogPull
    reported: ReportedHeads
    at: float = _AT_ONCE
    failures: int = 0
    #: A head that the peer showed and that covers more than is known here.
    presented: SignedCheckpoint | None = None


@dataclass(slots=True)
class _News:
    """What was said to this thread since its last look."""

    heads: dict[str, SignedCheckpoint] = field(default_factory=dict)
    #: What may be heads of the peer's logs, by the name of who told them.
    reported: dict[str, deque[ReportedHead]] = field(default_factory=dict)
    #: The peer showed a head of a log that is not followed.
    unknown: bool = False
    #: Somebody wants every log to be looked at.
    everything: bool = False


class PeerRunner(Job):
    """The thread of a peer.

    Args:
        tell: gets each head that the peer saw of somebody else's log.
    """

    def __init__(
        self, means: PullTools, peer: Peer, credentials: Credentials, tell: Tell = lambda head, witness: None
    ) -> None:
        self.peer = peer
        super().__init__(means.database, f"peer-{peer.name}", patience=None)
        self._means = means
        self._credentials = credentials
        self._public = PeerClient(peer.url)
        self._own = PeerClient(peer.url, lambda: credentials(peer.name))
        self._due: dict[int, _Due] = {}
        self._questions = Questions(means, peer)
        self._missing = MissingEntries(means, peer)
        self._discovery = Discovery(means, peer, self._questions, self._public, self._own, tell)
        self._wanted_at = 0.0
        self._followed: list[FollowedLog] = []
        self._read_at = 0.0
        self._wanted = True
        self._erased_at: datetime | None = None
        #: For what was said by then to be erased elsewhere, this peer was asked.
        self._asked_until: datetime | None = None
        self._news = _News()
        self._lock = threading.Lock()

    def nudge(self) -> None:
        """Look at every log now. Cheap, callable from any thread."""
        with self._lock:
            self._news.everything = True
        super().nudge()

    def show(self, head: SignedCheckpoint) -> None:
        """A log of the peer has this head, which its key signed. Cheap, callable from any thread."""
        origin = head.checkpoint.origin
        with self._lock:
            known = self._news.heads.get(origin)
            if all(one.origin != origin for one in self._followed):
                self._news.unknown = True
            elif known is None or known.checkpoint.size < head.checkpoint.size:
                self._news.heads[origin] = head
        self.hear(ReportedHead(origin, head.note.to_bytes()), "")
        self._wake.set()

    def hear(self, head: ReportedHead, witness: str) -> None:
        """Somebody saw what may be a head of a log of the peer. Cheap, callable from any thread.

        Args:
            witness: the name of the site that told it; empty where the log's own did.
        """
        with self._lock:
            self._news.reported.setdefault(witness, deque(maxlen=OF_EACH)).append(head)

    def tell(self, standings: frozenset[FollowingState], *, wanted: bool, erased_at: datetime | None) -> None:
        """How the peer's logs stand in the database, whether any body is missing there, and when a peer said
        last of one that it erased it."""
        self._wanted, self._erased_at = wanted, erased_at
        if standings != {one.following_state for one in self._followed}:
            self._read_at = 0.0
            self._wake.set()

    def once(self) -> list[FollowedLog]:
        """Look at every log now, on the calling thread; what fails is noted and shown in the result.

        If another process pulls the same log at this moment, this one goes on until all entries have arrived.

        Raises:
            PeerNotFoundError: the peer is gone.
            SQLAlchemyError: the database does not answer.
        """
        while self._look() and any(due.at == _AT_ONCE for due in self._due.values()):
            pass
        with self._means.database.read() as session:
            return FollowedLogs(session).of(self.peer.id)

    def close(self) -> None:
        """Close the connections."""
        self._public.close()
        self._own.close()

    def _run(self, stopping: threading.Event) -> None:
        gap = _LEAST_GAP
        try:
            while not stopping.is_set():
                if self._wake.is_set():
                    self._wake.clear()
                    self._take_news()
                began, before = time.monotonic(), self._rows()
                try:
                    if self._look():
                        gap = _LEAST_GAP if self._rows() != before else min(_MOST_GAP, 2 * gap)
                except PeerNotFoundError:
                    return
                except Exception:  # the thread goes on: logged, tried again
                    _logger.exception("pulling from a peer failed here", extra={"peer": self.peer.name})
                    stopping.wait(backoff_pause(3, None))
                # A peer may show new heads again and again: that must not keep this thread busy.
                if self._wake.wait(max(gap, self._pause())):
                    stopping.wait(max(0.0, began + gap - time.monotonic()))
        finally:
            self.close()

    def _rows(self) -> int:
        return sum(one.trusted.reached.size for one in self._followed)

    def _take_news(self) -> None:
        """Let what was said decide what is due."""
        with self._lock:
            news, self._news = self._news, _News()
        if news.unknown or news.everything:
            self._discovery.hurry()
        said = bool(news.heads) or news.unknown or news.everything
        for followed in self._followed:
            due, head = self._due.get(followed.id), news.heads.get(followed.origin)
            if due is None:
                continue  # it was never looked at, so it is due
            if head is not None and covers_more(head, followed):
                due.presented = head
            elif not news.everything and not (said and due.failures):
                continue  # anybody can show an old head again
            due.at, due.failures = _AT_ONCE, 0

    def _pause(self) -> float:
        asked = [self._due[one.id].at for one in self._followed if self._is_asked(one)]
        return min(asked, default=time.monotonic() + poll_pause()) - time.monotonic()

    def _is_asked(self, followed: FollowedLog) -> bool:
        return followed.state is not PullState.QUARANTINED and followed.id in self._due

    def _look(self) -> bool:
        """Look at what is due; whether anything was."""
        if time.monotonic() >= self._read_at:
            with self._means.database.read() as session:
                self.peer = Peers(session).get(self.peer.name)
                self._followed = FollowedLogs(session).of(self.peer.id)
            self._read_at = time.monotonic() + _READ
        looked = self._discovery.is_due()
        if looked:
            self._followed = self._discovery.step(self._followed)
        for place, one in enumerate(self._followed):
            if self.is_ending:
                break
            if not self._means.filter.takes_log(one.log):
                continue
            if one.state is not PullState.QUARANTINED and time.monotonic() >= self._due_of(one).at:
                self._followed[place] = self._look_at(one, self._due_of(one))
                looked = True
        return looked

    def _due_of(self, followed: FollowedLog) -> _Due:
        if followed.id not in self._due:
            pull = LogPull(self._means, self.peer, self._discovery.slug(followed))
            self._due[followed.id] = _Due(pull, ReportedHeads(self._means, self.peer))
        return self._due[followed.id]

    def _look_at(self, followed: FollowedLog, due: _Due) -> FollowedLog:
        """Pull a log; how it stands then, as far as this thread knows."""
        feed = self._public if followed.log == PUBLIC else self._own
        shown, due.presented = due.presented, None
        try:
            followed = due.pull.run(followed, feed, shown)
            self._compare_reported(followed, due)
            self._find_wanted(followed, feed)
            self._ask_elsewhere(followed, feed)
            self._compare(followed, feed)
        except IntegrityError:
            due.at, self._read_at = time.monotonic() + poll_pause(), 0.0
        except MovedError:
            due.at, self._read_at = _AT_ONCE, 0.0  # somebody else pulls it too: go on from where they are
        except ContactError as error:
            self._fail(followed, due, error, error.retry_after)
        except (PeerError, IngestError) as error:
            self._fail(followed, due, error, None)  # ours: the peer did nothing wrong
        except (SQLAlchemyError, OSError):
            raise
        except Exception as error:  # a fault of ours: told, and tried again, or this log would stand still
            _logger.exception("a pull failed here", extra={"peer": self.peer.name, "log": followed.origin})
            reason = (
                f"this site failed while it processed the peer's answer ({type(error).__name__}: "
                f"{error}); see this site's log"
            )
            self._fail(followed, due, HereError(reason), None)
        else:
            due.failures = 0
            due.at = time.monotonic() + poll_pause()
        return followed

    def _compare_reported(self, followed: FollowedLog, due: _Due) -> None:
        """Hold what others saw of a public log against it; of another one nobody tells."""
        if followed.log != PUBLIC:
            return
        with self._lock:
            told, self._news.reported = self._news.reported, {}
        for witness, heads in told.items():
            for head in heads:
                if head.origin == followed.origin:
                    due.reported.hear(head.note, witness)
        try:
            if due.reported.hold(followed, due.pull) and self._questions.may_ask(
                Question.TILES, followed.origin
            ):
                ask = lambda: due.reported.hold_old(followed, due.pull, self._public)  # noqa: E731  # too long there
                self._questions.ask(Question.TILES, ask, origin=followed.origin)
        except IntegrityError as error:
            due.pull.quarantine(followed, error)
            raise

    def _find_wanted(self, followed: FollowedLog, client: PeerClient) -> None:
        due = self._wanted and time.monotonic() >= self._wanted_at
        if due and self._questions.may_ask(Question.BODIES):
            came = self._questions.ask(Question.BODIES, lambda: self._missing.retry_wanted(followed, client))
            self._wanted_at = time.monotonic() + (_WANTED if came is not None else _UNWANTED)

    def _ask_elsewhere(self, followed: FollowedLog, client: PeerClient) -> None:
        """Ask for what other peers said that they erased: one of them may lie."""
        said = self._erased_at
        due = said is not None and said != self._asked_until and said <= self._means.clock() - SETTLED
        if followed.log == PUBLIC and due and self._questions.may_ask(Question.BODIES):
            ask = lambda: self._missing.ask_elsewhere(followed, client) is None  # noqa: E731  # two of a kind
            if self._questions.ask(Question.BODIES, ask):
                self._asked_until = said

    def _compare(self, followed: FollowedLog, client: PeerClient) -> None:
        now, last, log = self._means.clock(), followed.compared_at, followed.origin
        due = last is None or not timedelta(0) <= now - last < COMPARISON
        if followed.trusted.behind or not due or not self._questions.may_ask(Question.SETS, log):
            return
        self._read_at = 0.0
        slug = self._discovery.slug(followed)
        ask = lambda: self._missing.compare(followed, slug, client)  # noqa: E731  # the line is long enough
        self._questions.ask(Question.SETS, ask, _judge_compared, log)

    def _fail(
        self, followed: FollowedLog, due: _Due, error: PeerError | IngestError, asked: float | None
    ) -> None:
        due.failures += 1
        self._read_at = 0.0
        due.at = time.monotonic() + backoff_pause(due.failures, asked)
        _logger.warning(
            "a pull failed: %s",
            error,
            extra={"peer": self.peer.name, "code": error.code, "log": followed.origin},
        )
        with self._means.database.write() as session:
            save_failure(session, followed, error, self._means.clock())


def _judge_compared(found: Compared) -> ContactError | None:
    if not found.lacking:
        return None
    return WithheldError(
        f"it lists {counted(found.lacking, 'entry', 'entries')} and does not send the content"
    )
