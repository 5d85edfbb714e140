"""The keys of sites: bound to a site's name at first use by a token, or by an administrator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from marketplace.access import Principal
from marketplace.audit import AuditLog
from marketplace.models import CloudSite, SiteReceipt
from marketplace.models.insertion import insert_once
from marketplace.presence.errors import SiteKeyBindingError, SiteNotFoundError
from marketplace.tlog.note import VerifierKey


@dataclass(frozen=True, slots=True)
class BoundSite:
    """A site whose receipts are taken.

    Args:
        number: its key in the tables.
        key: as verifiers are configured with it: ``NAME+hex8+base64``.
        bound_by: an owner of tokens, or ``cli:USER``.
    """

    number: int
    name: str
    key: str
    bound_at: datetime
    bound_by: str


class SiteRegistry:
    """The keys as one transaction sees them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def admit(self, key: VerifierKey, principal: Principal, at: datetime) -> BoundSite:
        """The site of a key, whose name is bound to the key now if it was not before.

        Raises:
            SiteKeyBindingError: another key is bound to the name, or the token bound another name already.
        """
        known = self._find(key.name)
        if known is None:
            taken = self._session.scalar(select(CloudSite.name).where(CloudSite.token == principal.token))
            if taken is not None:
                raise SiteKeyBindingError(
                    f"this token speaks for the site {taken}: ask an administrator for a token for {key.name}"
                )
            known = self._bind(key, principal.name or "", principal.token, at)
        if known.key != str(key):
            raise SiteKeyBindingError(
                f"another key is bound to the site {key.name}: an administrator can bind the new one "
                f"(marketplace receipts bind KEY)"
            )
        return known

    def bind(self, key: VerifierKey, *, by: str, at: datetime) -> BoundSite:
        """Bind a site's name to a key, in the place of any other; what was said under the old one stays."""
        known = self._find(key.name)
        if known is None:
            return self._bind(key, by, None, at)
        if known.key != str(key):
            self._session.execute(
                update(CloudSite)
                .where(CloudSite.id == known.number)
                .values(key=str(key), bound_at=at, bound_by=by)
            )
            AuditLog(self._session).record(by, "site.bind", key.name, {"key": str(key)}, at=at)
        return self.get(key.name)

    def forget(self, name: str, *, by: str, at: datetime) -> None:
        """Forget a site and everything that it said.

        Raises:
            SiteNotFoundError: there is none of that name.
        """
        known = self.get(name)
        self._session.execute(delete(SiteReceipt).where(SiteReceipt.site_id == known.number))
        self._session.execute(delete(CloudSite).where(CloudSite.id == known.number))
        AuditLog(self._session).record(by, "site.forget", name, at=at)

    def get(self, name: str) -> BoundSite:
        """A site by its name.

        Raises:
            SiteNotFoundError: no key is bound to it.
        """
        known = self._find(name)
        if known is None:
            raise SiteNotFoundError(f"no key is bound to a site {name}")
        return known

    def list(self) -> Sequence[BoundSite]:
        """Every site, by name."""
        rows = self._session.scalars(select(CloudSite).order_by(CloudSite.name))
        return [_site(row) for row in rows]

    def _bind(self, key: VerifierKey, by: str, token: str | None, at: datetime) -> BoundSite:
        row = {"name": key.name, "key": str(key), "bound_at": at, "bound_by": by, "token": token}
        # Two requests of a new site may come at once: the second one meets the key that the first bound.
        if self._session.execute(insert_once(self._session, CloudSite, row).returning(CloudSite.id)).all():
            AuditLog(self._session).record(by, "site.bind", key.name, {"key": str(key)}, at=at)
        return self.get(key.name)

    def _find(self, name: str) -> BoundSite | None:
        row = self._session.scalar(
            select(CloudSite).where(CloudSite.name == name).execution_options(populate_existing=True)
        )
        return None if row is None else _site(row)


def _site(row: CloudSite) -> BoundSite:
    return BoundSite(row.id, row.name, row.key, row.bound_at, row.bound_by)
