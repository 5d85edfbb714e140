"""The ways in which peers lie, and what has to come of each at a site that is lied to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from marketplace.peers.model import PullState
from marketplace.peers.overview import MANY
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
    Reply,
    Tell,
)
from tests.federation.replies import (
    always,
    another_root,
    deep,
    endless,
    erased,
    flood,
    flood_of_headers,
    framing,
    gzip_bomb,
    honest,
    hostile,
    later,
    made_up,
    note,
    offers,
    on,
    other_log,
    rows,
    says,
    swapped,
    unasked,
    unsigned,
    zstd_bomb,
)


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
    contradicts("signs a wrong root", note(another_root), _ROOT),
    contradicts(
        "rolls back",
        later(CHECKPOINT, lambda liar: liar.note(liar.rows[:2])),
        "integrity.rollback",
        lacks=False,
    ),
    contradicts("shows a split view", later(CHECKPOINT, another_root), "integrity.split-view", lacks=False),
    contradicts("does not sign", note(unsigned), "integrity.signature"),
    contradicts("signs another log", note(other_log), "integrity.signature"),
    Lie(
        "never moves", honest, "", PullState.TAILING, how="nothing to find: its log has no news", lacks=False
    ),
    fails("sends an endless page", flood(CHANGES, LINES), _LARGE, _LATE),
    fails("sends an endless checkpoint", flood(CHECKPOINT, TEXT), _LARGE),
    fails("sends a huge row", rows(lambda given: [b"{" + b" " * 100_000 + b"}"]), _LARGE, _LATE),
    fails("sends more rows than there are", rows(lambda given: given * 5), _MALFORMED, _LATE),
    fails("sends a gzip bomb", on(CHANGES, lambda liar, _: gzip_bomb()), _LARGE, _LATE),
    fails("sends a zstd bomb", on(CHANGES, lambda liar, _: zstd_bomb()), _LARGE, _LATE),
    fails("sends pages for people", on(CHECKPOINT, lambda liar, _: Reply("text/html", b"<p>")), _STATUS),
    fails("sends rows of another type", on(CHANGES, lambda liar, it: Reply(TEXT, it.body)), _STATUS, _LATE),
    fails(PATIENT, always(Reply(TEXT, b"", 503, {"Retry-After": "999999999"})), _STATUS),
    replace(fails("redirects", always(_REDIRECT), _STATUS, "peer.faulty"), faults={"description": _STATUS}),
    fails("says nothing changed since never", on(CHECKPOINT, lambda liar, _: Reply(TEXT, b"", 304)), _STATUS),
    fails("sends a flood of headers", on(CHECKPOINT, flood_of_headers), _LARGE),
    fails("says nothing", on(CHECKPOINT, lambda liar, _: Reply(TEXT, endless(b"", 1.0))), "peer.too-slow"),
    fails("sends bodies nobody asked for", on(BODIES, unasked), _MALFORMED, _LATE),
    fails("sends endless bodies", flood(BODIES, BINARY), _LARGE, _LATE),
    passes("withholds bodies", on(BODIES, lambda liar, _: Reply(BINARY, b"")), _HIDES, wanted=4),
    passes("swaps bodies", on(BODIES, swapped), _HIDES, wanted=4),
    fails(
        "erased entries that this site did not request",
        on(BODIES, lambda liar, it: Reply(BINARY, it.body, headers={"X-Ids-Erased": "0,999"})),
        _MALFORMED,
        _LATE,
    ),
    Lie(
        "says that it erased what it has",
        on(BODIES, erased),
        "",
        PullState.TAILING,
        erased=4,
        how="its word counts for its own rows only, and every other peer is asked for them once",
    ),
    passes("sends hostile bodies", on(BODIES, hostile), "acceptance refuses each", rejected=4),
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
    misleads("sends deep JSON about itself", on(DESCRIPTION, deep), "description", _MALFORMED),
    misleads("describes itself by a list", says(DESCRIPTION, [1, [2]]), "description", _MALFORMED),
    misleads(
        "names logs by numbers", says(DESCRIPTION, {"origin": "x", "logs": [7]}), "description", _MALFORMED
    ),
    misleads(
        "offers a thousand logs",
        offers(1000),
        "description",
        _MALFORMED,
        "no more than 64 logs of a peer are followed",
    ),
    misleads("sends an endless description", flood(DESCRIPTION, JSON), "description", _LARGE),
    misleads("sends deep JSON as heads of others", on(HEADS, deep), "witness", _MALFORMED),
    misleads("sends heads of others as numbers", says(HEADS, {"heads": [7]}), "witness", _MALFORMED),
    misleads("sends endless heads of others", flood(HEADS, JSON), "witness", _LARGE),
    Lie(
        "says of an honest log that it showed another tree",
        on(HEADS, framing),
        "",
        PullState.TAILING,
        how="what it shows counts only with the signature of the log's own key",
        lacks=False,
    ),
    misleads("sends deep JSON as digests", on(DIGEST, deep), "sets", _MALFORMED),
    misleads("sends digests as a list", says(DIGEST, {"parts": ["00"]}), "sets", _MALFORMED),
    misleads("sends digests as numbers", says(DIGEST, {"parts": {"00": 7}}), "sets", _MALFORMED),
    misleads("lists ids that are none", made_up(lambda prefix: [{}, 7, prefix]), "sets", _MALFORMED),
    misleads(
        "lists entries that nobody has",
        made_up(lambda prefix: [prefix + f"{n:060x}" for n in range(1000)]),
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
