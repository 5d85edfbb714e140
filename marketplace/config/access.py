"""Settings about who gets in, and how often."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from marketplace.config.section import Section

#: What a site is as a whole: open to all; private: reading needs a token; replica: takes no uploads.
SiteMode = Literal["open", "private", "replica"]


class SessionSettings(Section):
    """People who sign in with a browser."""

    lifetime: int = Field(43_200, ge=60, le=31_536_000, description="seconds after which a session ends")


class LimitSettings(Section):
    """How often somebody may ask; 0 sets no limit."""

    counted: Literal["auto", "alone", "together"] = Field(
        "auto",
        description="together: processes with one database tell each other what was used, within a second; "
        "alone: each counts for itself; auto: together where role is web",
    )
    address: int = Field(
        0, ge=0, le=10_000_000, description="requests a minute from one address (IPv6: one /64 network)"
    )
    uploads: int = Field(
        600, ge=0, le=10_000_000, description="uploads and checks of uploads a minute from one address"
    )
    queries: int = Field(300, ge=0, le=10_000_000, description="SPARQL queries a minute from one address")
    token: int = Field(6000, ge=0, le=10_000_000, description="requests a minute with one token")
    endorser: int = Field(600, ge=0, le=10_000_000, description="uploads a minute with one certificate")
    failures: int = Field(300, ge=0, le=10_000_000, description="wrong credentials a minute from one address")
