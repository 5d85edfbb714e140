"""Settings of what is counted."""

from __future__ import annotations

from pydantic import Field

from marketplace.config.section import Section


class UsageSettings(Section):
    """How often images, endorsers and views are used: sums of days, nothing of who asked."""

    enabled: bool = Field(
        True, description="count verdicts asked, downloads redirected, documents of views read and imports"
    )
    interval: float = Field(
        30.0,
        ge=0.05,
        le=3600,
        description="seconds from one write of what was counted to the next; a killed process loses as much",
    )
    days: int = Field(
        90, ge=31, le=3660, description="days whose sums are kept; those of older ones become sums of months"
    )
    months: int = Field(60, ge=12, le=1200, description="months whose sums are kept")
