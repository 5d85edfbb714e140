"""The shapes of what the API answers, as JSON Schema; ``shown`` and the views make them.

Clients must ignore members that they do not know: some will be added.
"""

from __future__ import annotations

from collections.abc import Mapping

from marketplace.catalogue.facts import Facet
from marketplace.entries.records import MOST_RIVALS
from marketplace.events import Kind
from marketplace.peers.model import Question
from marketplace.rules.trust import STANDINGS

from .description import Schema
from .shapes.base import EMAIL_PATTERN, IDENTIFIER_PATTERN, TIME_PATTERN

TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
URL: Schema = {"type": "string", "format": "uri"}
URL_OR_NULL: Schema = {"type": ["string", "null"], "format": "uri"}
TIME: Schema = {"type": "string", "pattern": TIME_PATTERN}
TIME_OR_NULL: Schema = {"type": ["string", "null"], "pattern": TIME_PATTERN}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
DIGEST: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
STATUS: Schema = {"type": "string", "enum": ["valid", "deprecated", "expired"]}
#: Of an entry that may have been superseded by its endorser.
FATE: Schema = {"type": "string", "enum": ["valid", "deprecated", "expired", "superseded"]}
STRENGTH: Schema = {"type": "string", "enum": ["strong", "legacy"]}


def ref(name: str) -> Schema:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Schema) -> Schema:
    """A list of things."""
    return {"type": "array", "items": items}


def record(meaning: str, **members: Schema) -> Schema:
    """An object that has all of these members."""
    return {"type": "object", "description": meaning, "required": list(members), "properties": members}


def _said(schema: Schema, meaning: str) -> Schema:
    return {**schema, "description": meaning}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


CODE: Schema = {"type": "string", "pattern": "^[a-z0-9-]+$", "description": "stable"}
CHECKSUM: Schema = record("A checksum.", algorithm=TEXT, value=TEXT)
VERDICT_RULE: Schema = record(
    "A rule and how it came out.",
    rule=TEXT,
    outcome={"type": "string", "enum": ["passed", "failed", "noted"]},
    code=_said(_or_null(CODE), "why it failed"),
    found=TEXT,
    change=_said(TEXT_OR_NULL, "what would make it come out otherwise"),
)
_COORDINATES: Mapping[str, Schema] = {
    "id": _said(DIGEST, "the entry id: the same for all encodings of a signature"),
    "identifier": {"type": "string", "pattern": IDENTIFIER_PATTERN},
    "email": {"type": "string", "pattern": EMAIL_PATTERN},
    "created": TIME,
}
_LINKED: Mapping[str, Schema] = {
    **_COORDINATES,
    "links": record("Where it is.", entry=URL, signed=URL),
}
_SHARED: Mapping[str, Schema] = {
    **_COORDINATES,
    "title": TEXT_OR_NULL,
    "description": TEXT_OR_NULL,
    "os": TEXT_OR_NULL,
    "os_version": TEXT_OR_NULL,
    "os_arch": TEXT_OR_NULL,
    "kind": TEXT_OR_NULL,
    "type": TEXT,
    "format": TEXT_OR_NULL,
    "version": TEXT_OR_NULL,
    "publisher": TEXT_OR_NULL,
    "bytes": _said(COUNT, "size of the uncompressed image"),
    "valid_until": _said(TIME_OR_NULL, "null: it never expires"),
    "strength": STRENGTH,
    "deprecated": _said(TEXT_OR_NULL, "the reason, which may be empty; null where it is not deprecated"),
    "links": record("Where to go on.", self=URL, signed=URL, image=URL, endorser=URL),
}
_EVENT: Mapping[str, Schema] = {
    "id": _said({"type": "string", "pattern": "^evt_[0-9a-f]{24}$"}, "the same wherever it is told"),
    "type": {"type": "string", "enum": [one.value for one in Kind]},
    "timestamp": TIME,
    "data": record(
        "What happened.",
        log=_said(TEXT, "`public` or `group:NAME`: whose readers see it"),
        sentence=_said(TEXT, "in plain words"),
        entry_id=_said(_or_null(DIGEST), "null where it is about no entry"),
        entry=_or_null(
            record(
                "What the entry says; null where it is about none, or its words were erased.",
                **_COORDINATES,
                title=TEXT_OR_NULL,
                os=TEXT_OR_NULL,
                os_version=TEXT_OR_NULL,
                os_arch=TEXT_OR_NULL,
                version=TEXT_OR_NULL,
                valid=_said(TIME_OR_NULL, "until when; null: it never expires"),
                deprecated=_said(TEXT_OR_NULL, "the reason of a withdrawal"),
                tags=array(TEXT),
                current=_said(FLAG, "whether it is what its endorser says now"),
                links=record("Where to go on.", self=URL, signed=URL, verdict=URL),
            )
        ),
        details={"type": "object", "description": "what else there is to say, by the kind of event"},
    ),
}
_PORT: Schema = {"type": "integer", "minimum": 0, "maximum": 65_535}
_LINE: Mapping[str, Schema] = {
    **_SHARED,
    "location": _said(TEXT_OR_NULL, "the first location of the content"),
    "status": FATE,
    "allowed": _said(FLAG, "the image may be started, by all that is current about it; see the verdict"),
    "refusal": {"type": ["string", "null"], "description": "the code of the verdict's first reason"},
    "conflicting": _said(FLAG, "another entry says something else at the same coordinates"),
    "verdict": ref("Verdict"),
}
_TAGS: Mapping[str, Schema] = {"tags": array(TEXT)}
_STATEMENT: Mapping[str, Schema] = {
    **_SHARED,
    **_TAGS,
    "compression": _said(TEXT_OR_NULL, "of the file at the locations: gz, bz2, xz, zst ..."),
    "hypervisors": array(TEXT),
    "inbound_ports": array(_PORT),
    "outbound_ports": array(_PORT),
    "icmp_types": array({"type": "integer", "minimum": 0, "maximum": 255}),
    "locations": array(TEXT),
    "checksums": array(record("A checksum as written.", algorithm=TEXT, value=TEXT)),
    "terms": array(
        record("An element of the known vocabulary.", name=TEXT, namespace=TEXT, text=TEXT, lang=TEXT_OR_NULL)
    ),
    "extensions": array(ref("Extension")),
    "endorser": record("Who signed.", email=TEXT, subject=TEXT, issuer=TEXT),
    "signature": record("How it was signed.", strength=STRENGTH, algorithm=TEXT, digest=TEXT),
    "certificate": record(
        "The signer's certificate.",
        sha256=DIGEST,
        not_before=TIME,
        not_after=TIME,
        email=_said(TEXT_OR_NULL, "the address it binds; null: the address is the signer's own claim"),
        intermediates=COUNT,
    ),
    "trust": ref("Trust"),
    "document_bytes": _said(COUNT, "size of the signed document"),
}
_NOW: Mapping[str, Schema] = {
    "status": FATE,
    "allowed": _said(FLAG, "the image may be started, by all that is current about it; see the verdict"),
    "refusal": {"type": ["string", "null"], "description": "the code of the verdict's first reason"},
    "current": _said(FLAG, "whether lists show it: nothing newer by this endorser supersedes it"),
    "superseded_by": _said(URL_OR_NULL, "the current entry, where this is not it"),
    "conflicts": _said(array(DIGEST), "ids of entries that say something else at the same coordinates"),
    "also_current": _said(
        array(
            record(
                "A current entry for the same image by the same address, signed with another key.",
                id=DIGEST,
                key=_said(DIGEST, "SHA-256 of the public key"),
                trusted=_said(FLAG, "this site trusts its certificate for the address"),
                links=record("Where it is.", self=URL),
            )
        ),
        "not empty where two certificates use one address and neither supersedes the other, "
        f"newest first, at most {MOST_RIVALS}",
    ),
    "verdict": ref("Verdict"),
    "accepted_at": TIME,
    "origin": _said(
        TEXT_OR_NULL, "the log where it was first accepted, as the peer says; null where that was here"
    ),
    "seen_by": _said(array(TEXT), "`public`, and those of your groups (`group:NAME`) that the entry is in"),
}
SITES: Schema = _said(COUNT, "cloud sites that say that they offer the image")
_NEXT: Mapping[str, Schema] = {"next": _said(URL_OR_NULL, "the next page; null on the last one")}
_ENDORSER: Mapping[str, Schema] = {
    "email": TEXT,
    "entries": COUNT,
    "names": array(record("Names of a certificate.", subject=TEXT, issuer=TEXT, entries=COUNT)),
    "names_total": COUNT,
    "links": record("Where to go on.", self=URL, tags=URL, entries=URL),
}
_REGISTERED: Mapping[str, Schema] = {
    "first": TIME,
    "latest": TIME,
    "certificates": array(
        record(
            "A certificate, and its use with this address.",
            sha256=DIGEST,
            subject=TEXT,
            issuer=TEXT,
            not_before=TIME,
            not_after=TIME,
            email=_said(TEXT_OR_NULL, "the address it binds"),
            entries=COUNT,
            first_use=_said(TIME, "the earliest time that its entries name"),
            last_use=TIME,
            first_seen=_said(TIME, "when this site first took an entry in that it signed"),
            succession=_said(TEXT_OR_NULL, "renewed, other-issuer, other-name; null for the first one"),
            new=_said(FLAG, "it follows others, and was first seen lately"),
            standing={"type": "string", "enum": [mark.value for mark in STANDINGS]},
            listed=FLAG,
            pinned=FLAG,
            anchor=TEXT_OR_NULL,
            revoked_since=TIME_OR_NULL,
        )
    ),
    "certificates_total": COUNT,
    "tags": array(TEXT),
    "tags_total": COUNT,
    "changes": array(
        record(
            "Something that changed, the latest first.",
            at=TIME,
            certificate=DIGEST,
            kind={"type": "string", "enum": ["certificate", "standing"]},
            before=TEXT_OR_NULL,
            after=TEXT,
        )
    ),
    "look_alikes": array(
        record(
            "Another endorser who can be taken for this one.",
            kind={"type": "string", "enum": ["address", "name"]},
            email=TEXT,
            text=TEXT,
            url=URL,
        )
    ),
}
_STEP: Schema = record(
    "A step of the verification.",
    step={"type": "integer", "minimum": 1, "maximum": 8},
    name=TEXT,
    outcome={"type": "string", "enum": ["passed", "failed", "not-reached"]},
    code=TEXT_OR_NULL,
    message=TEXT,
)
_MARKED: Schema = record(
    "A text in pieces, with those that match.",
    parts=array(record("A piece.", text=TEXT, match=FLAG)),
    cut_before=FLAG,
    cut_after=FLAG,
)
_COUNTS: Schema = array(
    record("A value and what choosing it would list.", value=TEXT, label=TEXT, count=COUNT, chosen=FLAG)
)


def _usage(meaning: str, *sums: str, also: tuple[str, ...] = ()) -> Schema:
    """Sums of periods; those that are named by ``also`` may be left out."""

    def summed(told: str, **members: Schema) -> Schema:
        found = record(told, **members, **dict.fromkeys(sums, COUNT))
        return {**found, "properties": {**found["properties"], **dict.fromkeys(also, COUNT)}}

    return record(
        meaning,
        by={"type": "string", "enum": ["day", "month"]},
        **{"from": _said(TEXT, "the first day"), "to": _said(TEXT, "the last day")},
        exact=_said(FLAG, "whether no sum is rounded"),
        rounded=_said(
            array({"type": "string", "enum": [*sums, *also]}),
            "the sums whose figures are rounded down to tens, without today",
        ),
        total=summed("What the periods make together."),
        periods=array(summed("A day or month.", period=_said(TEXT, "`YYYY-MM-DD` or `YYYY-MM`"))),
    )


def _page(meaning: str, **members: Schema) -> Schema:
    return record(meaning, **members, **_NEXT)


SCHEMAS: Mapping[str, Schema] = {
    "Problem": {
        **record(
            "An error (RFC 9457); `code` names the rule and stays as it is.",
            type=TEXT,
            title=TEXT,
            status={"type": "integer", "minimum": 400, "maximum": 599},
            detail=TEXT,
            code={"type": "string", "pattern": r"^[a-zA-Z0-9_.\-]+$"},
            request_id=TEXT,
        )
    },
    "Index": record(
        "What there is.", title=TEXT, version=TEXT, links={"type": "object", "additionalProperties": URL}
    ),
    "Entries": _page(
        "Current entries.", total=COUNT, sort=TEXT, entries=array(record("An entry.", **_LINE, **_TAGS))
    ),
    "Found": record(
        "Current entries of the images that were named.",
        total=COUNT,
        entries=array(record("An entry.", **_LINE)),
        left_out=_said(array(TEXT), "identifiers that the answer had no room for"),
    ),
    "Timeline": _page(
        "Everything endorsed about an image, oldest first.",
        identifier=TEXT,
        total=COUNT,
        endorsers=COUNT,
        sites=SITES,
        entries=array(record("An entry.", **_LINE, current=FLAG)),
    ),
    "SearchResults": _page(
        "Hits of a search.",
        total=COUNT,
        sort=TEXT,
        hits=array(
            record(
                "An entry that was found.",
                **_LINE,
                **_TAGS,
                highlight=record("Where the words stand.", title=_MARKED, excerpt=_MARKED),
            )
        ),
        facets=record("Counts.", **{facet.value: _COUNTS for facet in Facet}),
        hint=_said(TEXT_OR_NULL, "what to know about the words, where they are not plain"),
        suggestion={
            "oneOf": [record("Words that find something.", q=TEXT, url=URL), {"type": "null"}],
        },
    ),
    "Statement": record("The immutable entry.", **_STATEMENT),
    "Entry": {
        "allOf": [ref("Statement")],
        **record(
            "An entry, and how it stands now.",
            **_NOW,
            reachability=_said(
                array(
                    record(
                        "Result of the last check of a location.",
                        location=TEXT,
                        reach={
                            "type": "string",
                            "enum": ["there", "answered-otherwise", "silent", "inside", "not-web"],
                        },
                        reason=TEXT,
                        bytes=_said({"type": ["integer", "null"]}, "size that the server reports"),
                        looked_at=TIME,
                        good_at=_said({"type": ["string", "null"]}, "when the content was there last"),
                    )
                ),
                "of the locations that this site checked, if it checks locations",
            ),
            sites=SITES,
            reports=_said(
                array(
                    record(
                        "What cloud sites found wrong with a location.",
                        location=TEXT,
                        finding={"type": "string", "enum": ["mismatch", "unreachable"]},
                        sites=COUNT,
                        at=_said(TIME, "when the latest of them found it"),
                        reason=_said(TEXT_OR_NULL, "in the words of that site"),
                    )
                ),
                "`mismatch`: the location served bytes that differ from the entry",
            ),
        ),
    },
    "Published": record(
        "An entry that everybody sees now.",
        **_COORDINATES,
        outcome={"type": "string", "enum": ["created", "unchanged"]},
        links=record("Where to go on.", self=URL, signed=URL),
    ),
    "Held": record(
        "Something that waits for its endorser's word.",
        outcome={"type": "string", "enum": ["held"]},
        email=TEXT,
        expires_at=TIME,
    ),
    "Extension": record(
        "An element of another vocabulary, with its content.",
        name=TEXT,
        namespace=TEXT,
        attributes=array(record("An attribute.", name=TEXT, namespace=TEXT, value=TEXT)),
        text=TEXT,
        children=array(ref("Extension")),
        tail=TEXT,
    ),
    "Trust": record(
        "What is known from the entry itself.",
        self_signed=FLAG,
        in_date_at_created=FLAG,
        email_bound=FLAG,
        strength=STRENGTH,
    ),
    "Verdict": record(
        "How this site stands to the endorser's certificate.",
        standing={"type": "string", "enum": [mark.value for mark in STANDINGS]},
        trusted=_said(FLAG, "no rule of the site speaks against the entry"),
        listed=_said(FLAG, "chained, and its subject is on the allow-list"),
        confirmed=_said(FLAG, "the owner of the address confirmed the certificate here"),
        pinned=_said(FLAG, "it is an anchor itself"),
        anchor=_said(TEXT_OR_NULL, "name of the anchor it is chained to"),
        in_date_at_created={"type": ["boolean", "null"], "description": "null: it is not judged yet"},
        revoked_since=TIME_OR_NULL,
    ),
    "Decision": record(
        "What this site holds of an entry now.",
        **_COORDINATES,
        status=FATE,
        current=_said(FLAG, "the entry is the current one of its endorser"),
        allowed=_said(FLAG, "the image may be started, by all that is current about it"),
        trusted=_said(FLAG, "no rule failed: this site trusts the endorser"),
        standing={
            "type": "string",
            "enum": ["chained", "self-signed", "untrusted-issuer", "revoked", "revocation-unknown"],
        },
        strength=STRENGTH,
        in_date_at_created=FLAG,
        in_date_now=FLAG,
        email_bound=FLAG,
        email_confirmed=_said(FLAG, "the owner of the address confirmed the certificate here"),
        certificate=record(
            "How the signer's certificate stands.",
            sha256=DIGEST,
            anchor=_said(TEXT_OR_NULL, "name of the anchor it is chained to"),
            anchor_sha256=_said(_or_null(DIGEST), "of the anchor's certificate"),
            pinned=_said(FLAG, "it is an anchor itself"),
            path=_said(array(TEXT), "names from the certificate to the anchor"),
            revoked_since=TIME_OR_NULL,
            revocation_reason=TEXT_OR_NULL,
            listed=_said(FLAG, "its subject is on the allow-list, whichever issuer it has"),
        ),
        rules=array(VERDICT_RULE),
        links=record("Where to go on.", entry=URL, signed=URL, verdict=URL),
    ),
    "ImageVerdict": record(
        "Whether an image may be started, by what this site holds and trusts now.",
        identifier=_COORDINATES["identifier"],
        allowed=FLAG,
        sentence=_said(TEXT, "the answer in one line"),
        status=_said({"enum": [*STATUS["enum"], None]}, "of the entry that decided"),
        reasons=_said(
            array(
                record(
                    "Why it is not allowed.",
                    code=CODE,
                    message=TEXT,
                    change=_said(TEXT_OR_NULL, "what would make it come out otherwise"),
                )
            ),
            "empty if the image is allowed; the most important reason first",
        ),
        until=_said(TIME_OR_NULL, "when the clock alone would change the answer"),
        entry=_said(_or_null(record("An entry.", **_LINKED)), "the entry that decided"),
        asked=_said(
            _or_null(record("A superseded entry.", entry=URL, superseded_by=URL_OR_NULL)),
            "what the question was about, where that is not current",
        ),
        checksums=_said(array(CHECKSUM), "what the file must be, by those who allow it"),
        rules=array(VERDICT_RULE),
        statements=array(
            record(
                "What one endorser says now.",
                **_LINKED,
                status=STATUS,
                weight=_said(
                    {"type": "string", "enum": ["allows", "objects", "none"]},
                    "whether its yes counts, only its no, or neither",
                ),
                trusted=_said(FLAG, "this site trusts the endorser; independent of the status"),
                code=_said(_or_null(CODE), "why its yes does not count"),
                found=TEXT,
                change=TEXT_OR_NULL,
            )
        ),
        links=record("Where to go on.", self=URL, image=URL),
    ),
    "Endorsers": _page(
        "Endorsers.",
        total=COUNT,
        endorsers=array(
            record(
                "An endorser.",
                **_ENDORSER,
                look_alike=_said(
                    FLAG, "the address looks like another endorser's; the endorser's own document names it"
                ),
            )
        ),
    ),
    "EndorserDetails": record("An endorser.", **_ENDORSER, **_REGISTERED),
    "Tags": _page(
        "Tags of an endorser.",
        email=TEXT,
        total=COUNT,
        tags=array(record("A tag.", tag=TEXT, links=record("Where to go on.", entry=URL))),
    ),
    "Conflicts": _page(
        "Coordinates at which entries contradict each other.",
        conflicts=array(
            record(
                "Entries with the same coordinates that say different things.",
                identifier=TEXT,
                email=TEXT,
                created=TIME,
                kind={"type": "string", "enum": ["equivocation", "contested"]},
                total=_said(COUNT, "how many entries there are; not all of very many are listed"),
                entries=_said(
                    array(
                        record(
                            "One of the entries.",
                            id=DIGEST,
                            title=TEXT_OR_NULL,
                            deprecated=TEXT_OR_NULL,
                            subject=TEXT,
                            issuer=TEXT,
                            certificate=DIGEST,
                            key=_said(DIGEST, "SHA-256 of the public key"),
                            accepted_at=TIME,
                            verdict=ref("Verdict"),
                            links=record("Where to go on.", signed=URL),
                        )
                    ),
                    "what readers are shown comes first",
                ),
                links=record("Where to go on.", entry=URL, image=URL),
            )
        ),
    ),
    "Changes": _page(
        "Rows of a log.",
        size=COUNT,
        changes=array(
            record(
                "An accepted entry.",
                sequence=COUNT,
                **_COORDINATES,
                accepted_at=TIME,
                links=record("Where to go on.", self=URL, signed=URL),
            )
        ),
        next_since=COUNT,
    ),
    "Verification": record(
        "The result that an upload would have.",
        verdict={"type": "string", "enum": ["accepted", "held", "refused"]},
        steps=array(_STEP),
        advice=_said(
            array(record("Advice.", code=TEXT, element=TEXT, message=TEXT)),
            "what cloud sites will refuse or miss in the entry; keeps nothing out",
        ),
    ),
    "EntryUsage": _usage("How often entries were used.", "verdicts", "downloads", "imports"),
    "ViewUsage": _usage(
        "How often a view and its images were used.", "documents", "downloads", also=("verdicts", "imports")
    ),
    "Event": record("Something that happened, as webhooks are told of it.", **_EVENT),
    "Events": _page("Events.", events=array(ref("Event"))),
    "PeerRecord": record(
        "Everything about a peer.",
        name=TEXT,
        url=URL,
        state=TEXT,
        log_key=TEXT,
        auth_key=TEXT_OR_NULL,
        added_at=TIME,
        contacted_at=TIME_OR_NULL,
        granted=_said(array(TEXT), "names of groups whose entries it may read"),
        mirrors=array(
            record(
                "Where copies of its tiles and bundles may be had.",
                url=URL,
                bundles=_said(COUNT, "bundles that it gave"),
                failures=_said(COUNT, "times that the peer had to be asked instead"),
                error=_said(TEXT_OR_NULL, "why, the last time"),
            )
        ),
        logs=array({"type": "object"}),
        faults=array(
            record(
                "A question that the peer does not answer correctly.",
                question={"type": "string", "enum": [one.value for one in Question]},
                origin=_said(TEXT_OR_NULL, "the log that it was about"),
                code=TEXT,
                reason=TEXT,
                since=TIME,
            )
        ),
        evidence=array({"type": "object"}),
    ),
    "Health": {"type": "object", "required": ["status"], "properties": {"status": TEXT}},
    "RdfJson": {
        "type": "object",
        "description": "Subject, predicate, objects (RDF 1.1 JSON Alternate Serialization).",
        "additionalProperties": {"type": "object", "additionalProperties": array({"type": "object"})},
    },
    "Table": record(
        "A page of the table protocol (DataTables 1.9); each row has an empty cell and ten columns.",
        sEcho=TEXT,
        iTotalRecords=COUNT,
        iTotalDisplayRecords=COUNT,
        rMsg=TEXT,
        aaData=array({"type": "array", "items": TEXT, "minItems": 11, "maxItems": 11}),
    ),
    "Bindings": record(
        "A table (SPARQL 1.1 Query Results JSON Format).",
        head=record("Its variables.", vars=array(TEXT)),
        results=record("Its rows.", bindings=array({"type": "object"})),
    ),
    "Results": {
        "anyOf": [
            {"$ref": "#/components/schemas/Bindings"},
            record("The answer to an ASK.", head={"type": "object"}, boolean=FLAG),
        ]
    },
    "OriginalError": {
        "type": "object",
        "description": "An object with one member: the status is its name, the reason its value.",
        "additionalProperties": TEXT,
    },
}
