"""Check 5: what listings show is what the entries of the log make current."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.entries.erased import find_erasures
from marketplace.fsck.damage import Damage
from marketplace.ingest.rows import current_row
from marketplace.models import ChangeRow, Current, Entry, Log
from marketplace.rules.current import SELECT_RANKED, Claim, RankedEntry, to_ranked, unsuperseded
from validators.errors import printable

_ENTRY_COLUMNS = [column.name for column in Entry.__table__.columns]
_CURRENT_COLUMNS = [c.name for c in Current.__table__.columns if c.name not in ("id", "log_id")]


def verify_current(session: Session) -> Iterator[Damage]:
    """Recompute each log's current entries and compare them with the table, column by column."""
    for log_id, name in session.execute(select(Log.id, Log.name).order_by(Log.name)).all():
        expected = _current_keys(session, log_id)
        stored = session.execute(
            select(Current).where(Current.log_id == log_id).execution_options(yield_per=500)
        )
        for (row,) in stored:
            image = f"log {name}: {row.identifier}/{row.email}"
            keys = expected.get((row.identifier, row.email), set())
            if row.entry_key in keys:
                keys.remove(row.entry_key)
                yield from _verify_columns(session, row, image)
            elif (row.identifier, row.email) in expected:
                if keys:
                    keys.pop()
                yield Damage("current.wrong", image, "is listed with an entry that is not the current one")
            else:
                yield Damage("current.extra", image, "is listed, but the log shows no entry for it")
            session.expunge(row)
        for identifier, email in sorted(image for image, keys in expected.items() if keys):
            yield Damage(
                "current.missing", f"log {name}: {identifier}/{email}", "is in the log but not listed"
            )


def _current_keys(session: Session, log_id: int) -> dict[tuple[str, str], set[int]]:
    """The keys of the current entries for each image and endorser of a log."""
    erased = find_erasures(session)
    claims: defaultdict[tuple[str, str], list[Claim[RankedEntry]]] = defaultdict(list)
    rows = session.execute(
        SELECT_RANKED.join(ChangeRow, ChangeRow.entry_key == Entry.id)
        .where(ChangeRow.log_id == log_id, ChangeRow.shown)
        .execution_options(yield_per=1000)
    )
    for entry in to_ranked(rows):
        known = claims[entry.coordinates.image]
        known.append(entry.claim())
        # Mostly one key speaks, and then one entry is enough to remember, with the key's newest trusted one.
        if len({claim.key_digest for claim in known}) == 1:
            newest_trusted = max((claim.trusted for claim in known if claim.trusted), default=None)
            known[:] = [replace(claim, trusted=newest_trusted) for claim in unsuperseded(known)]
    return {
        image: {
            claim.entry.key
            for claim in unsuperseded(found)
            if not erased.supersedes(log_id, image, claim.key_digest, claim.rank[0])
        }
        for image, found in claims.items()
    }


def _verify_columns(session: Session, row: Current, image: str) -> Iterator[Damage]:
    entry = session.get_one(Entry, row.entry_key)
    expected = current_row({name: getattr(entry, name) for name in _ENTRY_COLUMNS})
    session.expunge(entry)
    for column in _CURRENT_COLUMNS:
        listed = getattr(row, column)
        if column in expected and listed != expected[column]:
            message = (
                f"{column} is listed as {printable(listed)}, the entry has {printable(expected[column])}"
            )
            yield Damage("current.column", image, message)
