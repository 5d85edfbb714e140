"""Taking entries into the database inside one transaction: a few statements for many entries, or for one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Row as Listed
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC
from marketplace.changes import LogNotFoundError
from marketplace.changes.log import Appended, ChangeLog
from marketplace.entries.erased import Erasures, find_erasures
from marketplace.ingest.audience import verify_audience, verify_replica
from marketplace.ingest.current_rows import list_new, read_ranked, renew
from marketplace.ingest.errors import ConflictError, ErasedError, NotShownError
from marketplace.ingest.gate import UploadPolicy, is_blocked, latest_that_counts, verify_gate
from marketplace.ingest.incoming import Image, IncomingEntry, each
from marketplace.ingest.items import IngestResult, Item, Source
from marketplace.ingest.locks import lock_names, series_name
from marketplace.ingest.returned_entries import revive, show_again
from marketplace.ingest.rows import statement_of
from marketplace.ingest.signers import is_trusted_signer
from marketplace.ingest.statements import (
    FIND_AT_COORDINATES,
    FIND_CHANGES,
    FIND_CURRENT,
    FIND_ENTRY_KEYS,
    FIND_LOGS,
    HOLD_LOGS,
    NOTE_TWINS,
)
from marketplace.ingest.storing import find_keys, insert_new, insert_repeated, store_body, store_certificates


class Batch:
    """One transaction's worth of entries: ``take`` them as the last thing before the commit."""

    def __init__(self, session: Session, policy: UploadPolicy, now: datetime) -> None:
        self._session = session
        self._connection = session.connection()
        self._policy = policy
        self._now = now
        self._log = ChangeLog(session)
        #: The keys of the logs by their names.
        self._logs: Mapping[str, int] = {}

    def take(self, items: Sequence[Item]) -> list[IngestResult | Exception]:
        """Take entries in; call it once in a transaction.

        Other processes decide nothing about the same images and certificates until the commit, so that
        reading what is there, judging and inserting is one step. SQLite has one writer anyway.

        Returns:
            what became of each entry, in order. What keeps one out keeps out that one only: an
            AudienceError, ErasedError or LogNotFoundError; for uploads also a ConflictError, GateError or
            NotShownError; what its record raises; what the database says of its values.

        Raises:
            DBAPIError: the database is in trouble: that is no single entry's doing.
            Exception: a fault of this site, where a peer brought the entries.
        """
        entries = [item.entry for item in items]
        series = {series_name(one.identifier, one.endorser.email) for one in entries}
        lock_names(self._connection, series | {one.signer.fingerprint for one in entries})
        rounds = list(_rounds(items))
        # The row of a log is a lock from when it gives numbers; where that is done more than once, all
        # rows are locked before, in one order everywhere.
        find = FIND_LOGS if len(rounds) == 1 else HOLD_LOGS
        self._logs = find_keys(self._connection, find, {"names": [PUBLIC, *{item.log for item in items}]})
        return [outcome for one in rounds for outcome in self._take(one)]

    def _take(self, items: Sequence[Item]) -> list[IngestResult | Exception]:
        """Take a round in. Where it cannot be stored, ever smaller parts show which entry is at fault."""
        try:
            with self._connection.begin_nested():
                return self._take_round([IncomingEntry(item, self._now) for item in items])
        except Exception as error:  # becomes the outcome of this entry; the others go on
            # It may be what was read after something that is undone now.
            self.__dict__.pop("_erased", None)
            is_value = isinstance(error, DataError | IntegrityError)
            # A fault of this site must not count as a fault of what a peer sent: that comes once only.
            is_theirs = any(item.source is Source.REPLICA for item in items)
            if not is_value and (is_theirs or isinstance(error, DBAPIError)):
                raise
            if len(items) == 1:
                return [error]
        half = len(items) // 2
        return self._take(items[:half]) + self._take(items[half:])

    def _take_round(self, incoming: Sequence[IncomingEntry]) -> list[IngestResult | Exception]:
        each(incoming, self._verify_log)
        self._find_known(incoming)
        listed = self._find_listed(incoming)
        each(incoming, lambda one: self._verify_image(one, listed[one.image]))
        fresh = [one for one in incoming if one.outcome is None]
        if fresh:
            self._store(fresh)
            self._show(fresh, listed)
        return [one.outcome for one in incoming if one.outcome is not None]

    def _verify_log(self, one: IncomingEntry) -> None:
        """Check what an entry and its log tell by themselves."""
        entry, log, source = one.entry, one.item.log, one.item.source
        if log not in self._logs:
            raise LogNotFoundError(log)
        one.log_id = self._logs[log]
        (verify_replica if source is Source.REPLICA else verify_audience)(entry, log)
        hidden = self._policy.site_filter.find_reason(entry)
        one.shown = hidden is None
        if hidden is not None and source is Source.UPLOAD:
            raise NotShownError(hidden)
        # An upload is not told of logs that its own readers do not see.
        seen = (one.log_id, self._logs[PUBLIC]) if source is Source.UPLOAD else None
        reason = self._erased.find_reason(entry, seen)
        if reason is not None:
            raise ErasedError(f"this entry was erased here and cannot be uploaded again: {reason}")

    @cached_property
    def _erased(self) -> Erasures:
        """Read behind the locks: whoever erases takes them too."""
        return find_erasures(self._session)

    def _find_known(self, incoming: Sequence[IncomingEntry]) -> None:
        """Find the entries that some log has; those that their own log has come to nothing new."""
        asked = [one for one in incoming if one.outcome is None]
        if not asked:
            return
        ids = {"entry_ids": [one.entry.entry_id for one in asked]}
        keys = find_keys(self._connection, FIND_ENTRY_KEYS, ids)
        if not keys:
            return
        logs = {one.log_id for one in asked}
        rows = self._connection.execute(
            FIND_CHANGES, {"entry_keys": list(keys.values()), "log_ids": list(logs)}
        )
        held = {(row.log_id, row.entry_key): row for row in rows}
        for one in asked:
            one.entry_key = keys.get(one.entry.entry_id)
            row = held.get((one.log_id, one.entry_key))
            if row is None:
                continue
            if one.item.source is Source.UPLOAD and row.sha256 != one.digest:
                one.outcome = _conflict(one)
            else:
                one.receive("unchanged", row.sequence)

    def _find_listed(self, incoming: Sequence[IncomingEntry]) -> defaultdict[Image, list[Listed[Any]]]:
        """What any log lists as current of the images of entries that are new to their logs."""
        images = {one.image for one in incoming if one.outcome is None}
        listed: defaultdict[Image, list[Listed[Any]]] = defaultdict(list)
        if images:
            names, emails = zip(*images, strict=True)
            asked = {"identifiers": list(set(names)), "emails": list(set(emails))}
            for row in self._connection.execute(FIND_CURRENT, asked):
                listed[row.identifier, row.email].append(row)
        return listed

    def _verify_image(self, one: IncomingEntry, listed: Collection[Listed[Any]]) -> None:
        """Check an upload by what its log shows about the image, and have it pass the gate."""
        entry = one.entry
        own = [row.created for row in listed if row.log_id == one.log_id]
        latest = one.newest = max(own, default=None)
        one.contested = any(row.contested or row.key_digest != one.key_digest for row in listed)
        if one.item.source is not Source.UPLOAD:
            return
        is_new = one.newest is None or one.newest < entry.created
        if one.contested:
            rivals = read_ranked(self._connection, one.log_id, one.image)
            latest = latest_that_counts(entry, rivals)
            taken = not is_new and is_blocked(entry, rivals, trusted=self._is_trusted(one))
        else:
            taken = not is_new and self._is_at_coordinates(one)
        if taken:
            raise _conflict(one)
        verify_gate(entry, latest, self._policy, self._now)

    def _is_trusted(self, one: IncomingEntry) -> bool:
        return is_trusted_signer(self._session, one.entry, self._policy, self._now)

    def _is_at_coordinates(self, one: IncomingEntry) -> bool:
        """Whether the log has some entry at the coordinates, superseded or not."""
        identifier, email = one.image
        where = {"log_id": one.log_id, "identifier": identifier, "email": email, "created": one.entry.created}
        return self._connection.execute(FIND_AT_COORDINATES, where).first() is not None

    def _store(self, fresh: Sequence[IncomingEntry]) -> None:
        """Have the entries in the tables, with what is recorded of them."""
        store_certificates(self._connection, fresh, self._now)
        for one in fresh:
            if one.entry_key is not None:
                self._store_again(one)
        insert_new(self._connection, [one for one in fresh if one.entry_key is None])
        self._note_twins(fresh)
        for one in fresh:
            if one.item.record is not None:
                one.item.record.write(self._session)

    def _store_again(self, one: IncomingEntry) -> None:
        """Have the bytes of an entry stored that another log has, or had until it was erased."""
        if self._erased.find_reason(one.entry) is not None:
            row = one.row | {"certificate_id": one.certificate_id}
            revive(self._session, one.entry, one.key, row, one.digest, self._now)
            self.__dict__.pop("_erased", None)
            insert_repeated(self._connection, [one])
            if one.shown:
                show_again(self._session, one.key, one.digest)
        store_body(self._connection, one)

    def _note_twins(self, fresh: Sequence[IncomingEntry]) -> None:
        """Note which entries say what others say at the same coordinates."""
        stated = [statement_of(one.row) for one in fresh]
        times = Counter(tuple(one.values()) for one in stated)
        asked = [
            given
            for one, given in zip(fresh, stated, strict=True)
            # Else nothing has its coordinates here, unless it is hidden.
            if self._policy.site_filter.digest
            or times[tuple(given.values())] > 1
            or (one.newest is not None and one.newest >= one.entry.created)
        ]
        if asked:
            self._connection.execute(NOTE_TWINS, asked)

    def _show(self, fresh: Sequence[IncomingEntry], listed: Mapping[Image, Sequence[Listed[Any]]]) -> None:
        """Give the entries their numbers, and list what is current now."""
        shown = [one for one in fresh if one.shown]
        contested = list_new(self._connection, self._erased, shown, listed)
        # Late: from here on the logs are locked.
        for log in sorted({one.item.log for one in fresh}):
            mine = [one for one in fresh if one.item.log == log]
            rows = [Appended(one.key, one.body_id, one.item.provenance, one.shown) for one in mine]
            for one, sequence in zip(mine, self._log.append(log, rows, self._now), strict=True):
                beside = one.contested or one.item.source is not Source.UPLOAD
                one.receive("created", sequence, may_conflict=beside)
        renew(self._connection, self._erased, sorted(contested), {one.log_id for one in shown})


def _rounds(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Runs of entries that can be judged side by side.

    An upload is judged by what was said about its image before it, and an entry is stored once.
    """
    run: list[Item] = []
    seen: set[str | Image] = set()
    for item in items:
        image = item.entry.identifier, item.entry.endorser.email
        if item.entry.entry_id in seen or (item.source is Source.UPLOAD and image in seen):
            yield run
            run, seen = [], set()
        run.append(item)
        seen |= {item.entry.entry_id, image}
    if run:
        yield run


def _conflict(one: IncomingEntry) -> ConflictError:
    return ConflictError(
        f"another document has the coordinates {one.entry.coordinates.path()}: "
        "sign with a later dcterms:created"
    )
