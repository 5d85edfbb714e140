"""What sites said, as one reader may see it: counts for everybody, names for whom they concern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, or_, select
from sqlalchemy.orm import Session, aliased

from marketplace.access import Principal
from marketplace.models import ChangeRow, CloudSite, Current, Entry, SiteReceipt
from marketplace.receipts import Finding
from marketplace.rules.visibility import VisibleLogs, find_scope

#: Most copies of one answer.
MOST_COPIES = 10_000


@dataclass(frozen=True, slots=True)
class LocationReport:
    """What sites found at a location of an entry.

    Args:
        sites: how many say so.
        at: when the latest of them found it.
        reason: of that one.
    """

    location: str
    finding: Finding
    sites: int
    at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class SiteCopy:
    """What one site said last of one of its stores, or of a location."""

    site: str
    identifier: str
    entry_id: str
    email: str
    finding: Finding
    store: str
    kind: str
    location: str | None
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Recall:
    """An image that its endorser withdrew and that sites still have.

    Args:
        entry_id: of the entry that withdraws it.
        created: when it says so.
        copies: where the image still is, imported by an entry of this endorser.
    """

    entry_id: str
    identifier: str
    email: str
    created: datetime
    title: str | None
    reason: str
    copies: tuple[SiteCopy, ...]


class Presence:
    """What sites said of the entries that a principal may see; of no others."""

    def __init__(self, session: Session, principal: Principal) -> None:
        self._session = session
        self._scope: VisibleLogs = find_scope(session, principal)

    def count(self, identifier: str) -> int:
        """At how many sites an image is, by any entry that is seen."""
        found = self._session.scalar(
            self._visible(select(func.count(SiteReceipt.site_id.distinct()))).where(
                Entry.identifier == identifier, SiteReceipt.finding == Finding.AVAILABLE.value
            )
        )
        return found or 0

    def knows(self, identifier: str) -> bool:
        """Whether some entry about an image is seen."""
        return bool(
            self._session.scalar(
                select(
                    select(Entry.id)
                    .join(ChangeRow, ChangeRow.entry_key == Entry.id)
                    .where(
                        Entry.identifier == identifier, self._scope.covers(ChangeRow.log_id), ChangeRow.shown
                    )
                    .exists()
                )
            )
        )

    def reports(self, entry_id: str) -> Sequence[LocationReport]:
        """What sites found wrong with the locations of an entry, by location."""
        rows = self._session.execute(
            self._visible(
                select(
                    SiteReceipt.location,
                    SiteReceipt.finding,
                    SiteReceipt.site_id,
                    SiteReceipt.at,
                    SiteReceipt.reason,
                )
            )
            .where(Entry.entry_id == entry_id, SiteReceipt.about.like("location:%"))
            .order_by(SiteReceipt.location, SiteReceipt.finding, SiteReceipt.at.desc(), SiteReceipt.site_id)
            .limit(MOST_COPIES)
        ).all()
        found: dict[tuple[str, str], list[Any]] = {}
        for row in rows:
            found.setdefault((row.location, row.finding), []).append(row)
        return [
            LocationReport(
                location, Finding(finding), len({one.site_id for one in said}), said[0].at, said[0].reason
            )
            for (location, finding), said in found.items()
        ]

    def copies(self, identifier: str, email: str | None = None) -> Sequence[SiteCopy]:
        """What each site said last of an image.

        Args:
            email: only what was said of this endorser's entries.
        """
        statement = self._copies().where(Entry.identifier == identifier)
        if email is not None:
            statement = statement.where(Entry.email == email)
        return _listed(self._session.execute(statement.limit(MOST_COPIES)).all())

    def recalls(
        self, email: str | None = None, contact: str | None = None, entry_id: str | None = None
    ) -> Sequence[Recall]:
        """Images that sites still have though their endorser withdrew them, by image and endorser.

        Args:
            email: only of this endorser.
            contact: and those copies that sites have whose token belongs to this owner.
            entry_id: only of the image that this entry withdraws.
        """
        current = aliased(Current)
        statement = (
            self._copies()
            .join(current, (current.identifier == Entry.identifier) & (current.email == Entry.email))
            .where(
                SiteReceipt.finding == Finding.AVAILABLE.value,
                self._scope.covers(current.log_id),
                current.deprecated,
            )
            .add_columns(
                current.entry_id.label("withdrawn_by"), current.created.label("since"), current.title
            )
            .limit(MOST_COPIES)
        )
        if email is not None:
            his = [Entry.email == email, *([] if contact is None else [CloudSite.bound_by == contact])]
            statement = statement.where(or_(*his))
        if entry_id is not None:
            statement = statement.where(current.entry_id == entry_id)
        found: dict[str, list[Any]] = {}
        for row in self._session.execute(statement):
            found.setdefault(row.withdrawn_by, []).append(row)
        reasons = self._reasons(found)
        return [
            Recall(
                entry_id,
                rows[0].identifier,
                rows[0].email,
                rows[0].since,
                rows[0].title,
                reasons.get(entry_id, ""),
                tuple(dict.fromkeys(_listed(rows))),
            )
            for entry_id, rows in found.items()
        ]

    def _reasons(self, entry_ids: Any) -> dict[str, str]:
        rows = self._session.execute(
            select(Entry.entry_id, Entry.deprecated).where(Entry.entry_id.in_(list(entry_ids)))
        )
        return {row.entry_id: row.deprecated or "" for row in rows}

    def _copies(self) -> Select[Any]:
        return self._visible(
            select(
                CloudSite.name.label("site"),
                Entry.identifier,
                Entry.entry_id,
                Entry.email,
                SiteReceipt.finding,
                SiteReceipt.store,
                SiteReceipt.kind,
                SiteReceipt.location,
                SiteReceipt.reason,
                SiteReceipt.at,
            ).join(CloudSite, CloudSite.id == SiteReceipt.site_id)
        ).order_by(Entry.identifier, Entry.email, CloudSite.name, SiteReceipt.about, Entry.entry_id)

    def _visible(self, statement: Select[Any]) -> Select[Any]:
        """Only receipts about entries that are seen, each once however many logs show the entry."""
        shown = (
            select(ChangeRow.entry_key)
            .where(
                ChangeRow.entry_key == SiteReceipt.entry_key,
                self._scope.covers(ChangeRow.log_id),
                ChangeRow.shown,
            )
            .exists()
        )
        return statement.join(Entry, Entry.id == SiteReceipt.entry_key).where(shown)


def _listed(rows: Sequence[Row[Any]]) -> list[SiteCopy]:
    return [
        SiteCopy(
            row.site,
            row.identifier,
            row.entry_id,
            row.email,
            Finding(row.finding),
            row.store,
            row.kind,
            row.location,
            row.reason,
            row.at,
        )
        for row in rows
    ]
