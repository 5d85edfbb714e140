"""Every hostile document of the suite, by class.

Revocation, path length and name constraints are judged by trust: ``tests.attacks.distrust``.
"""

from __future__ import annotations

import functools

from tests.attacks.catalogue import (
    algorithms,
    certs,
    encodings,
    identity,
    keys,
    references,
    sizes,
    statements,
    tampering,
    values,
    wrapping,
)
from tests.attacks.forging import Attack

ATTACKS: list[Attack] = [
    *tampering.ATTACKS,
    *references.ATTACKS,
    *wrapping.ATTACKS,
    *keys.ATTACKS,
    *algorithms.ATTACKS,
    *certs.ATTACKS,
    *identity.ATTACKS,
    *statements.ATTACKS,
    *values.ATTACKS,
    *encodings.ATTACKS,
    *sizes.ATTACKS,
]


@functools.cache
def documents() -> list[tuple[Attack, bytes]]:
    """All of them, made once a process."""
    return [(attack, attack.build()) for attack in ATTACKS]
