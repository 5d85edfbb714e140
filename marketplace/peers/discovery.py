"""Begins to follow the logs that a peer offers to this site."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC, group_log
from marketplace.accounts import GroupService
from marketplace.accounts.names import SYSTEM
from marketplace.changes import ChangeLog
from marketplace.peers.feed import OfferedLog
from marketplace.peers.followed_logs import FollowedLogs
from marketplace.peers.pull import Means
from marketplace.peers.sites import Peer


def follow_offered(session: Session, peer: Peer, offered: OfferedLog, means: Means) -> None:
    """Begin to follow a log, unless the site's filter leaves its group out; one that is followed stays so."""
    logs = FollowedLogs(session)
    if offered.slug == PUBLIC:
        logs.meet_public(peer, offered.origin)
        return
    group = guest_group(peer.name, offered.slug)
    if means.filter.takes_group(group):
        found_guest_group(session, group, means.clock())
        logs.follow(peer, offered.origin, group_log(group))


def guest_group(site: str, slug: str) -> str:
    """The name of the group here that sees what a peer granted; who belongs to it this site decides."""
    return f"{site}.{slug[:8]}".replace(":", "-")[-63:].lstrip("._-")


def found_guest_group(session: Session, group: str, now: datetime) -> None:
    """Make the group, without members, where it is not there."""
    if group_log(group) not in ChangeLog(session).names():
        GroupService(session).create(group, by=SYSTEM, at=now)
