"""Base64 in signatures: one spelling but for white space, remembered or not."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validators import strict_base64
from validators.strict_base64 import parse_base64, parse_certificate_text

PARSERS = [parse_base64, parse_certificate_text]
SPACES = st.text(" \t\r\n", max_size=4)


@given(st.binary(max_size=80), st.lists(SPACES, min_size=1, max_size=8))
def test_white_space_between_digits_changes_nothing(value: bytes, spaces: list[str]) -> None:
    digits = base64.b64encode(value).decode()
    width = len(digits) // len(spaces) + 1
    text = "".join(digits[n * width : (n + 1) * width] + space for n, space in enumerate(spaces))
    for parse in PARSERS:
        assert parse(text) == value


@given(st.text(st.sampled_from("AQgw+/= \n\u00a0\u0660_-"), max_size=12))
def test_every_value_has_one_spelling(text: str) -> None:
    for parse in PARSERS:
        try:
            value = parse(text)
        except ValueError:
            continue
        assert base64.b64encode(value).decode() == text.replace(" ", "").replace("\n", "")


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("QQ", "white space"),
        ("QQ=", "white space"),
        ("Q===", "white space"),
        ("QQ==QQ==", "white space"),
        ("Q-Q=", "white space"),
        ("QR==", "left-over"),
        ("QUF=", "left-over"),
    ],
)
def test_other_digits_are_refused_again_and_again(
    parse: Callable[[str], bytes], text: str, expected: str
) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match=expected):
            parse(text)


def test_what_is_remembered_is_bounded() -> None:
    remembered = strict_base64._parse_again.cache_info
    assert remembered().maxsize == 512
    before = remembered().misses
    for length in (4_092, 4_096, 4_100, 65_536):
        assert len(parse_certificate_text("A" * length)) == length * 3 // 4
    assert remembered().misses - before <= 2
