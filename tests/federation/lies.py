"""The ways in which peers lie, and what has to come of each at a site that is lied to."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.peers.model import PullState
from marketplace.peers.overview import MANY
from marketplace.tlog.checkpoint import Checkpoint
from marketplace.tlog.note import SigningKey, sign_note
from tests.federation.liars import (
    BINARY,
    BODIES,
    CHANGES,
    CHECKPOINT,
    DESCRIPTION,
    DIGEST,
    HEADS,
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


@dataclass(frozen=True)
class Lie:
    """A way to lie and what comes of it.

    Args:
        code: of what is found; empty where nothing is wrong with the log.
        state: of the peer's log then.
        evidence: whether what it signed is kept as evidence.
        alerts: their codes.
        wanted, rejected, erased: rows that are noted as such.
        faults: what is shown of its answers to questions beside its rows, by question.
        how: what is done about it, where no code says that.
        signs: rows that stand in its signed log before those of its entries.
        lacks: its entries need not come in; where false they all do, before the lie or in spite of it.
    """

    name: str
    tell: Tell
    code: str
    state: PullState
    evidence: bool = False
    alerts: tuple[str, ...] = ()
    wanted: int = 0
    rejected: int = 0
    erased: int = 0
    faults: Mapping[str, str] = field(default_factory=dict)
    how: str = ""
    signs: tuple[bytes, ...] = ()
    lacks: bool = True


def contradicts(name: str, tell: Tell, code: str, *alerts: str, lacks: bool = True) -> Lie:
    """A lie that shows by what was signed."""
    return Lie(name, tell, code, PullState.QUARANTINED, True, ("peer.quarantined", *alerts), lacks=lacks)


def fails(name: str, tell: Tell, code: str, *alerts: str) -> Lie:
    """A lie that gives nothing that can be used."""
    return Lie(name, tell, code, PullState.BACKOFF, alerts=("peer.away", *alerts))


def misleads(name: str, tell: Tell, question: str, code: str, how: str = "") -> Lie:
    """A lie about something beside the rows."""
    faults = {question: code}
    return Lie(
        name, tell, code, PullState.TAILING, alerts=("peer.faulty",), faults=faults, how=how, lacks=False
    )


def passes(name: str, tell: Tell, how: str, *, wanted: int = 0, rejected: int = 0, lacks: bool = True) -> Lie:
    """A lie about single rows, beside which all others come in."""
    alerts = ("peer.wanted",) if wanted else ()
    return Lie(
        name,
        tell,
        "",
        PullState.TAILING,
        alerts=alerts,
        wanted=wanted,
        rejected=rejected,
        how=how,
        lacks=lacks,
    )


def on(path: str, change: Callable[[Liar, Reply], Reply]) -> Tell:
    """A lie about one resource."""
    return lambda liar, asked, honest: change(liar, honest) if asked == path else honest


def rows(change: Callable[[list[bytes]], list[bytes]]) -> Tell:
    """Rows other than those that were signed."""
    return on(CHANGES, lambda liar, honest: Reply(LINES, _lines(change(_whole(honest).splitlines()))))


def note(make: Callable[[Liar], bytes]) -> Tell:
    """Another checkpoint."""
    return on(CHECKPOINT, lambda liar, honest: Reply(TEXT, make(liar)))


def flood(path: str, kind: str, pause: float = 0.0) -> Tell:
    """An answer without an end."""
    piece = b"x" if pause else b"x" * 65_536
    return on(path, lambda liar, honest: Reply(kind, _endless(piece, pause)))


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


def _whole(reply: Reply) -> bytes:
    assert isinstance(reply.body, bytes)
    return reply.body


def _lines(given: Sequence[bytes]) -> bytes:
    return b"".join(row + b"\n" for row in given)


def _endless(piece: bytes, pause: float = 0.0) -> Iterator[bytes]:
    sent = 0
    while sent < ENDLESS:
        yield piece
        sent += len(piece)
        time.sleep(pause)  # the slowness is the lie


def _deep(liar: Liar, honest: Reply) -> Reply:
    return Reply(JSON, b"[" * 30_000 + b"]" * 30_000)


@cache
def _gzip_bomb() -> Reply:
    return Reply(LINES, gzip.compress(bytes(300 * 2**20), 9), headers={"Content-Encoding": "gzip"})


@cache
def _zstd_bomb() -> Reply:
    return Reply(LINES, zstandard.compress(bytes(1000 * 2**20)), headers={"Content-Encoding": "zstd"})


def _asked(liar: Liar, honest: Reply) -> list[str]:
    """Those of its entries that it was asked for: others may be asked for those of others."""
    return [one for one in liar.entries if bytes.fromhex(one) in _whole(honest)]


def _swapped(liar: Liar, honest: Reply) -> Reply:
    ids = _asked(liar, honest)
    bodies = [liar.entries[one] for one in ids]
    if not ids:
        return honest
    return Reply(BINARY, join(zip(ids, [*bodies[1:], bodies[0]], strict=True)))


def _hostile(liar: Liar, honest: Reply) -> Reply:
    junk = [b"<a/>", b"<!DOCTYPE a>" + b"x" * 1000, b"\xff" * 5000, b"<a " + b'b="c" ' * 20_000 + b"/>"]
    return Reply(BINARY, join(zip(_asked(liar, honest), junk, strict=False)))


def _erased(liar: Liar, honest: Reply) -> Reply:
    places = [str(place) for place, one in enumerate(json.loads(liar.sent)) if one in liar.entries]
    return Reply(BINARY, b"", headers={"X-Ids-Erased": ",".join(places)} if places else {})


def _unasked(liar: Liar, honest: Reply) -> Reply:
    return Reply(BINARY, join([("ab" * 32, b"<a/>")]))


def _made_up(ids: Callable[[str], list[object]]) -> Tell:
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


def _offers(count: int) -> Tell:
    def lie(liar: Liar, honest: Reply) -> Reply:
        said = json.loads(_whole(honest))
        said["logs"] += [{"log": f"g{n:07}", "origin": f"{liar.site}/g/{n:032x}"} for n in range(count)]
        return Reply(JSON, json.dumps(said).encode())

    return on(DESCRIPTION, lie)


def _flood_of_headers(liar: Liar, honest: Reply) -> Reply:
    return Reply(TEXT, honest.body, headers={f"X-{n}": "y" * 200 for n in range(150)})


def _framing(liar: Liar, honest: Reply) -> Reply:
    """Heads of a log that the reader follows, of sizes that are allowed: none is signed by its key."""
    notes = []
    for size, key in ((5, liar.key), (5, _OTHER), (6, _OTHER), (99, _OTHER)):
        head = Checkpoint(f"{HONEST}/public", size, bytes([size]) * 32)
        notes.append(sign_note(head.text, key.named(f"{HONEST}/public")).to_bytes().decode())
    unsigned = notes[0].partition("\n\n")[0] + "\n\n"
    return Reply(JSON, json.dumps({"heads": [*notes, unsigned, "", "nonsense\n", notes[1] * 2]}).encode())


def _another_root(liar: Liar) -> bytes:
    return liar.note([*liar.rows[:-1], b"{}"])


def _unsigned(liar: Liar) -> bytes:
    return liar.note(liar.rows, key=_OTHER.named(f"{liar.site}/public"))


def _other_log(liar: Liar) -> bytes:
    return liar.note(liar.rows, f"{liar.site}/other")


_OTHER = SigningKey("somebody.example", Ed25519PrivateKey.generate())
_STATUS, _LARGE, _MALFORMED = "peer.unexpected-answer", "peer.too-large", "peer.malformed"
_ROOT = "integrity.root"
_NUMBERS = {"origin": "numbers.example", "logs": [7, {"log": 8, "origin": 9}]}
_LATE = "peer.late"
_REDIRECT = Reply(TEXT, b"", 302, {"Location": "http://127.0.0.1:1/"})
_NONSENSE = (b"[" * 900, b'{"v":1}', b"\xff\xfe", b"x")
_IN_TREE = "the tree that was signed holds it, so it is passed over and the rows behind it count"
_HIDES = "it hides nothing but what is its own; others hand out theirs"

#: Asks this site to wait so long that no test can.
PATIENT = "asks to wait for ever"

LIES = [
    contradicts("drops a row", rows(lambda given: given[:1] + given[2:]), _ROOT),
    fails("withholds all rows", rows(lambda given: []), "peer.withheld", _LATE),
    contradicts("reorders rows", rows(lambda given: given[::-1]), _ROOT),
    contradicts("alters a row", rows(lambda given: [given[0].replace(b'"n":', b'"n":1'), *given[1:]]), _ROOT),
    contradicts("repeats a row", rows(lambda given: [given[0], given[0], *given[2:]]), _ROOT),
    contradicts("sends a row that is too long", rows(lambda given: [b"y" * 3000, *given[1:]]), _ROOT),
    contradicts("signs a wrong root", note(_another_root), _ROOT),
    contradicts(
        "rolls back",
        later(CHECKPOINT, lambda liar: liar.note(liar.rows[:2])),
        "integrity.rollback",
        lacks=False,
    ),
    contradicts("shows a split view", later(CHECKPOINT, _another_root), "integrity.split-view", lacks=False),
    contradicts("does not sign", note(_unsigned), "integrity.signature"),
    contradicts("signs another log", note(_other_log), "integrity.signature"),
    Lie(
        "never moves", honest, "", PullState.TAILING, how="nothing to find: its log has no news", lacks=False
    ),
    fails("sends an endless page", flood(CHANGES, LINES), _LARGE, _LATE),
    fails("sends an endless checkpoint", flood(CHECKPOINT, TEXT), _LARGE),
    fails("sends a huge row", rows(lambda given: [b"{" + b" " * 100_000 + b"}"]), _LARGE, _LATE),
    fails("sends more rows than there are", rows(lambda given: given * 5), _MALFORMED, _LATE),
    fails("sends a gzip bomb", on(CHANGES, lambda liar, _: _gzip_bomb()), _LARGE, _LATE),
    fails("sends a zstd bomb", on(CHANGES, lambda liar, _: _zstd_bomb()), _LARGE, _LATE),
    fails("sends pages for people", on(CHECKPOINT, lambda liar, _: Reply("text/html", b"<p>")), _STATUS),
    fails("sends rows of another type", on(CHANGES, lambda liar, it: Reply(TEXT, it.body)), _STATUS, _LATE),
    fails(PATIENT, always(Reply(TEXT, b"", 503, {"Retry-After": "999999999"})), _STATUS),
    replace(fails("redirects", always(_REDIRECT), _STATUS, "peer.faulty"), faults={"description": _STATUS}),
    fails("says nothing changed since never", on(CHECKPOINT, lambda liar, _: Reply(TEXT, b"", 304)), _STATUS),
    fails("sends a flood of headers", on(CHECKPOINT, _flood_of_headers), _LARGE),
    fails("says nothing", on(CHECKPOINT, lambda liar, _: Reply(TEXT, _endless(b"", 1.0))), "peer.too-slow"),
    fails("sends bodies nobody asked for", on(BODIES, _unasked), _MALFORMED, _LATE),
    fails("sends endless bodies", flood(BODIES, BINARY), _LARGE, _LATE),
    passes("withholds bodies", on(BODIES, lambda liar, _: Reply(BINARY, b"")), _HIDES, wanted=4),
    passes("swaps bodies", on(BODIES, _swapped), _HIDES, wanted=4),
    fails(
        "erased entries that this site did not request",
        on(BODIES, lambda liar, it: Reply(BINARY, it.body, headers={"X-Ids-Erased": "0,999"})),
        _MALFORMED,
        _LATE,
    ),
    Lie(
        "says that it erased what it has",
        on(BODIES, _erased),
        "",
        PullState.TAILING,
        erased=4,
        how="its word counts for its own rows only, and every other peer is asked for them once",
    ),
    passes("sends hostile bodies", on(BODIES, _hostile), "acceptance refuses each", rejected=4),
    Lie(
        "signs rows of nonsense",
        honest,
        "",
        PullState.TAILING,
        rejected=len(_NONSENSE),
        how=_IN_TREE,
        signs=_NONSENSE,
        lacks=False,
    ),
    Lie(
        "signs a thousand rows of nonsense",
        honest,
        "",
        PullState.TAILING,
        alerts=("peer.rejected",),
        rejected=MANY,
        how=f"{_IN_TREE}; of 50 000 the last ones are kept",
        signs=tuple(b"nonsense %d" % number for number in range(MANY)),
        lacks=False,
    ),
    Lie(
        "signs an oversized leaf",
        honest,
        "",
        PullState.TAILING,
        rejected=1,
        how=_IN_TREE,
        signs=(b'{"x":"' + b"y" * 60_000 + b'"}',),
        lacks=False,
    ),
    misleads("sends deep JSON about itself", on(DESCRIPTION, _deep), "description", _MALFORMED),
    misleads("describes itself by a list", says(DESCRIPTION, [1, [2]]), "description", _MALFORMED),
    misleads(
        "names logs by numbers", says(DESCRIPTION, {"origin": "x", "logs": [7]}), "description", _MALFORMED
    ),
    misleads(
        "offers a thousand logs",
        _offers(1000),
        "description",
        _MALFORMED,
        "no more than 64 logs of a peer are followed",
    ),
    misleads("sends an endless description", flood(DESCRIPTION, JSON), "description", _LARGE),
    misleads("sends deep JSON as heads of others", on(HEADS, _deep), "witness", _MALFORMED),
    misleads("sends heads of others as numbers", says(HEADS, {"heads": [7]}), "witness", _MALFORMED),
    misleads("sends endless heads of others", flood(HEADS, JSON), "witness", _LARGE),
    Lie(
        "says of an honest log that it showed another tree",
        on(HEADS, _framing),
        "",
        PullState.TAILING,
        how="what it shows counts only with the signature of the log's own key",
        lacks=False,
    ),
    misleads("sends deep JSON as digests", on(DIGEST, _deep), "sets", _MALFORMED),
    misleads("sends digests as a list", says(DIGEST, {"parts": ["00"]}), "sets", _MALFORMED),
    misleads("sends digests as numbers", says(DIGEST, {"parts": {"00": 7}}), "sets", _MALFORMED),
    misleads("lists ids that are none", _made_up(lambda prefix: [{}, 7, prefix]), "sets", _MALFORMED),
    misleads(
        "lists entries that nobody has",
        _made_up(lambda prefix: [prefix + f"{n:060x}" for n in range(1000)]),
        "sets",
        "peer.withheld",
        "the entries are asked for, 2 048 at most, and do not come; asked again in an hour",
    ),
]

#: Bytes come, so slowly that only the whole time of a request ends it: a minute.
SLOW = fails("sends a byte a second", flood(CHECKPOINT, TEXT, 1.0), "peer.too-slow")

#: Each of these has a test of its own, for it takes a third site, or is no peer.
FROZEN = Lie(
    "shows an old head for ever, and a newer one elsewhere",
    note(lambda liar: liar.note(liar.rows[:2])),
    "integrity.frozen",
    PullState.TAILING,
    evidence=True,
    alerts=("peer.frozen",),
)
TWO_FACED = Lie(
    "shows two sites that follow each other different logs, and asks nobody to cosign",
    honest,
    "integrity.split-view",
    PullState.QUARANTINED,
    evidence=True,
    alerts=("peer.quarantined",),
    how="each tells the other the newest heads that it saw",
    lacks=False,
)
EQUIVOCATING = Lie(
    "has an endorser who says two things at once",
    honest,
    "",
    PullState.TAILING,
    how="both are kept and flagged as a conflict (`equivocation`), and told to the endorser",
    lacks=False,
)
NUDGES = "floods the site with nudges"

EVERY = [*LIES, SLOW, FROZEN, TWO_FACED, EQUIVOCATING]
