"""Shapes of tokens, groups and acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from marketplace.access import Scope
from marketplace.accounts.names import GROUP_PATTERN, OWNER_PATTERN
from marketplace.accounts.tokens import MAX_NOTE, MOST_DAYS, USUAL_DAYS

from .base import Body, Count, Next, Number, SelfLink, Shape, Time, array, one_of, text


class TokenParts(Body):
    """A token to create."""

    owner: Annotated[str, text(pattern=f"^{OWNER_PATTERN}$", **{"not": {"const": "system"}})]
    scopes: Annotated[list[Any], array(one_of(*Scope), minItems=1)]
    days: Annotated[Number, WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_DAYS})] = (
        USUAL_DAYS
    )
    note: Annotated[str, text(maxLength=MAX_NOTE, pattern="^[ -~]*$")] = ""


class GroupName(Body):
    """A group to create."""

    name: Annotated[str, text(pattern=f"^{GROUP_PATTERN}$")]


class Token(Shape):
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
    links: SelfLink


class NewToken(Token):
    """A new token, with its secret, this once."""

    secret: str


class Tokens(Shape):
    """Tokens."""

    total: Count
    tokens: Sequence[Token]
    next: Next = None


class Group(Shape):
    """A group."""

    name: str
    created_at: Time
    members: Sequence[str] = Field(description="owners of tokens, by code point")
    links: SelfLink


class Groups(Shape):
    """Groups."""

    total: Count
    groups: Sequence[Group]
    next: Next = None


class Act(Shape):
    """An act."""

    number: Count
    at: Time
    actor: str = Field(description="an owner of tokens, `cli:USER` or `system`")
    action: str
    subject: str
    details: Mapping[str, str | int | bool | None]


class Audit(Shape):
    """Administrative and private acts, the newest first."""

    records: Sequence[Act]
    next: Next = None
