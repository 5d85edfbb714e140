"""Hostile text on pages: visible, bounded, and linked only where that is harmless."""

from __future__ import annotations

import math
import re
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from marketplace.locations.links import carries_credentials, link
from marketplace.pages.display import (
    cut,
    dated,
    day,
    file_size,
    finalize,
    month,
    plural,
    prose,
    sentence,
    soft,
    typed,
    visible,
)


@pytest.mark.parametrize(
    "text", ["plain", "Ünïcödé ΔE/Δx 日本語", "שלום", "emoji 👩‍🔬", "two\nlines\tand a tab", "a\u202fb"]
)
def test_ordinary_text_in_any_script_stays_as_it_is(text):
    assert visible(text) == text


@pytest.mark.parametrize(
    "code",
    [
        *(0x00, 0x07, 0x1B, 0x7F, 0x85, 0xAD, 0x61C, 0x200B, 0x200E, 0x200F, 0x202A, 0x202E),
        *(0x2066, 0x2069, 0x2028, 0x2060, 0xFEFF, 0xD800, 0xE0041),
    ],
)
def test_hidden_characters_are_spelled_out(code):
    assert visible(f"a{chr(code)}b") == f"a[U+{code:04X}]b"


def test_piled_marks_are_bounded():
    assert visible("a" + "\u0301" * 500) == "a" + "\u0301" * 4


def test_every_expression_of_a_template_is_made_visible_but_our_markup():
    assert finalize("\u202egpj") == "[U+202E]gpj"
    assert finalize(Markup("<b>")) == "<b>" and finalize(3) == 3 and finalize(None) is None


def test_typed_text_comes_back_unchanged_and_escaped():
    assert typed('"><script>\u202e') == "&#34;&gt;&lt;script&gt;\u202e"


def test_an_address_may_break_behind_its_sign_and_is_still_escaped():
    assert soft("<b>\u202e@example.org") == "&lt;b&gt;[U+202E]@<wbr>example.org"


def test_text_is_cut_with_an_ellipsis():
    assert cut("short", 10) == "short"
    assert cut("x" * 11, 10) == "x" * 9 + "…"


def test_prose_keeps_lines_but_no_flood_of_them():
    assert prose("a\n" + " \n" * 3000 + "b") == "a\n\nb"
    assert prose("one\ntwo\n\n\n\nthree") == "one\ntwo\n\nthree"
    long = prose("word " * 10_000)
    assert len(long) < 4100 and "50000 characters in all" in long


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (2**30, "1.0 GiB"), (2**63 - 1, "8.0 EiB")],
)
def test_sizes_have_units(size, shown):
    # A number and its unit stay on one line.
    assert file_size(size) == shown.replace(" ", "\u00a0")


def test_dates_and_counts_read_the_same_everywhere():
    moment = datetime(2024, 3, 4, tzinfo=UTC)
    assert (day(moment), month(moment)) == ("4\u00a0Mar\u00a02024", "Mar\u00a02024")
    assert (plural(1, "entry", "entries"), plural(12_345, "entry", "entries")) == (
        "1 entry",
        "12\u202f345 entries",
    )
    assert plural(0, "image") == "0 images"


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        " JavaScript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "pdisk:host:8445:uuid",
        "//host/path",
        "http:",
        "http://",
        "https://bank.example@evil.example/",
        "http://host:port/",
        "http://[broken/",
        "http://host/\u202egpj.exe",
        "http://host/a b",
        "http://host\\@evil/",
        "http://host/" + "x" * 3000,
        "",
    ],
)
def test_an_address_that_could_do_more_than_load_is_no_link(uri):
    assert link(uri) is None


@pytest.mark.parametrize(
    ("uri", "href"),
    [
        ("http://host/image.qcow2", "http://host/image.qcow2"),
        ("  HTTPS://host:8443/a?b=c&d=%20#e ", "HTTPS://host:8443/a?b=c&d=%20#e"),
        ("ftp://host/ä", "ftp://host/%C3%A4"),
        ('http://host/"onclick="x', "http://host/%22onclick=%22x"),
    ],
)
def test_web_addresses_become_links_in_ascii(uri, href):
    assert link(uri) == href


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("https://host/image.qcow2?version=3", False),
        ("https://user@host/", True),
        ("https://user:password@host/", True),
        ("https://host/a?X-Amz-Signature=abc&x=1", True),
        ("https://account.blob.example/a?sv=1&sig=x%3D", True),
        ("https://host/a?Token=x", True),
        ("https://host/?" + "a=b&" * 200, True),
        ("http://[broken/", True),
    ],
)
def test_an_address_that_lets_in_whoever_has_it(uri, found):
    assert carries_credentials(uri) is found


@given(st.text(alphabet="a \t\r\n\u2003", max_size=60))
def test_prose_has_one_blank_line_at_most(text: str):
    assert prose(text) == re.sub(r"\s*\n\s*\n\s*", "\n\n", text.strip())


def test_time_for_prose_grows_with_its_length_and_not_with_its_square():
    def seconds(length: int) -> float:
        text = "a" + " \n" * 2 + " " * length + "b"
        best = math.inf
        for _ in range(5):
            start = time.thread_time()
            prose(text, len(text))
            best = min(best, time.thread_time() - start)
        return best

    assert seconds(64_000) < 64 * max(seconds(4_000), 1e-5)


def test_moments_in_a_sentence_are_dates_and_the_rest_is_escaped():
    shown = dated("until 2026-03-04T10:00:00Z <b>\u202e 2026-02-31T10:00:00Z")
    assert shown == (
        'until <time datetime="2026-03-04T10:00:00Z" title="2026-03-04T10:00:00Z">4\u00a0Mar\u00a02026</time>'
        " &lt;b&gt;[U+202E] 2026-02-31T10:00:00Z"
    )


def test_moments_of_one_day_are_told_with_the_clock():
    shown = dated("created 2026-03-04T10:00:07Z, here it is 2026-03-04T10:00:00Z, ends 2026-03-05T10:00:00Z")
    assert re.findall(">([^<]+)</time>", shown) == [
        "4\u00a0Mar\u00a02026\u00a010:00:07\u00a0UTC",
        "4\u00a0Mar\u00a02026\u00a010:00:00\u00a0UTC",
        "5\u00a0Mar\u00a02026",
    ]


def test_a_clause_becomes_a_sentence_and_an_address_stays_as_it_is():
    assert sentence("nobody withdrew it") == "Nobody withdrew it."
    assert sentence("a@example.org says so") == "a@example.org says so."
    assert sentence("mail.host is not set") == "mail.host is not set."
    assert sentence("the end. of it") == "The end. of it."
    assert sentence('it says: "No more."') == 'It says: "No more."'
