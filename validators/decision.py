"""Step 7, trust: a site's decision about an entry, rule by rule.

The certificate's verdict holds for all its entries. An entry adds its own time, its
address and the strength of its signature. Each rule says how it came out and what
would change that, so that nobody has to guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from validators.document import AcceptedEntry, Strength, format_time
from validators.material import TrustMaterial
from validators.verdict import CertificateVerdict, Standing, judge_certificate


class RuleOutcome(StrEnum):
    """How a rule came out."""

    PASSED = "passed"
    FAILED = "failed"
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule's outcome for an entry.

    Args:
        name: stable, for programs.
        found: what was found, a sentence for people.
        change: what would make it come out otherwise; None where nothing would.
        code: stable, why it failed; None where it did not.
    """

    name: str
    outcome: RuleOutcome
    found: str
    change: str | None = None
    code: str | None = None

    def record(self) -> dict[str, str | None]:
        """The rule as programs are told of it."""
        return {
            "rule": self.name,
            "outcome": self.outcome.value,
            "code": None if self.code is None else str(self.code),
            "found": self.found,
            "change": self.change,
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """A site's judgement of an entry, with every rule that went into it.

    Args:
        certificate: the verdict on the signer's certificate.
        in_date_at_created: it and the path above it were valid at the endorsement's time.
        in_date_now: likewise now.
        email_bound: the certificate holds the endorser's address; otherwise it is only claimed.
        email_confirmed: whoever reads the address's mail agreed to the certificate at this site.
        strength: of the signature.
    """

    certificate: CertificateVerdict
    in_date_at_created: bool
    in_date_now: bool
    email_bound: bool
    email_confirmed: bool
    strength: Strength
    rules: tuple[Rule, ...]

    @property
    def trusted(self) -> bool:
        """Whether the site stands by the endorser: no rule failed."""
        return not any(rule.outcome is RuleOutcome.FAILED for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Endorsed:
    """What a decision needs of an entry beside the verdict on its certificate.

    Args:
        bound: the certificate holds the endorser's address.
        signature: its algorithms, in words.
        begins, ends: of the signer's certificate.
    """

    created: datetime
    email: str
    bound: bool
    strength: Strength
    signature: str
    begins: datetime
    ends: datetime


def decide(
    entry: AcceptedEntry, material: TrustMaterial, now: datetime, *, email_confirmed: bool = False
) -> Decision:
    """Judge an entry by what the site trusts (FORMAT, step 7).

    Args:
        email_confirmed: whoever reads the address's mail agreed to the certificate at this site.
        now: the one reference time, aware.
    """
    signer = entry.signer
    verdict = judge_certificate(signer.certificate, signer.intermediates, material, now, at=entry.created)
    endorsed = Endorsed(
        created=entry.created,
        email=entry.endorser.email,
        bound=signer.email is not None,
        strength=entry.strength,
        signature=f"{entry.signature_algorithm} with {entry.digest_algorithm}",
        begins=signer.not_before,
        ends=signer.not_after,
    )
    return decide_by(endorsed, verdict, material, now, email_confirmed=email_confirmed)


def decide_by(
    entry: Endorsed,
    verdict: CertificateVerdict,
    material: TrustMaterial,
    now: datetime,
    *,
    email_confirmed: bool = False,
) -> Decision:
    """Decide on an entry whose certificate was already evaluated."""
    then = entry.begins <= entry.created <= entry.ends and verdict.covers(entry.created)
    today = entry.begins <= now <= entry.ends and verdict.covers(now)
    rules = (
        _strength(entry, material),
        _chain(verdict),
        _revocation(verdict, entry),
        _date_then(entry, verdict, then),
        _date_now(entry, verdict, today),
        _address(entry, email_confirmed),
        _allow_list(verdict, material),
    )
    return Decision(
        certificate=verdict,
        in_date_at_created=then,
        in_date_now=today,
        email_bound=entry.bound,
        email_confirmed=email_confirmed,
        strength=entry.strength,
        rules=rules,
    )


def _strength(entry: Endorsed, material: TrustMaterial) -> Rule:
    found = f"the signature is {entry.signature}"
    if entry.strength is Strength.STRONG:
        return Rule("strength", RuleOutcome.PASSED, found)
    outcome = RuleOutcome.NOTED if material.policy.legacy == "accept" else RuleOutcome.FAILED
    change = "the endorser signs again with a key of 2048 bits or more and SHA-256"
    code = "legacy-signature" if outcome is RuleOutcome.FAILED else None
    return Rule("strength", outcome, f"{found}, which is legacy", change, code)


def _chain(verdict: CertificateVerdict) -> Rule:
    if verdict.pinned:
        return Rule("chain", RuleOutcome.PASSED, "the certificate itself is a trust anchor of this site")
    if verdict.anchor is not None:
        above = " <- ".join(verdict.path[1:])
        return Rule(
            "chain",
            RuleOutcome.PASSED,
            f"the certificate chain ends at a trusted issuer of this site: {above}",
        )
    if verdict.standing is Standing.SELF_SIGNED:
        found = "the certificate is self-signed"
        change = "the site adds this certificate to its anchors, or the endorser gets one from an authority"
    else:
        faults = "; ".join(verdict.faults) or "no issuer was found"
        found = f"the certificate chain does not end at a trusted issuer: {faults}"
        change = "the site adds the authority to its anchors, or the missing certificates are added"
    return Rule("chain", RuleOutcome.FAILED, found, change, "untrusted")


def _revocation(verdict: CertificateVerdict, entry: Endorsed) -> Rule:
    if verdict.revoked is not None:
        when = "before" if entry.created < verdict.revoked.since else "after"
        found = (
            f"{verdict.revoked_name} was revoked on {format_time(verdict.revoked.since)} "
            f"({verdict.revoked.reason}); the entry's creation time is {when} the revocation"
        )
        change = "the endorser signs again with a new certificate, or the issuer ends the revocation"
        return Rule("revocation", RuleOutcome.FAILED, found, change, "revoked")
    if verdict.revocation_fault is not None:
        change = "the site gets the issuer's newest revocation list"
        return Rule("revocation", RuleOutcome.FAILED, verdict.revocation_fault, change, "revocation-unknown")
    if verdict.revocation_notes:
        change = "the site gets the issuer's newest revocation list"
        return Rule("revocation", RuleOutcome.NOTED, "; ".join(verdict.revocation_notes), change)
    if verdict.anchor is None:
        return Rule("revocation", RuleOutcome.NOTED, "Not checked: no trusted issuer")
    if verdict.pinned:
        return Rule("revocation", RuleOutcome.PASSED, "no revocation list here revokes the certificate")
    return Rule("revocation", RuleOutcome.PASSED, "no certificate of the chain is revoked")


def _date_then(entry: Endorsed, verdict: CertificateVerdict, covered: bool) -> Rule:
    created = format_time(entry.created)
    if covered:
        found = f"every certificate was valid when the entry was signed ({created})"
        return Rule("date-at-endorsement", RuleOutcome.PASSED, found)
    found = f"the entry was created on {created}, but the certificates are valid {_period(entry, verdict)}"
    change = "the endorser signs again with a valid certificate"
    return Rule("date-at-endorsement", RuleOutcome.FAILED, found, change, "certificate-out-of-date")


def _date_now(entry: Endorsed, verdict: CertificateVerdict, covered: bool) -> Rule:
    if covered:
        return Rule("date-now", RuleOutcome.PASSED, "every certificate is valid now")
    found = f"the certificates are valid {_period(entry, verdict)}"
    change = "the endorser signs again with a valid certificate"
    return Rule("date-now", RuleOutcome.NOTED, found, change)


def _period(entry: Endorsed, verdict: CertificateVerdict) -> str:
    begins = verdict.begins or entry.begins
    ends = verdict.ends or entry.ends
    return f"from {format_time(begins)} to {format_time(ends)}"


def _address(entry: Endorsed, confirmed: bool) -> Rule:
    email = entry.email
    if confirmed:
        return Rule("address", RuleOutcome.PASSED, f"the owner of {email} confirmed the certificate by mail")
    if entry.bound:
        return Rule("address", RuleOutcome.PASSED, f"the certificate contains the address {email}")
    found = f"{email} is not confirmed by the certificate"
    return Rule(
        "address", RuleOutcome.NOTED, found, "the endorser uses a certificate that contains the address"
    )


def _allow_list(verdict: CertificateVerdict, material: TrustMaterial) -> Rule:
    if not material.allowed.names:
        return Rule("allow-list", RuleOutcome.NOTED, "the site has no allow-list")
    if not verdict.listed:
        change = "the site adds the certificate's subject to its allow-list"
        return Rule(
            "allow-list", RuleOutcome.NOTED, "the certificate's subject is not on the allow-list", change
        )
    if verdict.standing is not Standing.CHAINED:
        found = "the certificate's subject is on the allow-list, but no trusted issuer confirms it"
        return Rule("allow-list", RuleOutcome.NOTED, found, "the chain and the revocation rule pass")
    return Rule("allow-list", RuleOutcome.PASSED, "the certificate's subject is on the allow-list")
