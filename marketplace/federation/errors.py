"""What keeps a site from publishing, and what a peer can ask for in vain."""

from __future__ import annotations

from validators.coded_error import CodedError


class FederationError(CodedError, code="federation"):
    """Something of the federation cannot be done."""


class KeysError(FederationError, code="federation.keys"):
    """The site's keys are there and cannot be used, or are to be made and cannot."""


class TreeDamagedError(FederationError, code="federation.damaged"):
    """What is stored of a published log is not what was signed: signing on would make it worse."""


class UnknownLogError(FederationError, code="federation.log"):
    """There is no such log, or none that the one who asks may see."""


class UnknownPartError(FederationError, code="federation.part"):
    """The published log has no such part yet."""


class HaltedError(FederationError, code="federation.halted"):
    """The log is not published now, because others saw more of it than this site has."""


class NotInLogError(FederationError, code="federation.entry"):
    """The log has no such entry."""


class NotPublishedError(FederationError, code="federation.pending"):
    """The entry is in the log, and no checkpoint covers it yet."""


class WitnessError(FederationError, code="witness"):
    """A checkpoint is not cosigned."""


class UnknownOriginError(WitnessError, code="witness.origin"):
    """Nobody is known here whose log has that origin."""


class UntrustedError(WitnessError, code="witness.signature"):
    """The checkpoint is not signed by the key that is known for its log."""


class MalformedRequestError(WitnessError, code="witness.format"):
    """The request is malformed."""


class SizeConflictError(WitnessError, code="witness.size"):
    """The log has to start from the size that was cosigned last, or contradicts it.

    Args:
        size: cosigned last.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"the size of the last cosigned head is {size}")


class InconsistentError(WitnessError, code="witness.proof"):
    """The proof does not lead from what was cosigned last to the new checkpoint."""
