"""Assertions between sites: who they are of, for whom, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.federation.keys import SiteKeys
from marketplace.peers.registry.assertions import (
    UnprovenAssertionError,
    looks_like_assertion,
    make_assertion,
    verify_assertion,
)
from marketplace.tlog.note import SigningKey, VerifierKey

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEYS = SiteKeys(
    SigningKey("mp-a.example", Ed25519PrivateKey.generate()),
    SigningKey("mp-a.example/auth", Ed25519PrivateKey.generate()),
)
HERE = "mp-b.example"


def find_key(site: str) -> VerifierKey | None:
    return KEYS.auth.verifier if site == "mp-a.example" else None


def verified(text: str, now: datetime = NOW) -> str:
    return verify_assertion(text, find_key, HERE, now)


def made(key: Ed25519PrivateKey = KEYS.auth.private, **changes: object) -> str:
    second = int(NOW.timestamp())
    claims = {"iss": "mp-a.example", "aud": HERE, "iat": second, "exp": second + 240} | changes
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, "EdDSA")


def test_an_assertion_tells_who_asks() -> None:
    text = make_assertion(KEYS, HERE, NOW)
    assert looks_like_assertion(text)
    assert verified(text) == "mp-a.example"


@pytest.mark.parametrize(("seconds", "holds"), [(-59, True), (-61, False), (299, True), (301, False)])
def test_it_holds_for_minutes_with_a_minute_for_clocks(seconds: int, holds: bool) -> None:
    moment = NOW + timedelta(seconds=seconds)
    if holds:
        assert verified(made(), moment) == "mp-a.example"
    else:
        with pytest.raises(UnprovenAssertionError):
            verified(made(), moment)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "mp-c.example"},
        {"aud": None},
        {"iss": "mp-c.example"},
        {"iss": None},
        {"exp": None},
        {"iat": None},
        {"exp": int(NOW.timestamp()) + 301},
        {"exp": 1e308},
        {"iat": "x"},
        {"nbf": 4_000_000_000},
    ],
)
def test_other_claims_prove_nothing(changes: dict[str, object]) -> None:
    with pytest.raises(UnprovenAssertionError):
        verified(made(**changes))


def test_only_the_auth_key_that_was_pinned_counts() -> None:
    for key in (KEYS.log.private, Ed25519PrivateKey.generate()):
        with pytest.raises(UnprovenAssertionError):
            verified(made(key))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b.c",
        "ey" * 2000,
        jwt.encode({"iss": "mp-a.example", "aud": HERE, "iat": 0, "exp": 9**9}, "", "none"),
        jwt.encode({"iss": "mp-a.example", "aud": HERE}, KEYS.auth.verifier.public, "HS256"),
        "eyJhbGciOiJFZERTQSJ9." + "W1tb" * 400 + ".AA",
    ],
)
def test_what_is_no_assertion_proves_nothing(text: str) -> None:
    with pytest.raises(UnprovenAssertionError):
        verified(text)


def test_tokens_of_people_are_no_assertions() -> None:
    assert not looks_like_assertion("mpt_0123456789abcdef_" + "A" * 43)
