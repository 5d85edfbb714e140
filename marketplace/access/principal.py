"""A principal: a name, if known, the logs it may read, and what else its token is good for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

#: The log that everybody reads.
PUBLIC = "public"
_GROUP_LOG = "group:"


class Scope(StrEnum):
    """What a token may be used for."""

    #: See what its owner's groups keep, and everything else on a site that is private as a whole.
    READ = "read"
    #: Upload to its owner's groups.
    UPLOAD = "upload"
    #: Say what a cloud site has and found, in receipts of its own key.
    SITE = "site"
    #: Act as another marketplace.
    PEER = "peer"
    #: Administer the site.
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller and the logs that the caller sees.

    Args:
        name: how the principal is called in logs and pages: the owner of its token; None for anybody.
        logs: names of the logs whose entries it may see.
        scopes: what its token may be used for; nothing without one.
        groups: names of the groups it belongs to, whatever its token may be used for.
        token: public name of the token it showed.
    """

    name: str | None
    logs: frozenset[str]
    scopes: frozenset[Scope] = frozenset()
    groups: frozenset[str] = frozenset()
    token: str | None = None

    def may_upload_to(self, group: str) -> bool:
        """Whether it may put an entry into a group's log."""
        return Scope.UPLOAD in self.scopes and group in self.groups


#: A reader without a token, where reading needs none.
ANONYMOUS = Principal(None, frozenset({PUBLIC}))
#: A reader without a token, where reading needs one.
STRANGER = Principal(None, frozenset())


def group_log(group: str) -> str:
    """The name of a group's log."""
    return _GROUP_LOG + group


def find_group(log: str) -> str | None:
    """The group whose log that is; None for any other log."""
    return log.removeprefix(_GROUP_LOG) if log.startswith(_GROUP_LOG) else None
