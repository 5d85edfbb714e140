"""What peers read of a real server: signed, cacheable, compressed, bounded."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert

from marketplace.db import Database
from marketplace.federation.keys import SiteKeys, create_keys
from marketplace.models import PeerRow
from marketplace.tlog.checkpoint import Checkpoint, sign_checkpoint, verify_checkpoint, verify_cosignature
from marketplace.tlog.digest import SetSum
from marketplace.tlog.leaf import EntryLeaf, parse_leaf
from marketplace.tlog.merkle import EMPTY_ROOT, Frontier, hash_leaf
from marketplace.tlog.note import SigningKey, parse_note, parse_signature
from marketplace.tlog.proof import WitnessRequest, verify_proof
from marketplace.tlog.tiles import split_bodies, split_bundle
from tests.factories.documents import image, signed
from tests.factories.identities import make_identity
from tests.functional.running import RunningServer, running_server
from tests.waiting import wait_for
from validators import accept

ALICE = make_identity(email="alice@example.org")
DOCUMENTS = [
    signed(image(content=f"feed {n}"), ALICE, created=f"2024-05-{n + 1:02}T12:00:00Z") for n in range(5)
]
LOG = "/fed/v1/logs/public"
OTHER = SigningKey("mp-b.example", Ed25519PrivateKey.from_private_bytes(bytes(32)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feed")


@pytest.fixture(scope="module")
def keys(data: Path) -> SiteKeys:
    return create_keys(data, "mp-a.example")


@pytest.fixture(scope="module")
def site(data: Path, keys: SiteKeys) -> Iterator[RunningServer]:
    with running_server(data) as running:
        with running.client() as client:
            for document in DOCUMENTS:
                answer = client.post(
                    "/metadata", content=document, headers={"Content-Type": "application/rdf+xml"}
                )
                assert answer.status_code == 201, answer.text
            wait_for(lambda: "\n5\n" in client.get(f"{LOG}/checkpoint").text)
        with closing(Database.open(running.database_url)) as database, database.write() as session:
            session.execute(
                insert(PeerRow).values(
                    name=OTHER.name,
                    url="http://127.0.0.1:1",
                    log_key=str(OTHER.verifier),
                    added_at=datetime.now(UTC),
                    disabled=False,
                )
            )
        yield running


@pytest.fixture
def http(site: RunningServer) -> Iterator[httpx.Client]:
    with site.client(headers={"Accept-Encoding": "identity"}) as client:
        yield client


def test_the_site_tells_who_it_is(http, keys):
    answer = http.get("/.well-known/marketplace-federation")
    said = answer.json()
    assert said["origin"] == "mp-a.example" and said["versions"] == [1] and said["epoch"] == 1
    assert said["keys"] == {
        "log": str(keys.log.verifier), "auth": str(keys.auth.verifier), "witness": str(keys.witness)
    }  # fmt: skip
    assert said["logs"] == [
        {
            "log": "public",
            "name": "public",
            "origin": "mp-a.example/public",
            "epoch": 1,
            "key": str(keys.verifier("mp-a.example/public")),
        }
    ]


def test_the_checkpoint_covers_what_the_log_serves(http, keys):
    answer = http.get(f"{LOG}/checkpoint")
    head = verify_checkpoint(answer.content, keys.verifier("mp-a.example/public")).checkpoint
    changes = http.get(f"{LOG}/changes")
    leaves = changes.content.splitlines()
    assert (head.size, head.root) == (5, Frontier().extended(map(hash_leaf, leaves)).root)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["ETag"] == f'"5-{head.root.hex()[:8]}"'
    assert answer.headers["Cache-Control"] == "public, max-age=1"
    again = http.get(f"{LOG}/checkpoint", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    said = [parse_leaf(leaf) for leaf in leaves]
    assert all(isinstance(leaf, EntryLeaf) and leaf.origin == "mp-a.example/public" for leaf in said)
    assert [leaf.entry_id for leaf in said] == [accept(document).entry_id for document in DOCUMENTS]
    assert [leaf.size for leaf in said] == [len(document) for document in DOCUMENTS]


def test_changes_come_in_pages(http):
    first = http.get(f"{LOG}/changes?limit=2")
    assert (first.headers["X-Log-Size"], first.headers["Cache-Control"]) == ("5", "no-cache")
    assert first.headers["Content-Type"] == "application/x-ndjson"
    following = http.get(f"{LOG}/changes{first.links['next']['url']}")
    assert [parse_leaf(line).sequence for line in following.content.splitlines()] == [2, 3]
    last = http.get(f"{LOG}/changes?since=5")
    assert (last.content, "Link" in last.headers, last.headers["X-Log-Size"]) == (b"", False, "5")
    assert http.get(f"{LOG}/changes?since={2**63 - 1}").content == b""


def test_tiles_and_bundles_never_change(http):
    leaves = http.get(f"{LOG}/changes").content.splitlines()
    tile = http.get(f"{LOG}/tile/0/000.p/5")
    assert tile.content == b"".join(map(hash_leaf, leaves))
    assert http.get(f"{LOG}/tile/0/000.p/3").content == tile.content[:96]
    entries = http.get(f"{LOG}/tile/entries/000.p/5")
    assert split_bundle(entries.content, 5) == leaves
    bodies = http.get(f"{LOG}/bodies/000.p/5")
    assert split_bodies(bodies.content, 5) == DOCUMENTS
    for answer in (tile, entries, bodies):
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Type"] == "application/octet-stream"


def test_bodies_come_by_id_in_the_order_asked(http):
    ids = [accept(document).entry_id for document in DOCUMENTS]
    answer = http.post("/fed/v1/bodies", json=[ids[3], "0" * 64, ids[1]])
    expected = b"".join(bytes.fromhex(ids[n]) + len(DOCUMENTS[n]).to_bytes(4) + DOCUMENTS[n] for n in (3, 1))
    assert (answer.content, answer.headers["Cache-Control"]) == (expected, "no-store")
    assert "X-Ids-Left" not in answer.headers


def test_bodies_travel_compressed(http):
    plain = http.get(f"{LOG}/bodies/000.p/5").content
    unpack = {
        "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
        "gzip": gzip.decompress,
    }
    for given, coding in (("gzip", "gzip"), ("gzip, zstd", "zstd"), ("zstd;q=0.5, gzip;q=0", "zstd")):
        with http.stream("GET", f"{LOG}/bodies/000.p/5", headers={"Accept-Encoding": given}) as answer:
            packed = b"".join(answer.iter_raw())
        assert answer.headers["Content-Encoding"] == coding
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert unpack[coding](packed) == plain and len(packed) < len(plain) / 2
    answer = http.get(f"{LOG}/bodies/000.p/5", headers={"Accept-Encoding": "br"})
    assert "Content-Encoding" not in answer.headers and answer.content == plain


def test_a_receipt_is_verified_with_the_key_alone(http, keys):
    entry = accept(DOCUMENTS[2])
    answer = http.get(f"{LOG}/proof/{entry.entry_id}")
    for key in (keys.verifier("mp-a.example/public"), keys.log.verifier):
        proven = verify_proof(answer.content, key)
        assert (proven.leaf.entry_id, proven.index) == (entry.entry_id, 2)
    assert http.get(f"{LOG}/proof/{'0' * 64}").status_code == 404


def test_digests_cost_nothing_when_sets_are_equal(http):
    ids = [accept(document).entry_id for document in DOCUMENTS]
    expected = SetSum().plus(ids).digest
    answer = http.get(f"{LOG}/digest")
    assert answer.json()["digest"] == expected and answer.json()["count"] == 5
    assert set(answer.json()["parts"]) == {one[:2] for one in ids}
    assert http.get(f"{LOG}/digest", headers={"If-None-Match": f'"{expected}"'}).status_code == 304
    prefix = ids[0][:2]
    below = http.get(f"{LOG}/digest/{prefix}").json()
    assert below["digest"] == answer.json()["parts"][prefix]
    assert ids[0] in http.get(f"{LOG}/digest/{prefix}/{ids[0][:4]}").json()["ids"]
    other = "00" if prefix != "00" else "01"
    assert http.get(f"{LOG}/digest/{other}/{ids[0][:4]}").status_code == 404


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/fed/v1/logs/none/checkpoint", 404, "federation.log"),
        (f"/fed/v1/logs/{'0' * 32}/changes", 404, "federation.log"),
        (f"{LOG}/changes?since=-1", 400, "query.since"),
        (f"{LOG}/changes?since=x", 400, "query.since"),
        (f"{LOG}/changes?limit=1025", 400, "query.limit"),
        (f"{LOG}/tile/0/000", 404, "federation.part"),
        (f"{LOG}/tile/0/000.p/6", 404, "federation.part"),
        (f"{LOG}/tile/0/0", 404, "federation.part"),
        (f"{LOG}/tile/9/000", 404, "federation.part"),
        (f"{LOG}/tile/8/000.p/1", 404, "federation.part"),
        (f"{LOG}/tile/entries/001", 404, "federation.part"),
        (f"{LOG}/bodies/x999/x999/x999/x999/x999/999", 404, "federation.part"),
        (f"{LOG}/digest/{'0' * 2}/{'0' * 4}?after=x", 400, "query.after"),
        (f"{LOG}/proof/{'0' * 63}", 404, "federation.entry"),
        (f"{LOG}/proof/{'x' * 64}", 404, "path.unknown"),
        (f"{LOG}/digest/000", 404, "federation.part"),
        (f"{LOG}/digest/00/00", 404, "federation.part"),
        (f"/fed/v1/witness/{'0' * 64}/checkpoint", 404, "witness.origin"),
    ],
)
def test_what_is_not_there_is_said_with_a_code(http, path, status, code):
    answer = http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[1]", b'["x"]', b"[[]]", b"[" * 1000, json.dumps(["0" * 64] * 257).encode(), b"\xff",
     json.dumps(["A" * 64]).encode()],
)  # fmt: skip
def test_what_is_no_list_of_ids_is_refused(http, body):
    answer = http.post("/fed/v1/bodies", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bodies.ids")


def test_requests_are_bounded(http):
    for path in ("/fed/v1/bodies", "/fed/v1/witness/add-checkpoint"):
        answer = http.post(path, content=b" " * 40_000)
        assert (answer.status_code, answer.json()["code"]) == (413, "body.size")


def test_a_witness_answers_as_specified(http, keys):
    url, origin = "/fed/v1/witness/add-checkpoint", f"{OTHER.name}/public"
    leaf = hash_leaf(b"leaf")
    heads = [
        sign_checkpoint(Checkpoint(origin, size, root), OTHER).to_bytes()
        for size, root in ((0, EMPTY_ROOT), (1, leaf), (1, EMPTY_ROOT), (2, leaf))
    ]
    foreign = sign_checkpoint(Checkpoint("mp-c.example/public", 0, EMPTY_ROOT), OTHER).to_bytes()
    false = heads[1].replace(b"\n1\n", b"\n2\n")

    def ask(old: int, head: bytes) -> httpx.Response:
        return http.post(url, content=WitnessRequest(old, (), head).to_bytes())

    answer = ask(0, heads[1])
    assert answer.status_code == 200
    line = parse_signature(answer.text.rstrip("\n"))
    verify_cosignature(parse_note(heads[1]).text, line, keys.witness)
    digest = sha256(origin.encode()).hexdigest()
    kept = http.get(f"/fed/v1/witness/{digest}/checkpoint")
    assert kept.content == heads[1] + answer.content
    assert kept.headers["Cache-Control"] == "public, max-age=10"
    assert ask(1, heads[1]).content == answer.content
    for old, head in ((0, heads[0]), (1, heads[2])):
        conflict = ask(old, head)
        assert (conflict.status_code, conflict.text) == (409, "1\n")
        assert conflict.headers["Content-Type"] == "text/x.tlog.size"
    assert ask(1, heads[3]).status_code == 422
    assert ask(0, foreign).status_code == 404
    assert ask(1, false).status_code == 403
    assert ask(2, heads[1]).status_code == 400
    assert http.post(url, content=b"old 0\n\n").status_code == 400


def test_a_site_without_keys_offers_nothing_and_works(server):
    with server.client() as client:
        for path in ("/.well-known/marketplace-federation", f"{LOG}/checkpoint", f"{LOG}/tile/0/000"):
            assert client.get(path).status_code == 404
        assert client.post("/fed/v1/bodies", json=[]).status_code == 404
        assert client.post("/fed/v1/witness/add-checkpoint", content=b"").status_code == 404
        assert client.get("/readyz").status_code == 200
