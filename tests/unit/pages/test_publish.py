"""The draft that a form asks for: what is wrong with it is told, nothing is guessed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from marketplace.pages.publish import make_draft
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from validators import accept
from validators.identifier import identifier_from_sha1

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHA1 = "0123456789abcdef0123456789abcdef01234567"
FORM = {"bytes": "1024", "sha1": SHA1, "title": "By form", "location": "https://images.example.org/a"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bytes": ""}, "Choose the image file"),
        ({"sha1": ""}, "Choose the image file"),
        ({"bytes": "1e3"}, "not a number of bytes"),
        ({"bytes": "-5"}, "not a number of bytes"),
        ({"bytes": "0"}, "not a number of bytes"),
        ({"bytes": "9" * 10_000}, "not a number of bytes"),
        ({"bytes": "\u0661"}, "not a number of bytes"),
        ({"sha1": "xyz"}, "SHA-1"),
        ({"sha512": SHA1}, "SHA-512"),
        ({"valid": "tomorrow"}, "Valid until: tomorrow is not YYYY-MM-DD"),
        ({"title": "a\x00b"}, "characters that XML cannot hold"),
    ],
)
def test_what_is_wrong_is_told(change: dict[str, str], message: str) -> None:
    drafted = make_draft(FORM | change, None, NOW)
    (error,) = drafted.errors
    assert message in f"{error.element} {error.message}"


def test_everything_that_is_wrong_is_told_at_once() -> None:
    drafted = make_draft(FORM | {"sha1": "", "valid": "tomorrow"}, None, NOW)
    assert [one.message.partition(" ")[0] for one in drafted.errors] == ["Choose", "Valid"]


def test_what_a_form_says_is_in_the_draft() -> None:
    drafted = make_draft(FORM | {"tag": "a\n\n b \n", "valid": "2026-03-01", "os": " "}, None, NOW)
    assert drafted.errors == [] and drafted.identifier == identifier_from_sha1(SHA1)
    text = drafted.document.decode()
    assert "<dcterms:alternative>a</dcterms:alternative>" in text
    assert "<dcterms:alternative>b</dcterms:alternative>" in text
    assert "2026-03-01T23:59:59Z" in text and "slterms:os>" not in text
    assert "digest.weak-only" in {one.code for one in drafted.advice}


def test_an_emptied_field_takes_out_what_the_earlier_entry_says() -> None:
    document = image(content="earlier", title="Kept", os="alpine", description="Old words")
    earlier = accept(signed(document, make_identity(), created="2024-05-01T12:00:00Z"))
    drafted = make_draft({"bytes": "5", "sha1": SHA1, "description": ""}, earlier, NOW)
    text = drafted.document.decode()
    assert drafted.errors == []
    assert "Kept" in text and "alpine" in text and "Old words" not in text
    assert f"<dcterms:replaces>{earlier.identifier}</dcterms:replaces>" in text
