"""What other marketplaces read and write, as operations; ``marketplace.federation_views`` serves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .description import JSON, DescribedAnswer, Operation, Parameter, Schema

GROUP = "Federation protocol"
_TEXT, _BINARY = "text/plain", "application/octet-stream"
_LINES = "application/x-ndjson"

#: A log that is not for the reader is one that does not exist.
_LOG_ERRORS: Mapping[int, Sequence[str]] = {
    404: ("federation.log", "federation.part", "federation.entry"),
    503: ("federation.starting", "federation.halted"),
}


def _text(text: str | None) -> str | None:
    return text


def _parameter(name: str, meaning: str, schema: Schema, example: str | None = None) -> Parameter[str | None]:
    return Parameter(name, meaning, schema, _text, example)


_HEX = "^[0-9a-f]+$"
_TILE = "^(x[0-9]{3}/)*[0-9]{3}([.]p/[1-9][0-9]{0,2})?$"
LOG = _parameter(
    "log", "`public`, or 32 hex digits", {"type": "string", "pattern": "^(public|[0-9a-f]{32})$"}
)
NAME = _parameter(
    "name",
    "a tile's name (C2SP tlog-tiles): `000`, `x001/234`, `000.p/17`",
    {"type": "string", "pattern": _TILE},
    "000",
)
ID = _parameter("id", "id of an entry", {"type": "string", "pattern": _HEX})
PREFIX = _parameter("prefix", "first two digits of ids", {"type": "string", "pattern": _HEX}, "00")


def _read(
    route: str,
    summary: str,
    kind: str,
    path: Sequence[Parameter[str | None]] = (LOG,),
    query: Sequence[Parameter[str | None]] = (),
    answers: Sequence[DescribedAnswer] = (),
    errors: Mapping[int, Sequence[str]] = _LOG_ERRORS,
) -> Operation:
    told = DescribedAnswer("It.", content_types=(kind,))
    return Operation(route, summary, "", GROUP, [told, *answers], path=path, query=query, errors=errors)


OPERATIONS: Sequence[Operation] = (
    _read("fed.description", "The site, its keys and the logs that you may read", JSON, path=()),
    _read("fed.checkpoint", "The newest signed size and root of a log", _TEXT),
    _read(
        "fed.changes",
        "Leaves of a log, one a line",
        _LINES,
        query=(
            _parameter("since", "the first one", {"type": "integer", "minimum": 0, "maximum": 2**62}, "0"),
            _parameter("limit", "how many", {"type": "integer", "minimum": 1, "maximum": 1024}, "100"),
        ),
        errors={**_LOG_ERRORS, 400: ("query.since", "query.limit")},
    ),
    _read(
        "fed.tile",
        "256 hashes of the tree",
        _BINARY,
        path=(LOG, _parameter("level", "of the tile", {"type": "string", "pattern": "^[0-9]$"}, "0"), NAME),
    ),
    _read("fed.entries", "256 leaves, each behind its length in 2 bytes", _BINARY, path=(LOG, NAME)),
    _read(
        "fed.bodies.bundle", "The 256 entries of a bundle, each behind its length", _BINARY, path=(LOG, NAME)
    ),
    Operation(
        "fed.bodies",
        "Entries by their ids",
        "Each behind its id (32 bytes) and length (4 bytes), as far as they fit into 8 MiB.",
        GROUP,
        [DescribedAnswer("The entries.", content_types=(_BINARY,))],
        method="POST",
        bodies={
            JSON: {"type": "array", "maxItems": 256, "items": {"type": "string", "pattern": "^[0-9a-f]{64}$"}}
        },
        errors={400: ("bodies.ids",), 413: ("body.size",), **_LOG_ERRORS},
    ),
    _read(
        "fed.proof",
        "The proof that an entry is in a log",
        _TEXT,
        path=(LOG, ID),
        answers=(DescribedAnswer("No checkpoint covers it yet.", None, (), 202),),
    ),
    _read("fed.digest", "Digest and count of all ids of a log", JSON),
    _read("fed.digest.part", "The same for two digits, by the first four", JSON, path=(LOG, PREFIX)),
    _read(
        "fed.digest.ids",
        "The ids that begin with four digits",
        JSON,
        path=(LOG, PREFIX, _parameter("longer", "the four", {"type": "string", "pattern": _HEX}, "0000")),
        query=(
            _parameter("after", "the id to go on after", {"type": "string", "pattern": "^([0-9a-f]{64})?$"}),
        ),
        errors={**_LOG_ERRORS, 400: ("query.after",)},
    ),
    Operation(
        "fed.witness.add",
        "Have a checkpoint cosigned",
        "C2SP tlog-witness.",
        GROUP,
        [
            DescribedAnswer("Cosignature lines.", content_types=(_TEXT,)),
            DescribedAnswer("The size that was cosigned last.", None, ("text/x.tlog.size",), 409),
        ],
        method="POST",
        bodies={_TEXT: None},
        errors={
            400: ("witness.format",),
            403: ("witness.signature",),
            404: ("witness.origin", "federation.log"),
            413: ("body.size",),
            422: ("witness.proof",),
            503: ("federation.starting",),
        },
    ),
    _read("fed.witness.heads", "The newest heads of the logs that this site follows", JSON, path=()),
    _read(
        "fed.witness.latest",
        "The newest head cosigned here of the newest epoch of a log",
        _TEXT,
        path=(),
        query=(
            _parameter(
                "origin", "the name that the log began with", {"type": "string", "pattern": "^[!-~]*$"}
            ),
        ),
        errors={**_LOG_ERRORS, 404: ("witness.origin", "federation.log")},
    ),
    _read(
        "fed.witness.checkpoint",
        "The newest head of a log that was cosigned here",
        _TEXT,
        path=(_parameter("digest", "SHA-256 of the log's origin", {"type": "string", "pattern": _HEX}),),
        errors={**_LOG_ERRORS, 404: ("witness.origin", "federation.log")},
    ),
)
