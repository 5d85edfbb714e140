"""Who may do what: every permission, and the predicates of which one must hold.

This page is the whole policy. A view names one of these permissions, or the
application does not start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from .principal import Principal

Predicate = Callable[[Principal], bool]


def anyone(principal: Principal) -> bool:
    """Holds for every reader, also an anonymous one: what is visible is decided per entry."""
    return True


#: Permission -> alternatives.
PERMISSIONS: Mapping[str, tuple[Predicate, ...]] = MappingProxyType(
    {
        # Reading needs no account; services show each principal only what it may see.
        "entry:read": (anyone,),
        "endorser:read": (anyone,),
        "query:run": (anyone,),
        # The public log only: who may see another one is not asked here.
        "log:read": (anyone,),
        # The signature is the authority of an upload, so no account is needed either.
        "entry:upload": (anyone,),
        "entry:verify": (anyone,),
        # Pages and answers about the site itself, without any entry.
        "site:read": (anyone,),
        "health:read": (anyone,),
        # Figures about this process and the public log; a proxy may keep the route to the inside.
        "metrics:read": (anyone,),
    }
)


def is_permitted(permission: str, principal: Principal) -> bool:
    """Whether some alternative of a permission holds for a principal.

    Raises:
        KeyError: there is no such permission.
    """
    return any(predicate(principal) for predicate in PERMISSIONS[permission])
