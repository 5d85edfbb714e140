"""What can go wrong at a site: one class a kind, with a stable code and the exit code of the command."""

from __future__ import annotations

from typing import ClassVar


class SiteError(Exception):
    """Something at the site cannot be done; the message names the thing and what to do."""

    code: ClassVar[str] = "site"
    exit_code: ClassVar[int] = 1


class SiteConfigurationError(SiteError):
    """The site's configuration cannot be used; ``faults`` has one sentence for each thing to mend."""

    code = "site.configuration"
    exit_code = 2

    def __init__(self, source: str, faults: list[str]) -> None:
        self.source = source
        self.faults = faults
        super().__init__(f"{source} cannot be used: " + "; ".join(faults))


class StateError(SiteError):
    """The site's own memory cannot be read or written."""

    code = "site.state"


class HeldError(SiteError):
    """Another process works on the site's state folder."""

    code = "site.held"
    exit_code = 8


class UnknownImageError(SiteError):
    """The site knows no such image."""

    code = "site.unknown-image"
    exit_code = 3


class KnowledgeError(SiteError):
    """A marketplace did not tell what was asked, or what it told is not proven.

    Args:
        retry: seconds it asks to wait, where it does.
    """

    code = "site.knowledge"
    exit_code = 7

    def __init__(self, message: str, retry: float | None = None) -> None:
        super().__init__(message)
        self.retry = retry


class UnprovenError(KnowledgeError):
    """What a marketplace sent for an entry is not that entry."""

    code = "site.unproven"
    exit_code = 5


class RefusedQuestionError(KnowledgeError):
    """A marketplace does not understand what a subscription asks for."""

    code = "site.refused-question"
    exit_code = 2


class StoreError(SiteError):
    """A store did not do what was asked; it is tried again."""

    code = "site.store"
    exit_code = 7


class NameBurntError(StoreError):
    """A store can never use the name of an image again; another attempt has another name."""

    code = "site.name-burnt"


class ConvertedError(StoreError):
    """A store made other bytes of those it fetched; they have to be sent to it instead."""

    code = "site.converted"


class StoreFullError(StoreError):
    """A store has no room for the image."""

    code = "site.store-full"


class FetchError(SiteError):
    """A location did not give the image; the next one is tried.

    Args:
        other_bytes: it gave a whole file, which is another one.
        own_doing: the site itself did not want to ask it.
    """

    code = "site.fetch"
    exit_code = 7

    def __init__(self, message: str, *, other_bytes: bool = False, own_doing: bool = False) -> None:
        super().__init__(message)
        self.other_bytes = other_bytes
        self.own_doing = own_doing


class ProofFailedError(SiteError):
    """The bytes are not what was endorsed, or are not safe: nobody may see them.

    Args:
        sha512: of the bytes, in hex, where it was measured.
    """

    code = "site.proof"
    exit_code = 5

    def __init__(self, message: str, *, sha512: str | None = None) -> None:
        super().__init__(message)
        self.sha512 = sha512


class ShutdownError(Exception):
    """The process is told to end: what was begun stays as it is, and the next one goes on from there."""


class CancelledError(SiteError):
    """The image may not be used any more; its transfer was stopped."""

    code = "site.cancelled"
    exit_code = 6
