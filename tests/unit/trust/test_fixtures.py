"""The keys of the original test suite: who is chained, revoked, self-signed, listed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from validators.allowlist import parse_allow_list
from validators.links import parse_link
from validators.material import TrustMaterial
from validators.revocation import parse_list
from validators.verdict import Standing, judge_certificate

NOW = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def keys(every_originals: Path) -> Path:
    return every_originals / "keys"


def certificate(keys: Path, name: str) -> bytes:
    pem = (keys / f"{name}-cert.pem").read_bytes()
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def trusted(keys: Path, *anchors: str, crl: str = "ca-crl.pem") -> TrustMaterial:
    der = x509.load_pem_x509_crl((keys / crl).read_bytes()).public_bytes(Encoding.DER)
    return TrustMaterial(
        anchors=tuple(parse_link(certificate(keys, name)) for name in anchors),
        lists=(parse_list(der),),
        allowed=parse_allow_list((keys / "whitelist.txt").read_bytes()),
    )


@pytest.mark.parametrize("name", ["jim", "joan"])
def test_jim_and_joan_are_chained_and_listed(keys, name):
    verdict = judge_certificate(certificate(keys, name), [], trusted(keys, "ca"), NOW)
    assert (verdict.standing, verdict.listed) == (Standing.CHAINED, True)
    assert verdict.anchor.startswith("CN=StratusLab Test CA,")


def test_rita_is_revoked_by_the_list_that_says_so(keys):
    rita = certificate(keys, "revoked")
    verdict = judge_certificate(rita, [], trusted(keys, "ca"), NOW)
    assert verdict.standing is Standing.REVOKED
    assert verdict.revoked.since < NOW
    empty = trusted(keys, "ca", crl="ca-crl-empty.pem")
    assert judge_certificate(rita, [], empty, NOW).standing is Standing.CHAINED


def test_jane_is_self_signed_until_she_is_pinned(keys):
    jane = certificate(keys, "jane")
    verdict = judge_certificate(jane, [], trusted(keys, "ca"), NOW)
    assert (verdict.standing, verdict.listed) == (Standing.SELF_SIGNED, True)
    assert judge_certificate(jane, [], trusted(keys, "ca", "jane"), NOW).pinned
