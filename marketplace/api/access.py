"""What the operations about tokens, groups and the audit log share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from pyramid.request import Request
from sqlalchemy.orm import Session

from marketplace.access.permissions import is_permitted
from marketplace.accounts.names import GROUP_PATTERN, OWNER_PATTERN
from marketplace.http.security import principal_of
from marketplace.runtime import Runtime

from .description import Parameter

GROUP = "Tokens, groups and the audit log"

TOKEN_PATTERN = "^[0-9a-f]{16}$"  # noqa: S105  # of names
TOKEN = Parameter(
    "token", "the name of a token", {"type": "string", "pattern": TOKEN_PATTERN}, lambda text: text or ""
)
GROUP_NAME = Parameter(
    "group",
    "the name of a group",
    {"type": "string", "pattern": f"^{GROUP_PATTERN}$"},
    lambda text: text or "",
)
MEMBER = Parameter(
    "member",
    "an owner of tokens, normally by e-mail address",
    {"type": "string", "pattern": f"^{OWNER_PATTERN}$"},
    lambda text: text or "",
)


def actor_of(request: Request) -> str:
    """The name under which the audit log knows who asks; there is one wherever a permission needs a token."""
    name = principal_of(request).name
    if name is None:
        raise AssertionError("unreachable: the permission of the view lets nobody without a name in")
    return name


def administers(request: Request) -> bool:
    """Whether a request's principal may see what belongs to others."""
    return is_permitted("token:create", principal_of(request))


@contextmanager
def writing(request: Request) -> Iterator[Session]:
    """A transaction."""
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.write() as session:
        yield session


@contextmanager
def reading(request: Request) -> Iterator[Session]:
    """A snapshot."""
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.read() as session:
        yield session


def now_of(request: Request) -> datetime:
    """The time."""
    runtime: Runtime = request.registry[Runtime]
    return runtime.now()
