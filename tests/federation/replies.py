"""What a lying marketplace answers in place of the honest answer."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.tlog.checkpoint import Checkpoint
from marketplace.tlog.note import SigningKey, sign_note
from tests.federation.liars import (
    BINARY,
    CHANGES,
    CHECKPOINT,
    DESCRIPTION,
    DIGEST,
    JSON,
    LINES,
    TEXT,
    Liar,
    Reply,
    Tell,
    join,
)

#: The site beside the liars that does not lie.
HONEST = "mp-honest.example"
#: Bytes that endless answers go on for at most, so that a reader without bounds is found and ended.
ENDLESS = 256 * 2**20


def on(path: str, change: Callable[[Liar, Reply], Reply]) -> Tell:
    """A lie about one resource."""
    return lambda liar, asked, honest: change(liar, honest) if asked == path else honest


def rows(change: Callable[[list[bytes]], list[bytes]]) -> Tell:
    """Rows other than those that were signed."""
    return on(CHANGES, lambda liar, honest: Reply(LINES, lines(change(whole(honest).splitlines()))))


def note(make: Callable[[Liar], bytes]) -> Tell:
    """Another checkpoint."""
    return on(CHECKPOINT, lambda liar, honest: Reply(TEXT, make(liar)))


def flood(path: str, kind: str, pause: float = 0.0) -> Tell:
    """An answer without an end."""
    piece = b"x" if pause else b"x" * 65_536
    return on(path, lambda liar, honest: Reply(kind, endless(piece, pause)))


def always(reply: Reply) -> Tell:
    """One answer to everything."""
    return lambda liar, path, honest: reply


def says(path: str, value: object) -> Tell:
    """Another JSON value."""
    return on(path, lambda liar, honest: Reply(JSON, json.dumps(value).encode()))


def later(path: str, change: Callable[[Liar], bytes]) -> Tell:
    """Honest as long as the log is new to the reader, then not."""
    seen: list[int] = []

    def lie(liar: Liar, honest: Reply) -> Reply:
        seen.append(1)
        return honest if len(seen) < 2 else Reply(honest.kind, change(liar))

    return on(path, lie)


def honest(liar: Liar, path: str, answer: Reply) -> Reply:
    """No lie."""
    return answer


def whole(reply: Reply) -> bytes:
    assert isinstance(reply.body, bytes)
    return reply.body


def lines(given: Sequence[bytes]) -> bytes:
    return b"".join(row + b"\n" for row in given)


def endless(piece: bytes, pause: float = 0.0) -> Iterator[bytes]:
    sent = 0
    while sent < ENDLESS:
        yield piece
        sent += len(piece)
        time.sleep(pause)  # the slowness is the lie


def deep(liar: Liar, honest: Reply) -> Reply:
    return Reply(JSON, b"[" * 30_000 + b"]" * 30_000)


@cache
def gzip_bomb() -> Reply:
    return Reply(LINES, gzip.compress(bytes(300 * 2**20), 9), headers={"Content-Encoding": "gzip"})


@cache
def zstd_bomb() -> Reply:
    return Reply(LINES, zstandard.compress(bytes(1000 * 2**20)), headers={"Content-Encoding": "zstd"})


def asked(liar: Liar, honest: Reply) -> list[str]:
    """Those of its entries that it was asked for: others may be asked for those of others."""
    return [one for one in liar.entries if bytes.fromhex(one) in whole(honest)]


def swapped(liar: Liar, honest: Reply) -> Reply:
    ids = asked(liar, honest)
    bodies = [liar.entries[one] for one in ids]
    if not ids:
        return honest
    return Reply(BINARY, join(zip(ids, [*bodies[1:], bodies[0]], strict=True)))


def hostile(liar: Liar, honest: Reply) -> Reply:
    junk = [b"<a/>", b"<!DOCTYPE a>" + b"x" * 1000, b"\xff" * 5000, b"<a " + b'b="c" ' * 20_000 + b"/>"]
    return Reply(BINARY, join(zip(asked(liar, honest), junk, strict=False)))


def erased(liar: Liar, honest: Reply) -> Reply:
    places = [str(place) for place, one in enumerate(json.loads(liar.sent)) if one in liar.entries]
    return Reply(BINARY, b"", headers={"X-Ids-Erased": ",".join(places)} if places else {})


def unasked(liar: Liar, honest: Reply) -> Reply:
    return Reply(BINARY, join([("ab" * 32, b"<a/>")]))


def made_up(ids: Callable[[str], list[object]]) -> Tell:
    """Sets that are nowhere, at every prefix, and below them these ids."""

    def lie(liar: Liar, path: str, honest: Reply) -> Reply:
        if not path.startswith(DIGEST):
            return honest
        prefix = path.removeprefix(DIGEST).rpartition("/")[2]
        if len(prefix) == 4:
            return Reply(JSON, json.dumps({"ids": ids(prefix)}).encode())
        parts = {f"{prefix}{n:02x}": "0" * 32 for n in range(256)}
        return Reply(JSON, json.dumps({"parts": parts}).encode())

    return lie


def offers(count: int) -> Tell:
    def lie(liar: Liar, honest: Reply) -> Reply:
        said = json.loads(whole(honest))
        said["logs"] += [{"log": f"g{n:07}", "origin": f"{liar.site}/g/{n:032x}"} for n in range(count)]
        return Reply(JSON, json.dumps(said).encode())

    return on(DESCRIPTION, lie)


def flood_of_headers(liar: Liar, honest: Reply) -> Reply:
    return Reply(TEXT, honest.body, headers={f"X-{n}": "y" * 200 for n in range(150)})


def framing(liar: Liar, honest: Reply) -> Reply:
    """Heads of a log that the reader follows, of sizes that are allowed: none is signed by its key."""
    notes = []
    for size, key in ((5, liar.key), (5, _OTHER), (6, _OTHER), (99, _OTHER)):
        head = Checkpoint(f"{HONEST}/public", size, bytes([size]) * 32)
        notes.append(sign_note(head.text, key.named(f"{HONEST}/public")).to_bytes().decode())
    unsigned = notes[0].partition("\n\n")[0] + "\n\n"
    return Reply(JSON, json.dumps({"heads": [*notes, unsigned, "", "nonsense\n", notes[1] * 2]}).encode())


def another_root(liar: Liar) -> bytes:
    return liar.note([*liar.rows[:-1], b"{}"])


def unsigned(liar: Liar) -> bytes:
    return liar.note(liar.rows, key=_OTHER.named(f"{liar.site}/public"))


def other_log(liar: Liar) -> bytes:
    return liar.note(liar.rows, f"{liar.site}/other")


_OTHER = SigningKey("somebody.example", Ed25519PrivateKey.generate())
