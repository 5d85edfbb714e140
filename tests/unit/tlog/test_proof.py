"""Receipts: verified with nothing but the log's key, and refused when anything in them is changed."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from marketplace.tlog.checkpoint import Checkpoint, sign_checkpoint
from marketplace.tlog.errors import ProofError, ProofFormatError, TlogError
from marketplace.tlog.leaf import EntryLeaf, EpochLeaf
from marketplace.tlog.merkle import Frontier, fold, hash_leaf, prove_inclusion
from marketplace.tlog.note import SigningKey
from marketplace.tlog.proof import (
    InclusionProof,
    WitnessRequest,
    parse_proof,
    parse_witness_request,
    verify_proof,
)

ORIGIN = "mp-a.example/public"
KEY = SigningKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
LEAVES = [EpochLeaf(ORIGIN, 5, bytes(32), 0).to_bytes()] + [
    EntryLeaf(f"{n:064x}", 100 + n, ORIGIN, n, 1_700_000_000 + n).to_bytes() for n in range(1, 11)
]
HASHES = list(map(hash_leaf, LEAVES))


def proof_of(index: int) -> InclusionProof:
    path = prove_inclusion(index, len(LEAVES), lambda level, n: fold(HASHES[n << level : (n + 1) << level]))
    head = Checkpoint(ORIGIN, len(LEAVES), Frontier().extended(HASHES).root)
    return InclusionProof(LEAVES[index], index, tuple(path), sign_checkpoint(head, KEY).to_bytes())


@pytest.mark.parametrize("index", range(1, 11))
def test_a_proof_reads_back_and_proves_its_entry(index):
    proof = proof_of(index)
    assert parse_proof(proof.to_bytes()) == proof
    proven = verify_proof(proof.to_bytes(), KEY.verifier)
    assert (proven.leaf.entry_id, proven.index, proven.head.checkpoint.size) == (f"{index:064x}", index, 11)


@given(st.data())
def test_no_altered_proof_is_believed(data):
    proof = bytearray(proof_of(6).to_bytes())
    at = data.draw(st.integers(0, len(proof) - 1))
    proof[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TlogError):
        verify_proof(bytes(proof), KEY.verifier)


def test_a_leaf_of_another_place_is_refused():
    proof = proof_of(6)
    moved = InclusionProof(LEAVES[5], proof.index, proof.path, proof.checkpoint)
    with pytest.raises(ProofError):
        verify_proof(moved.to_bytes(), KEY.verifier)


def test_a_row_that_is_no_entry_is_no_receipt():
    with pytest.raises(ProofFormatError, match="not an entry"):
        verify_proof(proof_of(0).to_bytes(), KEY.verifier)


@pytest.mark.parametrize(
    "data",
    [b"", b"\n\n", b"c2sp.org/tlog-proof@v1\nindex 0\n\n", b"c2sp.org/tlog-proof@v1\nextra !\nindex 0\n\n",
     b"c2sp.org/tlog-proof@v1\nextra AAAA\nindex 00\n\n", b"c2sp.org/tlog-proof@v1\nextra AAAA\nindx 0\n\n",
     b"c2sp.org/tlog-proof@v1\nextra AAAA\nindex 0\nAAAA\n\n", b"c2sp.org/tlog-proof@v1\nextra AAAA\nindex 0",
     b"c2sp.org/tlog-proof@v1\nextra AAAA\nindex 0\n" + (b"A" * 43 + b"=\n") * 64 + b"\n", b"x" * 40000],
)  # fmt: skip
def test_what_is_no_proof_is_refused(data):
    with pytest.raises(ProofFormatError):
        parse_proof(data)


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_requests_of_witnesses_read_back(old, path):
    request = WitnessRequest(old, tuple(path), b"checkpoint\n")
    assert parse_witness_request(request.to_bytes()) == request


@pytest.mark.parametrize(
    "data", [b"", b"old 1", b"old 01\n\nx", b"new 1\n\nx", b"old\n\nx", b"old 1\nAA==\n\nx"]
)
def test_what_is_no_request_is_refused(data):
    with pytest.raises(ProofFormatError):
        parse_witness_request(data)
