"""What a publisher writes for a term."""

from datetime import UTC, datetime

import pytest

from marketplace.publishing.terms import COMMON, TermError, parse_end, parse_setting
from validators import vocabulary as v
from validators.lint.properties import image_property

NOW = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("title=A = B", v.TITLE, "A = B"),
        ("arch=x86_64", v.OS_ARCH, "x86_64"),
        ("slterms:disks-bus=virtio", v.slterms("disks-bus"), "virtio"),
        ("dcterms:created=", v.CREATED, ""),
        ("glance:os_admin_user=root", image_property("os_admin_user"), "root"),
        ("{http://example.org/x=y#}lab=1=2", "{http://example.org/x=y#}lab", "1=2"),
    ],
)
def test_terms_have_short_names_prefixes_and_namespaces(text, name, value) -> None:
    assert parse_setting(text) == (name, value)


@pytest.mark.parametrize(
    "text",
    [
        "title",
        "=x",
        "nothing=1",
        "foo:bar=1",
        "slterms:=1",
        "slterms:a b=1",
        "slreq:bytes=1",
        "dcterms:identifier=1",
        "{}a=1",
        "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about=1",
        "{http://x",
        "{http://x}=1",
        "rdf:about=1",
    ],
)
def test_what_is_no_term_is_refused(text) -> None:
    with pytest.raises(TermError):
        parse_setting(text)


def test_ends_are_written_in_three_ways() -> None:
    assert parse_end("2027-01-02T03:04:05Z", NOW) == "2027-01-02T03:04:05Z"
    assert parse_end("2027-01-02", NOW) == "2027-01-02T23:59:59Z"
    assert parse_end("30d", NOW) == "2026-07-01T23:59:59Z"
    for text in ("soon", "2027-02-30", "", "9999999d", "-1d", "2027-01-02 "):
        with pytest.raises(TermError):
            parse_end(text, NOW)
    with pytest.raises(TermError):
        parse_end("9999d", datetime(9990, 1, 1, tzinfo=UTC))


def test_short_names_are_different_ones() -> None:
    assert len({term.name for term in COMMON}) == len({term.element for term in COMMON}) == len(COMMON)
