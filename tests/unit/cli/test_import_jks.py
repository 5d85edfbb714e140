"""Java truststores become anchors."""

from __future__ import annotations

import jks
import pytest

from marketplace.trust_files.formats import parse_certificates
from tests.factories.identities import make_identity
from tests.unit.trust.authorities import der, root

ROOT = root()
PASSWORD = "XYZXYZ"  # of stores that this file makes


def store(*identities):
    entries = [jks.TrustedCertEntry.new(f"ca{n}", der(one)) for n, one in enumerate(identities)]
    return jks.KeyStore.new("jks", entries).saves(PASSWORD)


@pytest.fixture
def password(tmp_path):
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    return str(path)


def test_trusted_certificates_become_pem(cli, tmp_path, password):
    other = make_identity("Other", None, ca=True, key_usage=None)
    (tmp_path / "trust.jks").write_bytes(store(ROOT, other))
    outcome = cli("trust", "import-jks", "--password-file", password, str(tmp_path / "trust.jks"))
    assert outcome.code == 0
    assert [one.der for one in parse_certificates(outcome.out, "anchors.pem")] == [der(ROOT), der(other)]
    assert outcome.out.startswith(b"# ca0: CN=Trust Root")
    out = tmp_path / "anchors.pem"
    cli("trust", "import-jks", "--password-file", password, "--out", str(out), str(tmp_path / "trust.jks"))
    assert out.read_bytes() == outcome.out


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "no JKS store"),
        (b"hello", "no JKS store"),
        (b"0\x82", "PKCS #12"),
        (store(ROOT)[:-1] + b"\0", "password is wrong"),
        (store(ROOT)[:30], "damaged"),
        (b"\xfe\xed\xfe\xed\x00\x00\x00\x02\xff\xff\xff\xff", "damaged"),
    ],
    ids=["empty", "text", "pkcs12", "other-digest", "cut", "endless"],
)
def test_what_is_no_truststore_is_one_sentence(cli, tmp_path, password, data, told):
    (tmp_path / "x.jks").write_bytes(data)
    outcome = cli("trust", "import-jks", "--password-file", password, str(tmp_path / "x.jks"))
    assert (outcome.code, outcome.is_sentence()) == (1, True)
    assert told in outcome.err and outcome.out == b""


def test_a_wrong_password_is_told(cli, tmp_path, password):
    (tmp_path / "x.jks").write_bytes(store(ROOT))
    (tmp_path / "password").write_text("other")
    outcome = cli("trust", "import-jks", "--password-file", password, str(tmp_path / "x.jks"))
    assert outcome.code == 1 and "password" in outcome.err


def test_the_store_of_the_original_suite(cli, every_originals, password):
    keys = every_originals / "keys"
    outcome = cli("trust", "import-jks", "--password-file", password, str(keys / "truststore.jks"))
    assert outcome.code == 0
    (anchor,) = parse_certificates(outcome.out, "anchors.pem")
    (wanted,) = parse_certificates((keys / "ca-cert.pem").read_bytes(), "ca.pem")
    assert anchor == wanted
