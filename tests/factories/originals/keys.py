"""The keys of the original test suite: an authority, and who has a certificate from it or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import jks
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import NameOID

from tests.factories.identities import Identity, make_identity
from tests.unit.trust.authorities import crl_bytes

PASSWORD = "XYZXYZ"
ISSUER = "CN=StratusLab Test CA,OU=Testing Department,O=StratusLab Project,C=EU"
#: The allow-list of the test authority, each name in a spelling of its own.
_ALLOWED = """\
CN=Jim Tester,OU=Testing Department,O=StratusLab Project,C=EU
CN=Jane Tester, OU=Testing Department, O=StratusLab Project, C=EU
CN=Rita Revoked,OU=Testing Department,O=StratusLab Project,C=EU
cn=Joan Tester,ou=Testing Department,o=StratusLab Project,c=EU
EMAILADDRESS=mail.tester@example.org,CN=Mail Tester,OU=LAL,O=CNRS,L=Orsay,ST=Ile de France,C=FR
"""


def _name(common: str) -> x509.Name:
    parts = {
        NameOID.COUNTRY_NAME: "EU",
        NameOID.ORGANIZATION_NAME: "StratusLab Project",
        NameOID.ORGANIZATIONAL_UNIT_NAME: "Testing Department",
        NameOID.COMMON_NAME: common,
    }
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts.items()])


@cache
def authority() -> Identity:
    """The authority that jim, joan and rita have their certificates from."""
    return make_identity(
        "", None, "p256", ca=True, key_usage=None, subject=_name("StratusLab Test CA"), variant=41
    )


@cache
def signer(name: str) -> Identity:
    """Somebody of the original test suite: ``jim``, ``joan``, ``revoked``, ``jane``, ``ec``, ``noemail``."""
    common, email = {
        "revoked": ("Rita Revoked", "rita.revoked@example.org"),
        "ec": ("EC Tester", "ec.tester@example.org"),
        "noemail": ("No Email Tester", None),
    }.get(name, (f"{name.title()} Tester", f"{name}.tester@example.org"))
    made = make_identity(
        "",
        email,
        "p256" if name == "ec" else "rsa2048",
        issuer=authority() if name in ("jim", "joan", "revoked") else None,
        subject=_name(common),
    )
    # Its file has the certificate alone, as the original suite's have.
    return Identity(made.certificate, made.key, made.email)


def write_keys(folder: Path) -> None:
    """The key stores, certificates, lists and truststores."""
    folder.mkdir(parents=True)
    ca = authority().certificate
    (folder / "ca-cert.pem").write_bytes(authority().certificate_pem)
    for name in ("jim", "joan", "revoked", "jane", "ec", "noemail"):
        (folder / f"{name}.p12").write_bytes(signer(name).pkcs12(PASSWORD))
        (folder / f"{name}-cert.pem").write_bytes(signer(name).certificate_pem)
    now = datetime.now(UTC).replace(microsecond=0)
    times = {"this_update": now - timedelta(days=1), "next_update": now + timedelta(days=7300)}
    for file, revoked in (("ca-crl.pem", [signer("revoked")]), ("ca-crl-empty.pem", [])):
        data = crl_bytes(authority(), *revoked, since=now - timedelta(days=2), **times)
        (folder / file).write_bytes(x509.load_der_x509_crl(data).public_bytes(Encoding.PEM))
    (folder / "whitelist.txt").write_text(_ALLOWED, encoding="utf-8")
    entry = jks.TrustedCertEntry.new("ca", ca.public_bytes(Encoding.DER))
    jks.KeyStore.new("jks", [entry]).save(str(folder / "truststore.jks"), PASSWORD)
    (folder / "truststore.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"ca", None, None, [ca], BestAvailableEncryption(PASSWORD.encode())
        )
    )
