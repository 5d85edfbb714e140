"""What a request can be refused with: status, stable code, and the sentence users see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marketplace.entries.erased import Erased
from validators.document import format_time
from validators.errors import printable


class HttpError(Exception):
    """A request ends with an error response.

    Args:
        status: HTTP status, 400-599.
        code: stable, machine-readable name of the rule, e.g. ``query.limit``.
        reason: one sentence for people; safe text, never a traceback.
        headers: further response headers.
        details: further members of the problem document (RFC 9457, section 3.2).
    """

    def __init__(
        self,
        status: int,
        code: str,
        reason: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.reason = reason
        self.headers = tuple(headers)
        self.details = dict(details or {})
        super().__init__(f"{status} {code}: {reason}")


class BadRequestError(HttpError):
    """400: something in the request is malformed."""

    def __init__(self, code: str, reason: str, **details: Any) -> None:
        super().__init__(400, code, reason, details=details)


class NotFoundError(HttpError):
    """404: nothing here, or nothing this reader may see."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(404, code, reason)


class NotAcceptableError(HttpError):
    """406: Accept excludes every form the resource has."""

    def __init__(self, offered: Sequence[str]) -> None:
        super().__init__(
            406, "accept.none", f"Accept excludes every form of this resource: {', '.join(offered)}"
        )


class TooLargeError(HttpError):
    """413: the body is larger than what is taken there."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            413,
            "body.size",
            f"the body is larger than the {limit} bytes that are taken here",
            details={"limit": limit},
        )


class UnsupportedTypeError(HttpError):
    """415: the body is of a type, or in a coding, that is not taken here.

    Args:
        expected: the types that are taken.
        advice: what to do, after a semicolon.
    """

    def __init__(self, code: str, found: str, expected: str, advice: str = "") -> None:
        told = f"found {printable(found)}, expected {expected}"
        super().__init__(
            415, code, f"{told}; {advice}" if advice else told, headers=[("Accept-Post", expected)]
        )


class DocumentInFormError(UnsupportedTypeError):
    """415: the type of the body says that it is a form, and the body is a document."""

    def __init__(self, expected: str, advice: str = "") -> None:
        super().__init__("body.document", "a document sent as a form", expected, advice)


def store_unavailable() -> HttpError:
    """503 of whatever needs the database while it does not answer."""
    return HttpError(
        503, "store.unavailable", "the database does not answer at the moment", headers=[("Retry-After", "5")]
    )


#: The sentences clients of the original service compare with.
def no_match() -> NotFoundError:
    """404 of a list that holds nothing."""
    return NotFoundError("list.empty", "no metadata matching query found")


def erased_entry(erased: Erased) -> HttpError:
    """410 of an entry that was erased."""
    when = format_time(erased.erased_at)
    return HttpError(410, "entry.erased", f"this entry was erased on {when}: {erased.reason}")


def no_entry() -> NotFoundError:
    """The answer 404 for an entry that does not exist, or that the reader may not see."""
    return NotFoundError("entry.unknown", "metadata entry not found.")
