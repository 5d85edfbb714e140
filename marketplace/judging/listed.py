"""What lists need to judge their images: by the stored verdicts, without proving an entry again."""

from __future__ import annotations

from datetime import datetime

from marketplace.entries import EntryRow
from marketplace.entries.current_statements import Listed
from marketplace.rules.trust import StoredVerdict
from validators.decision import Decision, Endorsed, Rule, RuleOutcome, decide_by
from validators.document import Endorser, Strength
from validators.material import TrustMaterial
from validators.policy import Statement
from validators.revocation import Revocation
from validators.verdict import CertificateVerdict, Standing

#: Why nobody knows yet how a certificate stands.
_UNJUDGED = "the certificate is new here; the site checks it within seconds"


def to_statement(listed: Listed, material: TrustMaterial, now: datetime) -> Statement:
    """A row of a list as a statement.

    It knows nothing of tags, locations and keys: the marketplace's own policy asks for none of them.
    """
    row = listed.row
    return Statement(
        entry_id=row.entry_id,
        identifier=row.identifier,
        endorser=Endorser(row.email, row.subject, row.issuer),
        created=row.created,
        certificate="",
        key="",
        decision=_decision(row, material, now),
        valid=row.valid,
        deprecated=row.deprecated,
        checksums=listed.checksums,
        size=row.size,
        format=row.format,
        equivocal=listed.equivocal,
    )


def _decision(row: EntryRow, material: TrustMaterial, now: datetime) -> Decision:
    held = row.verdict
    if held is None:
        verdict = _certificate(Standing.UNTRUSTED_ISSUER, None)
        rule = Rule("chain", RuleOutcome.FAILED, _UNJUDGED, "the site has checked it", "unjudged")
        return Decision(verdict, True, True, row.bound, row.confirmed, row.strength, (rule,))
    endorsed = Endorsed(
        created=row.created,
        email=row.email,
        bound=row.bound,
        strength=row.strength,
        signature="strong" if row.strength is Strength.STRONG else "SHA-1, or made with a key of 1024 bits",
        begins=held.begins,
        ends=held.ends,
    )
    return decide_by(
        endorsed, _certificate(held.standing, held), material, now, email_confirmed=row.confirmed
    )


def _certificate(standing: Standing, verdict: StoredVerdict | None) -> CertificateVerdict:
    revoked = None
    if verdict is not None and verdict.revoked_since is not None:
        revoked = Revocation(verdict.revoked_since, verdict.revoked_reason or "unspecified")
    unknown = standing is Standing.REVOCATION_UNKNOWN
    return CertificateVerdict(
        standing=standing,
        anchor=None if verdict is None else verdict.anchor,
        anchor_fingerprint=None,
        pinned=verdict is not None and verdict.pinned,
        path=() if verdict is None or verdict.anchor is None else ("", verdict.anchor),
        begins=None if verdict is None else verdict.begins,
        ends=None if verdict is None else verdict.ends,
        revoked=revoked,
        revoked_name=None if verdict is None else verdict.revoked_name,
        revocation_fault="its revocation status is unknown" if unknown else None,
        revocation_notes=(),
        listed=verdict is not None and verdict.listed,
        faults=(),
    )
