"""The site's verdict on each image, made of its evidence and kept until something changes it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from marketplace.sites.state import Intervention, InterventionKind, SignedEntry, State
from marketplace.trust_files import TrustStore
from validators import accept
from validators.decision import decide
from validators.document import AcceptedEntry
from validators.errors import RefusedError
from validators.policy import LocalWord, Measured, Policy, Statement, Verdict, judge, statement_of

#: Statements kept in memory as the judge sees them; the oldest unused goes first.
_KEPT: Final = 50_000
#: Digests by which a copy can be named, the strongest first.
_STRONG: Final = ("SHA-512", "SHA-384", "SHA-256")


@dataclass(frozen=True, slots=True)
class SiteVerdict:
    """The verdict on an image, with the digests and the time for which it holds.

    Args:
        digest: ``sha512:HEX``, or the strongest that those who say yes name; empty where nobody says yes.
        digests: all strong ones, in the same form.
        until: wall clock from which on the clock alone makes it another answer; None: never.
    """

    identifier: str
    verdict: Verdict
    digest: str
    digests: tuple[str, ...]
    until: float | None

    @property
    def allowed(self) -> bool:
        """Whether a machine may start it, at the moment it was judged."""
        return self.verdict.allowed

    @property
    def reason(self) -> str:
        """Why not, or by whom, without the answer itself."""
        if self.verdict.allowed:
            return self.verdict.sentence.removeprefix("allowed: ")
        return self.verdict.reasons[0].message

    @property
    def entry(self) -> Statement | None:
        """The statement that decided."""
        return self.verdict.entry


class SiteVerdicts:
    """Judges images by the site's policy. Used by one thread at a time.

    Args:
        wall: seconds since 1970.
    """

    def __init__(self, state: State, trust: TrustStore, policy: Policy, wall: Callable[[], float]) -> None:
        self._state = state
        self._trust = trust
        self.policy = policy
        self._wall = wall
        self._statements: OrderedDict[str, Statement] = OrderedDict()
        self._basis = ""
        self._latest: dict[str, SiteVerdict] = {}
        #: Wall clock from which on some answer is another one.
        self._next_due = float("inf")

    @property
    def latest(self) -> Mapping[str, SiteVerdict]:
        """What was judged last, by identifier."""
        return self._latest

    def judge(self, identifiers: Iterable[str] | None = None) -> list[SiteVerdict]:
        """Judge images again; all of which something is known where none are named.

        Returns:
            those whose answer is another one than before.
        """
        now = self._wall()
        interventions = self._state.interventions.all(now)
        measured = self._measured()
        changed = []
        named = None if identifiers is None else list(identifiers)
        current = self._state.evidence.current(named)
        for identifier in current if named is None else named:
            said = current.get(identifier, [])
            found = self._judge(
                identifier, said, interventions.get(identifier), measured.get(identifier), now
            )
            before = self._latest.get(identifier)
            self._latest[identifier] = found
            if before is None or _answer(before) != _answer(found):
                changed.append(found)
        ends = (one.until for one in self._latest.values() if one.until is not None)
        self._next_due = min(ends, default=float("inf"))
        return changed

    def judge_with(self, identifier: str, measured: Measured) -> SiteVerdict:
        """The verdict on an image of which this was found in its bytes."""
        now = self._wall()
        said = self._state.evidence.current([identifier]).get(identifier, [])
        return self._judge(identifier, said, self._state.interventions.find(identifier, now), measured, now)

    def due(self) -> list[str]:
        """The images whose answer the clock has made another one."""
        now = self._wall()
        if now < self._next_due:
            return []
        return [one.identifier for one in self._latest.values() if one.until is not None and one.until <= now]

    def entry(self, entry_id: str) -> AcceptedEntry:
        """An entry that is kept, proven again.

        Raises:
            KeyError: it is not here.
        """
        data = self._state.evidence.data(entry_id)
        if data is None:
            raise KeyError(entry_id)
        return accept(data)

    def _judge(
        self,
        identifier: str,
        entries: list[SignedEntry],
        intervention: Intervention | None,
        measured: Measured | None,
        now: float,
    ) -> SiteVerdict:
        moment = datetime.fromtimestamp(now, UTC)
        statements = [one for stored in entries if (one := self._read(stored, moment))]
        verdict = judge(
            identifier, statements, self.policy, moment, local=_local(intervention), measured=measured
        )
        digests = tuple(
            f"{name.lower().replace('-', '')}:{value}"
            for name in _STRONG
            for value in sorted({one.value.lower() for one in verdict.checksums if one.algorithm == name})
        )
        until = None if verdict.until is None else verdict.until.timestamp()
        return SiteVerdict(identifier, verdict, digests[0] if digests else "", digests, until)

    def _read(self, stored: SignedEntry, now: datetime) -> Statement | None:
        """A stored entry as the judge sees it; what was proven once is not proven again in this process."""
        basis = self._trust.basis(now)
        if basis != self._basis:
            # What was decided by other anchors or lists is worth nothing any more.
            self._statements.clear()
            self._basis = basis
        known = self._statements.get(stored.entry_id)
        if known is not None:
            self._statements.move_to_end(stored.entry_id)
            return known
        try:
            entry = accept(self._state.evidence.data(stored.entry_id) or b"")
        except RefusedError:
            return None  # the file was altered: what is no entry says nothing
        made = statement_of(entry, decide(entry, self._trust.material, now), groups=stored.groups)
        self._statements[stored.entry_id] = made
        while len(self._statements) > _KEPT:
            self._statements.popitem(last=False)
        return made

    def _measured(self) -> dict[str, Measured]:
        return {
            one.identifier: Measured(one.size, one.virtual_size, one.format)
            for one in self._state.copies.all()
            if one.measured_by is not None
        }


def _answer(one: SiteVerdict) -> tuple[bool, str, str, float | None]:
    return one.allowed, one.digest, one.reason, one.until


def _local(intervention: Intervention | None) -> tuple[LocalWord, ...]:
    if intervention is None or intervention.kind not in (InterventionKind.WITHDRAW, InterventionKind.HOLD):
        return ()
    until = None if intervention.until is None else datetime.fromtimestamp(intervention.until, UTC)
    return (LocalWord(f"{intervention.author}: {intervention.reason}", until),)
