"""What can go wrong with a peer; the class decides what follows: another attempt, or quarantine."""

from __future__ import annotations

from typing import ClassVar


class PeerError(Exception):
    """A fault in the exchange with a peer."""

    #: Stable, machine-readable name of the reason.
    code: ClassVar[str] = "peer"

    @property
    def message(self) -> str:
        """One sentence for the operator."""
        return str(self)


class ContactError(PeerError):
    """A pull did not get what it asked for: tried again later, after a growing pause.

    Args:
        retry_after: seconds the peer asks to wait, if it does.
        status: of its answer, where there was one.
    """

    code = "peer.contact"

    def __init__(self, message: str, retry_after: float | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status


class UnreachableError(ContactError):
    """The peer cannot be reached, or the connection broke."""

    code = "peer.unreachable"


class NoAddressError(UnreachableError):
    """No address is known for the peer's name."""

    code = "peer.dns"


class NoListenerError(UnreachableError):
    """Nothing takes connections at the peer's address."""

    code = "peer.refused"


class UnsafeError(UnreachableError):
    """The peer does not prove by TLS that it is at its address, or does not speak it."""

    code = "peer.tls"


class TooSlowError(ContactError):
    """The answer did not come in time."""

    code = "peer.too-slow"


class AnswerTooLargeError(ContactError):
    """The answer is larger than what was asked for can be."""

    code = "peer.too-large"


class UnexpectedAnswerError(ContactError):
    """Status, type or encoding of the answer are not the protocol's."""

    code = "peer.unexpected-answer"


class NotAtPeerError(UnexpectedAnswerError):
    """The peer has no such thing, or does not show it to this site."""

    code = "peer.not-found"


class MalformedError(ContactError):
    """The answer has the right type and cannot be read."""

    code = "peer.malformed"


class WithheldError(ContactError):
    """The peer signed for rows that it does not hand out."""

    code = "peer.withheld"


class HereError(PeerError):
    """This site failed while it processed the peer's answer; the peer is not at fault."""

    code = "peer.failed-here"


class PeerNotFoundError(PeerError):
    """There is no peer of that name."""

    code = "peer.unknown"


class PeerTakenError(PeerError):
    """There is a peer of that name or address already."""

    code = "peer.taken"


class PeerAddressError(PeerError):
    """The address is not a valid address of a peer."""

    code = "peer.address"


class PeerDisabledError(PeerError):
    """The peer is switched off, so nothing is pulled from it."""

    code = "peer.disabled"


class GrantError(PeerError):
    """A log cannot be granted."""

    code = "peer.grant"


class PeerKeyError(PeerError):
    """The keys given for a peer do not fit."""

    code = "peer.key"
