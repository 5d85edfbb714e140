"""Shapes of requests about entries, and of what was done with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import Field

from .base import IDENTIFIER_PATTERN, RequestBody, Shape, array, text

#: Images that one request can name.
MOST_IDENTIFIERS: Final = 1000


class WantedImages(RequestBody):
    """Images whose entries are wanted."""

    identifiers: Annotated[list[Any], array(text(pattern=IDENTIFIER_PATTERN), maxItems=MOST_IDENTIFIERS)]


class ErasureReason(RequestBody):
    """Why an entry is erased."""

    reason: str = Field(description="shown to everybody who requests the entry")


class ErasedShape(Shape):
    """An entry that was erased."""

    erased: Sequence[str] = Field(description="ids of the entries")
