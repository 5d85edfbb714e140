"""Where an upload goes: the public log, or the log of a group that the uploader belongs to."""

from __future__ import annotations

from collections.abc import Mapping

from pyramid.request import Request

from marketplace.access import PUBLIC
from marketplace.ingest import Addressing
from marketplace.ingest.addressing import AsSigned, ToGroup

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
        return ToGroup(named, principal)
    if not principal.groups:
        return PUBLIC
    return AsSigned(principal)


def unknown_audience() -> NotFoundError:
    """404 of a group that is not there for the one who asks."""
    return NotFoundError("audience.unknown", "there is no group of this name that you may upload to")
