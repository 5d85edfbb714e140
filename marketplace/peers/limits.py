"""What a peer may cost this site: every bound of a pull, with its unit."""

from __future__ import annotations

from dataclasses import dataclass

KIB, MIB = 1024, 1024 * 1024

#: Rows of a page, which one transaction takes in, where they come one by one.
PAGE_ROWS = 256
#: The same where they come in bundles: as many as are on their way at the same time.
BOOTSTRAP_ROWS = 1024
#: Bytes of bodies in one page; a single one has at most 1 MiB.
PAGE_BYTES = 8 * MIB
#: Rows of one peer that are missing, and as many that were passed over: some hundred bytes each.
MOST_LEFT_OUT = 50_000


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Limits for one request to a peer.

    Args:
        connect_seconds: until the connection stands.
        read_seconds: between two pieces of an answer.
        total_seconds: for everything, from the connection to the last byte.
        header_bytes: of the answer's header fields together.
        answer_bytes: of a body, as sent and also when unpacked, unless a call says less.
    """

    connect_seconds: float = 5.0
    read_seconds: float = 10.0
    total_seconds: float = 60.0
    header_bytes: int = 16 * KIB
    answer_bytes: int = 4 * MIB
