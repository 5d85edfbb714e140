"""Random changes of real and hostile documents, certificates and lists: an answer, never anything else."""

from __future__ import annotations

import random
import time

import pytest

from tests.attacks import fuzz_judging
from tests.attacks.fuzz_accept import fuzz, test_one_input
from tests.soaking import Tell

DOCUMENTS, SOAK_DOCUMENTS = 3_000, 1_000_000
CERTIFICATES, SOAK_CERTIFICATES = 3_000, 1_000_000
SECONDS, SOAK_SECONDS = 60, 3_600


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("most", "seconds", "seed"),
    [
        (DOCUMENTS, SECONDS, 20_260_101),
        pytest.param(SOAK_DOCUMENTS, SOAK_SECONDS, None, marks=pytest.mark.soak),
    ],
)
def test_acceptance_survives_fuzzing(most: int, seconds: int, seed: int | None, tell: Tell) -> None:
    outcomes = fuzz(random.Random(seed), time.monotonic() + seconds, most)
    tell(outcomes.total())
    # The run is worth something only where its documents reach every step.
    assert {code.partition(".")[0] for code in outcomes} >= {"parse", "signature", "certificate", "accepted"}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("most", "seconds", "seed"),
    [
        (CERTIFICATES, SECONDS, 20_260_101),
        pytest.param(SOAK_CERTIFICATES, SOAK_SECONDS, None, marks=pytest.mark.soak),
    ],
)
def test_judging_survives_fuzzing(most: int, seconds: int, seed: int | None, tell: Tell) -> None:
    outcomes = fuzz_judging.fuzz(random.Random(seed), time.monotonic() + seconds, most)
    tell(outcomes.total())
    # Likewise: what ends at a broken signature shows nothing of what comes behind it.
    assert set(outcomes) >= {"chained", "revoked", "revocation-unknown", "untrusted-issuer"}


def test_the_target_over_judging_lets_faults_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(*given: object) -> None:
        raise KeyError(given)

    monkeypatch.setattr("tests.attacks.fuzz_judging.judge_certificate", faulty)
    with pytest.raises(KeyError):
        fuzz_judging.test_one_input(b"0")


def test_the_target_lets_faults_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(data: bytes) -> None:
        raise KeyError(data)

    monkeypatch.setattr("tests.attacks.fuzz_accept.accept", faulty)
    with pytest.raises(KeyError):
        test_one_input(b"<a/>")


def test_the_target_knows_refusals() -> None:
    assert test_one_input(b"") == "parse.not-well-formed"
