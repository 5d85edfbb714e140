"""The identifier codec is exact in both directions and takes nothing else."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validators.identifier import ALPHABET, identifier_from_sha1, is_identifier, sha1_from_identifier

SHA1 = st.integers(min_value=0, max_value=2**160 - 1)


@given(SHA1)
def test_a_sha1_survives_both_ways(number):
    identifier = identifier_from_sha1(f"{number:040x}")
    assert is_identifier(identifier)
    assert sha1_from_identifier(identifier) == number


@given(st.text("ABCDEFGHIJKLMNOP", min_size=1, max_size=1), st.text(ALPHABET, min_size=26, max_size=26))
def test_an_identifier_survives_both_ways(first, rest):
    assert identifier_from_sha1(f"{sha1_from_identifier(first + rest):x}") == first + rest


@given(SHA1, SHA1)
def test_identifiers_differ_where_the_numbers_do(one, other):
    assert (identifier_from_sha1(f"{one:x}") == identifier_from_sha1(f"{other:x}")) == (one == other)


@given(SHA1, st.integers(0, 60), st.booleans())
def test_case_and_leading_zeros_do_not_matter(number, zeros, upper):
    digits = "0" * zeros + f"{number:x}"
    assert identifier_from_sha1(digits.upper() if upper else digits) == identifier_from_sha1(f"{number:040x}")


@given(st.text(max_size=60))
def test_other_text_is_refused_with_value_error_only(text):
    if not is_identifier(text):
        with pytest.raises(ValueError, match="an identifier is"):
            sha1_from_identifier(text)


def test_the_ends_of_the_range():
    assert identifier_from_sha1("0") == "A" * 27
    assert identifier_from_sha1("f" * 40) == "P" + "_" * 26
    assert identifier_from_sha1("1") == "A" * 26 + "B"
    assert identifier_from_sha1("40") == "A" * 25 + "BA"


@pytest.mark.parametrize(
    "digits",
    ["", " 1", "1\n", "0x1", "-1", "+1", "1_0", "g", "1" + "0" * 40, "١", "１"],
)
def test_what_is_no_sha1_is_refused(digits):
    with pytest.raises(ValueError, match="SHA-1"):
        identifier_from_sha1(digits)


@pytest.mark.parametrize(
    "text",
    ["", "A" * 26, "A" * 28, "Q" + "A" * 26, "a" + "A" * 26, "A" * 26 + "\n", "A" * 26 + "=", "A" * 26 + "é"],
)
def test_what_is_no_identifier_is_refused(text):
    assert not is_identifier(text)


def test_it_is_not_base64url_of_the_bytes():
    digest = hashlib.sha1(b"image", usedforsecurity=False)
    assert identifier_from_sha1(digest.hexdigest()) != base64.urlsafe_b64encode(
        digest.digest()
    ).decode().rstrip("=")
    assert sha1_from_identifier(identifier_from_sha1(digest.hexdigest())) == int(digest.hexdigest(), 16)
