"""Judging images by the entries that a reader sees and the trust of this site."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cachetools import LRUCache

from marketplace.entries import EntryRow, VisibleEntries
from marketplace.entries.current_statements import CurrentStatement, Listed
from marketplace.ingest.site_filter import SiteFilter
from marketplace.judging.listed import to_statement
from marketplace.judging.memory import AnswerMemory
from marketplace.trust import TrustService
from validators import accept
from validators.decision import RuleOutcome
from validators.document import Coordinates, Endorser
from validators.identifier import is_identifier
from validators.material import TrustMaterial
from validators.policy import (
    MARKETPLACE,
    Asked,
    ChecksumPattern,
    Code,
    Policy,
    Statement,
    Verdict,
    judge,
    statement_of,
)
from validators.policy.weighing import moments_of

#: Statements remembered with the site's decision about each, and how long at most.
KEPT = 4096
_KEPT_FOR = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class _Known:
    statement: Statement
    material: TrustMaterial
    begins: datetime
    ends: datetime


class ImageJudge:
    """Judges images. Safe to share between threads.

    Args:
        site_filter: the site's filter, which tells why something is not shown.
    """

    def __init__(self, trust: TrustService, site_filter: SiteFilter) -> None:
        self._trust = trust
        self._site_filter = site_filter
        self._known: LRUCache[Hashable, _Known] = LRUCache(KEPT)
        self._generation = 0
        self._lock = threading.Lock()
        #: Answers of views.
        self.answers = AnswerMemory()

    def forget(self) -> None:
        """Something changed that verdicts are made of; what was erased must not stay in memory either."""
        with self._lock:
            self._generation += 1
            self._known.clear()
        self.answers.forget()

    def judge(
        self,
        visible: VisibleEntries,
        identifier: str,
        now: datetime,
        *,
        asked: Coordinates | None = None,
        checksum: ChecksumPattern | None = None,
        policy: Policy = MARKETPLACE,
    ) -> Verdict | None:
        """The verdict on an image; None where nobody here says anything about it.

        Args:
            asked: of the visible entry that the question is about, superseded or not.
            checksum: of the file that it is about.
        """
        said = visible.statements_about(identifier) if is_identifier(identifier) else ()
        statements = [
            one for told in said if (one := _without_traces(self._statement(told, now))) is not None
        ]
        if not statements:
            return None
        superseded = None if asked is None else _superseded(asked, said)
        return judge(
            identifier,
            statements,
            policy,
            now,
            asked=superseded,
            checksum=checksum,
        )

    def judge_listed(
        self, visible: VisibleEntries, rows: Iterable[EntryRow], now: datetime
    ) -> Mapping[str, Verdict]:
        """The verdicts on the images of a list, by the stored verdicts on certificates.

        Args:
            rows: of the list, also superseded ones.
        """
        shown = list(rows)
        images = {row.identifier for row in shown}
        if not images:
            return {}
        listed, unshown = visible.listed_of(images)
        said: defaultdict[str, list[Statement]] = defaultdict(list)
        material = self._trust.material
        for one in listed:
            said[one.row.identifier].append(to_statement(one, material, now))
        strange = images - said.keys()
        for row in shown:
            if row.identifier in strange:
                # Nobody who may count says anything: the strangers of the list tell why not.
                said[row.identifier].append(
                    to_statement(Listed(replace(row, bound=False), (), equivocal=False), material, now)
                )
        found = {image: judge(image, said[image], MARKETPLACE, now) for image in images - unshown}
        for image in unshown:
            verdict = self.judge(visible, image, now)
            found[image] = verdict or judge(image, (), MARKETPLACE, now)
        return found

    def judge_checksum(
        self, visible: VisibleEntries, checksum: ChecksumPattern, now: datetime
    ) -> Verdict | None:
        """The verdict on a file; None where nobody here names its checksum.

        Identifiers are SHA-1, so a checksum may be named for several images. Where anybody whose statement
        counts names it for one, that one is meant; a withdrawn one comes before one that is not.
        """
        found = [
            verdict
            for identifier in visible.identifiers_with(checksum.checksum)
            if (verdict := self.judge(visible, identifier, now, checksum=checksum)) is not None
        ]
        return min(found, key=lambda one: _relevance(one, checksum), default=None)

    def _statement(self, current: CurrentStatement, now: datetime) -> Statement:
        """What is said, judged; proving and judging it again is spared for a little while."""
        material = self._trust.material
        row = current.row
        key = (row.entry_id, row.confirmed, current.groups, current.equivocal, current.shown)
        with self._lock:
            generation = self._generation
            known = self._known.get(key)
            if known is not None and known.material is material and known.begins <= now < known.ends:
                return known.statement
        statement = self._read(current, now)
        ends = min([now + _KEPT_FOR, *_ends(statement, now)])
        with self._lock:
            if generation == self._generation:
                self._known[key] = _Known(statement, material, now, ends)
        return statement

    def _read(self, statement: CurrentStatement, now: datetime) -> Statement:
        entry = accept(statement.data)
        hidden = None
        if not statement.shown:
            hidden = self._site_filter.find_reason(entry) or "this site does not show the entry"
        return statement_of(
            entry,
            self._trust.decide(entry, now, email_confirmed=statement.row.confirmed),
            groups=statement.groups,
            equivocal=statement.equivocal,
            hidden=hidden,
        )


def _without_traces(statement: Statement) -> Statement | None:
    """A statement as readers may learn of it; None where they may not.

    What the site's filter hides is as if it were not there, except that a withdrawal by somebody whom
    the site trusts counts: the filter is about what is shown, and must not make an image safe. Nothing
    tells whose it is.
    """
    if statement.hidden is None:
        return statement
    failed = [rule.code for rule in statement.decision.rules if rule.outcome is RuleOutcome.FAILED]
    if statement.deprecated is None or any(code != Code.REVOCATION_UNKNOWN for code in failed):
        return None
    nobody = Endorser("an endorser that this site does not show", "", "")
    return replace(
        statement, endorser=nobody, deprecated="", checksums=(), licences=(), tags=(), locations=(), size=0
    )


def next_moment(verdict: Verdict, now: datetime) -> datetime:
    """Until when the clock changes nothing of a verdict, not even a sentence."""
    moments = [now + _KEPT_FOR]
    for one in verdict.statements:
        moments += _ends(one.statement, now)
        moments += [moment for moment in moments_of(one.statement, MARKETPLACE) if moment > now]
    return min(moments)


def _ends(statement: Statement, now: datetime) -> list[datetime]:
    """When the site may see the certificate otherwise."""
    verdict = statement.decision.certificate
    moments = (verdict.begins, verdict.ends, verdict.fresh_until)
    return [one for one in moments if one is not None and one > now]


def _superseded(asked: Coordinates, statements: Sequence[CurrentStatement]) -> Asked | None:
    said = [one.row.coordinates for one in statements]
    if asked in said:
        return None
    by = next((one for one in said if one.email == asked.email), None)
    return Asked(asked, by)


def _relevance(verdict: Verdict, checksum: ChecksumPattern) -> tuple[bool, bool, str]:
    """Least for the image that is meant."""
    named = any(one.weight and checksum.is_named_by(one.statement) for one in verdict.statements)
    return not named, verdict.allowed, verdict.identifier
