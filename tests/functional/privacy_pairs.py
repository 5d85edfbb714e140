"""Requests that name something: once what a reader may not see, once what was never there.

The names of a pair have the same shape and length, so that nothing but what is
behind them can tell the answers, or the work for them, apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from tests.functional.privacy_sites import ALICE, BIO_KEY, FRESH, PRIVATE, document, said
from tests.functional.private_site import GROUP
from validators import accept

RDF = "application/rdf+xml"


@dataclass(frozen=True, slots=True)
class Pair:
    """A request with ``{names}`` of ``names_of``.

    Args:
        route: name of the route that answers.
        body: what is sent; may hold names as well.
    """

    route: str
    path: str
    method: str = "GET"
    accept: str = "*/*"
    body: str = ""
    kind: str = ""
    document: bytes = b""


def names_of(slug: str, origin: str) -> tuple[dict[str, str], dict[str, str]]:
    """What is hidden and what is absent, by name.

    Args:
        slug: of the group's published log.
        origin: likewise.
    """
    hidden, absent = accept(PRIVATE["image"]), accept(document("absent", "2024-06-01T00:00:00Z", ALICE))
    return (
        {
            "entry": hidden.coordinates.path(),
            "identifier": hidden.identifier,
            "id": hidden.entry_id,
            "email": "sybil@secret.example",
            "tag": "quasar",
            "group": GROUP,
            "log": slug,
            "origin": sha256(origin.encode()).hexdigest(),
            "name": origin,
            "receipts": said(PRIVATE["image"], BIO_KEY).decode(),
        },
        {
            "entry": absent.coordinates.path(),
            "identifier": absent.identifier,
            "id": absent.entry_id,
            "email": "absen@secret.example",
            "tag": "absent",
            "group": "x" * len(GROUP),
            "log": slug[:-8] + "".join("0" if digit != "0" else "1" for digit in slug[-8:]),
            "origin": sha256(b"absent").hexdigest(),
            "name": origin[:-8] + "".join("0" if digit != "0" else "1" for digit in origin[-8:]),
            "receipts": said(document("absent", "2024-06-01T00:00:00Z", ALICE), BIO_KEY).decode(),
        },
    )


_FED = "/fed/v1/logs/{log}"
PAIRS = (
    Pair("web.home", "/?tag={tag}&status=all"),
    Pair("web.home", "/?q={tag}&status=all"),
    Pair("web.image", "/images/{identifier}"),
    Pair("web.entries", "/metadata?scope=group:{group}"),
    Pair("web.entries", "/metadata?identifier={identifier}&status=all"),
    Pair("web.entries", "/metadata?audience={group}", "POST", kind=RDF, document=FRESH["older"]),
    Pair("web.entries.by", "/metadata/{identifier}"),
    Pair("web.entries.by", "/metadata/{email}"),
    Pair("web.entries.by", "/metadata/alice@example.org?tag={tag}"),
    Pair("web.entries.by2", "/metadata/{identifier}/alice@example.org"),
    Pair("web.entry", "/metadata/{entry}"),
    Pair("web.entry", "/metadata/{entry}", accept="text/html"),
    Pair("web.entry", "/metadata/{entry}", accept="application/json"),
    Pair("web.entry.publish", "/metadata/{entry}/publish"),
    Pair("web.publish", "/publish?like={entry}"),
    Pair("web.tag", "/tag/alice@example.org/{tag}"),
    Pair("web.endorser", "/endorsers/{email}"),
    Pair("web.endorser.tags", "/endorsers/{email}/tags"),
    Pair("web.view", "/views/{group}:all", accept="text/html"),
    Pair("web.view.oai", "/views/{group}:all/oai-pmh?verb=Identify"),
    Pair("web.view.document", "/views/{group}:all/SHA256SUMS"),
    Pair("web.view.document", "/views/default/images/{identifier}/image.img"),
    Pair("api.view", "/api/v1/views/{group}:all"),
    Pair("web.events", "/events?endorser={email}"),
    Pair("api.events", "/api/v1/events?tag={tag}"),
    Pair("api.events", "/api/v1/events?scope=group:{group}"),
    Pair("api.view.signed-list", "/api/v1/views/{group}:all/signed-list", "PUT", body="x", kind="text/plain"),
    Pair("api.view.usage", "/api/v1/views/{group}:all/usage"),
    Pair("api.verify", "/api/v1/verify?audience={group}", "POST", kind=RDF, document=FRESH["older"]),
    Pair("api.search", "/api/v1/search?q={tag}&status=all"),
    Pair("api.search", "/api/v1/search?endorser={email}&status=all"),
    Pair("api.search", "/api/v1/search?scope=group:{group}"),
    Pair("api.feed", "/api/v1/search.atom?tag={tag}&status=all"),
    Pair("api.entries", "/api/v1/entries?endorser={email}&status=all"),
    Pair("api.entry", "/api/v1/entries/{entry}"),
    Pair("api.entry.statement", "/api/v1/entries/{entry}/statement"),
    Pair("api.entry.evidence", "/api/v1/entries/{entry}/evidence"),
    Pair("api.entry.usage", "/api/v1/entries/{entry}/usage"),
    Pair("api.entry.decision", "/api/v1/entries/{entry}/decision"),
    Pair("api.entry.publish", "/api/v1/entries/{entry}/publish", "POST"),
    Pair("api.image", "/api/v1/images/{identifier}"),
    Pair("api.image.verdict", "/api/v1/images/{identifier}/verdict"),
    Pair("api.verdict", "/api/v1/verdict?entry={entry}"),
    Pair("api.image.sites", "/api/v1/images/{identifier}/sites"),
    Pair("api.receipts", "/api/v1/receipts", "POST", body="{receipts}", kind="application/json"),
    Pair("api.endorser", "/api/v1/endorsers/{email}"),
    Pair("api.endorser.tags", "/api/v1/endorsers/{email}/tags"),
    Pair("api.endorser.usage", "/api/v1/endorsers/{email}/usage"),
    Pair("api.tag", "/api/v1/tags/alice@example.org/{tag}"),
    Pair("api.conflicts", "/api/v1/conflicts?endorser={email}"),
    Pair("api.signed", "/api/v1/signed/{id}"),
    Pair("api.group", "/api/v1/groups/{group}"),
    Pair("fed.checkpoint", f"{_FED}/checkpoint"),
    Pair("fed.changes", f"{_FED}/changes"),
    Pair("fed.entries", f"{_FED}/tile/entries/000.p/1"),
    Pair("fed.tile", f"{_FED}/tile/0/000.p/1"),
    Pair("fed.bodies.bundle", f"{_FED}/bodies/000.p/1"),
    Pair("fed.bodies", "/fed/v1/bodies", "POST", body='["{id}"]', kind="application/json"),
    Pair("fed.proof", "/fed/v1/logs/public/proof/{id}"),
    Pair("fed.digest", f"{_FED}/digest"),
    Pair("fed.digest.part", f"{_FED}/digest/00"),
    Pair("fed.digest.ids", f"{_FED}/digest/00/0000"),
    Pair("fed.witness.latest", "/fed/v1/witness/latest?origin={name}"),
    Pair("fed.witness.checkpoint", "/fed/v1/witness/{origin}/checkpoint"),
)

#: Routes that name something which is nobody's entry, image, tag, endorser, group or log.
ELSEWHERE: Mapping[str, str] = {
    "web.docs.page": "a page of the documentation, the same for everybody",
    "api.docs.topic": "a page of the documentation, the same for everybody",
    "web.admin.part": "a page for administrators",
    "web.admin.act": "writes, for administrators",
    "web.account.revoke": "a token, by the digest of its secret",
    "web.action": "the secret of a mail's link, 128 random bits",
    "api.token": "a token",
    "web.webhook": "a webhook, by 64 random bits",
    "web.webhook.change": "a webhook, by 64 random bits",
    "web.webhook.act": "a webhook, by 64 random bits",
    "api.webhook": "a webhook, by 64 random bits",
    "api.webhook.deliveries": "a webhook, by 64 random bits",
    "api.webhook.redeliver": "a webhook, by 64 random bits",
    "api.webhook.action": "a webhook, by 64 random bits",
    "api.group.member": "writes, for administrators",
    "api.peer": "a peer, for administrators",
    "api.peer.group": "writes, for administrators",
    "api.peer.mirrors": "writes, for administrators",
    "api.peer.epoch": "writes, for administrators",
    "api.entry.erase": "writes, for administrators",
    "api.site": "writes, for administrators",
    "api.peer.action": "writes, for administrators",
}


def filled(pair: Pair, known: Mapping[str, str]) -> tuple[str, bytes]:
    """Path and body with the names in."""
    return pair.path.format(**known), pair.document or pair.body.format(**known).encode()
