"""The trust that is in force: replaced whole, never while somebody judges by it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from marketplace.trust_files.loading import LoadedTrust, Sources, TrustFileFault, load
from validators.links import MaterialError
from validators.material import TrustMaterial, TrustPolicy
from validators.revocation import RevocationList

log = logging.getLogger(__name__)


class ListMemory(Protocol):
    """Keeps revocation lists that were in force over a restart; every method raises MaterialError."""

    def recall(self) -> dict[Path, list[RevocationList]]:
        """Every remembered list, by the file that it came from."""

    def paths(self) -> set[Path]:
        """The files of the remembered lists."""

    def remember(self, lists: Mapping[Path, Sequence[RevocationList]], dropped: Collection[Path]) -> None:
        """Remember what these files hold now; the lists of ``dropped`` no longer count."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class TrustStore:
    """Anchors, revocation lists and allow-list of a site. Safe to share between threads.

    Args:
        now: the clock by which lists and anchors are named as out of date.
        memory: keeps revocation lists over a restart; None where nothing is to be remembered.
    """

    def __init__(
        self,
        sources: Sources,
        policy: TrustPolicy,
        *,
        now: Callable[[], datetime] = _utc_now,
        memory: ListMemory | None = None,
    ) -> None:
        self._sources = sources
        self._policy = policy
        #: Stands for where the files are and how they are judged by: what only a restart changes.
        self.settings = sha256(repr((sources, policy)).encode()).hexdigest()
        self._now = now
        self._reloading = threading.Lock()
        self._basis = ("", 0, "")
        self._memory = memory
        #: What the memory is known to hold; None until it was asked.
        self._remembered: set[Path] | None = None
        self._loaded = self._load(LoadedTrust(TrustMaterial(policy=policy)))
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
    def faults(self) -> tuple[TrustFileFault, ...]:
        """What is wrong with the files now."""
        return self._loaded.faults

    def reload(self) -> bool:
        """Read the files again.

        Returns:
            whether verdicts may differ from those before.
        """
        with self._reloading:
            before = self._loaded
            loaded = self._load(before)
            self._loaded = loaded
        self._tell(loaded, before)
        return loaded.material.digest != before.material.digest

    def _load(self, before: LoadedTrust) -> LoadedTrust:
        """Read the files, with what is remembered of those that are gone."""
        if self._memory is None:
            return load(self._sources, self._policy, before, self._now())
        try:
            before = self._recalled(before, self._memory)
            loaded = load(self._sources, self._policy, before, self._now())
            dropped = before.lists.keys() - loaded.lists.keys()
            if dropped or loaded.lists != before.lists or self._remembered != set(loaded.lists):
                self._memory.remember(loaded.lists, dropped)
                self._remembered = set(loaded.lists)
        except MaterialError as error:
            return self._forgetful(before, error)
        return loaded

    def _recalled(self, before: LoadedTrust, memory: ListMemory) -> LoadedTrust:
        if self._remembered is None:
            recalled = memory.recall()
            self._remembered = set(recalled)
            return replace(before, lists={**recalled, **before.lists})
        # An operator made the site forget these; what could not be remembered was not forgotten.
        forgotten = self._remembered - memory.paths()
        self._remembered -= forgotten
        kept = {path: one for path, one in before.lists.items() if path not in forgotten}
        return replace(before, lists=kept)

    def _forgetful(self, before: LoadedTrust, error: MaterialError) -> LoadedTrust:
        """What the files say where nobody knows what they said before: silence is no innocence then."""
        loaded = load(self._sources, self._policy, before, self._now())
        faults = (*loaded.faults, TrustFileFault("trust.memory", "database", str(error)))
        if self._remembered is not None:
            return replace(loaded, faults=faults)
        gaps = (*loaded.material.gaps, "what was remembered")
        return replace(loaded, faults=faults, material=replace(loaded.material, gaps=gaps))

    @staticmethod
    def _tell(loaded: LoadedTrust, before: LoadedTrust | None) -> None:
        known = set(before.faults) if before else set()
        for fault in loaded.faults:
            if fault not in known:
                log.error("trust: %s (%s)", fault.for_operators(), fault.code)
        if before is None or loaded.material.digest != before.material.digest:
            held = loaded.material
            log.info(
                "trust: anchors: %d, revocation lists: %d, allowed names: %d",
                len(held.anchors), len(held.lists), held.allowed.size,
            )  # fmt: skip
