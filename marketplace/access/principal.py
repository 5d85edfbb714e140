"""A principal: a name, if known, and the logs it may read."""

from __future__ import annotations

from dataclasses import dataclass

#: The log that everybody reads.
PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Args:
        name: how the principal is called in logs and pages; None for anybody.
        logs: names of the logs whose entries it may see.
    """

    name: str | None
    logs: frozenset[str]


ANONYMOUS = Principal(None, frozenset({PUBLIC}))
