"""Peers that lie, each in one way, over real HTTP; in all else they keep to the protocol."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.tlog.checkpoint import Checkpoint, sign_checkpoint
from marketplace.tlog.digest import SetSum
from marketplace.tlog.leaf import EntryLeaf
from marketplace.tlog.merkle import Frontier, hash_leaf
from marketplace.tlog.note import SigningKey
from marketplace.tlog.tiles import WIDTH, RightEdge, TileName, join_bodies, join_bundle, parse_tile_name
from tests.federation.sites import document
from tests.waiting import HANGING
from validators import accept

TEXT, LINES, BINARY, JSON = (
    "text/plain",
    "application/x-ndjson",
    "application/octet-stream",
    "application/json",
)
_LOG = "/fed/v1/logs/public"
CHECKPOINT, CHANGES, DIGEST = f"{_LOG}/checkpoint", f"{_LOG}/changes", f"{_LOG}/digest"
TILES, BUNDLES, HEADS = f"{_LOG}/tile/", f"{_LOG}/bodies/", "/fed/v1/witness/heads"
BODIES, DESCRIPTION = "/fed/v1/bodies", "/.well-known/marketplace-federation"


@dataclass
class Reply:
    """An answer; the body may be made while it is sent."""

    kind: str
    body: bytes | Iterator[bytes]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


#: Gets the liar, the path that was asked for, and the honest answer.
Tell = Callable[["Liar", str, Reply], Reply]


def join(bodies: Iterable[tuple[str, bytes]]) -> bytes:
    """Bodies as they travel."""
    return b"".join(bytes.fromhex(one) + len(data).to_bytes(4) + data for one, data in bodies)


@dataclass
class Liar:
    """A peer's log, and what becomes of its answers.

    Args:
        lie: gets the liar, the path that was asked for, and the honest answer.
        documents: its entries; four of its own where none are given.
        before: rows that stand in its signed log before those of its entries.
        face_of: the liar whose other face this is: it has the same name and key.
    """

    name: str
    lie: Tell
    documents: list[bytes] = field(default_factory=list)
    before: Sequence[bytes] = ()
    face_of: Liar | None = None
    asked: int = 0
    #: How often it was asked for its newest head.
    polled: int = 0
    #: The body of the last request.
    sent: bytes = b""

    def __post_init__(self) -> None:
        self.site = f"{self.name.replace(' ', '-').replace(',', '')}.example"
        self.key = SigningKey(self.site, Ed25519PrivateKey.generate())
        if self.face_of is not None:
            self.site, self.key = self.face_of.site, self.face_of.key
        self.entries: dict[str, bytes] = {}
        self._by_row: dict[bytes, bytes] = {}
        self.rows = [*self.before]
        for data in self.documents or [document(f"{self.name} {n}") for n in range(4)]:
            self.add(data)

    def add(self, data: bytes) -> None:
        """Publish an entry."""
        entry_id, number = accept(data).entry_id, len(self.entries)
        leaf = EntryLeaf(entry_id, len(data), f"{self.site}/public", number, 1_714_521_600)
        self.entries[entry_id] = data
        self.rows.append(leaf.to_bytes())
        self._by_row[leaf.to_bytes()] = data

    def note(self, rows: Sequence[bytes], origin: str | None = None, key: SigningKey | None = None) -> bytes:
        """A signed checkpoint over rows."""
        tree = Frontier().extended(map(hash_leaf, rows))
        name = origin or f"{self.site}/public"
        return sign_checkpoint(Checkpoint(name, tree.size, tree.root), key or self.key).to_bytes()

    def answer(self, target: str, sent: bytes) -> Reply:
        """What the peer says, its lie included."""
        path = urlsplit(target).path
        self.asked += 1
        self.sent = sent
        self.polled += path == CHECKPOINT
        return self.lie(self, path, self._honest(path, parse_qs(urlsplit(target).query), sent))

    def _digests(self, path: str) -> dict[str, object]:
        prefix = path.removeprefix(DIGEST).rpartition("/")[2]
        if len(prefix) == 4:
            return {"ids": [one for one in self.entries if one.startswith(prefix)]}
        parts: dict[str, SetSum] = {}
        for one in self.entries:
            if one.startswith(prefix):
                part = one[: len(prefix) + 2]
                parts[part] = parts.get(part, SetSum()).plus([one])
        return {"parts": {part: total.digest for part, total in parts.items()}}

    def _bundle(self, name: TileName) -> Sequence[bytes]:
        return self.rows[WIDTH * name.number :][: name.width]

    def _tile(self, level: int, name: TileName) -> Reply:
        edge = RightEdge()
        tile = edge.grow(map(hash_leaf, self.rows)).get((level, name.number), b"")[: 32 * name.width]
        if len(tile) < 32 * name.width:
            return Reply(TEXT, b"no such tile", 404)
        return Reply(BINARY, tile)

    def _honest(self, path: str, query: dict[str, list[str]], sent: bytes) -> Reply:
        if path == DESCRIPTION:
            logs = [{"log": "public", "origin": f"{self.site}/public"}]
            return Reply(JSON, json.dumps({"origin": self.site, "logs": logs}).encode())
        if path == CHECKPOINT:
            return Reply(TEXT, self.note(self.rows))
        if path == CHANGES:
            since, limit = int(query["since"][0]), int(query["limit"][0])
            return Reply(LINES, b"".join(row + b"\n" for row in self.rows[since : since + limit]))
        if path.startswith(TILES):
            level, _, name = path.removeprefix(TILES).partition("/")
            if level == "entries":
                return Reply(BINARY, join_bundle(self._bundle(parse_tile_name(name))))
            return self._tile(int(level), parse_tile_name(name))
        if path.startswith(BUNDLES):
            rows = self._bundle(parse_tile_name(path.removeprefix(BUNDLES)))
            return Reply(BINARY, join_bodies(self._by_row.get(row, b"") for row in rows))
        if path == BODIES:
            found = [one for one in json.loads(sent) if one in self.entries]
            return Reply(BINARY, join((one, self.entries[one]) for one in found))
        if path.startswith(DIGEST):
            return Reply(JSON, json.dumps(self._digests(path)).encode())
        return Reply(TEXT, b"nothing here", 404)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: whoever is lied to hangs up in the middle."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    liar: Liar

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, sent: bytes) -> None:
        reply = self.liar.answer(self.path, sent)
        with suppress(OSError):  # whoever asked may have heard enough
            self.send_response(reply.status)
            for name, value in {"Content-Type": reply.kind, **reply.headers}.items():
                self.send_header(name, value)
            whole = isinstance(reply.body, bytes)
            self.send_header(
                *(("Content-Length", str(len(reply.body))) if whole else ("Connection", "close"))
            )
            self.end_headers()
            for piece in [reply.body] if whole else reply.body:
                self.wfile.write(piece)
        self.close_connection = self.close_connection or not whole

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: there are thousands."""


@contextmanager
def serving(liar: Liar) -> Iterator[str]:
    """The base URL of a liar, as long as the block lasts."""
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"liar": liar}))
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(HANGING)
