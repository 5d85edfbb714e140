"""Checksums as somebody types them, and the one spelling in which they are compared."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validators.checksums import DIGITS, canonical, find_checksum, parse_checksum
from validators.document import Checksum
from validators.identifier import identifier_from_sha1

ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def digest(algorithm: str, data: bytes = b"image") -> str:
    return hashlib.new(ALGORITHMS[algorithm], data, usedforsecurity=False).hexdigest()


@given(st.sampled_from(sorted(DIGITS)), st.binary(max_size=8))
def test_any_spelling_of_a_checksum_is_read_as_the_one_spelling(algorithm, data):
    value = digest(algorithm, data)
    wanted = Checksum(algorithm, value)
    name = ALGORITHMS[algorithm]
    for typed in (
        value,
        value.upper(),
        f" {value}\n",
        f"{name}:{value}",
        f"{name.upper()}={value}",
        f"{algorithm}:{value}",
        f"{algorithm.lower()} {value.upper()}",
        f"{algorithm}: {value}",
    ):
        assert find_checksum(typed) == wanted
    assert canonical(parse_checksum(algorithm, value.upper())) == wanted
    if algorithm == "SHA-1":
        assert find_checksum(identifier_from_sha1(value)) == wanted


def test_a_sha1_written_as_a_number_is_the_same_checksum():
    value = "00ab" + "c" * 36
    for written in (value, value.lstrip("0"), "000" + value):
        assert canonical(parse_checksum("SHA-1", written)).value == value


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "abc",
        "a" * 31,
        "g" * 32,
        "a" * 41,
        "a" * 129,
        "sha256:" + "a" * 40,
        "md5:" + "a" * 64,
        "a" * 32 + " x",
        "image:" + "a" * 32,
        "crc32:" + "a" * 32,
        "\u0661" * 32,
        "Q" + "A" * 26,
        "A" * 26,
        "sha-512/256:" + "a" * 64,
    ],
)
def test_what_is_no_checksum_is_none(typed):
    assert find_checksum(typed) is None
