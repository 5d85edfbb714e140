"""What is stored reads as it was accepted, without being proved again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.unit.validators.judging import put_last
from validators import accept
from validators.errors import RefusedError, SignatureCountError
from validators.pipeline import read_accepted

DOCUMENTS = {
    "plain": signed(image(tags=("a", "b"), checksums=(("SHA-256", "a" * 64),), valid="2030-01-01T00:00:00Z")),
    "extensions": signed(
        hook=put_last(
            '<x:a xmlns:x="urn:x#" rdf:parseType="Literal"><b xmlns="">bold <!-- no --> text</b></x:a>'
            '<x:c xmlns:x="urn:x#"><![CDATA[7 & 8]]>&#13;</x:c>'
        )
    ),
    "comments": signed(image(extra="<!-- not signed -->"), make_identity(email="a@example.org")),
}


@pytest.mark.parametrize("data", DOCUMENTS.values(), ids=DOCUMENTS)
def test_what_was_accepted_reads_the_same_again(data: bytes) -> None:
    verify_same(data)


def test_real_entries_read_the_same_again(every_originals: Path) -> None:
    read = 0
    for path in sorted([*every_originals.glob("corpus/*.xml"), *every_originals.glob("vectors/*.xml")]):
        data = path.read_bytes()
        try:
            accept(data)
        except RefusedError:
            continue
        verify_same(data)
        read += 1
    assert read > 10


def verify_same(data: bytes) -> None:
    entry, content = accept(data), read_accepted(data)
    assert (content.identifier, content.created, content.endorser) == (
        entry.identifier, entry.created, entry.endorser,
    )  # fmt: skip
    assert content.metadata == entry.metadata


@pytest.mark.parametrize("data", [b"", b"<rdf", DOCUMENTS["plain"][:-30]])
def test_what_is_damaged_is_refused(data: bytes) -> None:
    with pytest.raises(RefusedError):
        read_accepted(data)


def test_what_has_no_signature_is_none_of_ours() -> None:
    with pytest.raises(SignatureCountError):
        read_accepted(b"<a/>")
