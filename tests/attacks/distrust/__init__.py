"""Entries that acceptance takes, as it must, and that no site may trust.

Acceptance does not look at trust: a marketplace keeps these entries so that it holds the same set as
the others, and says what it thinks of them.
"""

from __future__ import annotations

import functools

from tests.attacks.distrust import issuers, limits, oddities, revoked
from tests.attacks.distrust.forging import Deceit, Distrusted

DISTRUSTED: list[Distrusted] = [*issuers.ATTACKS, *limits.ATTACKS, *revoked.ATTACKS, *oddities.ATTACKS]


@functools.cache
def deceits() -> list[tuple[Distrusted, Deceit]]:
    """All of them, made once a process."""
    return [(attack, attack.make()) for attack in DISTRUSTED]
