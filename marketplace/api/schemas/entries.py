"""Entries: in lists, in searches, as they were signed, and as they stand now."""

from __future__ import annotations

from collections.abc import Mapping

from marketplace.entries.records import MOST_RIVALS
from marketplace.facets import Facet

from ..description import Schema
from . import parts as p

_SHARED: Mapping[str, Schema] = {
    **p.COORDINATES,
    "title": p.TEXT_OR_NULL,
    "description": p.TEXT_OR_NULL,
    "os": p.TEXT_OR_NULL,
    "os_version": p.TEXT_OR_NULL,
    "os_arch": p.TEXT_OR_NULL,
    "kind": p.TEXT_OR_NULL,
    "type": p.TEXT,
    "format": p.TEXT_OR_NULL,
    "version": p.TEXT_OR_NULL,
    "publisher": p.TEXT_OR_NULL,
    "bytes": p.doc(p.COUNT, "size of the uncompressed image"),
    "valid_until": p.doc(p.TIME_OR_NULL, "null: it never expires"),
    "strength": p.STRENGTH,
    "deprecated": p.doc(p.TEXT_OR_NULL, "the reason, which may be empty; null where it is not deprecated"),
    "links": p.record("Where to go on.", self=p.URL, signed=p.URL, image=p.URL, endorser=p.URL),
}
_PORT: Schema = {"type": "integer", "minimum": 0, "maximum": 65_535}
_LINE: Mapping[str, Schema] = {
    **_SHARED,
    "location": p.doc(p.TEXT_OR_NULL, "the first location of the content"),
    "status": p.FATE,
    "allowed": p.doc(p.FLAG, "the image may be started, by all that is current about it; see the verdict"),
    "refusal": {"type": ["string", "null"], "description": "the code of the verdict's first reason"},
    "conflicting": p.doc(p.FLAG, "another entry says something else at the same coordinates"),
    "verdict": p.ref("Verdict"),
}
_STATEMENT: Mapping[str, Schema] = {
    **_SHARED,
    **p.TAGS,
    "compression": p.doc(p.TEXT_OR_NULL, "of the file at the locations: gz, bz2, xz, zst ..."),
    "hypervisors": p.array(p.TEXT),
    "inbound_ports": p.array(_PORT),
    "outbound_ports": p.array(_PORT),
    "icmp_types": p.array({"type": "integer", "minimum": 0, "maximum": 255}),
    "locations": p.array(p.TEXT),
    "checksums": p.array(p.record("A checksum as written.", algorithm=p.TEXT, value=p.TEXT)),
    "terms": p.array(
        p.record(
            "An element of the known vocabulary.",
            name=p.TEXT,
            namespace=p.TEXT,
            text=p.TEXT,
            lang=p.TEXT_OR_NULL,
        )
    ),
    "extensions": p.array(p.ref("Extension")),
    "endorser": p.record("Who signed.", email=p.TEXT, subject=p.TEXT, issuer=p.TEXT),
    "signature": p.record("How it was signed.", strength=p.STRENGTH, algorithm=p.TEXT, digest=p.TEXT),
    "certificate": p.record(
        "The signer's certificate.",
        sha256=p.DIGEST,
        not_before=p.TIME,
        not_after=p.TIME,
        email=p.doc(p.TEXT_OR_NULL, "the address it binds; null: the address is the signer's own claim"),
        intermediates=p.COUNT,
    ),
    "trust": p.ref("Trust"),
    "document_bytes": p.doc(p.COUNT, "size of the signed document"),
}
_NOW: Mapping[str, Schema] = {
    "status": p.FATE,
    "allowed": p.doc(p.FLAG, "the image may be started, by all that is current about it; see the verdict"),
    "refusal": {"type": ["string", "null"], "description": "the code of the verdict's first reason"},
    "current": p.doc(p.FLAG, "whether lists show it: nothing newer by this endorser supersedes it"),
    "superseded_by": p.doc(p.URL_OR_NULL, "the current entry, where this is not it"),
    "conflicts": p.doc(p.array(p.DIGEST), "ids of entries that say something else at the same coordinates"),
    "also_current": p.doc(
        p.array(
            p.record(
                "A current entry for the same image by the same address, signed with another key.",
                id=p.DIGEST,
                key=p.doc(p.DIGEST, "SHA-256 of the public key"),
                trusted=p.doc(p.FLAG, "this site trusts its certificate for the address"),
                links=p.record("Where it is.", self=p.URL),
            )
        ),
        "not empty where two certificates use one address and neither supersedes the other, "
        f"newest first, at most {MOST_RIVALS}",
    ),
    "verdict": p.ref("Verdict"),
    "accepted_at": p.TIME,
    "origin": p.doc(
        p.TEXT_OR_NULL, "the log where it was first accepted, as the peer says; null where that was here"
    ),
    "seen_by": p.doc(
        p.array(p.TEXT), "`public`, and those of your groups (`group:NAME`) that the entry is in"
    ),
}
_MARKED: Schema = p.record(
    "A text in pieces, with those that match.",
    parts=p.array(p.record("A piece.", text=p.TEXT, match=p.FLAG)),
    cut_before=p.FLAG,
    cut_after=p.FLAG,
)
_COUNTS: Schema = p.array(
    p.record(
        "A value and what choosing it would list.", value=p.TEXT, label=p.TEXT, count=p.COUNT, chosen=p.FLAG
    )
)
ENTRIES: Mapping[str, Schema] = {
    "Entries": p.page(
        "Current entries.",
        total=p.COUNT,
        sort=p.TEXT,
        entries=p.array(p.record("An entry.", **_LINE, **p.TAGS)),
    ),
    "Found": p.record(
        "Current entries of the images that were named.",
        total=p.COUNT,
        entries=p.array(p.record("An entry.", **_LINE)),
        left_out=p.doc(p.array(p.TEXT), "identifiers that the answer had no room for"),
    ),
    "Timeline": p.page(
        "Everything endorsed about an image, oldest first.",
        identifier=p.TEXT,
        total=p.COUNT,
        endorsers=p.COUNT,
        sites=p.SITES,
        entries=p.array(p.record("An entry.", **_LINE, current=p.FLAG)),
    ),
    "SearchResults": p.page(
        "Hits of a search.",
        total=p.COUNT,
        sort=p.TEXT,
        hits=p.array(
            p.record(
                "An entry that was found.",
                **_LINE,
                **p.TAGS,
                highlight=p.record("Where the words stand.", title=_MARKED, excerpt=_MARKED),
            )
        ),
        facets=p.record("Counts.", **{facet.value: _COUNTS for facet in Facet}),
        hint=p.doc(p.TEXT_OR_NULL, "what to know about the words, where they are not plain"),
        suggestion={
            "oneOf": [p.record("Words that find something.", q=p.TEXT, url=p.URL), {"type": "null"}],
        },
    ),
    "Statement": p.record("The immutable entry.", **_STATEMENT),
    "Entry": {
        "allOf": [p.ref("Statement")],
        **p.record(
            "An entry, and how it stands now.",
            **_NOW,
            reachability=p.doc(
                p.array(
                    p.record(
                        "Result of the last check of a location.",
                        location=p.TEXT,
                        reach={
                            "type": "string",
                            "enum": ["there", "answered-otherwise", "silent", "inside", "not-web"],
                        },
                        reason=p.TEXT,
                        bytes=p.doc({"type": ["integer", "null"]}, "size that the server reports"),
                        looked_at=p.TIME,
                        good_at=p.doc({"type": ["string", "null"]}, "when the content was there last"),
                    )
                ),
                "of the locations that this site checked, if it checks locations",
            ),
            sites=p.SITES,
            reports=p.doc(
                p.array(
                    p.record(
                        "What cloud sites found wrong with a location.",
                        location=p.TEXT,
                        finding={"type": "string", "enum": ["mismatch", "unreachable"]},
                        sites=p.COUNT,
                        at=p.doc(p.TIME, "when the latest of them found it"),
                        reason=p.doc(p.TEXT_OR_NULL, "in the words of that site"),
                    )
                ),
                "`mismatch`: the location served bytes that differ from the entry",
            ),
        ),
    },
    "Published": p.record(
        "An entry that everybody sees now.",
        **p.COORDINATES,
        outcome={"type": "string", "enum": ["created", "unchanged"]},
        links=p.record("Where to go on.", self=p.URL, signed=p.URL),
    ),
    "Held": p.record(
        "Something that waits for its endorser's word.",
        outcome={"type": "string", "enum": ["held"]},
        email=p.TEXT,
        expires_at=p.TIME,
    ),
    "Extension": p.record(
        "An element of another vocabulary, with its content.",
        name=p.TEXT,
        namespace=p.TEXT,
        attributes=p.array(p.record("An attribute.", name=p.TEXT, namespace=p.TEXT, value=p.TEXT)),
        text=p.TEXT,
        children=p.array(p.ref("Extension")),
        tail=p.TEXT,
    ),
    "Trust": p.record(
        "What is known from the entry itself.",
        self_signed=p.FLAG,
        in_date_at_created=p.FLAG,
        email_bound=p.FLAG,
        strength=p.STRENGTH,
    ),
    "Conflicts": p.page(
        "Coordinates at which entries contradict each other.",
        conflicts=p.array(
            p.record(
                "Entries with the same coordinates that say different things.",
                identifier=p.TEXT,
                email=p.TEXT,
                created=p.TIME,
                kind={"type": "string", "enum": ["equivocation", "contested"]},
                total=p.doc(p.COUNT, "how many entries there are; not all of very many are listed"),
                entries=p.doc(
                    p.array(
                        p.record(
                            "One of the entries.",
                            id=p.DIGEST,
                            title=p.TEXT_OR_NULL,
                            deprecated=p.TEXT_OR_NULL,
                            subject=p.TEXT,
                            issuer=p.TEXT,
                            certificate=p.DIGEST,
                            key=p.doc(p.DIGEST, "SHA-256 of the public key"),
                            accepted_at=p.TIME,
                            verdict=p.ref("Verdict"),
                            links=p.record("Where to go on.", signed=p.URL),
                        )
                    ),
                    "what readers are shown comes first",
                ),
                links=p.record("Where to go on.", entry=p.URL, image=p.URL),
            )
        ),
    ),
    "Changes": p.page(
        "Rows of a log.",
        size=p.COUNT,
        changes=p.array(
            p.record(
                "An accepted entry.",
                sequence=p.COUNT,
                **p.COORDINATES,
                accepted_at=p.TIME,
                links=p.record("Where to go on.", self=p.URL, signed=p.URL),
            )
        ),
        next_since=p.COUNT,
    ),
}
