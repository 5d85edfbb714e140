"""The log of accepted entries: append, page, follow."""

from marketplace.access.principal import PUBLIC
from marketplace.changes.bulk_imports import BulkImports
from marketplace.changes.follower import Cursors, Follower, Renewals, RenewedFollower
from marketplace.changes.log import Change, ChangeLog, LogNotFoundError, Provenance
from marketplace.changes.watch import LogWatch

__all__ = [
    "PUBLIC",
    "BulkImports",
    "Change",
    "ChangeLog",
    "Cursors",
    "Follower",
    "LogNotFoundError",
    "LogWatch",
    "Provenance",
    "Renewals",
    "RenewedFollower",
]
