"""People whom a sign-in provider vouches for."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.access.principal import Scope


@dataclass(frozen=True, slots=True)
class Person:
    """Who was signed in by a provider.

    Args:
        name: the owner's name here.
        issuer: the provider.
        subject: what the provider itself calls the person; never given to another one.
        scopes: what the session may be used for.
        groups: of this site, by the provider's word, while the session lasts.
    """

    name: str
    issuer: str
    subject: str
    scopes: frozenset[Scope]
    groups: frozenset[str]
