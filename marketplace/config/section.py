"""What every section of the configuration is made from."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Base of every section: frozen, and closed to names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
