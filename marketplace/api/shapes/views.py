"""Shapes of views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from marketplace.views.definitions import NAME_PATTERN, OPTIONS

from .base import Count, Next, RequestBody, Shape, Time, Url, text

_OPTIONS = {name: {"type": "string", "description": told} for name, told in OPTIONS.items()}


class ViewParts(RequestBody):
    """What a view is to be; what is left out is empty."""

    title: str = ""
    description: str = ""
    search: Annotated[str, text(description="as the query of `/api/v1/search`: `os=debian&tag=stable`")] = ""
    policy: Annotated[
        Mapping[str, Any] | None,
        WithJsonSchema(
            {"type": "object", "description": "the `[policy]` table of a cloud site (docs/sites.md)"}
        ),
    ] = None
    options: Annotated[
        Mapping[str, Any],
        WithJsonSchema({"type": "object", "additionalProperties": False, "properties": _OPTIONS}),
    ] = {}


class NamedViewParts(ViewParts):
    """A view to make."""

    name: Annotated[str, text(pattern=f"^{NAME_PATTERN}$")]
    secret: bool = False


class ViewLinksShape(Shape):
    """The addresses of a view."""

    self: Url
    documents: Url | None = Field(description="null for a secret one")


class ViewLineShape(Shape):
    """A view."""

    name: str
    title: str
    description: str
    search: str = Field(description="as the query of a search's URL")
    policy: Mapping[str, Any] | None
    options: Mapping[str, str]
    digest: str = Field(description="SHA-256 of what the view is, as copies of it name it")
    group: str | None = Field(description="whose entries it shows too")
    secret: bool
    changed_at: Time | None = Field(description="null for one that is there from the start")
    links: ViewLinksShape


class ViewDialectShape(Shape):
    """A format that a view can be read in."""

    name: str
    documents: Sequence[Url] = Field(description="what clients are configured with")
    left_out: Mapping[str, Count] = Field(description="images by reason")
    unavailable: Mapping[str, str] = Field(
        description="documents that cannot be written now: the reason of each"
    )


class SignedViewListShape(Shape):
    """A HEPiX image list that an endorser signed and somebody uploaded."""

    endorser: str = Field(description="address in the certificate that signed")
    expires: Time = Field(description="its last moment: its own, or that of the certificate")
    sha256: str
    uploaded_at: Time
    served: bool = Field(description="whether `hepix/image.list` is this list now")
    reason: str | None = Field(description="why it is not served; null where it is")


class ViewShape(ViewLineShape):
    """A view, with the images that it shows now."""

    images: Count | None = Field(None, description="null to administrators who do not see its entries")
    updated: Time | None = None
    dialects: Sequence[ViewDialectShape] = ()
    signed_list: SignedViewListShape | None = Field(None, description="null where none was uploaded")


class NewViewShape(ViewLineShape):
    """A new view."""

    url: Url = Field(description="of its documents; shown only once for a secret view")


class ViewsShape(Shape):
    """Views, by name."""

    total: Count
    views: Sequence[ViewLineShape]
    next: Next = None
