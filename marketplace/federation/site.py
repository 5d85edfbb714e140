"""The federation's parts in one process: what runs when this site has keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from marketplace.db import Database
from marketplace.federation.digests import DigestService
from marketplace.federation.integrator import Integrator
from marketplace.federation.keys import SiteKeys
from marketplace.federation.witness import Hearers, Witness

#: Failed attempts in a row after which publishing counts as failing and not as unlucky.
_FAILING = 3


@dataclass(frozen=True, slots=True)
class Federation:
    """A site among others. ``start`` once, ``stop`` at the end."""

    keys: SiteKeys
    integrator: Integrator
    witness: Witness
    digests: DigestService = field(default_factory=DigestService)

    def start(self) -> None:
        """Begin to publish."""
        self.integrator.start()

    def nudge(self) -> None:
        """Say that a log has grown."""
        self.integrator.nudge()

    def stop(self) -> None:
        """Let what is at work end."""
        self.integrator.stop()

    def faults(self) -> tuple[str, ...]:
        """What keeps this site from publishing, as codes."""
        return ("federation.integrator",) if self.integrator.failures >= _FAILING else ()


def open_federation(
    database: Database,
    keys: SiteKeys | None,
    clock: Callable[[], datetime],
    hearers: Hearers | None = None,
) -> Federation | None:
    """The parts for a site's keys; None where it has none.

    Args:
        hearers: who wants to know of other sites' checkpoints.
    """
    if keys is None:
        return None
    return Federation(keys, Integrator(database, keys, clock), Witness(database, keys, clock, hearers))
