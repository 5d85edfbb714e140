"""Asking the certificate library about bytes that anybody wrote: an answer, or one error.

What a library makes of a certificate changes with its version. What hangs on it for
ever (the names, the serial number, what was signed, the kind of key) is read here from
the DER, and a serial number that some version may not take is kept away from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from validators.der import SEQUENCE, der_content, der_element, der_elements, der_integer

#: Octets of the longest serial number that the standard has (RFC 5280, section 4.1.2.2).
_SERIAL_OCTETS: Final = 20
_EXPLICIT_VERSION: Final = 0xA0
_PLAIN_SERIAL: Final = b"\x02\x01\x01"
#: id-RSASSA-PSS, an object identifier in DER.
_PSS_KEY: Final = bytes.fromhex("06092a864886f70d01010a")
_Answer = TypeVar("_Answer")


class UnreadableError(ValueError):
    """What somebody wrote cannot be read; the message says why.

    Args:
        unsupported: it is well-formed, and of a kind that the library does not have.
    """

    def __init__(self, message: str, *, unsupported: bool = False) -> None:
        super().__init__(message)
        self.unsupported = unsupported


def ask_library(question: Callable[[], _Answer]) -> _Answer:
    """What the library answers about foreign bytes.

    Raises:
        UnreadableError: it raised something, whatever that was.
        MemoryError: that says nothing about the bytes.
    """
    try:
        return question()
    except (MemoryError, UnreadableError):
        raise
    except UnsupportedAlgorithm as error:
        raise UnreadableError(str(error), unsupported=True) from None
    except Exception as error:  # its documentation does not name what it raises for odd bytes
        raise UnreadableError(_reason(error)) from None
    except BaseException as error:
        # A panic of its compiled part: no Exception, and it says no more than one.
        if type(error).__name__ != "PanicException":
            raise
        raise UnreadableError(_reason(error)) from None


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


@dataclass(frozen=True, slots=True)
class Outline:
    """What a certificate is by our own reading.

    Args:
        signed: what its issuer signed (tbsCertificate), in DER.
        serial: of any size and sign.
        issuer, subject: in DER.
        key: the public key (SubjectPublicKeyInfo), in DER.
        pss_only: its key may make and verify RSASSA-PSS signatures only (RFC 4055, section 1.2).
        for_library: the same certificate as every version of the library takes it, which for an odd
            serial number is one with another.
    """

    signed: bytes
    serial: int
    issuer: bytes
    subject: bytes
    key: bytes
    pss_only: bool
    for_library: bytes


def read_outline(der: bytes) -> Outline:
    """Read the outline of a certificate.

    Raises:
        UnreadableError: it has none.
    """
    try:
        signed, *rest = der_elements(der)
        fields = der_elements(signed)
        # version (where it is given), serial number, algorithm, issuer, validity, subject, key
        place = 1 if fields[0][0] == _EXPLICIT_VERSION else 0
        serial = der_integer(fields[place])
        key = fields[place + 5]
        kind = der_elements(der_elements(key)[0])[0]
        plain = der
        if not (serial > 0 and len(der_content(fields[place])) <= _SERIAL_OCTETS):
            fields = [*fields[:place], _PLAIN_SERIAL, *fields[place + 1 :]]
            plain = der_element(SEQUENCE, der_element(SEQUENCE, *fields), *rest)
        issuer, subject = fields[place + 2], fields[place + 4]
        return Outline(signed, serial, issuer, subject, key, kind == _PSS_KEY, plain)
    except (ValueError, IndexError) as error:
        raise UnreadableError(str(error)) from None


def load_certificate(outline: Outline) -> x509.Certificate:
    """The library's certificate, for everything but its serial number and what was signed.

    Raises:
        UnreadableError: the library does not take it.
    """
    return ask_library(lambda: x509.load_der_x509_certificate(outline.for_library))
