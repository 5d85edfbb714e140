"""The upload gate, rule by rule and to the second."""

from __future__ import annotations

from datetime import timedelta

import pytest

from marketplace.ingest import GateError, UploadPolicy, verify_gate
from tests.factories.entries import accepted, moment, signer
from validators.document import Strength

NOW = moment(1_000_000)
SECOND = timedelta(seconds=1)
STRICT, LENIENT = UploadPolicy(), UploadPolicy(legacy="accept")
EXPIRED = signer(not_after=NOW - SECOND)
LATER = signer(not_before=NOW + timedelta(minutes=5, seconds=1))
SOON = signer(not_before=NOW + timedelta(minutes=5))


def over(**said):
    """An entry that was over a second before it was made."""
    return accepted(created=NOW, valid=NOW - SECOND, **said)


@pytest.mark.parametrize(
    ("entry", "latest", "policy", "code"),
    [
        (accepted(created=NOW), None, STRICT, None),
        (accepted(created=NOW, strength=Strength.LEGACY), None, STRICT, "gate.legacy"),
        (accepted(created=NOW, strength=Strength.LEGACY), None, LENIENT, None),
        (accepted(created=NOW, signed_by=EXPIRED), None, STRICT, "gate.certificate-expired"),
        (accepted(created=NOW, signed_by=EXPIRED), None, LENIENT, None),
        (accepted(created=NOW, signed_by=signer(not_after=NOW)), None, STRICT, None),
        (accepted(created=NOW, signed_by=LATER), None, STRICT, "gate.certificate-not-yet-valid"),
        (accepted(created=NOW, signed_by=LATER), None, LENIENT, "gate.certificate-not-yet-valid"),
        (accepted(created=NOW, signed_by=SOON), None, STRICT, None),
        (over(), None, STRICT, "gate.expired"),
        (over(), None, LENIENT, "gate.expired"),
        (over(deprecated=""), None, STRICT, None),
        (accepted(created=NOW, valid=NOW), None, STRICT, None),
        (accepted(created=NOW - 2 * SECOND, valid=NOW - SECOND), None, STRICT, None),
        (accepted(created=NOW + timedelta(minutes=5)), None, STRICT, None),
        (accepted(created=NOW + timedelta(minutes=5, seconds=1)), None, STRICT, "gate.created-in-future"),
        (accepted(created=NOW + timedelta(minutes=5, seconds=1)), None, LENIENT, "gate.created-in-future"),
        (accepted(created=moment(5)), moment(4), STRICT, None),
        (accepted(created=moment(5)), moment(5), STRICT, None),
        (accepted(created=moment(5)), moment(6), STRICT, "gate.older-than-latest"),
        (accepted(created=moment(5)), moment(6), LENIENT, "gate.older-than-latest"),
    ],
)
def test_the_gate(entry, latest, policy, code) -> None:
    if code is None:
        verify_gate(entry, latest, policy, NOW)
        return
    with pytest.raises(GateError) as caught:
        verify_gate(entry, latest, policy, NOW)
    assert caught.value.code == code
    assert caught.value.message.count("\n") == 0
