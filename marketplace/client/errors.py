"""What can go wrong between a client and a marketplace: one class per kind, with its exit code.

The exit codes are those of the ``marketplace`` command (docs/cli.md): 1 other,
2 usage, 3 not found, 4 not permitted, 5 verification failed, 6 refused by
policy, 7 network or server, 8 conflict.
"""

from __future__ import annotations

from typing import ClassVar

from validators.coded_error import CodedError


class ClientError(CodedError, code="client"):
    """A request did not bring what was asked for.

    Args:
        message: one sentence for the person at the terminal.
        rule: the code of the rule that the marketplace names, where it names one.
    """

    exit_code: ClassVar[int] = 1

    def __init_subclass__(cls, *, code: str | None = None, exit_code: int | None = None) -> None:
        super().__init_subclass__(code=code)
        if exit_code is not None:
            cls.exit_code = exit_code

    def __init__(self, message: str, rule: str | None = None) -> None:
        super().__init__(message)
        self.rule = rule


class EndpointError(ClientError, code="client.endpoint", exit_code=2):
    """No marketplace is configured, or its address is no http URL."""


class EntryNotFoundError(ClientError, code="client.not-found", exit_code=3):
    """The marketplace has no such entry."""


class AmbiguousError(ClientError, code="client.ambiguous", exit_code=2):
    """Several entries fit where one was asked for."""


class QuestionRefusedError(ClientError, code="client.query-refused", exit_code=2):
    """The marketplace does not understand the question, or does not answer such ones."""


class NotPermittedError(ClientError, code="client.not-permitted", exit_code=4):
    """The marketplace does not let this caller do this."""


class InvalidEntryError(ClientError, code="client.invalid-entry", exit_code=5):
    """The entry, or what the marketplace returned for one, does not pass verification."""


class EntryRefusedError(ClientError, code="client.policy", exit_code=6):
    """The entry is sound, and the marketplace does not take it."""


class TransportError(ClientError, code="client.transport", exit_code=7):
    """The marketplace cannot be reached, or its answer is not usable."""


class NoMarketplaceError(TransportError, code="client.no-marketplace"):
    """Something answers there, and not as a marketplace does."""


class OversizeError(TransportError, code="client.oversize"):
    """The answer is larger than the client takes."""


class EntryConflictError(ClientError, code="client.conflict", exit_code=8):
    """The marketplace has another entry at these coordinates."""
