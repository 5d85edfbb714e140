"""What is read without the library, and what its answers and failures come to."""

from __future__ import annotations

import warnings

import pytest

from tests.attacks.certificates import own
from validators.certificates import is_self_signed, parse_signer
from validators.der import (
    content_span,
    der_content,
    der_element,
    der_elements,
    der_integer,
    dotted,
)
from validators.errors import CertificateMalformedError, SelfSignatureError
from validators.library import UnreadableError, ask_library, read_outline
from validators.links import parse_link


@pytest.mark.parametrize(
    ("serial", "number"),
    [
        (b"\x02\x01\xf9", -7),
        (b"\x02\x01\x00", 0),
        (b"\x02\x01\x07", 7),
        (b"\x02\x15\x00" + b"\xff" * 20, 2**160 - 1),
        (b"\x02\x81\xc8\x01" + b"\x02" * 199, int.from_bytes(b"\x01" + b"\x02" * 199, "big")),
        (b"\x02\x02\x80\x00", -32768),
    ],
)
def test_any_integer_is_a_serial_number_and_the_library_sees_none_that_is_odd(
    serial: bytes, number: int
) -> None:
    der = own(serial=serial)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the library announces that it will refuse some of them
        assert parse_signer(der).signer.certificate == der
        assert parse_link(der).serial == number
        assert is_self_signed(der)
    signed = der_elements(der)[0]
    assert read_outline(der).signed == signed
    # What the issuer signed is what stands there, not what the library was shown.
    with pytest.raises(SelfSignatureError):
        parse_signer(der.replace(serial, serial[:-1] + bytes([serial[-1] ^ 1]), 1))


@pytest.mark.parametrize(
    "serial", [b"\x02\x00", b"\x02\x02\x00\x07", b"\x02\x02\xff\x80", b"\x04\x01\x07", b"\x05\x00"]
)
def test_what_is_no_integer_of_der_is_no_serial_number(serial: bytes) -> None:
    with pytest.raises(CertificateMalformedError, match="INTEGER"):
        parse_signer(own(serial=serial))


@pytest.mark.parametrize(
    "junk", [b"", b"0", b"0\x03ab", b"0\x80", b"0\x81\x05abcde", b"0\x85\x00\x00\x00\x00\x01a", b"0\x01ab"]
)
def test_what_is_no_element_is_no_certificate(junk: bytes) -> None:
    for read in (der_elements, der_content, read_outline):
        with pytest.raises(ValueError, match=r"element|unpack"):
            read(junk)


def test_elements_are_written_as_they_are_read() -> None:
    for size in (0, 127, 128, 255, 256, 70_000):
        inner = der_element(0x04, b"x" * size)
        assert der_elements(der_element(0x30, inner, inner)) == [inner, inner]
        assert der_content(inner) == b"x" * size
        assert content_span(inner, 0)[1] == len(inner)


def test_what_cannot_be_read_is_not_self_signed() -> None:
    assert not is_self_signed(b"0\x03abc")
    assert is_self_signed(own())


@pytest.mark.parametrize("encoded", [b"", b"\x2a\x86", b"\x2a" * 64])
def test_what_does_not_end_is_no_object_identifier(encoded: bytes) -> None:
    with pytest.raises(ValueError, match="object identifier"):
        dotted(encoded)
    assert dotted(bytes.fromhex("2a864886f70d010901")) == "1.2.840.113549.1.9.1"
    assert der_integer(b"\x02\x01\xff") == -1


class PanicException(BaseException):  # named like the one that the library's compiled part raises
    """No Exception, as that one is none."""


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError(), PanicException("unwrap of None")])
def test_whatever_the_library_raises_is_one_error(error: BaseException) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(UnreadableError, match=r"x|RuntimeError|unwrap"):
        ask_library(fail)


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt(), SystemExit()])
def test_what_says_nothing_about_the_bytes_goes_on(error: BaseException) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        ask_library(fail)
