"""Verdicts about certificates in the database: written once, and only anew where they may have changed.

A certificate may have signed thousands of entries, so nothing here goes by
entry. Each change of a verdict gets the next number of a counter whose row is
locked until the commit; whoever remembers the last number it saw asks for the
rest and misses none.

Several processes may do this at once: each looks again under that lock before
it writes, so that a change is told once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from marketplace.changes import PUBLIC
from marketplace.db import Database
from marketplace.events import Happening, Kind, record
from marketplace.models import (
    Certificate,
    ChangeRow,
    Entry,
    IntermediateCertificate,
    Log,
    TrustState,
    VerdictChange,
    VerdictRow,
)
from marketplace.portions import portions
from marketplace.trust.service import TrustService
from marketplace.trust_files import TrustFileFault, TrustStore
from validators.verdict import CertificateVerdict

#: Certificates judged between two commits.
CHUNK = 250
_STATE = 1


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The results of a refresh of verdicts.

    Args:
        judged: certificates that were judged.
        changed: those of them whose verdict changed.
        otherwise: another process was started with other settings since this one.
    """

    judged: int
    changed: int
    otherwise: bool = False


@dataclass(frozen=True, slots=True)
class _VerdictValues:
    """A verdict as its row holds it, without what says when and how it was made."""

    standing: str
    anchor: str | None
    pinned: bool
    listed: bool
    takes_legacy: bool
    begins: datetime
    ends: datetime
    revoked_since: datetime | None
    revoked_name: str | None
    revoked_reason: str | None


@dataclass(frozen=True, slots=True)
class _NewVerdict:
    values: _VerdictValues
    due: datetime | None


class VerdictService:
    """Keeps the verdicts of one database. Safe to call from several threads and processes.

    Args:
        settle: called after verdicts were written, to take in what follows from them.
    """

    def __init__(
        self,
        database: Database,
        store: TrustStore,
        trust: TrustService,
        now: Callable[[], datetime],
        settle: Callable[[], object] = lambda: None,
    ) -> None:
        self._database = database
        self._store = store
        self._trust = trust
        self._now = now
        #: Whether others know the settings of this process.
        self._declared = False
        self._settle = settle

    def refresh(self) -> Refreshed:
        """Judge every certificate whose verdict is missing, due, or was made on another basis.

        Raises:
            SQLAlchemyError: the database cannot be read or written; what was written before stays.
        """
        now = _whole_second(self._now())
        basis = self._store.basis(now)
        overdue = or_(VerdictRow.certificate_id.is_(None), VerdictRow.basis != basis, VerdictRow.due <= now)
        judged = changed = last = 0
        while True:
            with self._database.read() as session:
                keys = _certificates(session, Certificate.id > last, overdue)
                found = self._judge(session, keys, now)
            if not keys:
                break
            changed += self._write(found, basis, now, anew=keys, first=())
            judged, last = judged + len(keys), keys[-1]
        with self._database.write() as session:
            _lock(session, now)
            settings = session.scalar(select(TrustState.settings))
            values = {"basis": basis, "refreshed_at": now}
            if not self._declared:
                values["settings"] = self._store.settings
            session.execute(update(TrustState).values(values))
        self._declared = True
        self._settle()
        return Refreshed(judged, changed, settings not in ("", self._store.settings))

    def find_settings_fault(self) -> TrustFileFault | None:
        """That this process goes on by other settings than one that was started since, if so."""
        try:
            with self._database.read() as session:
                settings = session.scalar(select(TrustState.settings).where(TrustState.id == _STATE))
        except (SQLAlchemyError, OSError):
            return None  # the followers tell of a database that does not answer
        if not self._declared or settings in (None, self._store.settings):
            return None
        return TrustFileFault(
            "trust.settings",
            "settings",
            "another process read other trust.* settings than this one was started with: restart it",
        )

    def find_other_basis(self) -> str | None:
        """What the stored verdicts were made by, where that is not what this process holds now."""
        try:
            with self._database.read() as session:
                basis = session.scalar(select(TrustState.basis).where(TrustState.id == _STATE))
        except (SQLAlchemyError, OSError):
            return None  # the followers tell of a database that does not answer
        return basis if basis and basis != self._store.basis(_whole_second(self._now())) else None

    def judge_new(self, session: Session, keys: Collection[int], published: Collection[int] = ()) -> int:
        """Judge those of some certificates that have no verdict, or one that is due.

        Args:
            session: reads.
            keys: of certificates.
            published: those of them that everybody knows now: they are judged as if for the first time.

        Returns:
            how many verdicts changed.
        """
        now = _whole_second(self._now())
        overdue = or_(
            VerdictRow.certificate_id.is_(None), VerdictRow.due <= now, Certificate.id.in_(published)
        )
        wanted = sorted(keys)
        changed = 0
        for portion in portions(wanted, CHUNK):
            chunk = _certificates(session, Certificate.id.in_(portion), overdue)
            if chunk:
                found = self._judge(session, chunk, now)
                # What another process judged meanwhile stands: its files may be newer than ours.
                changed += self._write(found, self._store.basis(now), now, anew=published, first=published)
        self._settle()
        return changed

    def _judge(self, session: Session, keys: Sequence[int], now: datetime) -> dict[int, _NewVerdict]:
        beside = _intermediates(session, keys)
        legacy = self._store.material.policy.legacy == "accept"
        rows = session.execute(
            select(Certificate.id, Certificate.der, Certificate.not_before, Certificate.not_after).where(
                Certificate.id.in_(keys)
            )
        )
        found = {}
        for key, der, begins, ends in rows:
            verdict = self._trust.judge(der, beside[key], now)
            found[key] = _new_verdict(verdict, begins, ends, legacy, now)
        return found

    def _write(
        self,
        found: Mapping[int, _NewVerdict],
        basis: str,
        now: datetime,
        *,
        anew: Collection[int],
        first: Collection[int],
    ) -> int:
        """Store verdicts.

        Args:
            anew: certificates whose verdict is replaced also where it is not due.
            first: those whose change tells nothing of what they were before.

        Returns:
            how many say something else than before.
        """
        with self._database.write() as session:
            revision = _lock(session, now) + 1
            before = _stored_values(session, found)
            changes = []
            for key, judged in found.items():
                old, due = before.get(key, (None, None))
                if old is not None and key not in anew and (due is None or due > now):
                    continue
                row: dict[str, Any] = {"basis": basis, "due": judged.due, "judged_at": now}
                if old == judged.values:
                    _update(session, key, row)
                    continue
                row |= {**asdict(judged.values), "revision": revision}
                if old is None:
                    session.execute(insert(VerdictRow).values(certificate_id=key, **row))
                else:
                    _update(session, key, row)
                changes.append((key, None if key in first else old, judged.values))
            if changes:
                session.execute(update(TrustState).values(revision=revision))
                _record(session, changes, now)
            return len(changes)


def announce(session: Session, fingerprint: str, now: datetime) -> None:
    """Give a certificate's verdict the next number, because something that is shown beside it changed.

    One without a verdict gets a number with its first.
    """
    revision = _lock(session, now) + 1
    key = select(Certificate.id).where(Certificate.fingerprint == fingerprint).scalar_subquery()
    session.execute(
        update(VerdictRow)
        .where(VerdictRow.certificate_id == key)
        .values(revision=revision)
        .execution_options(synchronize_session=False)
    )
    session.execute(update(TrustState).values(revision=revision))


def _whole_second(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(microsecond=0)


def _certificates(session: Session, which: ColumnElement[bool], overdue: ColumnElement[bool]) -> list[int]:
    statement = (
        select(Certificate.id)
        .outerjoin(VerdictRow, VerdictRow.certificate_id == Certificate.id)
        # One whose entries were all erased has no bytes any more.
        .where(which, overdue, Certificate.der != b"")
        .order_by(Certificate.id)
        .limit(CHUNK)
    )
    return list(session.scalars(statement))


def _intermediates(session: Session, keys: Sequence[int]) -> defaultdict[int, list[bytes]]:
    """What paths from certificates may lead through: for one that everybody sees, what everybody does."""
    found: defaultdict[int, list[bytes]] = defaultdict(list)
    rows = session.execute(
        select(IntermediateCertificate.certificate_id, Log.name, IntermediateCertificate.der)
        .join(Log, Log.id == IntermediateCertificate.log_id)
        .where(IntermediateCertificate.certificate_id.in_(keys))
        .order_by(IntermediateCertificate.certificate_id, IntermediateCertificate.fingerprint)
    ).all()
    private = {key for key, log, _ in rows if log != PUBLIC}
    known = set(session.scalars(public_among(private))) if private else set()
    for key, log, der in rows:
        if (log == PUBLIC or key not in known) and der not in found[key]:
            found[key].append(der)
    return found


def public_among(keys: Collection[int]) -> Select[tuple[int]]:
    """The certificates, of those given, that signed an entry of the public log."""
    return (
        select(Certificate.id)
        .join(Entry, Entry.certificate_id == Certificate.id)
        .join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .join(Log, Log.id == ChangeRow.log_id)
        .where(Certificate.id.in_(keys), Log.name == PUBLIC)
        .distinct()
    )


def _new_verdict(
    verdict: CertificateVerdict, not_before: datetime, not_after: datetime, legacy: bool, now: datetime
) -> _NewVerdict:
    # Path dates are inside the signer's own only where there is a path.
    begins = max(not_before, verdict.begins or not_before)
    ends = min(not_after, verdict.ends or not_after)
    revoked = verdict.revoked
    held = _VerdictValues(
        standing=verdict.standing.value,
        anchor=verdict.anchor,
        pinned=verdict.pinned,
        listed=verdict.listed,
        takes_legacy=legacy,
        begins=begins,
        ends=ends,
        revoked_since=None if revoked is None else _whole_second(revoked.since),
        revoked_name=verdict.revoked_name,
        revoked_reason=None if revoked is None else revoked.reason,
    )
    # When the chosen path begins or ends, another one may be the better.
    return _NewVerdict(held, min((one for one in (begins, ends) if one > now), default=None))


def _lock(session: Session, now: datetime) -> int:
    """Keep other writers of verdicts out until the commit; returns the revision."""
    held = select(TrustState.revision).where(TrustState.id == _STATE).with_for_update()
    revision = session.scalar(held)
    if revision is None:
        _make_state(session, now)
        revision = session.scalar(held)
    return revision or 0


def _make_state(session: Session, now: datetime) -> None:
    values = {"id": _STATE, "revision": 0, "basis": "", "refreshed_at": now}
    if session.get_bind().dialect.name == "sqlite":
        session.execute(insert(TrustState).values(**values))  # SQLite has one writer at a time
        return
    from sqlalchemy.dialects.postgresql import insert as insert_unless

    session.execute(insert_unless(TrustState).values(**values).on_conflict_do_nothing())


def _stored_values(
    session: Session, keys: Collection[int]
) -> dict[int, tuple[_VerdictValues, datetime | None]]:
    rows = session.execute(
        select(
            VerdictRow.certificate_id, VerdictRow.due, *(getattr(VerdictRow, name) for name in _COLUMNS)
        ).where(VerdictRow.certificate_id.in_(keys))
    )
    return {key: (_VerdictValues(*rest), due) for key, due, *rest in rows}


_COLUMNS = tuple(_VerdictValues.__dataclass_fields__)


def _update(session: Session, key: int, row: Mapping[str, Any]) -> None:
    session.execute(
        update(VerdictRow)
        .where(VerdictRow.certificate_id == key)
        .values(**row)
        .execution_options(synchronize_session=False)
    )


def _record(
    session: Session, changes: Sequence[tuple[int, _VerdictValues | None, _VerdictValues]], now: datetime
) -> None:
    rows = list(_changed_standings(changes, now))
    if rows:
        session.execute(insert(VerdictChange), rows)
        known = {row["certificate_id"]: row for row in rows if row["before"] is not None}
        record(session, _events(session, known, now))


def _events(session: Session, changed: Mapping[int, Mapping[str, Any]], now: datetime) -> list[Happening]:
    """What changed verdicts are to the readers of each log, by the newest entry of the certificate there."""
    newest = (
        select(ChangeRow.log_id, Entry.certificate_id, func.max(ChangeRow.entry_key))
        .join(Entry, Entry.id == ChangeRow.entry_key)
        .where(Entry.certificate_id.in_(list(changed)), ChangeRow.shown)
        .group_by(ChangeRow.log_id, Entry.certificate_id)
        .order_by(ChangeRow.log_id, Entry.certificate_id)
    )
    return [
        Happening(Kind.TRUST, log_id, now, entry_key, {one: changed[key][one] for one in ("before", "after")})
        for log_id, key, entry_key in session.execute(newest)
    ]


def _changed_standings(
    changes: Sequence[tuple[int, _VerdictValues | None, _VerdictValues]], now: datetime
) -> Iterator[dict[str, Any]]:
    for key, old, held in changes:
        before = None if old is None else old.standing
        if before != held.standing:
            yield {"certificate_id": key, "changed_at": now, "before": before, "after": held.standing}
