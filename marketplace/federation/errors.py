"""What keeps a site from publishing, and what a peer can ask for in vain."""

from __future__ import annotations

from typing import ClassVar


class FederationError(Exception):
    """Something of the federation cannot be done."""

    code: ClassVar[str] = "federation"


class KeysError(FederationError):
    """The site's keys are there and cannot be used, or are to be made and cannot."""

    code = "federation.keys"


class TreeDamagedError(FederationError):
    """What is stored of a published log is not what was signed: signing on would make it worse."""

    code = "federation.damaged"


class UnknownLogError(FederationError):
    """There is no such log, or none that the one who asks may see."""

    code = "federation.log"


class UnknownPartError(FederationError):
    """The published log has no such part yet."""

    code = "federation.part"


class HaltedError(FederationError):
    """The log is not published now, because others saw more of it than this site has."""

    code = "federation.halted"


class NotInLogError(FederationError):
    """The log has no such entry."""

    code = "federation.entry"


class NotPublishedError(FederationError):
    """The entry is in the log, and no checkpoint covers it yet."""

    code = "federation.pending"


class WitnessError(FederationError):
    """A checkpoint is not cosigned."""

    code = "witness"


class UnknownOriginError(WitnessError):
    """Nobody is known here whose log has that origin."""

    code = "witness.origin"


class UntrustedError(WitnessError):
    """The checkpoint is not signed by the key that is known for its log."""

    code = "witness.signature"


class MalformedRequestError(WitnessError):
    """The request is malformed."""

    code = "witness.format"


class SizeConflictError(WitnessError):
    """The log has to start from the size that was cosigned last, or contradicts it.

    Args:
        size: cosigned last.
    """

    code = "witness.size"

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"the size of the last cosigned head is {size}")


class InconsistentError(WitnessError):
    """The proof does not lead from what was cosigned last to the new checkpoint."""

    code = "witness.proof"
