"""How much one statement counts, rule by rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from validators.decision import Rule, RuleOutcome
from validators.document import format_time
from validators.policy.codes import Code
from validators.policy.patterns import ALGORITHMS, checksum_keys
from validators.policy.statements import Statement
from validators.policy.values import Policy
from validators.status import Status, status_of
from validators.verdict import Standing

#: How strong the algorithms are, by their names in policies.
STRENGTHS: Final = {name: strength for strength, name in enumerate(ALGORITHMS)}
#: The weakest algorithm by which two files can be told apart in spite of an attacker.
STRONG: Final = "sha256"
#: Characters of a reason inside a sentence.
_REASON: Final = 200


class Weight(IntEnum):
    """The effect that a statement can have."""

    #: Nothing: it is shown.
    NONE = 0
    #: Its no counts, its yes does not.
    OBJECTS = 1
    #: It says yes, and that counts.
    ALLOWS = 2


@dataclass(frozen=True, slots=True)
class Weighed:
    """A statement with the results of the rules.

    Args:
        rules: those that were applied to it.
    """

    statement: Statement
    status: Status
    weight: Weight
    rules: tuple[Rule, ...]

    @property
    def failure(self) -> Rule | None:
        """The first rule that keeps it from saying yes."""
        return next((rule for rule in self.rules if rule.outcome is RuleOutcome.FAILED), None)

    @property
    def trusted(self) -> bool:
        """Whether the site stands by its endorser, whatever else is wrong with it."""
        return self.rules[0].outcome is not RuleOutcome.FAILED


def weigh(statement: Statement, policy: Policy, now: datetime) -> Weighed:
    """Apply every rule about single statements."""
    counting = [rule for apply in _COUNTING if (rule := apply(statement, policy, now)) is not None]
    allowing = [rule for apply in _ALLOWING if (rule := apply(statement, policy, now)) is not None]
    failed = [rule for rule in counting if rule.outcome is RuleOutcome.FAILED]
    # Whoever keeps revocation lists from a site must not be able to make a withdrawal disappear.
    if any(rule.code != Code.REVOCATION_UNKNOWN for rule in failed):
        weight = Weight.NONE
    elif failed or any(rule.outcome is RuleOutcome.FAILED for rule in allowing):
        weight = Weight.OBJECTS
    else:
        weight = Weight.ALLOWS
    return Weighed(
        statement=statement,
        status=status_of(statement.deprecated, statement.valid, now),
        weight=weight,
        rules=(*counting, *allowing),
    )


def endorser_name(statement: Statement) -> str:
    """The endorser of a statement, and whether the address is proved."""
    email = statement.endorser.email
    return email if statement.bound_email or statement.decision.email_confirmed else f"{email} (claimed)"


def quoted(reason: str) -> str:
    """A deprecation's reason inside a sentence."""
    text = " ".join(reason.split())
    if not text:
        return "no reason is given"
    return f'"{text if len(text) <= _REASON else text[: _REASON - 1] + "…"}"'


def moments_of(statement: Statement, policy: Policy) -> Iterator[datetime]:
    """The moments from which on the clock makes a statement weigh less."""
    lasts = [statement.valid, statement.decision.certificate.fresh_until]
    if policy.most_age is not None:
        lasts.append(later(statement.created, policy.most_age))
    for last in lasts:
        moment = None if last is None else second_after(last)
        if moment is not None:
            yield moment


def second_after(last: datetime) -> datetime | None:
    """The first whole second behind the last moment at which something holds; None where time ends."""
    return later(last.replace(microsecond=0), timedelta(seconds=1))


def later(moment: datetime, by: timedelta) -> datetime | None:
    """A later moment; None where the calendar has none."""
    try:
        return moment + by
    except OverflowError:
        return None


def _trust(statement: Statement, policy: Policy, now: datetime) -> Rule:
    decision = statement.decision
    who = endorser_name(statement)
    failures = [rule for rule in decision.rules if rule.outcome is RuleOutcome.FAILED]
    if failures:
        # What is only unknown comes last: it must not hide that something is known to be wrong.
        failed = min(failures, key=lambda rule: rule.code == Code.REVOCATION_UNKNOWN)
        found = f"this site does not trust {who}: {failed.found}"
        return Rule("trust", RuleOutcome.FAILED, found, failed.change, failed.code or Code.UNTRUSTED)
    fresh = decision.certificate.fresh_until
    if fresh is not None and fresh < now:
        found = f"the revocation list for the certificate of {who} is out of date since {format_time(fresh)}"
        change = "the site gets the issuer's newest revocation list"
        return Rule("trust", RuleOutcome.FAILED, found, change, Code.REVOCATION_UNKNOWN)
    return Rule("trust", RuleOutcome.PASSED, f"this site trusts {who}: {_why_trusted(statement)}")


def _why_trusted(statement: Statement) -> str:
    verdict = statement.decision.certificate
    if verdict.pinned:
        return "the certificate is pinned here"
    if verdict.standing is Standing.CHAINED and verdict.anchor is not None:
        return f"the certificate chain ends at {verdict.anchor}"
    return "no rule forbids the certificate"


def _endorser_listed(statement: Statement, policy: Policy, now: datetime) -> Rule | None:
    allow = policy.endorsers.allow
    if not allow:
        return None
    who = endorser_name(statement)
    if any(one.matches(statement) for one in allow):
        return Rule("endorsers.allow", RuleOutcome.PASSED, f"{who} is an endorser that the policy allows")
    change = "the operator adds the endorser to endorsers.allow"
    if statement.bound_email is None:
        change += " by dn: or cert:, because the certificate does not contain the address"
    found = f"{who} is not on the policy's list endorsers.allow"
    return Rule("endorsers.allow", RuleOutcome.FAILED, found, change, Code.ENDORSER_NOT_LISTED)


def _anchor_listed(statement: Statement, policy: Policy, now: datetime) -> Rule | None:
    allow = policy.anchors.allow
    if not allow:
        return None
    anchor = statement.decision.certificate.anchor or "no anchor"
    if any(one.matches(statement) for one in allow):
        return Rule("anchors.allow", RuleOutcome.PASSED, f"the policy allows the anchor {anchor}")
    found = f"the certificate of {endorser_name(statement)} leads to {anchor}, which the policy does not list"
    change = "the operator adds the anchor to anchors.allow"
    return Rule("anchors.allow", RuleOutcome.FAILED, found, change, Code.ANCHOR_NOT_LISTED)


def _endorser_denied(statement: Statement, policy: Policy, now: datetime) -> Rule | None:
    deny = policy.endorsers.deny
    if not deny:
        return None
    who = statement.endorser.email
    hit = _first(one.text for one in deny if one.might_match(statement))
    if hit is None:
        return Rule("endorsers.deny", RuleOutcome.PASSED, f"the policy does not deny {who}")
    found = f"the policy denies the endorser {who} ({hit})"
    change = "the operator removes the endorser from endorsers.deny, or another endorser endorses the image"
    return Rule("endorsers.deny", RuleOutcome.FAILED, found, change, Code.ENDORSER_DENIED)


def _anchor_denied(statement: Statement, policy: Policy, now: datetime) -> Rule | None:
    deny = policy.anchors.deny
    if not deny:
        return None
    hit = _first(one.text for one in deny if one.matches(statement))
    if hit is None:
        return Rule("anchors.deny", RuleOutcome.PASSED, "the policy does not deny the certificate's anchor")
    found = f"the policy denies the anchor of {statement.endorser.email} ({hit})"
    change = (
        "the operator removes the anchor from anchors.deny, or an endorser with another anchor "
        "endorses the image"
    )
    return Rule("anchors.deny", RuleOutcome.FAILED, found, change, Code.ANCHOR_DENIED)


def _group(statement: Statement, policy: Policy, now: datetime) -> Rule | None:
    groups = policy.groups
    if not groups:
        return None
    named = ", ".join(sorted(statement.groups)) or "no group"
    hit = _first(group for group in groups.deny if group in statement.groups)
    if hit is not None:
        change = "the operator removes the group from groups.deny"
        return Rule(
            "groups", RuleOutcome.FAILED, f"the policy denies the group {hit}", change, Code.GROUP_DENIED
        )
    if groups.allow and statement.groups.isdisjoint(groups.allow):
        found = f"the entry is in {named}, and the policy allows {', '.join(sorted(groups.allow))}"
        change = "the entry is uploaded to one of these groups"
        return Rule("groups", RuleOutcome.FAILED, found, change, Code.GROUP_NOT_LISTED)
    return Rule("groups", RuleOutcome.PASSED, f"the entry is in {named}")


def _tag(statement: Statement, policy: Policy, now: datetime) -> Rule | None:
    tags = policy.tags
    if not tags:
        return None
    named = ", ".join(sorted(statement.tags)) or "no tag"
    hit = _first(one.text for one in tags.deny if one.might_match(statement))
    if hit is not None:
        change = "the operator removes the tag from tags.deny, or the endorser removes the tag from the entry"
        found = f"the policy denies the tag {hit}"
        return Rule("tags", RuleOutcome.FAILED, found, change, Code.TAG_DENIED)
    if tags.allow and not any(one.matches(statement) for one in tags.allow):
        wanted = ", ".join(sorted(one.text for one in tags.allow))
        found = f"the entry of {statement.endorser.email} carries {named}, and the policy asks for {wanted}"
        change = "the endorser gives the image one of these tags"
        return Rule("tags", RuleOutcome.FAILED, found, change, Code.TAG_NOT_LISTED)
    return Rule("tags", RuleOutcome.PASSED, f"the entry carries {named}")


def _checksum(statement: Statement, policy: Policy, now: datetime) -> Rule | None:
    least = policy.least_checksum
    if least is None:
        return None
    named = {algorithm for algorithm, _ in checksum_keys(statement)}
    best = max(named, key=STRENGTHS.__getitem__, default=None)
    if best is not None and STRENGTHS[best] >= STRENGTHS[least]:
        return Rule("checksum.least", RuleOutcome.PASSED, f"the entry names a checksum of {ALGORITHMS[best]}")
    found = f"the entry of {statement.endorser.email} names no checksum of {ALGORITHMS[least]} or better"
    change = f"the endorser signs an entry that also names the {ALGORITHMS[least]} of the image"
    return Rule("checksum.least", RuleOutcome.FAILED, found, change, Code.WEAK_CHECKSUM)


def _filter(statement: Statement, policy: Policy, now: datetime) -> Rule | None:
    if statement.hidden is None:
        return None
    change = "the operator of the site changes its filter"
    return Rule("site-filter", RuleOutcome.FAILED, statement.hidden, change, Code.FILTERED)


def _age(statement: Statement, policy: Policy, now: datetime) -> Rule | None:
    if policy.most_age is None:
        return None
    days = policy.most_age.total_seconds() / 86400
    found = f"{statement.endorser.email} endorsed the image on {format_time(statement.created)}"
    last = later(statement.created, policy.most_age)
    if last is None or last >= now.replace(microsecond=0):
        return Rule("age.most", RuleOutcome.PASSED, f"{found}, less than {days:g} days ago")
    change = "the endorser endorses the image again"
    return Rule("age.most", RuleOutcome.FAILED, f"{found}, more than {days:g} days ago", change, Code.TOO_OLD)


def _dated(statement: Statement, policy: Policy, now: datetime) -> Rule | None:
    if not policy.valid_required:
        return None
    if statement.valid is not None:
        found = f"the entry is valid until {format_time(statement.valid)}"
        return Rule("valid.required", RuleOutcome.PASSED, found)
    found = f"the entry of {statement.endorser.email} has no expiry date"
    change = "the endorser signs an entry with dcterms:valid"
    return Rule("valid.required", RuleOutcome.FAILED, found, change, Code.NO_EXPIRY)


def _status(statement: Statement, policy: Policy, now: datetime) -> Rule:
    who = endorser_name(statement)
    found = status_of(statement.deprecated, statement.valid, now)
    if found is Status.DEPRECATED:
        message = (
            f"{who} withdrew the image on {format_time(statement.created)}: "
            f"{quoted(statement.deprecated or '')}"
        )
        change = "use another image; only the endorser can allow it again, with a new entry"
        return Rule("status", RuleOutcome.FAILED, message, change, Code.DEPRECATED)
    if found is Status.EXPIRED and statement.valid is not None:
        message = f"the entry of {who} expired on {format_time(statement.valid)}"
        change = "the endorser extends the entry: marketplace extend"
        return Rule("status", RuleOutcome.FAILED, message, change, Code.EXPIRED)
    until = "without an expiry date" if statement.valid is None else f"until {format_time(statement.valid)}"
    return Rule("status", RuleOutcome.PASSED, f"{who} endorses the image {until}")


def _first(found: Iterator[str]) -> str | None:
    """The first of several texts in alphabetical order, or None."""
    return min(found, default=None)


_StatementRule = Callable[[Statement, Policy, datetime], Rule | None]
#: What makes a statement count at all, and what else it takes for its yes.
_COUNTING: Final[tuple[_StatementRule, ...]] = (_trust, _endorser_listed, _anchor_listed)
_ALLOWING: Final[tuple[_StatementRule, ...]] = (
    _status,
    _endorser_denied,
    _anchor_denied,
    _group,
    _tag,
    _checksum,
    _filter,
    _age,
    _dated,
)
