"""What can go wrong between a client and a marketplace: one class and one stable code per kind."""

from __future__ import annotations

from validators.coded_error import CodedError


class ClientError(CodedError, code="client"):
    """A request did not bring what was asked for.

    Args:
        message: one sentence for the person at the terminal.
        rule: the code of the rule that the marketplace names, where it names one.
    """

    def __init__(self, message: str, rule: str | None = None) -> None:
        super().__init__(message)
        self.rule = rule


class EndpointError(ClientError, code="client.endpoint"):
    """No marketplace is configured, or its address is no http URL."""


class EntryNotFoundError(ClientError, code="client.not-found"):
    """The marketplace has no such entry."""


class AmbiguousError(ClientError, code="client.ambiguous"):
    """Several entries fit where one was asked for."""


class QuestionRefusedError(ClientError, code="client.query-refused"):
    """The marketplace does not understand the question, or does not answer such ones."""


class NotPermittedError(ClientError, code="client.not-permitted"):
    """The marketplace does not let this caller do this."""


class InvalidEntryError(ClientError, code="client.invalid-entry"):
    """The entry, or what the marketplace returned for one, does not pass verification."""


class EntryRefusedError(ClientError, code="client.policy"):
    """The entry is sound, and the marketplace does not take it."""


class TransportError(ClientError, code="client.transport"):
    """The marketplace cannot be reached, or its answer is not usable."""


class NoMarketplaceError(TransportError, code="client.no-marketplace"):
    """Something answers there, and not as a marketplace does."""


class OversizeError(TransportError, code="client.oversize"):
    """The answer is larger than the client takes."""


class EntryConflictError(ClientError, code="client.conflict"):
    """The marketplace has another entry at these coordinates."""
