"""Whose uploads the gate takes, by what the site asks of certificates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from marketplace.ingest.errors import GateError
from marketplace.ingest.gate import UploadPolicy, verify_gate
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.unit.trust.authorities import DAY, NOW, link, material, revocations, root
from validators import accept
from validators.allowlist import AllowList
from validators.material import TrustMaterial
from validators.verdict import judge_certificate

ROOT = root()
JIM = make_identity("Jim", "jim@example.org", issuer=ROOT)
JOAN = make_identity("Joan", "joan@example.org", issuer=ROOT)
RITA = make_identity("Rita", "rita@example.org", issuer=ROOT)
JANE = make_identity("Jane", "jane@example.org")
STRANGER = make_identity("Ivan", "ivan@example.org", issuer=root("Other Root"))
LISTED = AllowList(frozenset({link(JIM).subject, link(JANE).subject, link(RITA).subject}))
SITE = material(ROOT, lists=[revocations(ROOT, RITA)], allowed=LISTED)


def refusal(identity, required, site: TrustMaterial = SITE, *, now: datetime = NOW, **policy) -> str | None:
    """The code with which an upload is refused; None where it is taken."""
    entry = accept(signed(image(), identity))

    def judge(signer, moment):
        return judge_certificate(signer.certificate, signer.intermediates, site, moment)

    try:
        verify_gate(entry, None, UploadPolicy(required=required, judge=judge, **policy), now)
    except GateError as error:
        assert len(error.message) > 40 and not error.message.endswith(".")
        return error.code
    return None


@pytest.mark.parametrize(
    ("identity", "any_", "chain", "allowlist"),
    [
        (JIM, None, None, None),
        (JOAN, None, None, "gate.not-on-allow-list"),
        (JANE, None, "gate.chain-required", "gate.chain-required"),
        (STRANGER, None, "gate.chain-required", "gate.chain-required"),
        (RITA, *["gate.certificate-revoked"] * 3),
    ],
    ids=["jim", "joan", "jane", "stranger", "rita"],
)
def test_who_may_upload(identity, any_, chain, allowlist):
    assert refusal(identity, "any") == any_
    assert refusal(identity, "chain") == chain
    assert refusal(identity, "allowlist") == allowlist


def test_a_pin_is_a_chain_and_may_be_listed():
    pinned = material(ROOT, JANE, allowed=LISTED)
    assert refusal(JANE, "chain", pinned) is None
    assert refusal(JANE, "allowlist", pinned) is None


def test_without_anchors_a_closed_registry_is_closed():
    assert refusal(JIM, "chain", TrustMaterial()) == "gate.chain-required"
    assert refusal(JIM, "any", TrustMaterial()) is None


def test_what_cannot_be_told_is_refused_only_where_a_chain_is_asked_for():
    stale = material(ROOT, lists=[revocations(ROOT, next_update=NOW - DAY / 2)])
    assert refusal(JIM, "chain", stale) == "gate.revocation-unknown"
    assert refusal(JIM, "any", stale) is None


def test_an_authority_that_is_over_vouches_for_nobody_new():
    later = datetime(2031, 6, 1, tzinfo=UTC)
    over = make_identity(
        "Old Root",
        None,
        "p256",
        ca=True,
        key_usage=None,
        not_before=datetime(2020, 1, 1, tzinfo=UTC),
        not_after=datetime(2030, 1, 1, tzinfo=UTC),
    )
    old = make_identity("Kim", "kim@example.org", issuer=over)
    site = material(over)
    assert refusal(old, "chain", site, now=later) == "gate.path-out-of-date"
    assert refusal(old, "chain", site, now=later, legacy="accept") is None
    assert refusal(old, "any", site, now=later) is None
