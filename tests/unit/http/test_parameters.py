"""Texts from outside are decoded once, strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.http.errors import BadRequestError
from marketplace.http.parameters import decode_path, is_plain, one_of, read_fields, whole_number


def test_fields_are_decoded_and_the_last_of_a_name_counts():
    assert read_fields("a=1&b=%C3%A9+x&a=2&c=") == {"a": "2", "b": "é x", "c": ""}


def test_bytes_above_127_may_come_unescaped():
    assert read_fields("q=\xc3\xa9") == {"q": "é"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("q=%FF", "query.encoding"),
        ("q=\xff", "query.encoding"),
        ("q=%ED%A0%80", "query.encoding"),
        ("q=a%00b", "query.characters"),
        ("tag=a%0D%0Ab", "query.characters"),
        ("a%0Ab=1", "query.characters"),
        ("&".join("a=1" for _ in range(500)), "query.fields"),
    ],
)
def test_what_no_parameter_can_hold_is_refused(text: str, code: str):
    with pytest.raises(BadRequestError) as caught:
        read_fields(text)
    assert caught.value.code == code
    assert is_plain(caught.value.reason)


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=200))
def test_any_query_is_read_or_refused(text: str):
    try:
        fields = read_fields(text)
    except BadRequestError:
        return
    assert all(is_plain(name) and is_plain(value) for name, value in fields.items())


@pytest.mark.parametrize("path", ["/metadata/\xff", "/a\x00b", "/a\r\nb", "/\xed\xa0\x80"])
def test_paths_that_are_no_text_are_refused(path: str):
    with pytest.raises(BadRequestError):
        decode_path(path)


def test_paths_are_utf_8():
    assert decode_path("/tag/\xc3\xa9") == "/tag/é"


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", " 1", "1_0", "0x10", "1e3", "１", "²", "1\n", "9" * 30, "5001"]
)
def test_only_plain_numbers_within_bounds_are_numbers(text: str):
    with pytest.raises(BadRequestError) as caught:
        whole_number("limit", text, least=0, most=5000)
    assert caught.value.code == "query.limit"


def test_numbers():
    assert whole_number("limit", "0050", least=0, most=5000) == 50


def test_words_of_a_set():
    assert one_of("status", "all", ("valid", "all")) == "all"
    with pytest.raises(BadRequestError, match="expected one of valid, all"):
        one_of("status", "ALL", ("valid", "all"))
