"""The site itself: errors, the index, usage, events, records of peers."""

from __future__ import annotations

from collections.abc import Mapping

from marketplace.events import Kind
from marketplace.peers.model import Question

from ..description import Schema
from . import parts as p

_EVENT: Mapping[str, Schema] = {
    "id": p.doc({"type": "string", "pattern": "^evt_[0-9a-f]{24}$"}, "the same wherever it is told"),
    "type": {"type": "string", "enum": [one.value for one in Kind]},
    "timestamp": p.TIME,
    "data": p.record(
        "What happened.",
        log=p.doc(p.TEXT, "`public` or `group:NAME`: whose readers see it"),
        sentence=p.doc(p.TEXT, "in plain words"),
        entry_id=p.doc(p.or_null(p.DIGEST), "null where it is about no entry"),
        entry=p.or_null(
            p.record(
                "What the entry says; null where it is about none, or its words were erased.",
                **p.COORDINATES,
                title=p.TEXT_OR_NULL,
                os=p.TEXT_OR_NULL,
                os_version=p.TEXT_OR_NULL,
                os_arch=p.TEXT_OR_NULL,
                version=p.TEXT_OR_NULL,
                valid=p.doc(p.TIME_OR_NULL, "until when; null: it never expires"),
                deprecated=p.doc(p.TEXT_OR_NULL, "the reason of a withdrawal"),
                tags=p.array(p.TEXT),
                current=p.doc(p.FLAG, "whether it is what its endorser says now"),
                links=p.record("Where to go on.", self=p.URL, signed=p.URL, verdict=p.URL),
            )
        ),
        details={"type": "object", "description": "what else there is to say, by the kind of event"},
    ),
}


def _usage(meaning: str, *sums: str, also: tuple[str, ...] = ()) -> Schema:
    """Sums of periods; those that are named by ``also`` may be left out."""

    def summed(told: str, **members: Schema) -> Schema:
        found = p.record(told, **members, **dict.fromkeys(sums, p.COUNT))
        return {**found, "properties": {**found["properties"], **dict.fromkeys(also, p.COUNT)}}

    return p.record(
        meaning,
        by={"type": "string", "enum": ["day", "month"]},
        **{"from": p.doc(p.TEXT, "the first day"), "to": p.doc(p.TEXT, "the last day")},
        exact=p.doc(p.FLAG, "whether no sum is rounded"),
        rounded=p.doc(
            p.array({"type": "string", "enum": [*sums, *also]}),
            "the sums whose figures are rounded down to tens, without today",
        ),
        total=summed("What the periods make together."),
        periods=p.array(summed("A day or month.", period=p.doc(p.TEXT, "`YYYY-MM-DD` or `YYYY-MM`"))),
    )


SITE: Mapping[str, Schema] = {
    "Problem": {
        **p.record(
            "An error (RFC 9457); `code` names the rule and stays as it is.",
            type=p.TEXT,
            title=p.TEXT,
            status={"type": "integer", "minimum": 400, "maximum": 599},
            detail=p.TEXT,
            code={"type": "string", "pattern": r"^[a-zA-Z0-9_.\-]+$"},
            request_id=p.TEXT,
        )
    },
    "Index": p.record(
        "What there is.",
        title=p.TEXT,
        version=p.TEXT,
        links={"type": "object", "additionalProperties": p.URL},
    ),
    "EntryUsage": _usage("How often entries were used.", "verdicts", "downloads", "imports"),
    "ViewUsage": _usage(
        "How often a view and its images were used.", "documents", "downloads", also=("verdicts", "imports")
    ),
    "Event": p.record("Something that happened, as webhooks are told of it.", **_EVENT),
    "Events": p.page("Events.", events=p.array(p.ref("Event"))),
    "PeerRecord": p.record(
        "Everything about a peer.",
        name=p.TEXT,
        url=p.URL,
        state=p.TEXT,
        log_key=p.TEXT,
        auth_key=p.TEXT_OR_NULL,
        added_at=p.TIME,
        contacted_at=p.TIME_OR_NULL,
        granted=p.doc(p.array(p.TEXT), "names of groups whose entries it may read"),
        mirrors=p.array(
            p.record(
                "Where copies of its tiles and bundles may be had.",
                url=p.URL,
                bundles=p.doc(p.COUNT, "bundles that it gave"),
                failures=p.doc(p.COUNT, "times that the peer had to be asked instead"),
                error=p.doc(p.TEXT_OR_NULL, "why, the last time"),
            )
        ),
        logs=p.array({"type": "object"}),
        faults=p.array(
            p.record(
                "A question that the peer does not answer correctly.",
                question={"type": "string", "enum": [one.value for one in Question]},
                origin=p.doc(p.TEXT_OR_NULL, "the log that it was about"),
                code=p.TEXT,
                reason=p.TEXT,
                since=p.TIME,
            )
        ),
        evidence=p.array({"type": "object"}),
    ),
    "Health": {"type": "object", "required": ["status"], "properties": {"status": p.TEXT}},
}
