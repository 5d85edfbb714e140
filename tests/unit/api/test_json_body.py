"""Objects that requests carry: what is refused, and in which words."""

from __future__ import annotations

import io

import pytest
from pyramid.request import Request

from marketplace.api.json_body import read_body
from marketplace.api.shapes.access import TokenParts
from marketplace.api.shapes.webhooks import WebhookParts
from marketplace.http.errors import BadRequestError


def carrying(body: str) -> Request:
    return Request({"CONTENT_TYPE": "application/json", "wsgi.input": io.BytesIO(body.encode())})


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        (
            '"owner":"a","scopes":[],"more":1',
            "there is no member 'more'; there are owner, scopes, days, note",
        ),
        ('"more":1,"days":"x"', "there is no member 'more'; there are owner, scopes, days, note"),
        ('"owner":7', "member scopes is missing"),
        ('"owner":7,"scopes":"read"', "member owner has a value of another type than it takes"),
        ('"owner":"a","scopes":"read"', "member scopes has a value of another type than it takes"),
        ('"owner":"a","scopes":{}', "member scopes has a value of another type than it takes"),
        ('"owner":"a","scopes":[],"days":true', "member days has a value of another type than it takes"),
        ('"owner":"a","scopes":[],"days":7.5', "member days has a value of another type than it takes"),
        ('"owner":"a","scopes":[],"days":"7"', "member days has a value of another type than it takes"),
        ('"owner":"a","scopes":[],"days":1e999', "member days has a value of another type than it takes"),
        ('"owner":"a","scopes":[],"note":null', "member note has a value of another type than it takes"),
        ('"owner":["a"],"scopes":[]', "member owner has a value of another type than it takes"),
    ],
)
def test_what_is_no_body_is_refused_with_the_member(members: str, sentence: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        read_body(carrying(f"{{{members}}}"), TokenParts)
    assert (refused.value.code, refused.value.reason) == ("body.member", sentence)


def test_a_member_that_may_be_left_out_may_not_be_null() -> None:
    with pytest.raises(BadRequestError, match="member view has"):
        read_body(carrying('{"url":"a","audience":"own","view":null}'), WebhookParts)


def test_a_whole_number_may_be_written_with_a_point() -> None:
    read = read_body(carrying('{"owner":"a","scopes":["read"],"days":7.0}'), TokenParts)
    assert (read.days, type(read.days), read.note) == (7, int, "")
