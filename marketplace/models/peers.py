"""Peers: whom this site pulls from, how far it came in each of their logs, and what went wrong."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Number, PrimaryKey, Word


class PeerRow(Base):
    """A site, by the keys that its operator gave out of band.

    ``name`` is the site's part of its logs' origins (``mp-a.example``);
    ``log_key`` the verifier key of its checkpoints, ``auth_key`` the public key
    of its assertions (base64 of 32 bytes), absent where none was given.
    ``clock_offset`` is the peer's clock minus ours, in seconds, when last seen. What other peers said by
    ``asked_until`` that they erased, this one was asked for. ``follows`` tells whether it says that it
    reads the public log of this site; absent before it said anything.
    """

    __tablename__ = "peer"
    __table_args__ = (UniqueConstraint("name"), UniqueConstraint("url"))

    id: Mapped[PrimaryKey]
    name: Mapped[Word]
    url: Mapped[Word]
    log_key: Mapped[Word]
    auth_key: Mapped[Word | None]
    added_at: Mapped[Moment]
    disabled: Mapped[bool]
    contacted_at: Mapped[Moment | None]
    clock_offset: Mapped[int | None]
    asked_until: Mapped[Moment | None]
    follows: Mapped[bool | None]


class PeerMirror(Base):
    """Where copies of what never changes in a peer's public log may be had.

    They are tried in the order of ``position``. ``bundles`` came from there;
    ``failures`` times the peer was asked instead, the last time because of ``error``.
    """

    __tablename__ = "peer_mirror"

    peer_id: Mapped[Number] = mapped_column(ForeignKey("peer.id"), primary_key=True)
    url: Mapped[Word] = mapped_column(primary_key=True)
    position: Mapped[int]
    bundles: Mapped[Number]
    failures: Mapped[Number]
    error: Mapped[Word | None]


class PeerLog(Base):
    """A log of a peer and how much of it is here.

    ``reached`` rows were taken in, ``proven`` of them lie below a signed root;
    the frontiers beside them are those trees' hashes, 32 bytes each. ``note`` is
    the largest checkpoint seen, as signed.
    """

    __tablename__ = "peer_log"
    __table_args__ = (
        UniqueConstraint("peer_id", "origin"),
        CheckConstraint("proven >= 0 AND reached >= proven AND covered >= reached", name="progress"),
        CheckConstraint("state IN ('new', 'bootstrap', 'tailing', 'backoff', 'quarantined')", name="state"),
    )

    id: Mapped[PrimaryKey]
    peer_id: Mapped[Number] = mapped_column(ForeignKey("peer.id"))
    origin: Mapped[Word]
    log_id: Mapped[Number] = mapped_column(ForeignKey("log.id"))
    state: Mapped[Word]
    reached: Mapped[Number]
    reached_frontier: Mapped[bytes]
    proven: Mapped[Number]
    proven_frontier: Mapped[bytes]
    covered: Mapped[Number]
    note: Mapped[Word | None]
    failures: Mapped[int]
    error_code: Mapped[Word | None]
    error: Mapped[Word | None]
    failed_at: Mapped[Moment | None]
    succeeded_at: Mapped[Moment | None]
    compared_at: Mapped[Moment | None]
    entries: Mapped[Number]
    received: Mapped[Number]


class SeenCheckpoint(Base):
    """A checkpoint of a peer's log, truly signed by it, whoever showed it.

    ``witness`` is the site that did, empty where it was the log's own. ``settled`` ones
    came before the operator released the log: they contradict nothing any more.
    ``withheld_at`` is when the log's own site still showed less than this.
    """

    __tablename__ = "seen_checkpoint"

    peer_log_id: Mapped[Number] = mapped_column(ForeignKey("peer_log.id"), primary_key=True)
    origin: Mapped[Word] = mapped_column(primary_key=True)
    size: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(primary_key=True)
    note: Mapped[Word]
    witness: Mapped[Word]
    seen_at: Mapped[Moment]
    settled: Mapped[bool]
    withheld_at: Mapped[Moment | None]


class PeerWanted(Base):
    """A row whose body its log did not hand out: asked for again, from every peer.

    ``erased_at`` is when the log's own site said that it erased it: then each other peer is asked once.
    """

    __tablename__ = "peer_wanted"
    __table_args__ = (Index(None, "entry_id"), Index(None, "erased_at"))

    peer_log_id: Mapped[Number] = mapped_column(ForeignKey("peer_log.id"), primary_key=True)
    sequence: Mapped[Number] = mapped_column(primary_key=True)
    entry_id: Mapped[Word]
    origin: Mapped[Word]
    origin_sequence: Mapped[Number]
    origin_time: Mapped[Number]
    since: Mapped[Moment]
    retry_at: Mapped[Moment]
    attempts: Mapped[int]
    erased_at: Mapped[Moment | None]


class PeerRejected(Base):
    """A row that was passed over: what it holds is no valid entry, or none that this site takes.

    ``rules`` is the version of the rules that said so.
    """

    __tablename__ = "peer_rejected"
    __table_args__ = (Index(None, "entry_id"),)

    peer_log_id: Mapped[Number] = mapped_column(ForeignKey("peer_log.id"), primary_key=True)
    sequence: Mapped[Number] = mapped_column(primary_key=True)
    entry_id: Mapped[Word | None]
    code: Mapped[Word]
    reason: Mapped[Word]
    rules: Mapped[int]
    rejected_at: Mapped[Moment]


class PeerEvidence(Base):
    """What a peer signed or sent that contradicts itself, for its operator and everybody else."""

    __tablename__ = "peer_evidence"

    id: Mapped[PrimaryKey]
    peer_log_id: Mapped[Number] = mapped_column(ForeignKey("peer_log.id"), index=True)
    found_at: Mapped[Moment]
    code: Mapped[Word]
    message: Mapped[Word]
    first: Mapped[Word]
    second: Mapped[Word]


class PeerFault(Base):
    """A question, other than for rows, that a peer does not answer correctly; removed at a right answer.

    ``question`` is one of ``peers.sites.Question``, ``origin`` the log that it was about, empty
    where it was about the site.
    """

    __tablename__ = "peer_fault"

    peer_id: Mapped[Number] = mapped_column(ForeignKey("peer.id"), primary_key=True)
    question: Mapped[Word] = mapped_column(primary_key=True)
    origin: Mapped[Word] = mapped_column(primary_key=True)
    code: Mapped[Word]
    reason: Mapped[Word]
    since: Mapped[Moment]


class PeerGrant(Base):
    """A peer that may read a group's log."""

    __tablename__ = "peer_grant"

    peer_id: Mapped[Number] = mapped_column(ForeignKey("peer.id"), primary_key=True)
    log_id: Mapped[Number] = mapped_column(ForeignKey("log.id"), primary_key=True)
    granted_at: Mapped[Moment]
