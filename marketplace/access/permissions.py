"""Who may do what: every permission, and the predicates of which one must hold.

This page is the whole policy. A view names one of these permissions, or the
application does not start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from .principal import Principal, Scope

Predicate = Callable[[Principal], bool]


def anyone(principal: Principal) -> bool:
    """Holds for everybody, also for strangers."""
    return True


def reader(principal: Principal) -> bool:
    """Holds for whoever may see some log: everybody where reading needs no token.

    What exactly is visible is decided per entry.
    """
    return bool(principal.logs)


def uploader(principal: Principal) -> bool:
    """Holds for tokens that may be used for uploading."""
    return Scope.UPLOAD in principal.scopes


def cloud_site(principal: Principal) -> bool:
    """Holds for cloud sites that import images."""
    return Scope.SITE in principal.scopes


def peer(principal: Principal) -> bool:
    """Holds for other marketplaces."""
    return Scope.PEER in principal.scopes


def administrator(principal: Principal) -> bool:
    """Holds for tokens that may be used for administration."""
    return Scope.ADMIN in principal.scopes


def holder(principal: Principal) -> bool:
    """Holds for whoever showed a token, whatever it may be used for."""
    return principal.name is not None


#: Permission -> alternatives.
PERMISSIONS: Mapping[str, tuple[Predicate, ...]] = MappingProxyType(
    {
        # Services show each reader only what it may see.
        "entry:read": (reader,),
        "endorser:read": (reader,),
        "query:run": (reader,),
        # The public log; who may see another one is asked where it is named.
        "log:read": (reader, peer),
        # Cosigning: the signature of a log that is known here is the authority.
        "log:witness": (anyone,),
        # The signature is the authority of an upload to the public log. Where reading needs a token so does
        # uploading: what it is told about conflicts is told by what is there.
        "entry:upload": (reader, uploader),
        "entry:verify": (reader, uploader),
        # The secret in a mail's link is the authority.
        "link:follow": (anyone,),
        # Only what one may upload to a group can be published from it: for anybody else there is nothing.
        "entry:publish": (anyone,),
        # A legal duty of whoever runs the site, in whatever log the entry stands.
        "entry:erase": (administrator,),
        # Pages and answers about the site itself, without any entry.
        "site:read": (reader,),
        # Probes of a private site have no token; what they see is no number of entries.
        "health:read": (anyone,),
        # Figures about this process and the public log; a proxy may keep the route to the inside.
        "metrics:read": (reader, administrator),
        # Signing in, and what everybody may know of themselves.
        "session:open": (anyone,),
        "account:read": (holder,),
        # Tokens and groups: administrators see all, others their own; views ask for more where it matters.
        "token:read": (holder,),
        "token:revoke": (holder,),
        "token:create": (administrator,),
        "group:read": (holder,),
        "group:write": (administrator,),
        "token:make": (holder,),
        # Whoever knows a secret address reads its view; of the others services show each what it may read.
        "view:read": (anyone,),
        # Members make views of their groups, administrators those of the site; views ask for more.
        "view:write": (uploader, administrator),
        # What happened, of what the reader may see.
        "event:read": (reader,),
        # One's own webhooks; administrators see all. Services ask for more by whose events they are told of.
        "webhook:read": (holder,),
        "webhook:write": (holder,),
        "audit:read": (administrator,),
        # Receipts of cloud sites: services take them, and show them, by what the principal may read.
        "receipt:write": (cloud_site,),
        "recall:read": (holder,),
        "cloud-site:read": (administrator,),
        "cloud-site:write": (administrator,),
        # The pages of administration: what the permissions beside this one let administrators do.
        "site:administer": (administrator,),
        # Peers: how the public log travels is as public as the log itself; the rest is the operator's.
        "peer:read": (reader, administrator),
        "peer:write": (administrator,),
    }
)


def is_permitted(permission: str, principal: Principal) -> bool:
    """Whether some alternative of a permission holds for a principal.

    Raises:
        KeyError: there is no such permission.
    """
    return any(predicate(principal) for predicate in PERMISSIONS[permission])
