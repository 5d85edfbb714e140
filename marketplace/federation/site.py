"""The federation's parts in one process: what runs when this site has keys."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from marketplace.access import PUBLIC
from marketplace.db import Database
from marketplace.federation.digests import DigestService
from marketplace.federation.head import HeadReader
from marketplace.federation.integrator import Integrator
from marketplace.federation.keys import SiteKeys
from marketplace.federation.trees import Trees
from marketplace.federation.witness import Hearers, Witness


class Outward(Protocol):
    """How this site shows itself to its peers."""

    def start(self) -> None:
        """Begin to show new heads."""

    def stop(self) -> None:
        """End; later calls do nothing."""

    def announce(self) -> None:
        """A log has a new head. Cheap, callable from any thread."""

    def verify_history(self) -> None:
        """Halt the logs of which peers saw more than is here; takes seconds at most and raises nothing."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition of publishing at one moment.

    Args:
        halted: why the public log is not published any more; None where it is.
        failures: attempts to publish in a row that failed.
    """

    halted: str | None
    failures: int


@dataclass(frozen=True, slots=True)
class Federation:
    """A site among others. ``start`` once, ``stop`` at the end.

    ``ready`` is set when it is known that the database has what was published
    before: until then nothing is shown. ``heads`` reads the newest head of the public log.
    """

    keys: SiteKeys
    integrator: Integrator
    witness: Witness
    outward: Outward
    ready: threading.Event
    heads: HeadReader
    digests: DigestService = field(default_factory=DigestService)

    def show(self) -> None:
        """Show what another process publishes, as soon as it is known that nothing of it is missing."""
        threading.Thread(target=self.verify_history, name="history", daemon=True).start()

    def verify_history(self) -> None:
        """Halt the logs of which peers saw more than is here; from then on the others are shown."""
        self.outward.verify_history()
        self.ready.set()

    def start(self) -> None:
        """Begin to publish; also again, after ``stop``."""
        self.integrator.start()
        self.outward.start()

    def nudge(self) -> None:
        """Say that a log has grown."""
        self.integrator.nudge()

    def stop(self) -> None:
        """Let what is at work end."""
        self.integrator.stop()
        self.outward.stop()

    def condition(self, session: Session) -> Condition:
        """How publishing stands, of what everybody may know."""
        public = Trees(session).find(PUBLIC)
        return Condition(None if public is None else public.halted, self.integrator.failures)


def open_federation(
    database: Database,
    keys: SiteKeys,
    clock: Callable[[], datetime],
    outward: Outward,
    hearers: Hearers,
) -> Federation:
    """The parts for a site's keys; nothing runs yet.

    Args:
        hearers: who wants to know of other sites' checkpoints.
    """
    ready = threading.Event()

    def verify_history() -> None:
        federation.verify_history()

    integrator = Integrator(
        database, keys, clock, before=verify_history, on_publish=lambda log: outward.announce()
    )
    federation = Federation(
        keys, integrator, Witness(database, keys, clock, hearers), outward, ready, HeadReader(database)
    )
    return federation
