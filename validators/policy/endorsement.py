"""Rules about what the endorsers of an image say together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from validators.decision import Rule, RuleOutcome
from validators.document import format_time
from validators.policy.codes import Code
from validators.policy.evidence import Evidence
from validators.policy.patterns import ALGORITHMS, checksum_keys
from validators.policy.values import Deprecation, Requirement
from validators.policy.weighing import STRENGTHS, STRONG, Weighed, endorser_name, quoted
from validators.status import Status

#: Endorsers named in one sentence.
_NAMED: Final = 5
#: Of statements that do not count: whose comes closest to counting, closest first.
_CLOSENESS: Final = {
    code: place
    for place, code in enumerate(
        [
            Code.ENDORSER_NOT_LISTED,
            Code.ANCHOR_NOT_LISTED,
            Code.LEGACY_SIGNATURE,
            Code.CERTIFICATE_OUT_OF_DATE,
            Code.REVOKED,
        ]
    )
}

_Checksum = tuple[str, str]


def apply_deprecation(evidence: Evidence) -> Rule:
    """No trusted endorser withdrew the image."""
    withdrawing = evidence.withdrawing
    if not withdrawing:
        return Rule("deprecation", RuleOutcome.PASSED, "no trusted endorser withdrew the image")
    found = " and ".join(_withdrawal(one) for one in withdrawing[:_NAMED])
    change = "use another image; only the endorser can allow it again, with a new entry"
    if evidence.policy.deprecation is Deprecation.OWN and evidence.allowing:
        return Rule(
            "deprecation",
            RuleOutcome.NOTED,
            f"{found}; the policy lets a withdrawal count for the withdrawing endorser only",
        )
    return Rule("deprecation", RuleOutcome.FAILED, found, change, Code.DEPRECATED)


def apply_agreement(evidence: Evidence) -> Rule:
    """The trusted endorsers do not contradict each other, or themselves."""
    for one in evidence.counted:
        if one.statement.equivocal:
            found = (
                f"{endorser_name(one.statement)} signed two different entries with one creation time "
                f"({format_time(one.statement.created)})"
            )
            change = "the endorser signs a new entry, which replaces both"
            return Rule("agreement", RuleOutcome.FAILED, found, change, Code.CONFLICT)
    named: defaultdict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one in evidence.counted:
        for algorithm, value in checksum_keys(one.statement):
            if STRENGTHS[algorithm] >= STRENGTHS[STRONG]:
                named[algorithm][value].add(one.statement.endorser.email)
    for algorithm, values in sorted(named.items()):
        if len(values) > 1:
            sides = " but ".join(f"{_names(by)} {value[:16]}…" for value, by in sorted(values.items()))
            found = (
                f"two files have this identifier: for the {ALGORITHMS[algorithm]}, the endorsers state "
                f"{sides}"
            )
            change = "the endorser with the wrong checksum withdraws the entry or signs a corrected one"
            return Rule("agreement", RuleOutcome.FAILED, found, change, Code.CONFLICT)
    return Rule("agreement", RuleOutcome.PASSED, "the trusted endorsers do not contradict each other")


def apply_endorsement(evidence: Evidence) -> Rule:
    """Enough endorsers endorse the image."""
    if not evidence.allowing:
        return _nobody(evidence)
    if evidence.policy.require:
        return _required(evidence)
    who = _names({one.statement.endorser.email for one in evidence.allowing})
    return Rule("endorsement", RuleOutcome.PASSED, f"{who} endorses the image and is trusted by this site")


def closest(evidence: Evidence) -> Weighed | None:
    """The statement to report where none endorses the image: a counted one, else the closest."""
    if evidence.counted:
        return evidence.counted[0]
    return min(evidence.weighed, key=_distance, default=None)


def _nobody(evidence: Evidence) -> Rule:
    if not evidence.weighed:
        change = "an endorser trusted by this site endorses the image"
        return Rule(
            "endorsement", RuleOutcome.FAILED, "this site has no entry about the image", change, "unknown"
        )
    if evidence.withdrawing and len(evidence.counted) == len(evidence.withdrawing):
        return Rule("endorsement", RuleOutcome.NOTED, "no other endorser endorses the image")
    others = [one for one in evidence.counted if one.status is not Status.DEPRECATED]
    failure = (others[0] if others else min(evidence.weighed, key=_distance)).failure
    if failure is None:
        # Its endorser took this yes back with another key: the rule about deprecations says so.
        return Rule("endorsement", RuleOutcome.NOTED, "no other endorser endorses the image")
    return Rule("endorsement", RuleOutcome.FAILED, failure.found, failure.change, failure.code)


def _required(evidence: Evidence) -> Rule:
    supporters: defaultdict[_Checksum, list[Weighed]] = defaultdict(list)
    least = max(STRENGTHS[evidence.policy.least_checksum or STRONG], STRENGTHS[STRONG])
    for one in evidence.allowing:
        for key in checksum_keys(one.statement):
            if STRENGTHS[key[0]] >= least:
                supporters[key].append(one)
    met = {key: _met(evidence.policy.require, by) for key, by in supporters.items()}
    for key in sorted(met, key=lambda key: (-STRENGTHS[key[0]], key[1])):
        if all(count >= one.least for one, count in met[key].items()):
            who = _names({one.statement.endorser.email for one in supporters[key]})
            return Rule(
                "require", RuleOutcome.PASSED, f"{who} agree on the {ALGORITHMS[key[0]]} of the image"
            )
    best = max(met.values(), key=lambda counts: sorted(counts.values(), reverse=True), default={})
    lacking = [one for one in evidence.policy.require if best.get(one, 0) < one.least]
    found = "; ".join(
        sorted(f"{_asked(one)} for the same checksum; found: {best.get(one, 0)}" for one in lacking)
    )
    change = "more of these endorsers endorse the image with the same strong checksum"
    return Rule("require", RuleOutcome.FAILED, found, change, Code.TOO_FEW_ENDORSERS)


def _met(require: Sequence[Requirement], by: Sequence[Weighed]) -> Mapping[Requirement, int]:
    """How many different keys meet each requirement."""
    return {
        one: len(
            {
                weighed.statement.key
                for weighed in by
                if not one.of or any(pattern.matches(weighed.statement) for pattern in one.of)
            }
        )
        for one in require
    }


def _asked(one: Requirement) -> str:
    whom = ", ".join(sorted(pattern.text for pattern in one.of)) or "any trusted endorser"
    return f"the policy asks for {one.least} different key{'s' if one.least > 1 else ''} of {whom}"


def _withdrawal(one: Weighed) -> str:
    said = one.statement
    return (
        f"{endorser_name(said)} withdrew the image on {format_time(said.created)}: "
        f"{quoted(said.deprecated or '')}"
    )


def _names(emails: set[str]) -> str:
    """Some addresses in a sentence."""
    known = sorted(emails)
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return ", ".join(known[:_NAMED]) + more


def _distance(one: Weighed) -> int:
    code = one.failure.code if one.failure is not None else None
    return next((place for known, place in _CLOSENESS.items() if known == code), len(_CLOSENESS))
