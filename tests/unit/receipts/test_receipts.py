"""Receipts of sites: signed, read in one spelling only, and believed with the site's key only."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from marketplace.receipts import (
    MAX_RECEIPT,
    MOST_RECEIPTS,
    Finding,
    Receipt,
    ReceiptError,
    ReceiptFormatError,
    ReceiptOutcome,
    ReceiptSignatureError,
    Result,
    parse_answer,
    parse_receipt,
    parse_site_key,
    sign_receipt,
    verify_receipt,
    write_request,
)
from marketplace.tlog.checkpoint import Checkpoint, sign_checkpoint
from marketplace.tlog.note import COSIGNATURE, SigningKey, sign_note

KEY = SigningKey("lab-orsay", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = SigningKey("lab-orsay", Ed25519PrivateKey.from_private_bytes(bytes(32)))
RECEIPT = Receipt(
    site="lab-orsay",
    entry_id="0123456789abcdef" * 4,
    identifier="KqU_5xdVR6ZbH0UQnRO-6-2-0QA",
    finding=Finding.AVAILABLE,
    at=datetime(2026, 7, 1, 12, 0, 5, tzinfo=UTC),
    store="main",
    kind="directory",
    sha512="ab" * 64,
)
UNREACHABLE = replace(
    RECEIPT,
    finding=Finding.UNREACHABLE,
    sha512=None,
    location="https://images.example.org/a.qcow2",
    reason='the server answers with "404"',
)
#: The test vectors of docs/sites.md and of other implementations: byte for byte.
TEXT = (
    '{"at":"2026-07-01T12:00:05Z","entry":"' + "0123456789abcdef" * 4 + '",'
    '"identifier":"' + RECEIPT.identifier + '","kind":"directory","sha512":"' + "ab" * 64 + '",'
    '"site":"lab-orsay","store":"main","type":"marketplace-receipt/v1","what":"available"}\n'
)
VECTORS = [
    (RECEIPT, "95rMrtIvQLZFERHeiqVLbxdzMsQttgDDOim5i7ISOkArwlM6AaDDDAstueygmLzRi+bZtotGQGoL/UdRJCOMcU26xg0="),
    (
        UNREACHABLE,
        "95rMrsjU7MFYieYbRGjaMXje3O5BbvabuMQrk443f1Bmm9P1065U0ntI7PkV7EO1c6b/9/Jjk6O6BVxeBCTRwAakZgE=",
    ),
]


@pytest.mark.parametrize(("receipt", "signature"), VECTORS, ids=["available", "unreachable"])
def test_a_receipt_has_one_spelling_and_one_signature(receipt: Receipt, signature: str) -> None:
    data = sign_receipt(receipt, KEY)
    text, _, line = data.decode().partition("\n\n")
    assert line == f"\u2014 lab-orsay {signature}\n"
    assert verify_receipt(data, KEY.verifier) == receipt
    assert parse_receipt(data) == receipt
    assert json.loads(text)["what"] == receipt.finding


def test_the_text_of_a_receipt_is_one_line_of_json() -> None:
    assert sign_receipt(RECEIPT, KEY).decode().partition("\n\n")[0] + "\n" == TEXT


@pytest.mark.parametrize(
    "wrong",
    [
        {"site": "lab orsay"},
        {"entry_id": "AB" * 32},
        {"identifier": "short"},
        {"store": ""},
        {"store": "a/b"},
        {"kind": "Directory"},
        {"sha512": "ab" * 63},
        {"sha512": "AB" * 64},
        {"location": "ftp://images.example.org/a"},
        {"location": "https:///a"},
        {"location": "https://[/a"},
        {"location": "https://images.example.org/\u00e9"},
        {"location": "https://images.example.org/a b"},
        {"location": "https://images.example.org/" + "a" * 2000},
        {"reason": ""},
        {"reason": "a" * 201},
        {"reason": "two\nlines"},
        {"reason": "turned \u202e round"},
        {"finding": Finding.MISMATCH},
        {"finding": Finding.UNREACHABLE},
    ],
)
def test_what_is_out_of_bounds_is_neither_written_nor_read(wrong: dict[str, str]) -> None:
    receipt = replace(RECEIPT, **wrong)
    key = SigningKey(receipt.site, KEY.private)
    with pytest.raises(ReceiptFormatError):
        sign_receipt(receipt, key)


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace('"kind"', ' "kind"'),
        TEXT.replace("lab-orsay", "lab\\u002dorsay"),
        TEXT.replace('"store":"main"', '"store":"main","stray":1'),
        TEXT.replace('"store":"main"', '"store":"main","store":"main"'),
        TEXT.replace('"store":"main"', '"store":null'),
        TEXT.replace('"store":"main"', '"store":7'),
        TEXT.replace('"store":"main",', ""),
        TEXT.replace("available", "imported"),
        TEXT.replace("12:00:05Z", "12:00:05.0Z"),
        TEXT.replace("12:00:05Z", "12:00:60Z"),
        TEXT.replace("receipt/v1", "receipt/v2"),
        TEXT + "\n" + TEXT,
        "[]\n",
        "[" * 3000 + "\n",
        "none\n",
    ],
)
def test_another_spelling_is_no_receipt_however_well_signed(text: str) -> None:
    with pytest.raises(ReceiptFormatError):
        verify_receipt(sign_note(text, KEY).to_bytes(), KEY.verifier)


def test_a_receipt_is_believed_with_the_key_of_its_site_only() -> None:
    data = sign_receipt(RECEIPT, KEY)
    with pytest.raises(ReceiptSignatureError):
        verify_receipt(data, OTHER.verifier)
    with pytest.raises(ReceiptSignatureError):
        verify_receipt(data, KEY.verifier.named("lab-lyon"))
    with pytest.raises(ReceiptSignatureError):
        verify_receipt(data, KEY.verifier.named("lab-orsay", COSIGNATURE))
    with pytest.raises(ReceiptSignatureError):
        verify_receipt(data.replace(b'"main"', b'"pool"'), KEY.verifier)
    with pytest.raises(ReceiptFormatError, match="named lab-orsay, the site lab-lyon"):
        sign_receipt(replace(RECEIPT, site="lab-lyon"), KEY)


def test_a_receipt_has_one_signature_that_is_named_after_the_site() -> None:
    data = sign_receipt(RECEIPT, KEY)
    with pytest.raises(ReceiptFormatError, match="one signature"):
        parse_receipt(data + data.rpartition(b"\n\n")[2])
    with pytest.raises(ReceiptFormatError, match="does not carry the site's name"):
        parse_receipt(sign_note(TEXT, SigningKey("lab-lyon", KEY.private)).to_bytes())
    with pytest.raises(ReceiptFormatError, match="at most"):
        parse_receipt(b"a" * (MAX_RECEIPT + 1))


def test_a_head_of_a_log_that_the_key_signed_is_no_receipt() -> None:
    head = sign_checkpoint(Checkpoint("lab-orsay", 7, bytes(32)), KEY).to_bytes()
    with pytest.raises(ReceiptFormatError):
        verify_receipt(head, KEY.verifier)


@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_whatever_comes_is_a_receipt_or_an_error_of_receipts(data: bytes) -> None:
    with pytest.raises(ReceiptError):
        verify_receipt(data, KEY.verifier)


@given(st.data())
def test_no_altered_byte_is_believed(data: st.DataObject) -> None:
    whole = bytearray(sign_receipt(UNREACHABLE, KEY))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ReceiptError):
        verify_receipt(bytes(whole), KEY.verifier)


def test_the_key_of_a_site_is_an_ed25519_key_with_a_name_of_a_site() -> None:
    assert parse_site_key(str(KEY.verifier)) == KEY.verifier
    for wrong in (KEY.verifier.named("a/b"), KEY.verifier.named("lab-orsay", COSIGNATURE), "none"):
        with pytest.raises(ReceiptFormatError):
            parse_site_key(str(wrong))


def test_a_request_carries_some_receipts_in_order() -> None:
    first, second = sign_receipt(RECEIPT, KEY), sign_receipt(UNREACHABLE, KEY)
    said = json.loads(write_request(KEY.verifier, [first, second]))
    assert parse_site_key(said["key"]) == KEY.verifier
    assert [one.encode() for one in said["receipts"]] == [first, second]
    for wrong in ([], [first] * (MOST_RECEIPTS + 1)):
        with pytest.raises(ValueError, match="1-100"):
            write_request(KEY.verifier, wrong)


def test_an_answer_has_a_result_for_each_receipt() -> None:
    body = b'{"results":[{"outcome":"kept"},{"outcome":"refused","code":"receipt.entry","message":"none"}]}'
    assert parse_answer(body, 2) == (
        Result(ReceiptOutcome.KEPT),
        Result(ReceiptOutcome.REFUSED, "receipt.entry", "none"),
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"results":{}}',
        b'{"results":[]}',
        b'{"results":[1]}',
        b'{"results":[[]]}',
        b'{"results":[{}]}',
        b'{"results":[{"outcome":"eaten"}]}',
        b'{"results":[{"outcome":[]}]}',
        b'{"results":[{"outcome":"refused","code":7}]}',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_another_answer_is_none(body: bytes) -> None:
    with pytest.raises(ReceiptFormatError):
        parse_answer(body, 1)
