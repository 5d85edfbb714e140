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
