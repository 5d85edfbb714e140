"""A marketplace's decision about an entry, read back into a value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marketplace.client.errors import TransportError
from validators.decision import Decision, Rule, RuleOutcome
from validators.document import AcceptedEntry
from validators.verdict import CertificateVerdict, Standing


def parse_decision(members: Mapping[str, Any], entry: AcceptedEntry, now: datetime) -> Decision:
    """The decision that ``/decision`` tells; whom to trust is the marketplace's word alone.

    Raises:
        TransportError: it is of another entry, or does not have the shape of a decision.
    """
    try:
        if members["id"] != entry.entry_id:
            raise ValueError
        certificate = members["certificate"]
        rules = tuple(_rule(one) for one in members["rules"])
        trusted = members["trusted"]
        if trusted is not True and trusted is not False:
            raise ValueError
        if trusted is any(rule.outcome is RuleOutcome.FAILED for rule in rules):
            raise ValueError
        standing = Standing(members["standing"])
        path = tuple(str(name) for name in certificate["path"])
        anchor = certificate["anchor"]
    except (KeyError, TypeError, ValueError):
        raise TransportError("the marketplace's answer is not a decision about the entry") from None
    verdict = CertificateVerdict(
        standing=standing,
        anchor=None if anchor is None else str(anchor),
        anchor_fingerprint=_text(certificate.get("anchor_sha256")),
        pinned=certificate.get("pinned") is True,
        path=path,
        begins=None,
        ends=None,
        revoked=None,
        revoked_name=None,
        revocation_fault=None,
        revocation_notes=(),
        listed=certificate.get("listed") is True,
        faults=(),
    )
    signer = entry.signer
    return Decision(
        certificate=verdict,
        in_date_at_created=signer.not_before <= entry.created <= signer.not_after,
        in_date_now=signer.not_before <= now <= signer.not_after,
        email_bound=signer.email is not None,
        email_confirmed=members.get("email_confirmed") is True,
        strength=entry.strength,
        rules=rules,
    )


def _rule(members: Mapping[str, Any]) -> Rule:
    outcome = RuleOutcome(members["outcome"])
    change, code = _text(members.get("change")), _text(members.get("code"))
    return Rule(str(members["rule"]), outcome, str(members["found"]), change, code)


def _text(found: object) -> str | None:
    return found if isinstance(found, str) else None
