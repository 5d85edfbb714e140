"""Which form a client gets."""

from __future__ import annotations

import pytest
from pyramid.request import Request

from marketplace.http.errors import BadRequestError, NotAcceptableError
from marketplace.http.negotiation import ENTRY, LIST, RESULTS, Media, by_accept, choose

FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", Media.XML),
        ("*/*", Media.XML),
        ("application/*", Media.XML),
        ("text/*", Media.XML),
        (FIREFOX, Media.HTML),
        (CHROME, Media.HTML),
        ("text/html", Media.HTML),
        ("application/json", Media.JSON),
        ("application/json, text/javascript, */*; q=0.01", Media.JSON),
        ("application/xml;q=0.1, application/json;q=0.2", Media.JSON),
        ("application/xml;q=0, text/xml;q=0, application/rdf+xml;q=0, */*", Media.JSON),
        ("text/html;q=0.5, */*;q=0.4", Media.HTML),
        ("image/png", None),
        ("application/json;q=0", None),
        (",,;;q=x", Media.XML),
        ("é" * 20, Media.XML),
    ],
)
def test_accept_decides_by_its_quality_values(accept: str, media: Media | None):
    found = by_accept(accept, LIST)
    assert (found.media if found else None) is media


def test_a_very_long_header_is_read_too():
    assert by_accept("text/a;q=0.1, " * 500 + "application/json", LIST).media is Media.JSON


@pytest.mark.parametrize(
    ("offers", "content_type"),
    [(LIST, "application/xml"), (ENTRY, "application/rdf+xml"), (RESULTS, "application/xml")],
)
def test_the_default_type_of_each_resource(offers, content_type):
    assert by_accept("", offers).content_type == content_type


def test_results_are_called_what_the_client_asked_for():
    assert (
        by_accept("application/sparql-results+json", RESULTS).content_type
        == "application/sparql-results+json"
    )


@pytest.mark.parametrize(
    ("media", "expected"),
    [("xml", Media.XML), ("rdf", Media.XML), ("json", Media.JSON), ("html", Media.HTML)],
)
def test_the_media_parameter_overrides_accept(media: str, expected: Media):
    request = Request.blank("/", headers={"Accept": "image/png"})
    assert choose(request, media, LIST).media is expected


def test_an_unknown_media_parameter_is_refused():
    with pytest.raises(BadRequestError) as caught:
        choose(Request.blank("/"), "exe", LIST)
    assert caught.value.code == "query.media"


def test_what_accept_excludes_is_not_sent():
    with pytest.raises(NotAcceptableError):
        choose(Request.blank("/", headers={"Accept": "image/png"}), None, LIST)
