"""Signing in by an OpenID Connect provider: what it says is proved, and becomes a person.

The service is in a module of its own, which is read where the settings name a provider: its libraries
take memory that no other site needs.
"""

from marketplace.oidc.errors import SignInError

__all__ = ["REDIRECT_PATH", "SignInError"]

#: Where a provider sends browsers back to, behind the site's URL: operators register the whole there.
REDIRECT_PATH = "/login/oidc/callback"
