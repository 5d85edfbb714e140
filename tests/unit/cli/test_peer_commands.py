"""``marketplace peer init``, ``peer keys``, and receipts verified offline."""

from __future__ import annotations

import socket
import stat

import pytest

from marketplace.federation.errors import KeysError
from marketplace.federation.keys import create_keys, load_keys
from marketplace.tlog.checkpoint import Checkpoint, cosign, sign_checkpoint
from marketplace.tlog.leaf import EntryLeaf
from marketplace.tlog.merkle import Frontier, fold, hash_leaf, prove_inclusion
from marketplace.tlog.note import Note, parse_verifier_key
from marketplace.tlog.proof import InclusionProof
from tests.factories.documents import signed
from validators import accept

ORIGIN = "mp-a.example/public"


def secret_in(path):
    """The secret of ``PRIVATE+KEY+name+hex8+base64``; base 64 may hold a ``+`` itself."""
    secret = path.read_text().split("+", 4)[4].strip()
    assert len(secret) == 44
    return secret


def test_init_makes_keys_that_only_their_owner_reads(cli, tmp_path):
    outcome = cli("peer", "init", "--data", "site", "--origin", "mp-a.example")
    assert outcome.code == 0
    lines = dict(line.split() for line in outcome.out.decode().splitlines())
    keys = load_keys(tmp_path / "site")
    assert {name: parse_verifier_key(text).name for name, text in lines.items()} == {
        "log": "mp-a.example", "auth": "mp-a.example/auth", "witness": "mp-a.example"
    }  # fmt: skip
    assert lines["log"] == str(keys.log.verifier) and lines["witness"] == str(keys.witness)
    assert keys.log.verifier.public != keys.auth.verifier.public
    for name in ("log.key", "auth.key"):
        path = tmp_path / "site" / "federation" / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert secret_in(path) not in outcome.out.decode() + outcome.err + repr(keys)
    assert stat.S_IMODE((tmp_path / "site" / "federation").stat().st_mode) == 0o700
    assert cli("peer", "keys", "--data", "site").out == outcome.out


def test_init_replaces_no_keys(cli, tmp_path):
    cli("peer", "init", "--data", "site", "--origin", "mp-a.example")
    before = (tmp_path / "site" / "federation" / "log.key").read_bytes()
    outcome = cli("peer", "init", "--data", "site", "--origin", "mp-b.example")
    assert outcome.code == 1 and outcome.is_sentence() and "federation.keys" in outcome.err
    assert (tmp_path / "site" / "federation" / "log.key").read_bytes() == before


def test_show_and_pull_tell_why_a_peer_cannot_be_reached(cli, tmp_path):
    (tmp_path / "site").mkdir()
    assert cli("db", "upgrade", "--data", "site").code == 0
    (tmp_path / "other").mkdir()
    key = str(create_keys(tmp_path / "other", "mp-b.example").log.verifier)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
    assert cli("peer", "add", f"http://{place}", "--key", key, "--data", "site").code == 0
    why = f"{place} refuses connections: no server listens at this address"
    pulled = cli("peer", "pull", "mp-b.example", "--now", "--data", "site")
    assert pulled.code == 7 and why in pulled.err
    shown = cli("peer", "show", "mp-b.example", "--data", "site")
    assert f"peer.refused: {why}" in shown.out.decode()


@pytest.mark.parametrize(
    "name", ["", "MP.example", "a/b", "a b", "a+b", "cosignature", "-a", "a" * 201, "ä.example"]
)
def test_a_name_that_is_none_makes_no_keys(tmp_path, name):
    with pytest.raises(KeysError):
        create_keys(tmp_path, name)
    assert load_keys(tmp_path) is None


def test_a_site_without_keys_says_what_to_do(cli, tmp_path):
    outcome = cli("peer", "keys", "--data", "site")
    assert outcome.code == 3 and outcome.is_sentence() and "peer init" in outcome.err


@pytest.mark.parametrize("spoil", ["open", "cut", "missing", "swapped", "empty", "binary"])
def test_keys_that_cannot_be_used_stop_everything_without_being_shown(cli, tmp_path, spoil):
    create_keys(tmp_path, "mp-a.example")
    log, auth = (tmp_path / "federation" / name for name in ("log.key", "auth.key"))
    secret = secret_in(log)
    if spoil == "open":
        log.chmod(0o640)
    elif spoil == "cut":
        log.write_text(log.read_text()[:-6])
    elif spoil == "missing":
        auth.unlink()
    elif spoil == "swapped":
        auth.write_text(log.read_text())
    else:
        log.write_bytes(b"" if spoil == "empty" else b"\xff\x00" * 50)
    outcome = cli("peer", "keys", "--data", tmp_path)
    assert outcome.code == 1 and outcome.is_sentence() and "federation.keys" in outcome.err
    assert secret[:10] not in outcome.err


@pytest.fixture
def receipt(tmp_path):
    """An entry, its receipt, and the keys of the log's site and of a witness."""
    keys, witness = create_keys(tmp_path / "a", "mp-a.example"), create_keys(tmp_path / "b", "mp-b.example")
    document = signed()
    (tmp_path / "entry.xml").write_bytes(document)
    leaves = [EntryLeaf(f"{n:064x}", 5, ORIGIN, n, 9).to_bytes() for n in range(6)]
    leaves[4] = EntryLeaf(accept(document).entry_id, len(document), ORIGIN, 4, 9).to_bytes()
    hashes = list(map(hash_leaf, leaves))
    path = prove_inclusion(4, 6, lambda level, n: fold(hashes[n << level : (n + 1) << level]))
    note = sign_checkpoint(Checkpoint(ORIGIN, 6, Frontier().extended(hashes).root), keys.log)
    note = Note(note.text, (*note.signatures, cosign(note.text, witness.log, 1_700_000_000)))
    proof = InclusionProof(leaves[4], 4, tuple(path), note.to_bytes())
    (tmp_path / "entry.tlog-proof").write_bytes(proof.to_bytes())
    return keys, witness


def test_a_receipt_is_verified_with_its_entry(cli, receipt):
    keys, witness = receipt
    for key in (keys.log.verifier, keys.verifier(ORIGIN)):
        outcome = cli(
            "verify", "--proof", "entry.tlog-proof", "--key", key, "--witness", witness.witness, "entry.xml"
        )
        assert outcome.code == 0 and f"{ORIGIN} 4" in outcome.out.decode(), outcome.err
    alone = cli("verify", "--proof", "entry.tlog-proof", "--key", keys.log.verifier, "--json")
    (verdict,) = alone.json
    assert (verdict["log"], verdict["index"], verdict["log_size"]) == (ORIGIN, 4, 6)


def test_a_receipt_of_another_entry_does_not_count(cli, receipt, tmp_path):
    (tmp_path / "other.xml").write_bytes(signed(created="2024-01-01T00:00:00Z"))
    outcome = cli(
        "verify", "--proof", "entry.tlog-proof", "--key", receipt[0].log.verifier, "other.xml", "entry.xml"
    )
    assert outcome.code == 5
    assert "FAILED [proof.other-entry]" in outcome.out.decode() and "entry.xml: ok" in outcome.out.decode()


def test_a_receipt_is_refused_by_any_other_key(cli, receipt, tmp_path):
    keys, witness = receipt
    for key, code in (
        (witness.log.verifier, "checkpoint.format"),
        (witness.log.verifier.named(ORIGIN), "note.signature"),
        (keys.witness, "checkpoint.format"),
        ("nothing", "key.format"),
    ):
        outcome = cli("verify", "--proof", "entry.tlog-proof", "--key", key, "entry.xml")
        assert outcome.code == 5 and outcome.is_sentence() and code in outcome.err
    unseen = cli(
        "verify",
        "--proof",
        "entry.tlog-proof",
        "--key",
        keys.log.verifier,
        "--witness",
        keys.witness,
        "entry.xml",
    )
    assert unseen.code == 5 and "did not sign" in unseen.err
    proof = tmp_path / "entry.tlog-proof"
    proof.write_bytes(proof.read_bytes().replace(b"index 4", b"index 5"))
    altered = cli("verify", "--proof", "entry.tlog-proof", "--key", keys.log.verifier, "entry.xml")
    assert altered.code == 5 and "proof.invalid" in altered.err


def test_receipt_and_key_go_together(cli, receipt):
    for arguments in (("--proof", "entry.tlog-proof"), ("--key", receipt[0].log.verifier), ()):
        assert cli("verify", *arguments).code == 2
