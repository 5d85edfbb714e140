"""Claims in, a person out: the name somebody has here, and the groups the site maps theirs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marketplace.access import Scope
from marketplace.accounts.errors import InvalidValueError
from marketplace.accounts.names import parse_owner
from marketplace.accounts.people import Person
from marketplace.config.oidc import OidcSettings
from marketplace.oidc.errors import NotAdmittedError, PersonNameError

#: Values of the claim that are looked at; no map of a site has as many.
MOST_VALUES = 10_000


def missing_claims(claims: Mapping[str, Any], settings: OidcSettings) -> bool:
    """Whether a claim that is needed may be told elsewhere: the ID token has not all of them."""
    return any(_find(claims, name) is None for name in (settings.name_claim, settings.groups_claim))


def read_person(claims: Mapping[str, Any], settings: OidcSettings) -> Person:
    """The person whom proven claims are about.

    Raises:
        PersonNameError: the claims hold no name that a person can have here, or one that is not verified.
        NotAdmittedError: the person may not sign in here.
    """
    name = _name(claims, settings)
    values = _values(claims, settings.groups_claim)
    if settings.admit and not values.intersection(settings.admit):
        raise NotAdmittedError(
            f"you are signed in at {settings.display_title} as {name}, but only members of certain groups "
            "may sign in here: ask the operator of this site"
        )
    mapped = settings.group_of()
    scopes = {Scope.READ, Scope.UPLOAD}
    if values.intersection(settings.administrators):
        scopes.add(Scope.ADMIN)
    return Person(
        name,
        settings.issuer,
        str(claims["sub"]),
        frozenset(scopes),
        frozenset(mapped[value] for value in values if value in mapped),
    )


def _name(claims: Mapping[str, Any], settings: OidcSettings) -> str:
    found = _find(claims, settings.name_claim)
    if not isinstance(found, str):
        raise PersonNameError(
            f"{settings.display_title} does not tell your {settings.name_claim}, which is your user name "
            "here: ask the operator of this site to check oidc.scopes and oidc.name_claim"
        )
    try:
        name = parse_owner(found)
    except InvalidValueError as error:
        raise PersonNameError(f"your {settings.name_claim} is not a valid user name here: {error}") from None
    # Whoever could choose an address without proving it could choose somebody else's.
    bare = settings.name_claim == "email" and claims.get("email_verified") is not True
    if bare and settings.unverified_email == "refuse":
        raise PersonNameError(
            f"{settings.display_title} does not say that it has verified the address {name}: have it "
            "verified there and sign in again"
        )
    return name


def _values(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    found = _find(claims, name)
    listed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return frozenset(one for one in listed[:MOST_VALUES] if isinstance(one, str))


def _find(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by the way to it: ``realm_access.roles``."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
