"""The trust that is in force: replaced whole, never while somebody judges by it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from marketplace.config import TrustSettings
from marketplace.trust.loading import Fault, Loaded, Sources, load
from validators.material import TrustMaterial, TrustPolicy

log = logging.getLogger(__name__)

#: Seconds until the next attempt after one that failed.
RETRY = 10.0

__all__ = ["Fault", "TrustStore", "open_store"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class TrustStore:
    """Anchors, revocation lists and allow-list of a site. Safe to share between threads.

    Args:
        now: the clock by which lists and anchors are named as out of date.
    """

    def __init__(
        self, sources: Sources, policy: TrustPolicy, *, now: Callable[[], datetime] = _utc_now
    ) -> None:
        self._sources = sources
        self._policy = policy
        self._now = now
        self._reloading = threading.Lock()
        self._basis = ("", 0, "")
        self._loaded = load(sources, policy, None, now())
        self._tell(self._loaded, None)

    @property
    def material(self) -> TrustMaterial:
        """What to judge by; a value that later reloads do not touch."""
        return self._loaded.material

    def basis(self, now: datetime) -> str:
        """What stands for the material at a moment; see ``TrustMaterial.basis``."""
        material, second = self._loaded.material, int(now.timestamp())
        # Asked for at every upload, and only another second can change it.
        if self._basis[:2] != (material.digest, second):
            self._basis = (material.digest, second, material.basis(now))
        return self._basis[2]

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is wrong with the files now."""
        return self._loaded.faults

    def reload(self) -> bool:
        """Read the files again.

        Returns:
            whether verdicts may differ from those before.
        """
        with self._reloading:
            before = self._loaded
            loaded = load(self._sources, self._policy, before, self._now())
            self._loaded = loaded
        self._tell(loaded, before)
        return loaded.material.digest != before.material.digest

    @staticmethod
    def _tell(loaded: Loaded, before: Loaded | None) -> None:
        known = set(before.faults) if before else set()
        for fault in loaded.faults:
            if fault not in known:
                log.error("trust: %s (%s)", fault, fault.code)
        if before is None or loaded.material.digest != before.material.digest:
            held = loaded.material
            log.info(
                "trust: %d anchors, %d revocation lists, %d names allowed",
                len(held.anchors), len(held.lists), len(held.allowed.names),
            )  # fmt: skip


class TrustWatch:
    """Reloads a store from time to time, on a thread of its own, and has what follows from it done.

    Args:
        interval: seconds between two looks at the files.
        after: called at the start and after each look; what it raises is logged, and it is tried again soon.
    """

    def __init__(
        self, store: TrustStore, interval: float, after: Callable[[], object] = lambda: None
    ) -> None:
        self._store = store
        self._interval = interval
        self._after = after
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trust-watch", daemon=True)
        #: Attempts in a row that failed; 0 while it works.
        self.failures = 0

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End; later calls do nothing."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        self._try(self._after)
        while not self._stopping.wait(min(self._interval, RETRY) if self.failures else self._interval):
            self._try(self._look)

    def _look(self) -> None:
        self._store.reload()
        self._after()

    def _try(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception:
            self.failures += 1
            log.exception("trust: the files or the verdicts could not be renewed; what was in force stays so")
        else:
            self.failures = 0


def open_store(settings: TrustSettings) -> TrustStore:
    """The store that the settings describe."""
    sources = Sources(
        anchors=settings.anchors,
        intermediates=settings.intermediates,
        lists=settings.crls,
        allowed=settings.allowlist,
        password_file=settings.password_file,
    )
    policy = TrustPolicy(
        legacy=settings.legacy, stale_crl=settings.stale_crl, missing_crl=settings.missing_crl
    )
    return TrustStore(sources, policy)
