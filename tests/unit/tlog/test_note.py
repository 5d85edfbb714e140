"""Notes, keys and checkpoints: what is signed, in one spelling, and what is not believed."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from marketplace.tlog.checkpoint import (
    Checkpoint,
    cosign,
    parse_checkpoint,
    sign_checkpoint,
    verify_checkpoint,
    verify_cosignature,
)
from marketplace.tlog.errors import (
    CheckpointError,
    KeyFormatError,
    NoteFormatError,
    NoteSignatureError,
    TlogError,
)
from marketplace.tlog.note import (
    COSIGNATURE,
    Note,
    SigningKey,
    parse_note,
    parse_signing_key,
    parse_verifier_key,
    sign_note,
    verify_note,
)

KEY = SigningKey("mp-a.example/public", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = SigningKey("mp-b.example", Ed25519PrivateKey.from_private_bytes(bytes(32)))
HEAD = Checkpoint("mp-a.example/public", 7, bytes(range(32)))


def test_a_note_of_the_reference_implementation_is_verified():
    """The example in the documentation of Go's package note."""
    key = parse_verifier_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    data = f"{text}\n— PeterNeumann {signature}\n".encode()
    assert verify_note(data, [key]).text == text
    with pytest.raises(NoteSignatureError):
        verify_note(data.replace(b"answer", b"Answer"), [key])


def test_keys_read_back_and_show_no_secret():
    assert parse_signing_key(KEY.reveal()).reveal() == KEY.reveal()
    assert parse_verifier_key(str(KEY.verifier)) == KEY.verifier
    assert KEY.reveal().split("+", 4)[4] not in repr(KEY)


@pytest.mark.parametrize(
    "text",
    [
        "", "name", "name+00000000", "name+0000000g+AQ==", "name+00000000+", "name+00000000+AQ",
        str(KEY.verifier).replace("public", "other"),  # the hash binds the name
        str(KEY.verifier)[:-1] + "B", str(KEY.verifier) + "\n", " " + str(KEY.verifier),
        str(KEY.verifier.named("n", 9)), "a b+00000000+AQ==",
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused(text):
    with pytest.raises(KeyFormatError):
        parse_verifier_key(text)


@pytest.mark.parametrize(
    "text", ["", "x", str(KEY.verifier), KEY.reveal()[:-4], KEY.reveal().replace("mp-a", "mp-b")]
)
def test_what_is_no_private_key_is_refused_without_showing_it(text):
    with pytest.raises(KeyFormatError) as caught:
        parse_signing_key(text)
    assert "AAEC" not in str(caught.value)


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_checkpoints_read_back(size, root):
    head = Checkpoint("mp-a.example/public", size, root)
    assert parse_checkpoint(head.text) == head
    assert (
        verify_checkpoint(
            sign_checkpoint(head, OTHER).to_bytes(), OTHER.verifier.named(head.origin)
        ).checkpoint
        == head
    )


@given(st.data())
def test_no_altered_checkpoint_is_believed(data):
    note = bytearray(sign_checkpoint(HEAD, KEY).to_bytes())
    at = data.draw(st.integers(0, len(note) - 1))
    note[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TlogError):
        verify_checkpoint(bytes(note), KEY.verifier)


@given(st.binary(max_size=300))
def test_no_bytes_end_in_anything_but_a_refusal(data):
    for note in (data, b"mp-a.example/public\n" + data, HEAD.text.encode() + b"\n" + data):
        with pytest.raises(TlogError):
            verify_checkpoint(note, KEY.verifier)


@pytest.mark.parametrize(
    "text",
    ["o\n1\n", "o\n01\n" + "A" * 43 + "=\n", "o\n-1\n" + "A" * 43 + "=\n", "o\n+1\n" + "A" * 43 + "=\n",
     "o\n٣\n" + "A" * 43 + "=\n", "o\n9223372036854775808\n" + "A" * 43 + "=\n", "o\n1\n" + "A" * 43 + "\n",
     "o\n1\n" + "A" * 42 + "B=\n", "o\n1\nAAAA\n", "\n1\n" + "A" * 43 + "=\n", "a b\n1\n" + "A" * 43 + "=\n",
     "o\n1\n" + "A" * 43 + "=\n\n", "o\n1\n" + "A" * 43 + "="],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(CheckpointError):
        parse_checkpoint(text)


def test_a_checkpoint_of_another_log_is_refused():
    other = Checkpoint("mp-a.example/other", 7, bytes(32))
    note = sign_note(other.text, KEY).to_bytes()
    with pytest.raises(CheckpointError, match="another log"):
        verify_checkpoint(note, KEY.verifier)


def test_signatures_of_unknown_keys_are_left_out_and_false_ones_refuse_the_note():
    note = sign_note("text\n", KEY)
    both = Note(note.text, (*sign_note("text\n", OTHER).signatures, *note.signatures))
    assert verify_note(both.to_bytes(), [KEY.verifier]).signatures == note.signatures
    false = Note(note.text, (*note.signatures, *sign_note("other\n", KEY).signatures))
    with pytest.raises(NoteSignatureError):
        verify_note(false.to_bytes(), [KEY.verifier])
    with pytest.raises(NoteSignatureError, match="no key that is known"):
        verify_note(note.to_bytes(), [OTHER.verifier])


@pytest.mark.parametrize(
    "data",
    [b"", b"text\n", b"text\n\n", b"text\n\n\xe2\x80\x94 a AAAAAAA=", b"text\n\nx a AAAAAAA=\n",
     "text\n\n— a  AAAAAAA=\n".encode(), "text\n\n— a+b AAAAAAA=\n".encode(), "text\n\n— a AAAA\n".encode(),
     "te\txt\n\n— a AAAAAAA=\n".encode(), b"\xff\n\n\xe2\x80\x94 a AAAAAAA=\n",
     b"text\n\n" + "— a AAAAAAA=\n".encode() * 65, b"x" * 20000 + "\n\n— a AAAAAAA=\n".encode()],
)  # fmt: skip
def test_what_is_no_note_is_refused(data):
    with pytest.raises(NoteFormatError):
        parse_note(data)


def test_a_cosignature_tells_its_time_and_binds_the_whole_text():
    key = OTHER.verifier.named(OTHER.name, COSIGNATURE)
    signature = cosign(HEAD.text, OTHER, 1_700_000_000)
    assert verify_cosignature(HEAD.text, signature, key) == 1_700_000_000
    later = Checkpoint(HEAD.origin, 8, HEAD.root)
    forged = cosign(HEAD.text, OTHER, 1_700_000_001)
    for text, line, asked in (
        (later.text, signature, key),
        (HEAD.text, signature, OTHER.verifier),
        (HEAD.text, signature, key.named("mp-c.example", COSIGNATURE)),
        (
            HEAD.text,
            type(signature)(signature.name, signature.key_id, forged.signature[:8] + signature.signature[8:]),
            key,
        ),
        (HEAD.text, type(signature)(signature.name, signature.key_id, b"\xff" * 72), key),
    ):
        with pytest.raises(NoteSignatureError):
            verify_cosignature(text, line, asked)
