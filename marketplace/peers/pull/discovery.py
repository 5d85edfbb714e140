"""Learns what a peer offers to this site, and begins to follow it."""

from __future__ import annotations

import time
from datetime import datetime

from sqlalchemy.orm import Session

from marketplace.access.principal import PUBLIC, group_log
from marketplace.accounts import GroupService
from marketplace.accounts.names import SYSTEM
from marketplace.changes import ChangeLog
from marketplace.peers.errors import ContactError, MalformedError
from marketplace.peers.model import FollowedLog, Peer, Question
from marketplace.peers.pull.log_pull import PullTools
from marketplace.peers.pull.side_requests import Questions
from marketplace.peers.registry.followed_logs import FollowedLogs
from marketplace.peers.registry.peer_registry import Peers
from marketplace.peers.remote.gossip import HeadGossip, Tell
from marketplace.peers.remote.peer_client import Description, OfferedLog, PeerClient
from marketplace.peers.schedule import poll_pause

#: Logs of one peer that are followed: each costs a group here and a request every few seconds.
MOST_LOGS = 64
#: Seconds between two looks at what a peer offers.
_EVERY = 60.0
#: Seconds after which a head of a log that is not followed makes it look at that.
_HURRY = 5.0
#: Seconds for which a peer that did not take our credentials is asked without them.
_ANONYMOUS = 600.0


class Discovery:
    """What one peer offers, on the peer's thread.

    Args:
        public: the peer's feed, asked without credentials.
        own: the same, with this site's.
        tell: gets each head that the peer saw of somebody else's log.
    """

    def __init__(
        self,
        means: PullTools,
        peer: Peer,
        questions: Questions,
        public: PeerClient,
        own: PeerClient,
        tell: Tell,
    ) -> None:
        self._means = means
        self._peer = peer
        self._questions = questions
        self._public = public
        self._own = own
        self._gossip = HeadGossip(peer.name, tell)
        self._slugs: dict[str, str] = {}
        self._at = 0.0
        self._anonymous_until = 0.0
        #: Whether the peer said who it is.
        self._met = False
        #: What was last remembered of it.
        self._follows: bool | None = None

    def is_due(self) -> bool:
        """Whether the peer should be asked again."""
        return self._is_offer_due() or self._is_gossip_due()

    def hurry(self) -> None:
        """The peer may have something new."""
        self._at = min(self._at, time.monotonic() + _HURRY)

    def slug(self, followed: FollowedLog) -> str:
        """A followed log's part of the peer's URLs."""
        if followed.log == PUBLIC:
            return PUBLIC
        return self._slugs.get(followed.origin) or followed.origin.rpartition("/")[2]

    def step(self, followed: list[FollowedLog]) -> list[FollowedLog]:
        """Ask the peer what it offers, and what it saw of others; the logs that are followed then."""
        if self._is_offer_due():
            followed = self._look(followed)
        if self._is_gossip_due():
            self._questions.ask(Question.WITNESS, lambda: self._gossip.step(self._client()))
            self._note_whom_it_follows()
        return followed

    def _note_whom_it_follows(self) -> None:
        """Remember whether the peer says that it reads this site's log, where it said something new."""
        sites, site = self._gossip.sites, self._means.site
        if sites is None or site is None or (site in sites) == self._follows:
            return
        with self._means.database.write() as session:
            Peers(session).note_follows(self._peer.id, follows=site in sites)
        self._follows = site in sites

    def _is_offer_due(self) -> bool:
        return time.monotonic() >= self._at and not self._questions.is_put_off(Question.DESCRIPTION)

    def _is_gossip_due(self) -> bool:
        return self._met and self._gossip.is_due() and self._questions.may_ask(Question.WITNESS)

    def _look(self, followed: list[FollowedLog]) -> list[FollowedLog]:
        self._at = time.monotonic() + _EVERY
        told = self._questions.ask(Question.DESCRIPTION, self._describe, self._judge)
        if told is None:
            # The logs that are followed tell of it when they are looked at. A peer that comes back
            # does not wait a minute for its other logs and its clock to be known.
            self._at = time.monotonic() + poll_pause()
            return followed
        self._met = True
        return self._follow(followed, *told)

    def _follow(
        self, followed: list[FollowedLog], description: Description, offset: int | None
    ) -> list[FollowedLog]:
        offered = self._of_peer(description)
        self._slugs = {one.origin: one.slug for one in offered}
        known = {one.origin for one in followed}
        new = [one for one in offered if one.origin not in known]
        room = max(0, MOST_LOGS - len(followed))
        with self._means.database.write() as session:
            Peers(session).note_contact(self._peer.id, self._means.clock(), offset)
            for one in new[:room]:
                follow_offered(session, self._peer, one, self._means)
            return FollowedLogs(session).of(self._peer.id) if new else followed

    def _of_peer(self, description: Description) -> list[OfferedLog]:
        return [one for one in description.logs if one.origin.startswith(f"{self._peer.name}/")]

    def _judge(self, answer: tuple[Description, int | None]) -> ContactError | None:
        offered = len(self._of_peer(answer[0]))
        if offered <= MOST_LOGS:
            return None
        return MalformedError(f"it offers {offered} logs, and no more than {MOST_LOGS} are followed")

    def _client(self) -> PeerClient:
        return self._public if time.monotonic() < self._anonymous_until else self._own

    def _describe(self) -> tuple[Description, int | None]:
        """What the peer says of itself, and how far its clock is off: perhaps why it does not know us."""
        feed = self._client()
        try:
            said = feed.description()
        except ContactError as error:
            if error.status not in (401, 403) or feed is self._public:
                raise
            # This site is not known there by its key; what everybody may see, it may see all the same.
            self._anonymous_until = time.monotonic() + _ANONYMOUS
            feed = self._public
            said = feed.description()
        if said.site != self._peer.name:
            raise MalformedError(f"the address is one of {said.site[:80]!r} and not of {self._peer.name!r}")
        return said, feed.clock_offset


def follow_offered(session: Session, peer: Peer, offered: OfferedLog, means: PullTools) -> None:
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
