"""Asking the site about certificates: there is an answer also where judging fails."""

from __future__ import annotations

import pytest

from marketplace.trust import TrustService
from marketplace.trust_files import TrustStore
from marketplace.trust_files.loading import Sources
from tests.factories.identities import make_identity
from tests.unit.trust.authorities import NOW, der
from validators.material import TrustMaterial, TrustPolicy
from validators.verdict import Standing


class Faulty(TrustStore):
    """A store whose material has lost its authorities: a fault of ours, whatever it would be."""

    @property
    def material(self) -> TrustMaterial:
        held = TrustMaterial()
        held.__dict__["authorities"] = None
        return held


def test_a_fault_of_ours_makes_one_certificate_untrusted_and_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trust = TrustService(Faulty(Sources(), TrustPolicy(), now=lambda: NOW))
    jim = make_identity("Jim", "jim@example.org", issuer=make_identity("Root", None, ca=True))
    verdict = trust.judge(der(jim), [], NOW)
    assert verdict.standing is Standing.UNTRUSTED_ISSUER
    assert "could not be judged (AttributeError)" in verdict.faults[0]
    assert "a certificate cannot be judged" in caplog.text and "Traceback" in caplog.text
    # The others are judged as ever.
    jane = make_identity("Jane", "jane@example.org")
    assert trust.judge(der(jane), [], NOW).standing is Standing.SELF_SIGNED
