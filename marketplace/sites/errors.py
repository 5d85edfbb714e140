"""What can go wrong at a site: one class and one stable code a kind."""

from __future__ import annotations

from validators.coded_error import CodedError


class SiteError(CodedError, code="site"):
    """Something at the site cannot be done; the message names the thing and what to do."""


class SiteConfigurationError(SiteError, code="site.configuration"):
    """The site's configuration cannot be used; ``faults`` has one sentence for each thing to mend."""

    def __init__(self, source: str, faults: list[str]) -> None:
        self.source = source
        self.faults = faults
        super().__init__(f"{source} cannot be used: " + "; ".join(faults))


class StateError(SiteError, code="site.state"):
    """The site's own memory cannot be read or written."""


class StateInUseError(SiteError, code="site.held"):
    """Another process works on the site's state folder."""


class KnowledgeError(SiteError, code="site.knowledge"):
    """A marketplace did not tell what was asked, or what it told is not proven.

    Args:
        retry: seconds it asks to wait, where it does.
    """

    def __init__(self, message: str, retry: float | None = None) -> None:
        super().__init__(message)
        self.retry = retry


class UnprovenError(KnowledgeError, code="site.unproven"):
    """What a marketplace sent for an entry is not that entry."""


class RefusedQuestionError(KnowledgeError, code="site.refused-question"):
    """A marketplace does not understand what a subscription asks for."""


class StoreError(SiteError, code="site.store"):
    """A store did not do what was asked; it is tried again."""


class NameBurntError(StoreError, code="site.name-burnt"):
    """A store can never use the name of an image again; another attempt has another name."""


class ConvertedError(StoreError, code="site.converted"):
    """A store made other bytes of those it fetched; they have to be sent to it instead."""


class StoreFullError(StoreError, code="site.store-full"):
    """A store has no room for the image."""


class FetchError(SiteError, code="site.fetch"):
    """A location did not give the image; the next one is tried.

    Args:
        other_bytes: it gave a whole file, which is another one.
        own_doing: the site itself did not want to ask it.
    """

    def __init__(self, message: str, *, other_bytes: bool = False, own_doing: bool = False) -> None:
        super().__init__(message)
        self.other_bytes = other_bytes
        self.own_doing = own_doing


class ProofFailedError(SiteError, code="site.proof"):
    """The bytes are not what was endorsed, or are not safe: nobody may see them.

    Args:
        sha512: of the bytes, in hex, where it was measured.
    """

    def __init__(self, message: str, *, sha512: str | None = None) -> None:
        super().__init__(message)
        self.sha512 = sha512


class ShutdownError(Exception):
    """The process is told to end: what was begun stays as it is, and the next one goes on from there."""


class CancelledError(SiteError, code="site.cancelled"):
    """The image may not be used any more; its transfer was stopped."""
