"""Settings of replication with other marketplaces."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from marketplace.config.section import Section
from marketplace.config.sections import paths

#: What a condition of ``federation.accept`` can be about.
SUBJECTS = ("endorser", "tag", "trust", "group")


def _conditions(value: tuple[str, ...]) -> tuple[str, ...]:
    for condition in value:
        subject, colon, text = condition.partition(":")
        if subject not in SUBJECTS or not colon or not text.strip():
            raise ValueError(f"{condition!r} must be one of {', '.join(SUBJECTS)}, a colon and a value")
    return value


class FederationSettings(Section):
    """What this site is to others. Whether it takes part at all is whether it has keys or peers."""

    mode: Literal["peer", "pull-only"] = Field(
        "peer", description="pull-only: read from peers and offer them no logs"
    )
    accept: Annotated[tuple[str, ...], BeforeValidator(paths), AfterValidator(_conditions)] = Field(
        (),
        description="entries that this site shows and accepts: endorser:ADDRESS or endorser:@DOMAIN, "
        "tag:TAG, "
        "trust:STANDING, group:NAME, with commas between; an entry must match one of each kind that is "
        "given; empty: all entries. The log still keeps the other entries for the peers",
    )
    workers: int = Field(2, ge=1, le=32, description="processes that verify what comes from peers")
