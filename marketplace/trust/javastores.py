"""Java truststores, read once to become PEM: at run time no site needs the library for them."""

from __future__ import annotations

from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.trust_files.formats import JAVA_STORE
from validators.coded_error import CodedError
from validators.links import Link, MaterialError, parse_link


class LibraryMissingError(CodedError, code="trust.java-library"):
    """The extra ``jks`` is not installed."""


@dataclass(frozen=True, slots=True)
class Trusted:
    """A trusted certificate of a store under its alias."""

    alias: str
    certificate: Link


def parse_java_store(data: bytes, password: str) -> list[Trusted]:
    """The trusted certificates of a JKS store, in the order of their aliases. Keys in it are left alone.

    Raises:
        MaterialError: it is no such store, the password is wrong, or a certificate cannot be read.
        LibraryMissingError: the library is not there.
    """
    if not data.startswith(JAVA_STORE):
        kind = "PKCS #12, which trust.anchors reads as it is" if data[:1] == b"0" else "no JKS store"
        raise MaterialError(f"is {kind}")
    try:
        import jks
    except ImportError as error:
        raise LibraryMissingError("install the extra: pip install 'image-marketplace[jks]'") from error
    try:
        store = jks.KeyStore.loads(data, password, try_decrypt_keys=False)
    except jks.util.KeystoreSignatureException:
        raise MaterialError("cannot be opened: the password is wrong, or the file was altered") from None
    # The library reads lengths out of the file and trusts them: whatever that leads to is a damaged file.
    except Exception as error:
        raise MaterialError(f"is damaged ({type(error).__name__})") from error
    return [Trusted(str(alias), parse_link(bytes(one.cert))) for alias, one in sorted(store.certs.items())]


def to_pem(trusted: Sequence[Trusted]) -> bytes:
    """A bundle with a line above each certificate that says whose it is."""
    blocks = []
    for one in trusted:
        label = " ".join(f"{one.alias}: {one.certificate.name}".split()).encode("ascii", "backslashreplace")
        body = encodebytes(one.certificate.der).replace(b"\n", b"")
        lines = b"\n".join(body[start : start + 64] for start in range(0, len(body), 64))
        blocks.append(
            b"# " + label + b"\n-----BEGIN CERTIFICATE-----\n" + lines + b"\n-----END CERTIFICATE-----\n"
        )
    return b"".join(blocks)
