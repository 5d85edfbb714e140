"""Taking entries into the database inside one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy import NestedTransaction, Select
from sqlalchemy import Row as Listed
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from marketplace.access.principal import PUBLIC
from marketplace.changes.log import Appended, ChangeLog, Provenance
from marketplace.entries.erased import Erasures, find_erasures
from marketplace.ingest.audience import verify_audience, verify_replica
from marketplace.ingest.bulk import find_certificates, find_unknown, insert_unknown, show_unknown
from marketplace.ingest.current_rows import RankedEntry, read_said, renew, uncontested
from marketplace.ingest.errors import ConflictError, ErasedError, NotShownError
from marketplace.ingest.gate import (
    UploadPolicy,
    is_kept_out,
    latest_that_counts,
    verify_gate,
)
from marketplace.ingest.locks import lock_names, series_name
from marketplace.ingest.reviving import revive, show_again
from marketplace.ingest.rows import (
    Row,
    beside_rows,
    body_row,
    certificate_row,
    checksum_rows,
    current_row,
    entry_row,
    said,
)
from marketplace.ingest.signers import is_trusted_signer
from marketplace.ingest.statements import (
    DOUBT_VERDICT,
    FIND_AT_COORDINATES,
    FIND_BESIDE,
    FIND_BODY,
    FIND_CERTIFICATE,
    FIND_CHANGE,
    FIND_CURRENT,
    FIND_ENTRY,
    INSERT_BESIDE,
    INSERT_BODY,
    INSERT_CERTIFICATE,
    INSERT_CHECKSUMS,
    INSERT_CURRENT,
    INSERT_ENTRY,
    INSERT_LOCATIONS,
    INSERT_TAGS,
    NOTE_TWINS,
    UPDATE_CURRENT,
)
from marketplace.rules.columns import tag_digest
from marketplace.rules.current import precedence
from validators.document import AcceptedEntry, Coordinates, Signer

#: Certificates of a log kept beside one; a name can be certified by many, and only some lead to an anchor.
MOST_BESIDE = 16
#: Writes what belongs to a created entry in the same transaction: both are stored or neither.
Note = Callable[[Session], None]


class Source(Enum):
    """Where an entry comes from: only uploads pass the gate."""

    UPLOAD = "upload"
    IMPORT = "import"
    #: Another marketplace accepted it first.
    REPLICA = "replica"


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What happened to an entry: it was created in the log, or it was there before, unchanged."""

    coordinates: Coordinates
    entry_id: str
    outcome: Literal["created", "unchanged"]
    sequence: int
    log: str = PUBLIC


@dataclass(slots=True)
class Taken:
    """An entry's place in the log: its sequence is known when the whole batch is.

    Args:
        contested: other keys speak about its image for its address, so it may share its coordinates.
    """

    entry: AcceptedEntry
    outcome: Literal["created", "unchanged"]
    sequence: int = -1
    first: Taken | None = None
    source: Source = Source.UPLOAD
    contested: bool = False

    def receipt(self, log: str) -> IngestResult:
        """The receipt of the log it is in, once the batch is finished."""
        sequence = self.first.sequence if self.first else self.sequence
        return IngestResult(self.entry.coordinates, self.entry.entry_id, self.outcome, sequence, log)


@dataclass(frozen=True, slots=True)
class _Series:
    """What is known of an image and an endorser's address before an entry about it comes in.

    Args:
        rows: of the table of current entries, the log's own, by one key or several.
        rivals: all that the log shows about it, where several keys speak here, the new entry's among
            them; None where only one does.
    """

    rows: Sequence[Listed[Any]]
    rivals: Sequence[RankedEntry] | None

    @property
    def newest(self) -> datetime | None:
        """When the newest entry was made, whoever signed it."""
        return max((row.created for row in self.rows), default=None)

    def latest(self, entry: AcceptedEntry) -> datetime | None:
        """When the latest entry was made that would supersede an older one."""
        return self.newest if self.rivals is None else latest_that_counts(entry, self.rivals)


@dataclass(slots=True)
class _Pending:
    """What waits for its numbers in one log."""

    rows: list[Appended] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    bodies: dict[str, tuple[str, Taken]] = field(default_factory=dict)
    coordinates: set[Coordinates] = field(default_factory=set)


class Batch:
    """One transaction's worth of entries.

    ``add`` each inside a ``savepoint``, then ``finish`` as the last thing before the commit.
    """

    def __init__(self, session: Session, policy: UploadPolicy, now: datetime) -> None:
        self._session = session
        self._connection = session.connection()
        self._policy = policy
        self._now = now
        self._log = ChangeLog(session)
        self._log_keys: dict[str, int] = {}
        self._pending: defaultdict[str, _Pending] = defaultdict(_Pending)

    def lock(self, entries: Collection[AcceptedEntry]) -> None:
        """Keep other processes from deciding about the same images and certificates until the commit.

        Reading what is there, judging and inserting is then one step. SQLite
        has one writer anyway. All locks are taken at once and in one order, so
        two batches cannot wait for each other.
        """
        series = {series_name(one.identifier, one.endorser.email) for one in entries}
        lock_names(self._connection, series | {one.signer.fingerprint for one in entries})

    def savepoint(self) -> NestedTransaction:
        """To add one entry in: an exception undoes what was done for it, and nothing else."""
        return self._connection.begin_nested()

    def add(
        self,
        entry: AcceptedEntry,
        log: str,
        source: Source,
        note: Note | None = None,
        provenance: Provenance | None = None,
    ) -> Taken:
        """Add one entry to the batch.

        Args:
            note: called where the entry is new to the log.
            provenance: where it was first accepted, if a peer brought it.

        Raises:
            AudienceError: it is signed for others than those who read the log.
            ConflictError: other bytes have its coordinates in the log (uploads only).
            GateError: the gate refuses it (uploads only).
            LogNotFoundError: there is no such log.
            ErasedError: what it says was erased here; an upload is not told of logs that its own readers
                do not see.
            NotShownError: the site would hide it (uploads only).
        """
        log_id = self._log_key(log)
        (verify_replica if source is Source.REPLICA else verify_audience)(entry, log)
        hidden = self._policy.shown.find_reason(entry)
        if hidden is not None and source is Source.UPLOAD:
            raise NotShownError(hidden)
        body = body_row(entry, self._now)
        entry_key = self._find(FIND_ENTRY, {"entry_id": entry.entry_id})
        self._verify_not_erased(entry, log_id, source)
        known = self._find_known(entry, log, log_id, entry_key, body["sha256"], source)
        if known is not None:
            return known
        series = self._find_series(entry, log, log_id)
        if source is Source.UPLOAD:
            self._verify_free(entry, log, log_id, series)
            verify_gate(entry, series.latest(entry), self._policy, self._now)
        row = entry_row(entry)
        if entry_key is not None and self._erased.find_reason(entry) is not None:
            certificate = self._find_or_insert_certificate(entry.signer, log_id)
            found = row | {"certificate_id": certificate}
            revive(self._session, entry, entry_key, found, body["sha256"], self._now)
            self.__dict__.pop("_erased", None)
            self._insert_said(entry, entry_key)
            if hidden is None:
                show_again(self._session, entry_key, body["sha256"])
        if entry_key is None:
            entry_key = self._insert_entry(entry, row, log_id)
            body_id = self._insert(INSERT_BODY, body | {"entry_key": entry_key})
        else:
            body_id = self._find_or_insert_body(entry_key, body)
            if entry.signer.intermediates:
                self._find_or_insert_certificate(entry.signer, log_id)
        # Else nothing has its coordinates here, unless it is hidden.
        if self._policy.shown.digest or (series.newest is not None and series.newest >= entry.created):
            self._connection.execute(NOTE_TWINS, said(row))
        if hidden is None:
            self._show(log_id, entry_key, row | {"key_digest": entry.signer.key_digest}, series)
        if note is not None:
            # Before a number is awaited: what it raises must leave nothing behind.
            note(self._session)
        taken = Taken(entry, "created", source=source, contested=series.rivals is not None)
        appended = Appended(entry_key, body_id, provenance, hidden is None)
        self._await_number(log, appended, taken, body["sha256"])
        return taken

    def try_add(
        self,
        entry: AcceptedEntry,
        log: str,
        source: Source,
        note: Note | None = None,
        provenance: Provenance | None = None,
    ) -> Taken | Exception:
        """``add`` in a separate savepoint; returns its error where only this entry is at fault.

        Raises:
            DBAPIError: the database is in trouble: that is no single entry's doing.
        """
        try:
            with self.savepoint():
                return self.add(entry, log, source, note, provenance)
        except Exception as error:  # becomes the outcome of this entry; the others go on
            if isinstance(error, DBAPIError) and not isinstance(error, DataError | IntegrityError):
                raise
            return error

    def add_unknown(
        self, entries: Sequence[AcceptedEntry], log: str, provenance: Sequence[Provenance | None]
    ) -> list[Taken]:
        """Take in entries that ``find_unknown`` gave and that may stand in the log, all or none.

        The gate does not judge them: they were accepted elsewhere.

        Raises:
            LogNotFoundError: there is no such log.
        """
        log_id = self._log_key(log)
        signers = {(one.signer.fingerprint, one.signer.intermediates): one.signer for one in entries}
        certificates = find_certificates(self._connection, [fingerprint for fingerprint, _ in signers])
        for signer in signers.values():
            if signer.intermediates or signer.fingerprint not in certificates:
                certificates[signer.fingerprint] = self._find_or_insert_certificate(signer, log_id)
        shown = [self._policy.shown.find_reason(entry) is None for entry in entries]
        stored = insert_unknown(self._connection, entries, certificates, self._now)
        fresh = [one for one, may in zip(stored, shown, strict=True) if may]
        if fresh:
            waiting = self._waiting({log_id: [one.entry_key for one in fresh]})
            show_unknown(self._connection, log_id, fresh, self._erased, waiting)
        if self._policy.shown.digest:
            self._connection.execute(NOTE_TWINS, [said(entry_row(entry)) for entry in entries])
        taken = [Taken(entry, "created", source=Source.REPLICA) for entry in entries]
        for mine, one, claim, seen in zip(taken, stored, provenance, shown, strict=True):
            self._await_number(log, Appended(one.entry_key, one.body_id, claim, seen), mine, one.digest)
        return taken

    def find_unknown(self, entries: Sequence[AcceptedEntry]) -> list[int]:
        """The positions of the entries that no log here has and that were not erased, each id once."""
        found = find_unknown(self._connection, entries) if entries else []
        return [position for position in found if self._erased.find_reason(entries[position]) is None]

    def finish(self) -> None:
        """Append everything to the logs and learn the sequence numbers."""
        for log in sorted(self._pending):  # one order everywhere: the counter rows are locks
            pending = self._pending[log]
            for taken, sequence in zip(
                pending.taken, self._log.append(log, pending.rows, self._now), strict=True
            ):
                taken.sequence = sequence

    def _find_known(
        self, entry: AcceptedEntry, log: str, log_id: int, entry_key: int | None, digest: str, source: Source
    ) -> Taken | None:
        waiting = self._pending[log].bodies.get(entry.entry_id)
        if waiting is not None:
            held, first = waiting
            known = Taken(entry, "unchanged", first=first)
        elif entry_key is None:
            return None
        else:
            row = self._connection.execute(
                FIND_CHANGE, {"log_id": log_id, "entry_key": entry_key}
            ).one_or_none()
            if row is None:
                return None
            held, known = row.sha256, Taken(entry, "unchanged", row.sequence)
        if source is Source.UPLOAD and held != digest:
            raise _conflict(entry)
        return known

    @cached_property
    def _erased(self) -> Erasures:
        """Read behind the locks: whoever erases takes them too."""
        return find_erasures(self._session)

    def _verify_not_erased(self, entry: AcceptedEntry, log_id: int, source: Source) -> None:
        seen = (log_id, self._log_key(PUBLIC)) if source is Source.UPLOAD else None
        reason = self._erased.find_reason(entry, seen)
        if reason is not None:
            raise ErasedError(f"this entry was erased here and cannot be uploaded again: {reason}")

    def _find_series(self, entry: AcceptedEntry, log: str, log_id: int) -> _Series:
        image = entry.identifier, entry.endorser.email
        where = {"identifier": image[0], "email": image[1]}
        rows = self._connection.execute(FIND_CURRENT, where).all()
        own = [row for row in rows if row.log_id == log_id]
        if not any(row.contested or row.key_digest != entry.signer.key_digest for row in rows):
            return _Series(own, None)
        waiting = self._waiting().get(log_id, ())
        return _Series(own, read_said(self._connection, log_id, image, waiting))

    def _waiting(self, more: Mapping[int, Sequence[int]] = MappingProxyType({})) -> dict[int, list[int]]:
        """By log, the keys of the entries that wait for their numbers and are shown, with some more."""
        found = {log_id: list(keys) for log_id, keys in more.items()}
        for log, pending in self._pending.items():
            keys = found.setdefault(self._log_key(log), [])
            keys += (row.entry_key for row in pending.rows if row.shown)
        return found

    def _verify_free(self, entry: AcceptedEntry, log: str, log_id: int, series: _Series) -> None:
        if series.newest is None or series.newest < entry.created:
            return
        if series.rivals is not None:
            trusted = is_trusted_signer(self._session, entry, self._policy, self._now)
            if is_kept_out(entry, series.rivals, trusted=trusted):
                raise _conflict(entry)
            return
        where = {
            "log_id": log_id,
            "identifier": entry.identifier,
            "email": entry.endorser.email,
            "created": entry.created,
        }
        if (
            entry.coordinates in self._pending[log].coordinates
            or self._find(FIND_AT_COORDINATES, where) is not None
        ):
            raise _conflict(entry)

    def _insert_entry(self, entry: AcceptedEntry, row: Row, log_id: int) -> int:
        certificate = self._find_or_insert_certificate(entry.signer, log_id)
        entry_key = self._insert(INSERT_ENTRY, row | {"certificate_id": certificate})
        self._insert_said(entry, entry_key)
        return entry_key

    def _insert_said(self, entry: AcceptedEntry, entry_key: int) -> None:
        """What an entry says more than once: locations, tags, checksums."""
        places = [
            {"entry_key": entry_key, "position": n, "uri": uri}
            for n, uri in enumerate(entry.metadata.locations)
        ]
        tags = [
            {"entry_key": entry_key, "position": n, "digest": tag_digest(tag), "tag": tag}
            for n, tag in enumerate(entry.metadata.tags)
        ]
        if places:
            self._connection.execute(INSERT_LOCATIONS, places)
        if tags:
            self._connection.execute(INSERT_TAGS, tags)
        if checksums := checksum_rows(entry, entry_key):
            self._connection.execute(INSERT_CHECKSUMS, checksums)

    def _find_or_insert_certificate(self, signer: Signer, log_id: int) -> int:
        found = self._find(FIND_CERTIFICATE, {"fingerprint": signer.fingerprint})
        key = found if found is not None else self._insert(INSERT_CERTIFICATE, certificate_row(signer))
        if signer.intermediates:
            self._keep_beside(key, signer, log_id)
        return key

    def _keep_beside(self, certificate: int, signer: Signer, log_id: int) -> None:
        """Keep what paths from a certificate may lead through; a path that was missing may be there now."""
        where = {"certificate_id": certificate, "log_id": log_id}
        known = set(self._connection.scalars(FIND_BESIDE, where))
        fresh = [row for row in beside_rows(signer) if row["fingerprint"] not in known]
        fresh = fresh[: max(0, MOST_BESIDE - len(known))]
        if fresh:
            rows = [row | where for row in fresh]
            self._connection.execute(INSERT_BESIDE, rows)
            self._connection.execute(DOUBT_VERDICT, {"certificate_key": certificate, "moment": self._now})

    def _find_or_insert_body(self, entry_key: int, body: Row) -> int:
        found = self._find(FIND_BODY, {"entry_key": entry_key, "sha256": body["sha256"]})
        return found if found is not None else self._insert(INSERT_BODY, body | {"entry_key": entry_key})

    def _show(self, log_id: int, entry_key: int, row: Row, series: _Series) -> None:
        """Make the entry current in its log, if it is."""
        image, key_digest = (row["identifier"], row["email"]), row["key_digest"]
        if series.rivals is not None:
            renew(self._connection, self._erased, [image], self._waiting({log_id: [entry_key]}), [log_id])
            return
        if self._erased.supersedes(log_id, image, key_digest, row["created"]):
            return
        values = current_row(row) | uncontested(key_digest) | {"log_id": log_id, "entry_key": entry_key}
        known = next(iter(series.rows), None)
        if known is None:
            self._connection.execute(INSERT_CURRENT, values)
        elif precedence(known.created, known.deprecated, known.entry_id) < precedence(
            row["created"], row["deprecated"] is not None, row["entry_id"]
        ):
            self._connection.execute(UPDATE_CURRENT, values | {"current_key": known.id})

    def _log_key(self, log: str) -> int:
        if log not in self._log_keys:
            self._log_keys[log] = self._log.key(log)
        return self._log_keys[log]

    def _find(self, statement: Select[tuple[int]], parameters: Row) -> int | None:
        return self._connection.execute(statement, parameters).scalar_one_or_none()

    def _insert(self, statement: ReturningInsert[tuple[int]], row: Row) -> int:
        return self._connection.execute(statement, row).scalar_one()

    def _await_number(self, log: str, row: Appended, taken: Taken, digest: str) -> None:
        pending = self._pending[log]
        pending.rows.append(row)
        pending.taken.append(taken)
        pending.bodies[taken.entry.entry_id] = (digest, taken)
        pending.coordinates.add(taken.entry.coordinates)


def _conflict(entry: AcceptedEntry) -> ConflictError:
    return ConflictError(
        f"another document has the coordinates {entry.coordinates.path()}: sign with a later dcterms:created"
    )
