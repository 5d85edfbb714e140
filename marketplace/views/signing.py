"""The site's keys for dialects that are signed as a whole, read from files that the operator may replace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID

from marketplace.config.views import ViewsSettings
from marketplace.views.openpgp import OpenPgpSigner
from marketplace.views.smime import to_message
from marketplace.views.value import Signing, SmimeSigner
from validators.document import format_time

#: Short names of OpenSSL; it writes other types in dotted form.
_SHORT: Final = {
    x509.NameOID.COMMON_NAME: "CN",
    x509.NameOID.COUNTRY_NAME: "C",
    x509.NameOID.LOCALITY_NAME: "L",
    x509.NameOID.STATE_OR_PROVINCE_NAME: "ST",
    x509.NameOID.ORGANIZATION_NAME: "O",
    x509.NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    x509.NameOID.STREET_ADDRESS: "street",
    x509.NameOID.DOMAIN_COMPONENT: "DC",
    x509.NameOID.USER_ID: "UID",
    x509.NameOID.EMAIL_ADDRESS: "emailAddress",
    x509.NameOID.SERIAL_NUMBER: "serialNumber",
    x509.NameOID.SURNAME: "SN",
    x509.NameOID.GIVEN_NAME: "GN",
    x509.NameOID.TITLE: "title",
}
_PURPOSES: Final = (ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
_OPTIONS: Final = (pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.NoAttributes)


class _UnusableError(Exception):
    """Why a key cannot be used, for the operator and for whoever asks for a document."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read, and the state of the files it was read from."""

    files: tuple[object, ...]
    signing: Signing


class SigningKeys:
    """What the site signs lists with. Safe to share between threads."""

    def __init__(self, settings: ViewsSettings, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._now = now
        self._lock = threading.Lock()
        self._read: _Read | None = None

    def signing(self) -> Signing:
        """The keys in force: the same object until a file is another one, or a certificate has expired."""
        settings, now = self._settings, self._now()
        files = tuple(map(_state, (settings.certificate, settings.key, settings.openpgp_key)))
        with self._lock:
            read = self._read
            if read is None or read.files != files or _is_over(read.signing, now):
                self._read = read = _Read(files, self._load(now))
            return read.signing

    def _load(self, now: datetime) -> Signing:
        settings = self._settings
        smime: SmimeSigner | str
        try:
            smime = _smime(settings.certificate, settings.key, now)
        except _UnusableError as error:
            smime = str(error)
        openpgp = settings.openpgp_key
        if openpgp is None:
            return Signing(smime, "the site has no OpenPGP key (views.openpgp_key)")
        return Signing(smime, OpenPgpSigner(openpgp).clearsign)


def _is_over(signing: Signing, now: datetime) -> bool:
    return isinstance(signing.smime, SmimeSigner) and signing.smime.expires < now


def _state(path: Path | None) -> object:
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return "missing"
    return found.st_ino, found.st_size, found.st_mtime_ns


def _smime(certificate: Path | None, key: Path | None, now: datetime) -> SmimeSigner:
    if certificate is None or key is None:
        raise _UnusableError("the site has no certificate to sign lists with (views.certificate, views.key)")
    chain = _load_certificates(certificate)
    private = _load_key(key)
    own = chain[0]
    if not isinstance(private, rsa.RSAPrivateKey):
        # With others each signature is another one, and the same list would not be the same bytes.
        raise _UnusableError("the key of views.key is not an RSA key")
    if own.public_key() != private.public_key():
        raise _UnusableError("the first certificate of views.certificate does not belong to views.key")
    unfit = find_unfit(own)
    if unfit is not None:
        raise _UnusableError(f"the certificate of views.certificate {unfit}")
    if not own.not_valid_before_utc <= now <= own.not_valid_after_utc:
        begins, ends = (format_time(one) for one in (own.not_valid_before_utc, own.not_valid_after_utc))
        raise _UnusableError(f"the certificate of views.certificate is valid from {begins} to {ends}")
    return SmimeSigner(
        subject=slash_name(own.subject),
        issuer=slash_name(own.issuer),
        name=_common_name(own),
        email=_email(own),
        expires=own.not_valid_after_utc.replace(microsecond=0),
        sign=lambda data: _sign(data, private, chain),
    )


def slash_name(name: x509.Name) -> str:
    """A name as OpenSSL writes it in one line, in the order in which it is encoded: ``/DC=org/CN=X``."""
    return "".join(f"/{_SHORT.get(one.oid, one.oid.dotted_string)}={one.value!s}" for one in name)


def _load_certificates(path: Path) -> Sequence[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _UnusableError(f"views.certificate cannot be read: {_reason(error)}") from None


def _load_key(path: Path) -> object:
    try:
        return load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _UnusableError(f"views.key cannot be read: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    # Never the path: whoever asks for a document is told this.
    if isinstance(error, OSError):
        return error.strerror or "no such file"
    return "it is not a PEM file of that kind"


def find_unfit(certificate: x509.Certificate) -> str | None:
    """What OpenSSL would refuse of whoever signs mail, as the rest of a sentence; None where nothing."""
    extensions = certificate.extensions
    try:
        purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if not any(purpose in purposes for purpose in _PURPOSES):
            return "is not for e-mail protection"
    except x509.ExtensionNotFound:
        pass  # then it is for every purpose (RFC 5280, section 4.2.1.12)
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        if not (usage.digital_signature or usage.content_commitment):
            return "is not for signatures"
    except x509.ExtensionNotFound:
        pass  # then it is for every use (RFC 5280, section 4.2.1.3)
    return None


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[-1].value) if names else slash_name(certificate.subject)


def _email(certificate: x509.Certificate) -> str:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    return next(iter(found.get_values_for_type(x509.RFC822Name)), "")


def _sign(data: bytes, key: rsa.RSAPrivateKey, chain: Sequence[x509.Certificate]) -> bytes:
    """S/MIME (RFC 8551, section 3.5.3) with a detached signature, the same bytes for the same data.

    The library signs the data with line ends as mail has them, and without the time of signing. It would
    choose a boundary by chance, so ``to_message`` puts the parts together.

    Args:
        data: text in ASCII without carriage returns.
    """
    builder = pkcs7.PKCS7SignatureBuilder().set_data(data).add_signer(chain[0], key, hashes.SHA256())
    for one in chain[1:]:
        builder = builder.add_certificate(one)
    return to_message(data, builder.sign(Encoding.DER, _OPTIONS))
