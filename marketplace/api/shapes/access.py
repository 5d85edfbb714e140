"""Shapes of tokens, groups and acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from marketplace.access import Scope
from marketplace.accounts.names import GROUP_PATTERN, OWNER_PATTERN
from marketplace.accounts.tokens import MAX_NOTE, MOST_DAYS, USUAL_DAYS

from .base import Count, Next, Number, RequestBody, SelfLinkShape, Shape, Time, array, one_of, text


class TokenParts(RequestBody):
    """A token to create."""

    owner: Annotated[str, text(pattern=f"^{OWNER_PATTERN}$", **{"not": {"const": "system"}})]
    scopes: Annotated[list[Any], array(one_of(*Scope), minItems=1)]
    days: Annotated[Number, WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_DAYS})] = (
        USUAL_DAYS
    )
    note: Annotated[str, text(maxLength=MAX_NOTE, pattern="^[ -~]*$")] = ""


class GroupName(RequestBody):
    """A group to create."""

    name: Annotated[str, text(pattern=f"^{GROUP_PATTERN}$")]


class TokenShape(Shape):
    """A token, without its secret."""

    name: Annotated[str, text(pattern="^[0-9a-f]{16}$")]
    owner: str
    scopes: Sequence[Scope]
    status: Literal["valid", "expired", "revoked"]
    note: str
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None
    last_used_at: Time | None = Field(description="to the minute, and up to half a minute late")
    links: SelfLinkShape


class NewTokenShape(TokenShape):
    """A new token, with its secret, this once."""

    secret: str


class TokensShape(Shape):
    """Tokens."""

    total: Count
    tokens: Sequence[TokenShape]
    next: Next = None


class GroupShape(Shape):
    """A group."""

    name: str
    created_at: Time
    members: Sequence[str] = Field(description="owners of tokens, by code point")
    links: SelfLinkShape


class GroupsShape(Shape):
    """Groups."""

    total: Count
    groups: Sequence[GroupShape]
    next: Next = None


class ActShape(Shape):
    """An act."""

    number: Count
    at: Time
    actor: str = Field(description="an owner of tokens, `cli:USER` or `system`")
    action: str
    subject: str
    details: Mapping[str, str | int | bool | None]


class AuditShape(Shape):
    """Administrative and private acts, the newest first."""

    records: Sequence[ActShape]
    next: Next = None
