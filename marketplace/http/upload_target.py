"""Where an upload goes: the public log, or the log of a group that the uploader belongs to."""

from __future__ import annotations

from collections.abc import Mapping

from pyramid.request import Request

from marketplace.access import PUBLIC, Principal, group_log
from marketplace.audit import AuditLog
from marketplace.ingest import Address, Addressing
from validators.audience import read_audience
from validators.document import AcceptedEntry

from .errors import NotFoundError
from .security import principal_of


def read_address(request: Request, fields: Mapping[str, str]) -> str | Addressing:
    """Where the fields of an upload's URL send it: ``audience=GROUP``.

    Without one an entry is public, unless it is signed for exactly one group that the uploader may
    upload to: then it goes there, because the endorser said so.

    Raises:
        NotFoundError: there is no such group, or it is not the uploader's: both look the same.
    """
    principal, named = principal_of(request), fields.get("audience")
    if named is not None:
        if not principal.may_upload_to(named):
            raise unknown_audience()
        return lambda entry: _to_group(named, entry, principal)
    if not principal.groups:
        return PUBLIC
    return lambda entry: _as_signed(entry, principal)


def unknown_audience() -> NotFoundError:
    """404 of a group that is not there for the one who asks."""
    return NotFoundError("audience.unknown", "there is no group of this name that you may upload to")


def to_everybody(principal: Principal) -> Addressing:
    """Where an entry goes that its group publishes, with a record of who did it."""
    actor = principal.name or ""
    return lambda entry: Address(
        PUBLIC,
        lambda session: AuditLog(session).record(
            actor, "entry.publish", entry.coordinates.path(), {"entry": entry.entry_id}
        ),
    )


def _as_signed(entry: AcceptedEntry, principal: Principal) -> Address:
    own = [group for group in read_audience(entry.metadata).groups if principal.may_upload_to(group)]
    return _to_group(own[0], entry, principal) if len(own) == 1 else Address(PUBLIC)


def _to_group(group: str, entry: AcceptedEntry, principal: Principal) -> Address:
    """Uploads to a group are private acts, and on record."""
    actor, details = principal.name or "", {"group": group, "entry": entry.entry_id}
    return Address(
        group_log(group),
        lambda session: AuditLog(session).record(actor, "entry.upload", entry.coordinates.path(), details),
    )
