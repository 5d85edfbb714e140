"""What can go wrong between a client and a marketplace: one class per kind, with its exit code.

The exit codes are those of the ``marketplace`` command (docs/cli.md): 1 other,
2 usage, 3 not found, 4 not permitted, 5 verification failed, 6 refused by
policy, 7 network or server, 8 conflict.
"""

from __future__ import annotations

from typing import ClassVar


class ClientError(Exception):
    """A request did not bring what was asked for.

    Args:
        message: one sentence for the person at the terminal.
        rule: the code of the rule that the marketplace names, where it names one.
    """

    code: ClassVar[str] = "client"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, rule: str | None = None) -> None:
        super().__init__(message)
        self.rule = rule


class EndpointError(ClientError):
    """No marketplace is configured, or its address is no http URL."""

    code = "client.endpoint"
    exit_code = 2


class EntryNotFoundError(ClientError):
    """The marketplace has no such entry."""

    code = "client.not-found"
    exit_code = 3


class AmbiguousError(ClientError):
    """Several entries fit where one was asked for."""

    code = "client.ambiguous"
    exit_code = 2


class QuestionRefusedError(ClientError):
    """The marketplace does not understand the question, or does not answer such ones."""

    code = "client.query-refused"
    exit_code = 2


class NotPermittedError(ClientError):
    """The marketplace does not let this caller do this."""

    code = "client.not-permitted"
    exit_code = 4


class InvalidEntryError(ClientError):
    """The entry, or what the marketplace returned for one, does not pass verification."""

    code = "client.invalid-entry"
    exit_code = 5


class EntryRefusedError(ClientError):
    """The entry is sound, and the marketplace does not take it."""

    code = "client.policy"
    exit_code = 6


class TransportError(ClientError):
    """The marketplace cannot be reached, or its answer is not usable."""

    code = "client.transport"
    exit_code = 7


class NoMarketplaceError(TransportError):
    """Something answers there, and not as a marketplace does."""

    code = "client.no-marketplace"


class OversizeError(TransportError):
    """The answer is larger than the client takes."""

    code = "client.oversize"


class EntryConflictError(ClientError):
    """The marketplace has another entry at these coordinates."""

    code = "client.conflict"
    exit_code = 8
