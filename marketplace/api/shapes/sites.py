"""Shapes of receipts, and of the cloud sites that send them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from marketplace.receipts import MOST_RECEIPTS, Finding, ReceiptOutcome

from .base import Count, Digest, Email, Identifier, Next, RequestBody, Shape, Time, Url, array, text


class SentReceipts(RequestBody):
    """Receipts of a cloud site."""

    key: Annotated[str, text(description="of the site: `NAME+hex8+base64`")]
    receipts: Annotated[list[Any], array(text(), minItems=1, maxItems=MOST_RECEIPTS)]


class ReceiptResultShape(Shape):
    """What became of one receipt."""

    outcome: ReceiptOutcome
    code: str | None = Field(description="why it was refused")
    message: str | None


class ReceiptsShape(Shape):
    """What became of the receipts of a request."""

    results: Sequence[ReceiptResultShape] = Field(description="in the order of the receipts")


class CopyShape(Shape):
    """What a cloud site said last of one of its stores, or of a location."""

    site: str
    id: Digest = Field(description="the entry by which the site judged the image")
    email: str = Field(description="of the entry's endorser")
    finding: Finding
    store: str
    kind: str = Field(description="of the store: `directory`, `libvirt` ...")
    location: str | None
    reason: str | None
    at: Time


class PresenceShape(Shape):
    """At how many cloud sites an image is."""

    identifier: Identifier
    sites: Count = Field(description="cloud sites that say that they offer the image")
    copies: Sequence[CopyShape] | None = Field(
        description="what each site said last; null for readers to whom sites are not named"
    )


class RecallLinksShape(Shape):
    """The address of the entry that was withdrawn."""

    entry: Url


class RecallShape(Shape):
    """An image."""

    id: Digest = Field(description="the entry id: the same for all encodings of a signature")
    identifier: Identifier
    email: Email
    created: Time
    title: str | None
    reason: str = Field(description="of the withdrawal; may be empty")
    copies: Sequence[CopyShape]
    links: RecallLinksShape


class RecallsShape(Shape):
    """Images that their endorser withdrew and that cloud sites still have."""

    total: Count
    recalls: Sequence[RecallShape]
    next: Next = None


class SiteKey(RequestBody):
    """The key of a cloud site."""

    key: Annotated[str, text(description="`NAME+hex8+base64`")]


class CloudSiteShape(Shape):
    """A cloud site whose receipts are taken."""

    name: str
    key: str = Field(description="as verifiers are configured with it: `NAME+hex8+base64`")
    bound_at: Time
    bound_by: str = Field(description="an owner of tokens, or `cli:USER`")


class CloudSitesShape(Shape):
    """Cloud sites, by name."""

    total: Count
    sites: Sequence[CloudSiteShape]
    next: Next = None
