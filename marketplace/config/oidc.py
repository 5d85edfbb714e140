"""Settings of signing in by OpenID Connect."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from marketplace.config.section import Section
from marketplace.config.sections import paths

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def is_safe_url(url: str) -> bool:
    """Whether what is sent there travels safely: https, or http that does not leave this machine."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError where it is no number
    except ValueError:
        return False
    if not re.fullmatch(r"[!-~]{1,2000}", url) or not parts.hostname or "@" in parts.netloc or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _issuer(value: str) -> str:
    if value and (not is_safe_url(value) or "?" in value):
        raise ValueError("must be an https URL without a query, exactly as the provider writes it")
    return value


def _scopes(value: str) -> str:
    if "openid" not in value.split():
        raise ValueError("must contain openid, with spaces between the scopes")
    return " ".join(value.split())


def _pairs(value: tuple[str, ...]) -> tuple[str, ...]:
    for pair in value:
        claimed, equals, group = pair.rpartition("=")
        if not equals or not claimed.strip() or not group.strip():
            raise ValueError(f"{pair!r} must be VALUE=GROUP: a value of the claim, and a group of this site")
    return value


Values = Annotated[tuple[str, ...], BeforeValidator(paths)]


class OidcSettings(Section):
    """Signing in by an OpenID Connect provider, beside tokens."""

    issuer: Annotated[str, AfterValidator(_issuer)] = Field(
        "",
        description="issuer URL of the sign-in provider, exactly as the provider writes it; empty: people "
        "sign in with tokens only",
    )
    client_id: str = Field("", max_length=500, description="client id of this site at the provider")
    client_secret: SecretStr = Field(
        SecretStr(""),
        description="client secret of this site at the provider; better in oidc.client_secret_file",
    )
    client_secret_file: Path | None = Field(
        None, description="file whose first line is the client secret; read again for each sign-in"
    )
    title: str = Field(
        "", max_length=80, description="name of the provider on the sign-in button; empty: the issuer's host"
    )
    scopes: Annotated[str, AfterValidator(_scopes)] = Field(
        "openid email profile", description="scopes that this site requests, with spaces between them"
    )
    name_claim: str = Field(
        "email",
        min_length=1,
        description="claim with the person's user name here: the owner of tokens and member of groups",
    )
    unverified_email: Annotated[str, Field(pattern="^(refuse|accept)$")] = Field(
        "refuse",
        description="accept: also accept addresses that the provider has not verified",
    )
    groups_claim: str = Field(
        "groups",
        min_length=1,
        description="claim with the person's groups at the provider; a dot names a claim inside another",
    )
    groups: Annotated[Values, AfterValidator(_pairs)] = Field(
        (),
        description="VALUE=GROUP, with commas between: a person with this value in the claim is a member "
        "of this group during the session",
    )
    admit: Values = Field(
        (),
        description="a person needs one of these values in the claim to sign in; empty: everybody may sign "
        "in",
    )
    administrators: Values = Field(
        (),
        description="a person with one of these values in the claim is an administrator during the session",
    )
    timeout: float = Field(5.0, ge=0.1, le=30, description="seconds to wait for each answer of the provider")

    @property
    def display_title(self) -> str:
        """What people know the provider by."""
        return self.title or urlsplit(self.issuer).netloc

    def group_of(self) -> dict[str, str]:
        """Groups of this site by the values of the claim, several values may lead to one group."""
        pairs = (pair.rpartition("=") for pair in self.groups)
        return {claimed.strip(): group.strip() for claimed, _, group in pairs}

    @model_validator(mode="after")
    def _fits_together(self) -> OidcSettings:
        if self.issuer and not self.client_id:
            raise ValueError("oidc.issuer needs oidc.client_id")
        if self.client_secret.get_secret_value() and self.client_secret_file is not None:
            raise ValueError("give either oidc.client_secret or oidc.client_secret_file")
        return self
