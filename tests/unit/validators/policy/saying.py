"""Statements made by hand, so that thousands of them cost nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.factories.entries import hex_digest, identifier
from validators.decision import Decision, Rule, RuleOutcome
from validators.document import Checksum, Endorser, Strength
from validators.policy import Statement, judge
from validators.verdict import CertificateVerdict, Standing

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
IMAGE = identifier("image")
ANCHOR = "CN=Example CA,O=Example"

_FAILED = {
    Standing.SELF_SIGNED: ("chain", "the certificate is self-signed", "untrusted"),
    Standing.UNTRUSTED_ISSUER: (
        "chain",
        "the certificate chain does not end at a trusted issuer",
        "untrusted",
    ),
    Standing.REVOKED: ("revocation", "the certificate was revoked on last week", "revoked"),
    Standing.REVOCATION_UNKNOWN: ("revocation", "the list is out of date", "revocation-unknown"),
}


def trusting(
    standing: Standing = Standing.CHAINED,
    *,
    bound: bool = True,
    anchor: str = ANCHOR,
    pinned: bool = False,
    fresh_until: datetime | None = None,
    failing: Rule | None = None,
) -> Decision:
    """A decision about an entry whose certificate stands like this."""
    path = standing in (Standing.CHAINED, Standing.REVOKED, Standing.REVOCATION_UNKNOWN)
    verdict = CertificateVerdict(
        standing=standing,
        anchor=anchor if path else None,
        anchor_fingerprint=hex_digest(anchor) if path else None,
        pinned=pinned,
        path=(),
        begins=None,
        ends=None,
        revoked=None,
        revoked_name=None,
        revocation_fault=None,
        revocation_notes=(),
        listed=False,
        faults=(),
        fresh_until=fresh_until,
    )
    rules = [Rule("strength", RuleOutcome.PASSED, "strong")]
    if standing in _FAILED:
        name, found, code = _FAILED[standing]
        rules.append(Rule(name, RuleOutcome.FAILED, found, "something else", code))
    if failing is not None:
        rules.append(failing)
    return Decision(verdict, True, True, bound, False, Strength.STRONG, tuple(rules))


def said(
    who: str = "alice",
    standing: Standing = Standing.CHAINED,
    *,
    days: int = 0,
    sha256: str | None = "a",
    key: str | None = None,
    entry_id: str | None = None,
    decision: Decision | None = None,
    **fields: object,
) -> Statement:
    """A current statement: who says it, how many days ago, and what."""
    email = who if "@" in who else f"{who}@example.org"
    checksums = () if sha256 is None else (Checksum("SHA-256", sha256 * 64),)
    return Statement(
        entry_id=entry_id or hex_digest(who, days, sha256, sorted(map(str, fields.items())), standing),
        identifier=IMAGE,
        endorser=Endorser(email, f"CN={who},O=Example", ANCHOR),
        created=NOW - days * DAY,
        certificate=hex_digest("certificate", who),
        key=key or hex_digest("key", who),
        decision=decision or trusting(standing),
        **{"checksums": checksums, "size": 1000, **fields},
    )


def codes(statements, policy, now: datetime = NOW, **how) -> list[str]:
    """The codes of the reasons; none where the image is allowed."""
    verdict = judge(IMAGE, statements, policy, now, **how)
    assert verdict.allowed is not bool(verdict.reasons)
    for reason in verdict.reasons:
        assert reason.message and reason.change
    return [str(one.code) for one in verdict.reasons]
