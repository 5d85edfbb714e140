"""Waits for machines that have to agree, on a computer that may be busy with other tests."""

from __future__ import annotations

from functools import partial

from tests.functional import sites
from tests.waiting import HANGING

#: Seconds that only keep a test from hanging: an election has waits of its own, one after the other.
until = partial(sites.until, seconds=3 * HANGING)
