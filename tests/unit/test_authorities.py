"""Whose certificates other servers may show."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from marketplace import authorities
from marketplace.authorities import get_authorities
from tests.factories.identities import make_identity


def count() -> int:
    return get_authorities().cert_store_stats()["x509"]


def test_they_are_read_once_and_anew_where_others_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = get_authorities()
    assert get_authorities() is usual and count() > 50
    own = tmp_path / "own.pem"
    own.write_bytes(make_identity("Own Authority", ca=True).certificate.public_bytes(Encoding.PEM))
    with monkeypatch.context() as named:
        named.setenv("SSL_CERT_FILE", str(own))
        assert count() == 1
    assert get_authorities() is usual


def test_where_the_system_has_none_the_library_has_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda context, purpose: None)
    authorities._read.cache_clear()
    assert count() > 50
    authorities._read.cache_clear()


def test_nothing_makes_up_for_a_file_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    assert count() == 0
