"""The judgement: statements about one image, a policy and a time give a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from validators.decision import Rule, RuleOutcome
from validators.document import Checksum, format_time
from validators.policy.codes import Code
from validators.policy.contents import (
    apply_asked_checksum,
    apply_checksums,
    apply_formats,
    apply_hosts,
    apply_images,
    apply_licences,
    apply_size,
    apply_virtual_size,
)
from validators.policy.endorsement import apply_agreement, apply_deprecation, apply_endorsement, closest
from validators.policy.evidence import Evidence, newest
from validators.policy.patterns import ALGORITHMS, ChecksumPattern, checksum_keys
from validators.policy.statements import Statement
from validators.policy.values import LocalWord, Measured, Policy
from validators.policy.verdict import Asked, Verdict
from validators.policy.weighing import STRENGTHS, Weighed, moments_of, second_after


def judge(
    identifier: str,
    statements: Iterable[Statement],
    policy: Policy,
    now: datetime,
    *,
    local: Sequence[LocalWord] = (),
    measured: Measured | None = None,
    fresh_until: datetime | None = None,
    asked: Asked | None = None,
    checksum: ChecksumPattern | None = None,
) -> Verdict:
    """Whether an image may be started.

    Args:
        identifier: of the image.
        statements: the current ones about it, of every endorser, in any order; of several with one entry id
            one counts.
        now: the one reference time, aware.
        local: what people at the site decided.
        measured: what was found in the bytes, where the site has them.
        fresh_until: the last moment at which what is known counts as fresh; later nothing is allowed.
            None: always.
        asked: the superseded entry that the question was about: it is judged by the current ones.
        checksum: of the file that the question was about: those who say yes have to name it.
    """
    distinct = {one.entry_id: one for one in statements}
    said = sorted(distinct.values(), key=newest, reverse=True)
    known = Evidence(identifier, policy, now, local, measured, fresh_until, checksum).hear(said)
    rules = _apply(known)
    allowed = _passes(rules)
    entry = _deciding(known, rules[0])
    return Verdict(
        identifier=identifier,
        allowed=allowed,
        rules=rules if asked is None else (_superseded(asked), *rules),
        until=_until(known, allowed),
        entry=None if entry is None else entry.statement,
        status=None if entry is None else entry.status,
        checksums=_checksums(known),
        statements=tuple(sorted(known.weighed, key=lambda one: -one.weight)),
        asked=asked,
    )


def _apply(evidence: Evidence) -> tuple[Rule, ...]:
    return tuple(rule for apply in _RULES if (rule := apply(evidence)) is not None)


def _passes(rules: Iterable[Rule]) -> bool:
    return not any(rule.outcome is RuleOutcome.FAILED for rule in rules)


def _until(evidence: Evidence, allowed: bool) -> datetime | None:
    """When the clock alone makes the answer another one: each moment at which anything ends is tried."""
    ends = {second_after(one.until) for one in evidence.local if one.until is not None}
    if allowed:
        ends.update(
            moment for one in evidence.counted for moment in moments_of(one.statement, evidence.policy)
        )
        ends.add(None if evidence.fresh_until is None else second_after(evidence.fresh_until))
    later = sorted(moment for moment in ends if moment is not None and moment > evidence.now)
    return next((moment for moment in later if _passes(_apply(evidence.at(moment))) is not allowed), None)


def _deciding(evidence: Evidence, deprecation: Rule) -> Weighed | None:
    """The statement that the answer rests on."""
    if deprecation.outcome is RuleOutcome.FAILED:
        return evidence.withdrawing[0]
    return evidence.allowing[0] if evidence.allowing else closest(evidence)


def _checksums(evidence: Evidence) -> tuple[Checksum, ...]:
    keys = {key for one in evidence.allowing for key in checksum_keys(one.statement)}
    ordered = sorted(keys, key=lambda key: (-STRENGTHS[key[0]], key[1]))
    return tuple(Checksum(ALGORITHMS[algorithm], value) for algorithm, value in ordered)


def _superseded(asked: Asked) -> Rule:
    found = f"the entry {asked.coordinates.path()} is superseded"
    if asked.by is not None:
        found += f" by {asked.by.path()}"
    return Rule(
        "superseded",
        RuleOutcome.NOTED,
        f"{found}; only the current entry counts",
        "ask about the current entry",
    )


def _held(evidence: Evidence) -> Rule | None:
    now = evidence.now.replace(microsecond=0)
    holding = [one for one in evidence.local if one.until is None or one.until >= now]
    if not holding:
        return None
    first = min(holding, key=lambda one: (one.until is not None, one.reason))
    until = "" if first.until is None else f" until {format_time(first.until)}"
    found = f"the image is held back at this site{until}: {first.reason}"
    return Rule(
        "hold",
        RuleOutcome.FAILED,
        found,
        "an operator of the site releases the image (marketplace site release)",
        Code.HELD,
    )


def _fresh(evidence: Evidence) -> Rule | None:
    if evidence.fresh_until is None:
        return None
    if evidence.now.replace(microsecond=0) <= evidence.fresh_until:
        found = f"the information from the marketplaces is fresh until {format_time(evidence.fresh_until)}"
        return Rule("fresh", RuleOutcome.PASSED, found)
    found = (
        "no marketplace has answered recently enough: the information was fresh until "
        f"{format_time(evidence.fresh_until)}"
    )
    change = "a marketplace answers again"
    return Rule("fresh", RuleOutcome.FAILED, found, change, Code.STALE)


_ImageRule = Callable[[Evidence], Rule | None]
#: What matters most comes first.
_RULES: Final[tuple[_ImageRule, ...]] = (
    apply_deprecation,
    _held,
    apply_images,
    apply_checksums,
    apply_agreement,
    apply_endorsement,
    apply_asked_checksum,
    apply_size,
    apply_virtual_size,
    apply_formats,
    apply_licences,
    apply_hosts,
    _fresh,
)
