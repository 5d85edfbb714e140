"""The site's keys for signed lists: what can be used, and what is said of what cannot."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from marketplace.config.views import ViewsSettings
from marketplace.views.signing import SigningKeys, slash_name
from marketplace.views.value import SmimeSigner
from tests.factories.identities import Identity, make_identity
from tests.factories.openpgp import Signer

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def keys(folder: Path, certificate: bytes, key: bytes, now: datetime = NOW) -> SigningKeys:
    (folder / "site.pem").write_bytes(certificate)
    (folder / "site.key").write_bytes(key)
    settings = ViewsSettings(certificate=folder / "site.pem", key=folder / "site.key")
    return SigningKeys(settings, lambda: now)


def of(identity: Identity, other: Identity | None = None) -> tuple[bytes, bytes]:
    return identity.certificate_pem, (other or identity).key_pem()


def good() -> Identity:
    return make_identity("Lab", "lab@example.org", "rsa2048")


def rsa(**how: object) -> tuple[bytes, bytes]:
    return of(make_identity(key="rsa2048", **how))


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (lambda: of(good(), make_identity(key="rsa3072")), "does not belong to views.key"),
        (lambda: of(make_identity(key="p256")), "not an RSA key"),
        (lambda: rsa(not_after=datetime(2025, 1, 1, tzinfo=UTC)), "to 2025-01-01"),
        (lambda: rsa(not_before=datetime(2027, 1, 1, tzinfo=UTC)), "from 2027-01-01"),
        (lambda: rsa(key_usage="key_agreement"), "not for signatures"),
        (lambda: (b"nothing", good().key_pem()), "views.certificate cannot be read"),
        (lambda: (good().certificate_pem, b"nothing"), "views.key cannot be read"),
        (lambda: (good().certificate_pem, good().key_pem("secret")), "views.key cannot be read"),
    ],
    ids=("another key", "no RSA", "over", "not yet", "for something else", "no PEM", "no key", "password"),
)
def test_what_cannot_sign_is_told_without_a_path(tmp_path, files, told) -> None:
    found = keys(tmp_path, *files()).signing().smime
    assert isinstance(found, str)
    assert told in found and str(tmp_path) not in found


def test_files_that_are_replaced_are_read_again(tmp_path) -> None:
    held = keys(tmp_path, *of(good()))
    first = held.signing()
    assert isinstance(first.smime, SmimeSigner) and held.signing() is first
    (tmp_path / "site.key").unlink()
    assert held.signing().smime == "views.key cannot be read: No such file or directory"
    (tmp_path / "site.key").write_bytes(good().key_pem())
    assert isinstance(held.signing().smime, SmimeSigner)


def test_a_certificate_that_ends_while_the_server_runs_signs_no_more(tmp_path) -> None:
    moments = [NOW]
    identity = make_identity("Short", key="rsa2048", not_after=datetime(2026, 6, 2, tzinfo=UTC))
    held = keys(tmp_path, *of(identity))
    held._now = lambda: moments[-1]
    assert isinstance(held.signing().smime, SmimeSigner)
    moments.append(datetime(2026, 6, 3, tzinfo=UTC))
    assert "to 2026-06-02" in str(held.signing().smime)


def test_names_are_written_as_openssl_does() -> None:
    assert slash_name(good().certificate.subject) == "/C=EU/O=Demo Project/CN=Lab"


def test_openpgp_signs_the_same_bytes_for_the_same_time(tmp_path) -> None:
    signer = Signer(tmp_path / "gnupg", at="20240101T000000")
    try:
        (tmp_path / "key").write_bytes(signer.secret_key())
    finally:
        signer.close()
    held = SigningKeys(ViewsSettings(openpgp_key=tmp_path / "key"), lambda: NOW)
    clearsign = held.signing().clearsign
    assert not isinstance(clearsign, str)
    first = clearsign(b"a list\n", NOW)
    assert first == clearsign(b"a list\n", NOW)
    assert b"\na list\n-----BEGIN PGP SIGNATURE-----\n" in first


def test_a_site_without_keys_says_which_setting_there_is() -> None:
    signing = SigningKeys(ViewsSettings(), lambda: NOW).signing()
    assert "views.certificate" in str(signing.smime) and "views.openpgp_key" in str(signing.clearsign)
