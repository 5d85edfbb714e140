"""Who endorses, under which names, and with which tags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import groupby
from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from marketplace.entries import EndorserRow
from marketplace.entries.certificates import MOST as MOST_CERTIFICATES
from marketplace.entries.certificates import CertificateUse, EndorserChange
from marketplace.facets import TrustMark
from marketplace.http.errors import NotFoundError
from marketplace.http.visible_entries import visible_entries
from marketplace.rules.trust import StoredVerdict
from marketplace.runtime import Runtime
from validators.document import format_time
from validators.verdict import Standing

from .answers import fresh, page, site_url
from .cursors import Cursor, cut_page, encode_cursor
from .description import DescribedAnswer, Operation
from .parameters import EMAIL, cursor, limit
from .presenters import JsonObject, Urls

#: Certificate names shown of one endorser: anybody may claim an address under any number of names.
MOST_NAMES = 50
#: Tags and changes shown of one endorser; the tags have a resource of their own.
MOST_TAGS, MOST_CHANGES = 50, 100
#: Characters of a tag that decide its place; a tag may be far longer than a cursor.
_CURSOR_CHARACTERS = 100

LIMIT = limit(100, 500)
ENDORSERS_CURSOR = cursor("api.endorsers")
TAGS_CURSOR = cursor("api.endorser.tags")

ENDORSERS = Operation(
    "api.endorsers",
    "List publishers",
    f"By e-mail address; with each at most {MOST_NAMES} of the certificate names it signed under.",
    "Endorsers",
    [DescribedAnswer("A page of endorsers.", "Endorsers", headers=("Link",))],
    query=(LIMIT, ENDORSERS_CURSOR),
    errors={400: ["query.limit", "query.cursor"]},
)
ENDORSER = Operation(
    "api.endorser",
    "One endorser",
    "The certificate names of an address, how many entries carry each, and the time of the first and the "
    "latest statement. Then the certificates with their first and last use, how this site stands to each, "
    "and how each follows those that were seen before: `new` asks for a second look. `look_alikes` are "
    "other endorsers whose address or name can be taken for this one's.",
    "Endorsers",
    [DescribedAnswer("The endorser.", "EndorserDetails")],
    path=(EMAIL,),
    errors={404: ["endorser.unknown"]},
)
TAGS = Operation(
    "api.endorser.tags",
    "The tags of an endorser",
    "Every tag that names a current entry of this endorser which is not deprecated.",
    "Endorsers",
    [DescribedAnswer("A page of tags.", "Tags", headers=("Link",))],
    path=(EMAIL,),
    query=(LIMIT, TAGS_CURSOR),
    errors={400: ["query.limit", "query.cursor"], 404: ["endorser.unknown"]},
)


@ENDORSERS.view("endorser:read")
def endorsers(request: Request) -> Response:
    """A page of the endorsers."""
    asked = ENDORSERS.read(request)
    with visible_entries(request) as visible:
        rows = visible.endorsers()
        alike = visible.look_alikes()
    everybody = [(email, list(names)) for email, names in groupby(rows, key=lambda row: row.email)]
    found, after = cut_page(everybody, lambda one: (one[0],), asked[ENDORSERS_CURSOR], asked[LIMIT])
    urls = Urls(site_url(request))
    body = {
        "total": len(everybody),
        "endorsers": [
            {**_endorser(email, names, urls), "look_alike": bool(alike.of(email))} for email, names in found
        ],
    }
    return page(request, body, encode_cursor(after, "api.endorsers"))


@ENDORSER.view("endorser:read")
def endorser(request: Request) -> Response:
    """One endorser."""
    email, now = request.matchdict["email"], request.registry[Runtime].now()
    with visible_entries(request) as visible:
        found = visible.endorser(email)
        if found is None:
            raise _unknown()
        certificates = visible.certificates(email, now)
        changes = visible.endorser_changes(certificates)
        tags = visible.tags(email)
        alike = visible.look_alikes().of(email)
    urls = Urls(site_url(request))
    body = {
        **_endorser(found.email, found.names, urls),
        "first": format_time(found.first),
        "latest": format_time(found.latest),
        "certificates": [show_use(one) for one in certificates[:MOST_CERTIFICATES]],
        "certificates_total": len(certificates),
        "tags": list(tags[:MOST_TAGS]),
        "tags_total": len(tags),
        "changes": [show_change(one) for one in changes[:MOST_CHANGES]],
        "look_alikes": [
            {"kind": one.kind.value, "email": one.email, "text": one.text, "url": urls.endorser(one.email)}
            for one in alike
        ],
    }
    return fresh(request, body)


@TAGS.view("endorser:read")
def tags(request: Request) -> Response:
    """A page of an endorser's tags."""
    asked = TAGS.read(request)
    email = request.matchdict["email"]
    with visible_entries(request) as visible:
        if visible.endorser(email) is None:
            raise _unknown()
        every = sorted(visible.tags(email), key=_cursor_of)
    found, after = cut_page(every, _cursor_of, asked[TAGS_CURSOR], asked[LIMIT])
    urls = Urls(site_url(request))
    body = {
        "email": email,
        "total": len(every),
        "tags": [{"tag": tag, "links": {"entry": urls.tag(email, tag)}} for tag in found],
    }
    return page(request, body, encode_cursor(after, "api.endorser.tags"))


def show_use(one: CertificateUse) -> JsonObject:
    """A certificate and what it was used for."""
    return {
        "sha256": one.fingerprint,
        "subject": one.subject,
        "issuer": one.issuer,
        "not_before": format_time(one.not_before),
        "not_after": format_time(one.not_after),
        "email": one.email,
        "entries": one.entries,
        "first_use": format_time(one.first),
        "last_use": format_time(one.latest),
        "first_seen": format_time(one.first_seen_at),
        "succession": None if one.succession is None else one.succession.value,
        "new": one.is_new,
        **_standing(one.verdict),
    }


def _standing(verdict: StoredVerdict | None) -> JsonObject:
    revoked = None if verdict is None else verdict.revoked_since
    return {
        "standing": TrustMark.UNJUDGED.value if verdict is None else verdict.standing.value,
        "listed": verdict is not None and verdict.listed and verdict.standing is Standing.CHAINED,
        "pinned": verdict is not None and verdict.pinned,
        "anchor": None if verdict is None else verdict.anchor,
        "revoked_since": None if revoked is None else format_time(revoked),
    }


def show_change(one: EndorserChange) -> JsonObject:
    """Something that changed about an endorser."""
    return {
        "at": format_time(one.at),
        "certificate": one.fingerprint,
        "kind": "certificate" if one.before is None else "standing",
        "before": one.before,
        "after": one.after,
    }


def _endorser(email: str, names: Sequence[EndorserRow], urls: Urls) -> dict[str, Any]:
    return {
        "email": email,
        "entries": sum(name.entries for name in names),
        "names": list(_names(names[:MOST_NAMES])),
        "names_total": len(names),
        "links": {
            "self": urls.endorser(email),
            "tags": urls.tags(email),
            "entries": urls.entries_of(email),
        },
    }


def _names(names: Sequence[EndorserRow]) -> Iterator[dict[str, Any]]:
    for name in names:
        yield {"subject": name.subject, "issuer": name.issuer, "entries": name.entries}


def _cursor_of(tag: str) -> Cursor:
    return tag[:_CURSOR_CHARACTERS], sha256(tag.encode()).hexdigest()[:16]


def _unknown() -> NotFoundError:
    return NotFoundError("endorser.unknown", "no entry of this endorser is known")
