"""The log of accepted entries: append, page, follow."""

from marketplace.access.principal import PUBLIC
from marketplace.changes.follower import Cursors, Follower, RenewedFollower
from marketplace.changes.log import Change, ChangeLog, LogNotFoundError, Provenance
from marketplace.changes.precedence import Precedence
from marketplace.changes.watch import LogWatch

__all__ = [
    "PUBLIC",
    "Change",
    "ChangeLog",
    "Cursors",
    "Follower",
    "LogNotFoundError",
    "LogWatch",
    "Precedence",
    "Provenance",
    "RenewedFollower",
]
