"""Verdicts on certificates, entries and images, and trial uploads."""

from __future__ import annotations

from collections.abc import Mapping

from marketplace.rules.trust import STANDINGS

from ..description import Schema
from . import parts as p

CHECKSUM: Schema = p.record("A checksum.", algorithm=p.TEXT, value=p.TEXT)
VERDICT_RULE: Schema = p.record(
    "A rule and how it came out.",
    rule=p.TEXT,
    outcome={"type": "string", "enum": ["passed", "failed", "noted"]},
    code=p.doc(p.or_null(p.CODE), "why it failed"),
    found=p.TEXT,
    change=p.doc(p.TEXT_OR_NULL, "what would make it come out otherwise"),
)
_STEP: Schema = p.record(
    "A step of the verification.",
    step={"type": "integer", "minimum": 1, "maximum": 8},
    name=p.TEXT,
    outcome={"type": "string", "enum": ["passed", "failed", "not-reached"]},
    code=p.TEXT_OR_NULL,
    message=p.TEXT,
)
VERDICTS: Mapping[str, Schema] = {
    "Verdict": p.record(
        "How this site stands to the endorser's certificate.",
        standing={"type": "string", "enum": [mark.value for mark in STANDINGS]},
        trusted=p.doc(p.FLAG, "no rule of the site speaks against the entry"),
        listed=p.doc(p.FLAG, "chained, and its subject is on the allow-list"),
        confirmed=p.doc(p.FLAG, "the owner of the address confirmed the certificate here"),
        pinned=p.doc(p.FLAG, "it is an anchor itself"),
        anchor=p.doc(p.TEXT_OR_NULL, "name of the anchor it is chained to"),
        in_date_at_created={"type": ["boolean", "null"], "description": "null: it is not judged yet"},
        revoked_since=p.TIME_OR_NULL,
    ),
    "Decision": p.record(
        "What this site holds of an entry now.",
        **p.COORDINATES,
        status=p.FATE,
        current=p.doc(p.FLAG, "the entry is the current one of its endorser"),
        allowed=p.doc(p.FLAG, "the image may be started, by all that is current about it"),
        trusted=p.doc(p.FLAG, "no rule failed: this site trusts the endorser"),
        standing={
            "type": "string",
            "enum": ["chained", "self-signed", "untrusted-issuer", "revoked", "revocation-unknown"],
        },
        strength=p.STRENGTH,
        in_date_at_created=p.FLAG,
        in_date_now=p.FLAG,
        email_bound=p.FLAG,
        email_confirmed=p.doc(p.FLAG, "the owner of the address confirmed the certificate here"),
        certificate=p.record(
            "How the signer's certificate stands.",
            sha256=p.DIGEST,
            anchor=p.doc(p.TEXT_OR_NULL, "name of the anchor it is chained to"),
            anchor_sha256=p.doc(p.or_null(p.DIGEST), "of the anchor's certificate"),
            pinned=p.doc(p.FLAG, "it is an anchor itself"),
            path=p.doc(p.array(p.TEXT), "names from the certificate to the anchor"),
            revoked_since=p.TIME_OR_NULL,
            revocation_reason=p.TEXT_OR_NULL,
            listed=p.doc(p.FLAG, "its subject is on the allow-list, whichever issuer it has"),
        ),
        rules=p.array(VERDICT_RULE),
        links=p.record("Where to go on.", entry=p.URL, signed=p.URL, verdict=p.URL),
    ),
    "ImageVerdict": p.record(
        "Whether an image may be started, by what this site holds and trusts now.",
        identifier=p.COORDINATES["identifier"],
        allowed=p.FLAG,
        sentence=p.doc(p.TEXT, "the answer in one line"),
        status=p.doc({"enum": [*p.STATUS["enum"], None]}, "of the entry that decided"),
        reasons=p.doc(
            p.array(
                p.record(
                    "Why it is not allowed.",
                    code=p.CODE,
                    message=p.TEXT,
                    change=p.doc(p.TEXT_OR_NULL, "what would make it come out otherwise"),
                )
            ),
            "empty if the image is allowed; the most important reason first",
        ),
        until=p.doc(p.TIME_OR_NULL, "when the clock alone would change the answer"),
        entry=p.doc(p.or_null(p.record("An entry.", **p.LINKED)), "the entry that decided"),
        asked=p.doc(
            p.or_null(p.record("A superseded entry.", entry=p.URL, superseded_by=p.URL_OR_NULL)),
            "what the question was about, where that is not current",
        ),
        checksums=p.doc(p.array(CHECKSUM), "what the file must be, by those who allow it"),
        rules=p.array(VERDICT_RULE),
        statements=p.array(
            p.record(
                "What one endorser says now.",
                **p.LINKED,
                status=p.STATUS,
                weight=p.doc(
                    {"type": "string", "enum": ["allows", "objects", "none"]},
                    "whether its yes counts, only its no, or neither",
                ),
                trusted=p.doc(p.FLAG, "this site trusts the endorser; independent of the status"),
                code=p.doc(p.or_null(p.CODE), "why its yes does not count"),
                found=p.TEXT,
                change=p.TEXT_OR_NULL,
            )
        ),
        links=p.record("Where to go on.", self=p.URL, image=p.URL),
    ),
    "Verification": p.record(
        "The result that an upload would have.",
        verdict={"type": "string", "enum": ["accepted", "held", "refused"]},
        steps=p.array(_STEP),
        advice=p.doc(
            p.array(p.record("Advice.", code=p.TEXT, element=p.TEXT, message=p.TEXT)),
            "what cloud sites will refuse or miss in the entry; keeps nothing out",
        ),
    ),
}
