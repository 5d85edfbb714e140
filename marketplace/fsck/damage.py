"""One thing that is wrong with what is stored."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Damage:
    """A stored fact that does not follow from the stored documents.

    Args:
        code: stable name of the check.
        where: what is damaged: an entry id, a log, a table.
        message: what stands there and what should.
    """

    code: str
    where: str
    message: str
