"""Who signs: a certificate with its private key, checked before it is used.

Sources: FORMAT, step 3 (which keys and certificates may sign) and step 5 (where
the endorser's e-mail comes from).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)

from validators import errors as refusals
from validators.certificates import SignerCertificate, parse_signer
from validators.distinguished import name_of_der
from validators.errors import CertificateAuthorityError, SignatureStepError
from validators.general_names import find_subject_addresses
from validators.library import Outline, read_outline
from validators.signature_shape import MAX_CERTIFICATES
from validators.signing_errors import (
    KEYGEN,
    CaCertificateError,
    KeyFileError,
    PasswordRequiredError,
    SigningKeyUsageError,
    WeakKeyError,
    WrongPasswordError,
)

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

#: Certificates beside the signer's own that an entry may carry.
MAX_INTERMEDIATES = MAX_CERTIFICATES - 1

_MIN_RSA_BITS = 2048
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_DER_SEQUENCE = 0x30


@dataclass(frozen=True)
class SigningIdentity:
    """A certificate, its private key and the certificates that lead towards an anchor.

    Make one with ``of`` (or a loader), which checks that it may sign.
    ``email`` is the certificate's first rfc822Name, if it has one; ``addresses`` are what its
    subject says, which binds nothing. ``left_out`` counts the issuers that an entry has no room for.
    """

    certificate: x509.Certificate
    key: SigningKey
    intermediates: tuple[x509.Certificate, ...] = ()
    email: str | None = None
    addresses: tuple[str, ...] = ()
    left_out: int = 0

    @classmethod
    def of(
        cls, certificate: x509.Certificate, key: object, others: Iterable[x509.Certificate] = ()
    ) -> SigningIdentity:
        """Check a certificate and key, and pick its issuers out of the other certificates.

        Raises:
            KeyFileError: the key is not the certificate's, or the certificate is damaged.
            WeakKeyError: neither RSA of 2048 bits or more nor ECDSA on P-256, P-384 or P-521.
            CaCertificateError: the certificate issues certificates.
            SigningKeyUsageError: its KeyUsage forbids signing documents.
        """
        checked = _verify_key(key)
        if not _belongs(certificate, checked):
            raise KeyFileError("the certificate does not belong to the private key")
        signer = _verify_certificate(certificate).signer
        issuers = tuple(_issuers(certificate, list(others)))
        carried = issuers[:MAX_INTERMEDIATES]
        addresses = find_subject_addresses(read_outline(signer.certificate).subject)
        readable = tuple(one for one in addresses if one is not None)
        return cls(certificate, checked, carried, signer.email, readable, len(issuers) - len(carried))

    @property
    def key_digest(self) -> str:
        """SHA-256 of the public key (SubjectPublicKeyInfo), in hex, as entries have it."""
        public = self.key.public_key()
        encoded = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(encoded).hexdigest()


def load_pkcs12(data: bytes, password: str | None) -> SigningIdentity:
    """Read a signing identity from a PKCS#12 key store.

    Args:
        data: the whole file.
        password: of the store; None where it has none.

    Raises:
        PasswordRequiredError, WrongPasswordError: the store does not open.
        KeyFileError: the bytes are no PKCS#12 store, or it lacks a key or its certificate.
        SigningError: the identity may not sign (see ``SigningIdentity.of``).
    """
    if not data or data[0] != _DER_SEQUENCE:
        raise KeyFileError("the key store is not a PKCS#12 file")
    try:
        store = pkcs12.load_pkcs12(data, password.encode() if password is not None else None)
    except UnsupportedAlgorithm:
        raise KeyFileError("the key store is encrypted in a way that this machine does not support") from None
    except (ValueError, TypeError):
        if password is None:
            raise PasswordRequiredError("the key store needs a password, or is damaged") from None
        raise WrongPasswordError(
            "the password does not open the key store, or the key store is damaged"
        ) from None
    if store.key is None or store.cert is None:
        missing = "private key" if store.key is None else "certificate for its private key"
        raise KeyFileError(f"the key store holds no {missing}")
    others = [extra.certificate for extra in store.additional_certs]
    return SigningIdentity.of(store.cert.certificate, store.key, others)


def load_pem(certificates: bytes, key: bytes, password: str | None) -> SigningIdentity:
    """Read a signing identity from PEM files.

    Args:
        certificates: the key's certificate and, optionally, those of its issuers, in any order.
        key: the private key, encrypted or not.
        password: of the key; not used where the key is not encrypted.

    Raises:
        PasswordRequiredError, WrongPasswordError: the key does not open.
        KeyFileError: a file holds nothing usable, or no certificate belongs to the key.
        SigningError: the identity may not sign (see ``SigningIdentity.of``).
    """
    private_key = _load_private_key(key, password)
    try:
        chain = x509.load_pem_x509_certificates(certificates)
    except ValueError:
        raise KeyFileError("the certificate file contains no readable PEM certificate") from None
    own = next((certificate for certificate in chain if _belongs(certificate, private_key)), None)
    if own is None:
        raise KeyFileError("the certificate does not belong to the private key")
    return SigningIdentity.of(own, private_key, [other for other in chain if other != own])


def _load_private_key(key: bytes, password: str | None) -> object:
    secret = password.encode() if password is not None else None
    try:
        try:
            return load_pem_private_key(key, secret)
        except TypeError:
            # Raised for a password on a key that is not encrypted, and for a lacking one.
            if secret is None:
                raise PasswordRequiredError("the private key is encrypted and needs a password") from None
            if b"ENCRYPTED" in key:
                raise WrongPasswordError(
                    "the private key is encrypted, and the password that was given is empty"
                ) from None
            return load_pem_private_key(key, None)
    except UnsupportedAlgorithm:
        raise KeyFileError("the private key is of a kind that this machine does not support") from None
    except ValueError:
        if secret is not None and b"ENCRYPTED" in key:
            raise WrongPasswordError("the password does not open the private key") from None
        raise KeyFileError("the key file contains no readable PEM private key") from None


def _verify_key(key: object) -> SigningKey:
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < _MIN_RSA_BITS:
            found = f"the RSA key has {key.key_size} bits; at least {_MIN_RSA_BITS} are needed"
            raise WeakKeyError(f"{found}: {KEYGEN}")
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if not isinstance(key.curve, _CURVES):
            raise WeakKeyError(f"the curve {key.curve.name} is not one of P-256, P-384 and P-521: {KEYGEN}")
        return key
    raise WeakKeyError(f"the key is neither RSA nor ECDSA: {KEYGEN}")


def _verify_certificate(certificate: x509.Certificate) -> SignerCertificate:
    """Ask acceptance itself whether it will take this signer, before anything is signed."""
    try:
        return parse_signer(certificate.public_bytes(Encoding.DER))
    except CertificateAuthorityError:
        raise CaCertificateError(
            "the certificate is a CA's (basicConstraints CA:TRUE, which `openssl req -x509` writes by "
            f"default), and no marketplace accepts entries signed with a CA certificate: {KEYGEN}, or get a "
            "certificate for a person or service from your authority"
        ) from None
    except refusals.KeyTypeError as error:
        found = f"the certificate holds {error.found} and not {error.expected}"
        raise WeakKeyError(f"{found}: {KEYGEN}") from None
    except refusals.KeyUsageError:
        raise SigningKeyUsageError(
            f"the certificate's KeyUsage allows neither digitalSignature nor nonRepudiation: {KEYGEN}"
        ) from None
    except SignatureStepError as error:
        raise KeyFileError(f"the certificate cannot be used: {error.message}; {KEYGEN}") from None


def _belongs(certificate: x509.Certificate, key: object) -> bool:
    try:
        return bool(certificate.public_key() == key.public_key())  # type: ignore[attr-defined]  # every private key has one
    except (ValueError, UnsupportedAlgorithm):
        return False


def _issuers(certificate: x509.Certificate, others: list[x509.Certificate]) -> Iterable[x509.Certificate]:
    # The library has read them all, so each of them is well-formed.
    named = [(name_of_der(_outline(other).subject), other) for other in others]
    current = _outline(certificate)
    while (wanted := name_of_der(current.issuer)) != name_of_der(current.subject):
        found = next((one for one in named if one[0] == wanted), None)
        if found is None:
            return
        named.remove(found)
        current = _outline(found[1])
        yield found[1]


def _outline(certificate: x509.Certificate) -> Outline:
    return read_outline(certificate.public_bytes(Encoding.DER))
