"""What can go wrong with a peer; the class decides what follows: another attempt, or quarantine."""

from __future__ import annotations

from validators.coded_error import CodedError


class PeerError(CodedError, code="peer"):
    """A fault in the exchange with a peer."""


class ContactError(PeerError, code="peer.contact"):
    """A pull did not get what it asked for: tried again later, after a growing pause.

    Args:
        retry_after: seconds the peer asks to wait, if it does.
        status: of its answer, where there was one.
    """

    def __init__(self, message: str, retry_after: float | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status


class UnreachableError(ContactError, code="peer.unreachable"):
    """The peer cannot be reached, or the connection broke."""


class NoAddressError(UnreachableError, code="peer.dns"):
    """No address is known for the peer's name."""


class NoListenerError(UnreachableError, code="peer.refused"):
    """Nothing takes connections at the peer's address."""


class UnsafeError(UnreachableError, code="peer.tls"):
    """The peer does not prove by TLS that it is at its address, or does not speak it."""


class TooSlowError(ContactError, code="peer.too-slow"):
    """The answer did not come in time."""


class AnswerTooLargeError(ContactError, code="peer.too-large"):
    """The answer is larger than what was asked for can be."""


class UnexpectedAnswerError(ContactError, code="peer.unexpected-answer"):
    """Status, type or encoding of the answer are not the protocol's."""


class NotAtPeerError(UnexpectedAnswerError, code="peer.not-found"):
    """The peer has no such thing, or does not show it to this site."""


class MalformedError(ContactError, code="peer.malformed"):
    """The answer has the right type and cannot be read."""


class WithheldError(ContactError, code="peer.withheld"):
    """The peer signed for rows that it does not hand out."""


class HereError(PeerError, code="peer.failed-here"):
    """This site failed while it processed the peer's answer; the peer is not at fault."""


class PeerNotFoundError(PeerError, code="peer.unknown"):
    """There is no peer of that name."""


class PeerTakenError(PeerError, code="peer.taken"):
    """There is a peer of that name or address already."""


class PeerAddressError(PeerError, code="peer.address"):
    """The address is not a valid address of a peer."""


class PeerDisabledError(PeerError, code="peer.disabled"):
    """The peer is switched off, so nothing is pulled from it."""


class GrantError(PeerError, code="peer.grant"):
    """A log cannot be granted."""


class PeerKeyError(PeerError, code="peer.key"):
    """The keys given for a peer do not fit."""
