"""Brings one image into one store: reserve, fill, verify, show. Each step is written down before the next."""

from __future__ import annotations

import logging
from collections.abc import Callable

from marketplace.images import MeasuredImage
from marketplace.receipts import Finding
from marketplace.sites.errors import (
    CancelledError,
    ConvertedError,
    FetchError,
    NameBurntError,
    ProofFailedError,
    SiteError,
    StoreError,
    StoreFullError,
)
from marketplace.sites.events.environment import image_environment
from marketplace.sites.events.outbox import EventOutbox
from marketplace.sites.events.runner import HookRunner
from marketplace.sites.facts import facts_of
from marketplace.sites.fetch.locations import order
from marketplace.sites.filler import (
    DangerError,
    Filler,
    PartWrongError,
    Progress,
    SentInsteadError,
    external_of,
)
from marketplace.sites.image_comparison import find_danger, find_difference
from marketplace.sites.receipts import Receipts, sha512_of
from marketplace.sites.settings import FetchTable
from marketplace.sites.state import Copy, CopyState, State
from marketplace.sites.stores.interface import Store
from marketplace.sites.verdicts import SiteVerdicts
from validators.document import AcceptedEntry
from validators.policy import Measured

log = logging.getLogger(__name__)

#: Seconds until the next attempt after one that failed; then it is given up until something new is said.
PAUSES = (60.0, 600.0, 3600.0, 6 * 3600.0)


#: Names of one image that a store may have used up, and that are passed over in one run.
MOST_BURNT = 20

#: A way to get the bytes of one location into the store.
_Way = Callable[[str, Copy, Store, AcceptedEntry], MeasuredImage]


class Importer:
    """Brings images into stores; threads may share it, each of them for another copy.

    Args:
        find_stop: asked while bytes flow: why an image may not be used any more, or None.
        wall: seconds since 1970.
    """

    def __init__(
        self,
        site: str,
        state: State,
        verdicts: SiteVerdicts,
        fetch: FetchTable,
        outbox: EventOutbox,
        hooks: HookRunner,
        receipts: Receipts,
        find_stop: Callable[[str], str | None],
        wall: Callable[[], float],
        progress: Progress | None = None,
    ) -> None:
        self._site = site
        self._state = state
        self._verdicts = verdicts
        self._fetch = fetch
        self._filler = Filler(fetch, find_stop, progress)
        self._outbox = outbox
        self._hooks = hooks
        self._receipts = receipts
        self._wall = wall

    def run(self, copy: Copy, store: Store) -> Copy:
        """Take a copy as far as it comes, from wherever it stands.

        Returns:
            the copy: available, or failed, or quarantined, with the reason.
        """
        try:
            entry = self._verdicts.entry(copy.entry_id)
            return self._steps(copy, store, entry)
        except SiteError as error:
            return self._give_up(copy, store, error)
        except OSError as error:
            reason = f"store {store.name}: {error.filename or ''}: {(error.strerror or str(error)).lower()}"
            return self._give_up(copy, store, StoreError(reason))

    def _steps(self, copy: Copy, store: Store, entry: AcceptedEntry) -> Copy:
        if copy.state is CopyState.WANTED:
            copy = self._reserve(copy, store, entry)
        if copy.state is CopyState.RESERVED:
            copy = self._move(copy, CopyState.FILLING, "bytes are asked for")
        measured: MeasuredImage | None = None
        if copy.state is CopyState.FILLING:
            measured = self._adopt(copy, store, entry)
            if measured is None:
                copy, measured = self._fill(copy, store, entry)
            copy = self._move(copy, CopyState.FILLED, "all bytes are there")
        if copy.state is CopyState.FILLED:
            copy = self._verify(copy, store, entry, measured or self._filler.measure(copy, store, entry))
        if copy.state is CopyState.VERIFIED:
            copy = self._show(copy, store, entry)
        return copy

    def _reserve(self, copy: Copy, store: Store, entry: AcceptedEntry) -> Copy:
        facts = facts_of(copy, entry, self._state.evidence.groups(copy.entry_id))
        for attempt in range(copy.attempt, copy.attempt + MOST_BURNT):
            try:
                external = store.reserve(facts, attempt)
            except NameBurntError as error:
                log.info("%s", error)
                continue
            reason = f"is {external} in the store"
            return self._move(copy, CopyState.RESERVED, reason, external=external, attempt=attempt)
        raise StoreError(f"store {store.name}: {MOST_BURNT} names of the image cannot be used any more")

    def _anew(self, copy: Copy, store: Store, entry: AcceptedEntry) -> Copy:
        """Begin under another name where the store does not let go of the old one's bytes."""
        store.remove(external_of(copy))
        copy = self._move(
            copy, CopyState.WANTED, "its name in the store is used up", attempt=copy.attempt + 1
        )
        copy = self._reserve(copy, store, entry)
        return self._move(copy, CopyState.FILLING, "bytes are asked for")

    def _adopt(self, copy: Copy, store: Store, entry: AcceptedEntry) -> MeasuredImage | None:
        """What the store has already, where that is the image: nothing has to be fetched then."""
        stored = store.look(external_of(copy))
        if stored is None or stored.size != copy.size or stored.digest != copy.digest:
            return None
        try:
            measured = self._filler.measure(copy, store, entry)
        except ProofFailedError:
            store.drop(external_of(copy))
            return None
        except StoreError:
            return None
        if find_difference(entry, copy, measured) is not None:
            store.drop(external_of(copy))
            return None
        return measured

    def _fill(self, copy: Copy, store: Store, entry: AcceptedEntry) -> tuple[Copy, MeasuredImage]:
        """Ask one location after the other; what each of them did wrong is told together.

        Where the store can fetch by itself, it is let do so from every location before one byte is
        sent through the site.
        """
        wrong: list[SiteError] = []
        locations = order(entry.metadata.locations, self._fetch)
        if not locations:
            raise FetchError("the entry names no http location")
        facts = facts_of(copy, entry)
        ways: list[tuple[str, _Way]] = [
            (url, self._filler.have_fetched) for url in locations if self._filler.may_fetch(store, facts, url)
        ]
        ways += [(url, self._filler.send) for url in locations]
        useless: set[str] = set()
        for url, way in ways:
            if url in useless:
                continue
            try:
                try:
                    return copy, way(url, copy, store, entry)
                except PartWrongError:
                    log.info("%s: the part that was there does not fit: begins anew", url)
                    return copy, way(url, copy, store, entry)
                except NameBurntError as error:
                    log.info("%s", error)
                    copy = self._anew(copy, store, entry)
                    return copy, way(url, copy, store, entry)
            except (SentInsteadError, ConvertedError) as error:
                log.info("%s", error)
            except (FetchError, ProofFailedError) as error:
                if isinstance(error, ProofFailedError):
                    useless.add(url)
                wrong.append(error)
                log.warning("%s: %s", copy.identifier, error)
                self._note_failed(url, error, copy)
        proof = next((one for one in wrong if isinstance(one, ProofFailedError)), None)
        message = "; ".join(map(str, wrong))
        raise ProofFailedError(message) if proof is not None else FetchError(message)

    def _note_failed(self, url: str, error: FetchError | ProofFailedError, copy: Copy) -> None:
        finding, sha512 = Finding.UNREACHABLE, None
        if isinstance(error, ProofFailedError):
            finding, sha512 = Finding.MISMATCH, error.sha512
        elif error.other_bytes:
            finding = Finding.MISMATCH
        with self._state.database.write():
            self._state.history.note(self._wall(), "location failed", str(error), copy.identifier, copy.store)
            own_doing = isinstance(error, FetchError) and error.own_doing
            if not own_doing and not isinstance(error, DangerError):
                reason = str(error).removeprefix(f"{url}: ")
                self._receipts.put(finding, copy, location=url, reason=reason, sha512=sha512)

    def _verify(self, copy: Copy, store: Store, entry: AcceptedEntry, measured: MeasuredImage) -> Copy:
        found = measured.inspection
        wrong = find_difference(entry, copy, measured)
        if wrong is not None:
            store.quarantine(external_of(copy))
            return self._move(copy, CopyState.QUARANTINED, wrong)
        danger = find_danger(entry, measured)
        if danger is not None:
            store.quarantine(external_of(copy))
            return self._move(
                copy, CopyState.QUARANTINED, danger,
                format=found.format or None, virtual_size=found.virtual_size, measured_by="site",
            )  # fmt: skip
        with self._state.database.write():
            return self._verified(copy, store, entry, measured)

    def _verified(self, copy: Copy, store: Store, entry: AcceptedEntry, measured: MeasuredImage) -> Copy:
        found = measured.inspection
        copy = self._move(
            copy, CopyState.VERIFIED, "size, digests, format and safety agree with what is endorsed",
            format=found.format, virtual_size=found.virtual_size, measured_by="site",
        )  # fmt: skip
        environment = image_environment(self._site, copy, entry, None, store.path(external_of(copy)))
        self._outbox.put("AvailablePrefix", copy.digest, environment, self._wall())
        return copy

    def _show(self, copy: Copy, store: Store, entry: AcceptedEntry) -> Copy:
        found = Measured(copy.size, copy.virtual_size, copy.format)
        verdict = self._verdicts.judge_with(copy.identifier, found)
        if not verdict.allowed or copy.digest not in verdict.digests:
            raise CancelledError(verdict.reason)
        environment = image_environment(self._site, copy, entry, verdict, store.path(external_of(copy)))
        veto = self._hooks.ask("AvailablePrefix", environment)
        if veto is not None:
            raise StoreError(f"a hook keeps the image out: {veto}")
        # What is owed of the image up to here is told before users can see it.
        self._hooks.run(digest=copy.digest)
        store.show(external_of(copy))
        with self._state.database.write():
            shown = self._move(copy, CopyState.AVAILABLE, verdict.reason, failures=0, next_at=None)
            self._outbox.put("AvailablePostfix", copy.digest, environment, self._wall())
            self._receipts.put(Finding.AVAILABLE, shown, sha512=sha512_of(shown))
        return shown

    def _give_up(self, copy: Copy, store: Store, error: SiteError) -> Copy:
        """Write down why an attempt failed, and when the next one is due."""
        known = self._state.copies.find(copy.digest, copy.store) or copy
        if known.state in (CopyState.AVAILABLE, CopyState.QUARANTINED):
            return known
        log.warning("%s: %s: %s", known.store, known.identifier, error)
        if isinstance(error, ProofFailedError):
            return self._move(known, CopyState.QUARANTINED, str(error), failures=known.failures + 1)
        if isinstance(error, CancelledError):
            if known.external is not None:
                store.remove(known.external)
            return self._move(known, CopyState.REMOVED, str(error), next_at=None)
        pause = PAUSES[known.failures] if known.failures < len(PAUSES) else None
        next_at = None if pause is None else self._wall() + pause
        if isinstance(error, StoreFullError):
            next_at = self._wall() + PAUSES[1]
        return self._move(known, CopyState.FAILED, str(error), failures=known.failures + 1, next_at=next_at)

    def _move(self, copy: Copy, to: CopyState, reason: str, **changes: object) -> Copy:
        return self._state.copies.move(copy, to, reason, self._wall(), **changes)
