"""Peers that lie, each in one way, over real HTTP; in all else they keep to the protocol."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.tlog.checkpoint import Checkpoint, sign_checkpoint
from marketplace.tlog.digest import SetSum
from marketplace.tlog.leaf import EntryLeaf
from marketplace.tlog.merkle import Frontier, hash_leaf
from marketplace.tlog.note import SigningKey
from tests.federation.sites import document
from validators import accept

#: Bytes that endless answers go on for at most, so that a reader without bounds is found and ended.
ENDLESS = 256 * 2**20
_TEXT, _LINES, _BINARY = "text/plain", "application/x-ndjson", "application/octet-stream"
_LOG = "/fed/v1/logs/public"
_CHECKPOINT, _CHANGES, _DIGEST = f"{_LOG}/checkpoint", f"{_LOG}/changes", f"{_LOG}/digest"
_BODIES = "/fed/v1/bodies"


@dataclass
class Reply:
    """An answer; the body may be made while it is sent."""

    kind: str
    body: bytes | Iterator[bytes]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


#: Gets the liar, the path that was asked for, and the honest answer.
Tell = Callable[["Liar", str, Reply], Reply]


@dataclass
class Liar:
    """A peer's log, and what becomes of its answers.

    Args:
        lie: gets the liar, the path that was asked for, and the honest answer.
    """

    name: str
    lie: Tell
    documents: list[bytes] = field(default_factory=list)
    asked: int = 0

    def __post_init__(self) -> None:
        self.site = f"{self.name.replace(' ', '-')}.example"
        self.key = SigningKey(self.site, Ed25519PrivateKey.generate())
        self.documents = self.documents or [document(f"{self.name} {n}") for n in range(4)]
        self.entries = {accept(data).entry_id: data for data in self.documents}
        self.rows = [
            EntryLeaf(entry_id, len(data), f"{self.site}/public", n, 1_714_521_600).to_bytes()
            for n, (entry_id, data) in enumerate(self.entries.items())
        ]

    def note(self, rows: Sequence[bytes], origin: str | None = None, key: SigningKey | None = None) -> bytes:
        """A signed checkpoint over rows."""
        tree = Frontier().extended(map(hash_leaf, rows))
        name = origin or f"{self.site}/public"
        return sign_checkpoint(Checkpoint(name, tree.size, tree.root), key or self.key).to_bytes()

    def answer(self, target: str, sent: bytes) -> Reply:
        """What the peer says, its lie included."""
        path = urlsplit(target).path
        self.asked += 1
        return self.lie(self, path, self._honest(path, parse_qs(urlsplit(target).query), sent))

    def _digests(self, path: str) -> dict[str, object]:
        prefix = path.removeprefix(_DIGEST).rpartition("/")[2]
        if len(prefix) == 4:
            return {"ids": [one for one in self.entries if one.startswith(prefix)]}
        parts: dict[str, SetSum] = {}
        for one in self.entries:
            if one.startswith(prefix):
                part = one[: len(prefix) + 2]
                parts[part] = parts.get(part, SetSum()).plus([one])
        return {"parts": {part: total.digest for part, total in parts.items()}}

    def _honest(self, path: str, query: dict[str, list[str]], sent: bytes) -> Reply:
        if path == "/.well-known/marketplace-federation":
            logs = [{"log": "public", "origin": f"{self.site}/public"}]
            return Reply("application/json", json.dumps({"origin": self.site, "logs": logs}).encode())
        if path == _CHECKPOINT:
            return Reply(_TEXT, self.note(self.rows))
        if path == _CHANGES:
            since, limit = int(query["since"][0]), int(query["limit"][0])
            return Reply(_LINES, b"".join(row + b"\n" for row in self.rows[since : since + limit]))
        if path == _BODIES:
            found = [one for one in json.loads(sent) if one in self.entries]
            return Reply(_BINARY, join((one, self.entries[one]) for one in found))
        if path.startswith(_DIGEST):
            return Reply("application/json", json.dumps(self._digests(path)).encode())
        return Reply(_TEXT, b"nothing here", 404)


def join(bodies: Iterator[tuple[str, bytes]]) -> bytes:
    """Bodies as they travel."""
    return b"".join(bytes.fromhex(one) + len(data).to_bytes(4) + data for one, data in bodies)


def on(path: str, change: Callable[[Liar, Reply], Reply]) -> Tell:
    """A lie about one resource."""
    return lambda liar, asked, honest: change(liar, honest) if asked == path else honest


def rows(change: Callable[[list[bytes]], list[bytes]]) -> Tell:
    """Rows other than those that were signed."""
    return on(_CHANGES, lambda liar, honest: Reply(_LINES, _lines(change(honest.body.splitlines()))))


def _lines(given: Sequence[bytes]) -> bytes:
    return b"".join(row + b"\n" for row in given)


def later(path: str, change: Callable[[Liar], bytes]) -> Tell:
    """Honest as long as the log is new to the reader, then not."""
    seen: list[int] = []

    def lie(liar: Liar, honest: Reply) -> Reply:
        seen.append(1)
        return honest if len(seen) < 2 else Reply(honest.kind, change(liar))

    return on(path, lie)


def _endless(piece: bytes, pause: float = 0.0) -> Iterator[bytes]:
    sent = 0
    while sent < ENDLESS:
        yield piece
        sent += len(piece)
        time.sleep(pause)


def _deep(liar: Liar, honest: Reply) -> Reply:
    return Reply("application/json", b"[" * 200_000)


def _odd_rows(liar: Liar, path: str, honest: Reply) -> Reply:
    """Rows that nobody can read are in the signed tree; the ones behind them still count."""
    odd = [b"[" * 900, b'{"v":1}', b'{"v":99,"x":"' + b"y" * 100 + b'"}', b"\xff\xfe"]
    if liar.rows[0] != odd[0]:
        liar.rows = [*odd, *liar.rows]
        return liar._honest(path, {"since": ["0"], "limit": ["1024"]}, b"[]") if path != _BODIES else honest
    return honest


def _bomb(liar: Liar, honest: Reply) -> Reply:
    return Reply(_LINES, gzip.compress(bytes(300 * 2**20), 9), headers={"Content-Encoding": "gzip"})


def _zstd_bomb(liar: Liar, honest: Reply) -> Reply:
    return Reply(_LINES, zstandard.compress(bytes(1000 * 2**20)), headers={"Content-Encoding": "zstd"})


def _swapped(liar: Liar, honest: Reply) -> Reply:
    ids, bodies = list(liar.entries), list(liar.entries.values())
    return Reply(_BINARY, join(zip(ids, [*bodies[1:], bodies[0]], strict=True)))


def _hostile(liar: Liar, honest: Reply) -> Reply:
    junk = [b"<a/>", b"<!DOCTYPE a>" + b"x" * 1000, b"\xff" * 5000, b"<a " + b'b="c" ' * 20_000 + b"/>"]
    return Reply(_BINARY, join(zip(liar.entries, junk, strict=True)))


def _unasked(liar: Liar, honest: Reply) -> Reply:
    return Reply(_BINARY, join(iter([("ab" * 32, b"<a/>")])))


def _made_up(liar: Liar, path: str, honest: Reply) -> Reply:
    """Sets with entries that are nowhere, at every prefix."""
    if not path.startswith(_DIGEST):
        return honest
    prefix = path.removeprefix(_DIGEST).rpartition("/")[2]
    if len(prefix) == 4:
        ids = [prefix + f"{n:060x}" for n in range(1000)]
        return Reply("application/json", json.dumps({"ids": ids}).encode())
    parts = {f"{prefix}{n:02x}": "0" * 32 for n in range(256)}
    return Reply("application/json", json.dumps({"parts": parts}).encode())


def _hang(liar: Liar, honest: Reply) -> Reply:
    return Reply(_TEXT, _endless(b"", 1.0))


def _another_root(liar: Liar) -> bytes:
    return liar.note([*liar.rows[:-1], b"{}"])


def _unchanged(liar: Liar, path: str, honest: Reply) -> Reply:
    return honest


@dataclass(frozen=True)
class Lie:
    """A way to lie and what comes of it.

    Args:
        code: of the failure that is shown, or of the evidence that is kept; None where the log goes on.
        lacks: its entries need not come in; where false they all do, before the lie or in spite of it.
    """

    name: str
    tell: Tell
    code: str | None
    lacks: bool = True


_OTHER = SigningKey("somebody.example", Ed25519PrivateKey.generate())
_STATUS, _LARGE = "peer.unexpected-answer", "peer.too-large"
_ROOT = "integrity.root"
_DESCRIPTION = "/.well-known/marketplace-federation"


def note(make: Callable[[Liar], bytes]) -> Tell:
    """Another checkpoint."""
    return on(_CHECKPOINT, lambda liar, honest: Reply(_TEXT, make(liar)))


def flood(path: str, kind: str, pause: float = 0.0) -> Tell:
    """An answer without an end."""
    piece = b"x" if pause else b"x" * 65_536
    return on(path, lambda liar, honest: Reply(kind, _endless(piece, pause)))


def always(reply: Reply) -> Tell:
    """One answer to everything."""
    return lambda liar, path, honest: reply


def _flood_of_headers(liar: Liar, honest: Reply) -> Reply:
    return Reply(_TEXT, honest.body, headers={f"X-{n}": "y" * 200 for n in range(150)})


def _unsigned(liar: Liar) -> bytes:
    return liar.note(liar.rows, key=_OTHER.named(f"{liar.site}/public"))


LIES = [
    Lie("drops a row", rows(lambda given: given[:1] + given[2:]), _ROOT),
    Lie("withholds all rows", rows(lambda given: []), "peer.withheld"),
    Lie("reorders rows", rows(lambda given: given[::-1]), _ROOT),
    Lie("alters a row", rows(lambda given: [given[0].replace(b'"n":', b'"n":1'), *given[1:]]), _ROOT),
    Lie("repeats a row", rows(lambda given: [given[0], given[0], *given[2:]]), _ROOT),
    Lie("signs a wrong root", note(_another_root), _ROOT),
    Lie("rolls back", later(_CHECKPOINT, lambda liar: liar.note(liar.rows[:2])), "integrity.rollback", False),
    Lie("shows a split view", later(_CHECKPOINT, _another_root), "integrity.split-view", False),
    Lie("does not sign", note(_unsigned), "integrity.signature"),
    Lie("signs another log", note(lambda liar: liar.note(liar.rows, f"{liar.site}/other")), "integrity"),
    Lie("never moves", _unchanged, None, False),
    Lie("sends an endless page", flood(_CHANGES, _LINES), _LARGE),
    Lie("sends an endless checkpoint", flood(_CHECKPOINT, _TEXT), _LARGE),
    Lie("sends a huge row", rows(lambda given: [b"{" + b" " * 100_000 + b"}"]), "peer."),
    Lie("sends a row that is too long", rows(lambda given: [b"y" * 3000, *given[1:]]), "peer.malformed"),
    Lie("sends more rows than there are", rows(lambda given: given * 5), "peer.malformed"),
    Lie("sends a gzip bomb", on(_CHANGES, _bomb), _LARGE),
    Lie("sends a zstd bomb", on(_CHANGES, _zstd_bomb), _LARGE),
    Lie("sends pages for people", on(_CHECKPOINT, lambda liar, _: Reply("text/html", b"<p>")), _STATUS),
    Lie("sends deep JSON about itself", on(_DESCRIPTION, _deep), None, False),
    Lie("signs rows of nonsense", _odd_rows, None, False),
    Lie("asks to wait for ever", always(Reply(_TEXT, b"", 503, {"Retry-After": "999999999"})), _STATUS),
    Lie("redirects", always(Reply(_TEXT, b"", 302, {"Location": "http://127.0.0.1:1/"})), _STATUS),
    Lie("says nothing changed since never", on(_CHECKPOINT, lambda liar, _: Reply(_TEXT, b"", 304)), _STATUS),
    Lie("sends a flood of headers", on(_CHECKPOINT, _flood_of_headers), "peer."),
    Lie("withholds bodies", on(_BODIES, lambda liar, _: Reply(_BINARY, b"")), None),
    Lie("swaps bodies", on(_BODIES, _swapped), None),
    Lie("sends hostile bodies", on(_BODIES, _hostile), None),
    Lie("sends bodies nobody asked for", on(_BODIES, _unasked), "peer.malformed"),
    Lie("sends endless bodies", flood(_BODIES, _BINARY), _LARGE),
    Lie("lists entries that nobody has", _made_up, None, False),
    Lie("says nothing", on(_CHECKPOINT, _hang), "peer.too-slow"),
]

#: Bytes come, so slowly that only the whole time of a request ends it: a minute.
SLOW = Lie("sends a byte a second", flood(_CHECKPOINT, _TEXT, 1.0), "peer.too-slow")


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
        with suppress(OSError):
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
        thread.join(10)
