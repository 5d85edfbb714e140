"""Endorsers with their certificates and tags."""

from __future__ import annotations

from collections.abc import Mapping

from marketplace.rules.trust import STANDINGS

from ..description import Schema
from . import parts as p

_ENDORSER: Mapping[str, Schema] = {
    "email": p.TEXT,
    "entries": p.COUNT,
    "names": p.array(p.record("Names of a certificate.", subject=p.TEXT, issuer=p.TEXT, entries=p.COUNT)),
    "names_total": p.COUNT,
    "links": p.record("Where to go on.", self=p.URL, tags=p.URL, entries=p.URL),
}
_REGISTERED: Mapping[str, Schema] = {
    "first": p.TIME,
    "latest": p.TIME,
    "certificates": p.array(
        p.record(
            "A certificate, and its use with this address.",
            sha256=p.DIGEST,
            subject=p.TEXT,
            issuer=p.TEXT,
            not_before=p.TIME,
            not_after=p.TIME,
            email=p.doc(p.TEXT_OR_NULL, "the address it binds"),
            entries=p.COUNT,
            first_use=p.doc(p.TIME, "the earliest time that its entries name"),
            last_use=p.TIME,
            first_seen=p.doc(p.TIME, "when this site first took an entry in that it signed"),
            succession=p.doc(p.TEXT_OR_NULL, "renewed, other-issuer, other-name; null for the first one"),
            new=p.doc(p.FLAG, "it follows others, and was first seen lately"),
            standing={"type": "string", "enum": [mark.value for mark in STANDINGS]},
            listed=p.FLAG,
            pinned=p.FLAG,
            anchor=p.TEXT_OR_NULL,
            revoked_since=p.TIME_OR_NULL,
        )
    ),
    "certificates_total": p.COUNT,
    "tags": p.array(p.TEXT),
    "tags_total": p.COUNT,
    "changes": p.array(
        p.record(
            "Something that changed, the latest first.",
            at=p.TIME,
            certificate=p.DIGEST,
            kind={"type": "string", "enum": ["certificate", "standing"]},
            before=p.TEXT_OR_NULL,
            after=p.TEXT,
        )
    ),
    "look_alikes": p.array(
        p.record(
            "Another endorser who can be taken for this one.",
            kind={"type": "string", "enum": ["address", "name"]},
            email=p.TEXT,
            text=p.TEXT,
            url=p.URL,
        )
    ),
}
ENDORSERS: Mapping[str, Schema] = {
    "Endorsers": p.page(
        "Endorsers.",
        total=p.COUNT,
        endorsers=p.array(
            p.record(
                "An endorser.",
                **_ENDORSER,
                look_alike=p.doc(
                    p.FLAG, "the address looks like another endorser's; the endorser's own document names it"
                ),
            )
        ),
    ),
    "EndorserDetails": p.record("An endorser.", **_ENDORSER, **_REGISTERED),
    "Tags": p.page(
        "Tags of an endorser.",
        email=p.TEXT,
        total=p.COUNT,
        tags=p.array(p.record("A tag.", tag=p.TEXT, links=p.record("Where to go on.", entry=p.URL))),
    ),
}
