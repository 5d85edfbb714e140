"""Settings of webhooks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from marketplace.config.section import Section
from marketplace.config.sections import paths


class WebhookSettings(Section):
    """How programs are told of events."""

    allow_private: Annotated[tuple[str, ...], BeforeValidator(paths)] = Field(
        (),
        description="networks and hosts inside that webhooks may lead to, also without TLS, with commas "
        "between; all others are not asked: loopback, private, link-local and metadata addresses",
    )
    ca_file: Path | None = Field(
        None, description="PEM file of authorities receivers' certificates may be from; empty: the system's"
    )
    timeout: float = Field(15.0, ge=0.1, le=60, description="seconds that one attempt may take in all")
    retry_seconds: float = Field(
        30.0, ge=0.1, le=86_400, description="seconds to the second attempt; doubles up to six hours"
    )
    give_up_hours: float = Field(
        72.0, ge=0.0001, le=720, description="hours after which an event that does not arrive is given up"
    )
    disable_hours: float = Field(
        120.0,
        ge=0.0001,
        le=8760,
        description="hours without one event that arrives after which a webhook is disabled",
    )
    keep_days: float = Field(
        30.0, gt=0, le=365, description="days that finished deliveries stay in the log of deliveries"
    )
