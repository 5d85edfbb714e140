"""The privacy matrix: for each route, what a reader without the grant gets, and the requests that show it.

Every request is made at a site that has the private entries and at one that
does not, by a reader without credentials and by a member of another group; the
answers must be the same. ``python -m tests.functional.privacy_rows`` writes the
table of docs/privacy.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parent.parent.parent / "docs" / "privacy.md"
BEGIN, END = "<!-- routes: written by tests/functional/privacy_rows.py -->\n", "<!-- end of routes -->\n"
RDF = "application/rdf+xml"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request; ``{names}`` in it are those of ``privacy_sites.names``.

    Args:
        document: name of the document that is sent.
        body: what is sent else.
        instead: where the two sites differ in everything (keys, roots, times of their own), the path of
            something that is truly absent at the same site, which must answer the same.
    """

    path: str
    method: str = "GET"
    document: str = ""
    body: str = ""
    kind: str = ""
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A route's promise, and the requests that it is held against."""

    promise: str
    asks: tuple[Ask, ...]


def gets(*paths: str) -> tuple[Ask, ...]:
    """Plain requests."""
    return tuple(Ask(path) for path in paths)


def posts(path: str, *documents: str, query: str = "") -> tuple[Ask, ...]:
    """Uploads of documents."""
    return tuple(Ask(path + query, "POST", document=one, kind=RDF) for one in documents)


def absent(path: str, instead: str) -> tuple[Ask, ...]:
    """A path against another one at the same site."""
    return (Ask(path, instead=instead),)


_RECORD = "/views/default/oai-pmh?verb=GetRecord"
_SAME = "the same page for everybody"
_NONE = "404, as for an entry that was never made"
_SEARCHES = (
    "",
    "?status=all",
    "?q=quasar",
    "?q=quasr",
    "?q=nebula",
    "?q=debian&status=all",
    "?os=secretos",
    "?tag=quasar",
    "?endorser=sybil@secret.example&status=all",
    "?location=pdisk",
    "?status=expired",
    "?status=deprecated",
    "?sort=oldest&limit=2&status=all",
    "?sort=title",
    "?checksum={image_checksum}&status=all",
    "?checksum={image_identifier}&status=all",
    "?q={image_checksum}&status=all",
    "?scope=mine",
    "?scope=public",
    "?scope=group:{group}",
)
_LISTS = (
    "",
    "?status=all",
    "?status=deprecated",
    "?status=expired",
    "?location=pdisk&status=all",
    "?limit=2",
    "?sSearch=quasar",
    "?sSearch=debian&status=all&iSortCol_0=1",
    "?iSortCol_0=5&iDisplayLength=2&status=all",
    "?email=sybil@secret.example",
    "?identifier={image_identifier}",
    "?checksum={image_checksum}&status=all",
    "?scope=mine",
    "?scope=group:{group}",
)
_QUERIES = (
    "SELECT%20?s%20WHERE%20%7B?s%20?p%20?o%7D%20ORDER%20BY%20?s",
    "SELECT%20?o%20WHERE%20%7B?s%20<http://purl.org/dc/terms/title>%20?o%7D%20ORDER%20BY%20?o",
    "SELECT%20(COUNT(*)%20AS%20?n)%20WHERE%20%7B?s%20?p%20?o%7D",
)
_EVENTS = (
    "?endorser=sybil@secret.example",
    "?tag=quasar",
    "?identifier={image_identifier}",
    "?scope=group:{group}",
    "?kind=entry.erased",
)
_ABSENT_LOG = "/fed/v1/logs/nothing"

ROWS: Mapping[str, Row] = {
    "web.home": Row(
        "hits, counts, facets, suggestions and highlights of what the reader sees",
        gets(*(f"/{search}" for search in _SEARCHES if "limit=2" not in search)),
    ),
    "web.image": Row(
        "the timeline of what the reader sees; 404 where that is nothing",
        gets("/images/{image_identifier}", "/images/{shared_identifier}", "/images/{contested_identifier}"),
    ),
    "web.about": Row(_SAME, gets("/about")),
    "web.status": Row("sizes and states of the public log", gets("/status")),
    "web.login": Row("says nothing of any group", gets("/login")),
    "web.login.oidc": Row("says nothing of any group", gets("/login/oidc")),
    "web.login.callback": Row("says nothing of any group", gets("/login/oidc/callback?code=x&state=x")),
    "web.logout": Row("says nothing of any group", (Ask("/logout", "POST"),)),
    "web.account": Row("the reader's own groups and tokens", gets("/account")),
    "web.account.tokens": Row(
        "a form, and a token of the reader's own", (*gets("/account/tokens"), Ask("/account/tokens", "POST"))
    ),
    "web.account.revoke": Row(
        "404 or 401, as for a token that never was",
        (
            *gets("/account/tokens/0123456789abcdef/revoke"),
            Ask("/account/tokens/0123456789abcdef/revoke", "POST"),
        ),
    ),
    "web.account.views": Row("the views that the reader may change", gets("/account/views")),
    "web.account.views.edit": Row(
        "404, as for a view that never was",
        (*absent("/account/views/edit?name={group}:all", "/account/views/edit?name={absent_group}:all"),
         Ask("/account/views/edit?name={group}:all", "POST", body="act=check",
             kind="application/x-www-form-urlencoded", instead="/account/views/edit?name={absent_group}:all"),
         Ask("/account/views/edit", "POST", body="act=save&name={group}:all",
             kind="application/x-www-form-urlencoded")),
    ),
    "web.account.views.delete": Row(
        "404, as for a view that never was",
        (*absent("/account/views/delete?name={group}:all", "/account/views/delete?name={absent_group}:all"),
         Ask("/account/views/delete?name={group}:all", "POST",
             instead="/account/views/delete?name={absent_group}:all")),
    ),
    "web.account.views.list": Row(
        "404, as for a view that never was",
        (*absent("/account/views/signed-list?name={group}:all",
                 "/account/views/signed-list?name={absent_group}:all"),
         Ask("/account/views/signed-list?name={group}:all", "POST",
             instead="/account/views/signed-list?name={absent_group}:all")),
    ),
    "web.admin": Row("404 or 401 without the administrator's scope", gets("/admin")),
    "web.admin.part": Row(
        "404 or 401 without the administrator's scope, whatever is asked for",
        gets(
            "/admin/tokens", "/admin/groups", "/admin/groups?name={group}", "/admin/peers", "/admin/pending",
            "/admin/mail", "/admin/trust", "/admin/erase", "/admin/audit", "/admin/nothing",
        ),
    ),
    "web.admin.act": Row(
        "404 or 401 without the administrator's scope, whatever is asked for",
        (
            *gets("/admin/groups/delete?name={group}", "/admin/nothing/x"),
            Ask("/admin/groups/delete", "POST", body="name={group}",
                kind="application/x-www-form-urlencoded"),
        ),
    ),
    "web.robots": Row(_SAME, gets("/robots.txt")),
    "web.favicon": Row(_SAME, gets("/favicon.ico")),
    "web.security": Row(_SAME, gets("/.well-known/security.txt")),
    "health.alive": Row(_SAME, gets("/healthz")),
    "health.ready": Row("how far followers are behind in the public log", gets("/readyz")),
    "metrics": Row(
        "requests without credentials, uploads to the public log, its size; the rest for administrators",
        gets("/metrics"),
    ),
    "web.entries": Row(
        "entries and counts of what the reader sees; an upload is judged by its own log alone; a group that "
        "is not the reader's is 404 like none",
        (
            *gets(*(f"/metadata{one}" for one in _LISTS)),
            *posts("/metadata", "image", query="?audience={group}"),
            *posts("/metadata", "older", "same", "private", "reopened"),
        ),
    ),
    "web.entries.by": Row(
        "entries of what the reader sees",
        gets(
            "/metadata/{image_identifier}",
            "/metadata/{email}",
            "/metadata/alice@example.org?tag=quasar",
            "/metadata/sybil@secret.example?tag=lts",
            "/metadata/{shared_identifier}?status=all",
        ),
    ),
    "web.entries.by2": Row(
        "entries of what the reader sees",
        gets("/metadata/{image_identifier}/alice@example.org",
             "/metadata/{shared_identifier}/alice@example.org"),
    ),
    "web.entry": Row(
        f"{_NONE}; at the coordinates of a public entry that one",
        gets("/metadata/{image}", "/metadata/{newer}", "/metadata/{twin}", "/metadata/{sybil}",
             "/metadata/{signed}", "/metadata/{published}", "/metadata/{shared}"),
    ),
    "web.entry.publish": Row(
        "404, as for an entry that was never made, also where it is public",
        (
            *gets("/metadata/{image}/publish", "/metadata/{published}/publish", "/metadata/{shared}/publish"),
            Ask("/metadata/{image}/publish", "POST"),
        ),
    ),
    "web.tag": Row(
        "what the tag names among what the reader sees",
        gets("/tag/alice@example.org/quasar", "/tag/sybil@secret.example/lts", "/tag/alice@example.org/lts"),
    ),
    "web.endorsers": Row("who signed what the reader sees, with its count", gets("/endorsers")),
    "web.endorser": Row(
        "an endorser by what the reader sees; 404 where that is nothing",
        gets("/endorsers/{email}", "/endorsers/alice@example.org?range=36525",
             "/endorsers/bob@example.org?range=36525"),
    ),
    "web.endorser.tags": Row(
        "tags of what the reader sees",
        gets("/endorsers/{email}/tags", "/endorsers/alice@example.org/tags"),
    ),
    "web.query": Row(
        "the public log, for everybody: private entries are never in the triple store",
        (
            *gets(*(f"/query?query={one}" for one in _QUERIES)),
            Ask("/query", "POST", body="SELECT ?s WHERE {{?s ?p ?o}} ORDER BY ?s",
                kind="application/sparql-query"),
        ),
    ),
    "web.upload": Row(
        "the form; a check is judged by the log it would go to",
        (*gets("/upload"), *posts("/upload", "older", "same", "private", "twin"),
         *posts("/upload", "older", query="?audience={group}")),
    ),
    "web.publish": Row(
        "the form; an entry that the reader may not see is taken over as little as none",
        (
            *gets("/publish", "/publish?like={image}"),
            Ask("/publish", "POST", body="like={image}&bytes=1&sha1=" + "0" * 40,
                kind="application/x-www-form-urlencoded"),
        ),
    ),
    "web.action": Row(
        "404, as for a link that never was",
        (Ask("/action/0123456789abcdef0123456789abcdef/confirm"),
         Ask("/action/0123456789abcdef0123456789abcdef/confirm", "POST")),
    ),
    "web.reminders": Row(
        "whom an address belongs to is told to its reader by mail, never here",
        (*gets("/reminders"),
         Ask("/reminders", "POST", body="email=somebody%40example.org",
             kind="application/x-www-form-urlencoded")),
    ),
    "web.sync": Row(_SAME, gets("/sync")),
    "api.verify": Row(
        "judged by the log that would be uploaded to; a group that is not the reader's is 404 like none",
        (
            *posts("/api/v1/verify", "older", "same", "private", "twin", "newer"),
            *posts("/api/v1/verify", "same", query="?audience={group}"),
        ),
    ),
    "api.index": Row(_SAME, gets("/api/v1")),
    "api.search": Row(
        "hits, counts, facets, suggestions, highlights and cursors of what the reader sees",
        gets(*(f"/api/v1/search{one}" for one in _SEARCHES)),
    ),
    "api.feed": Row(
        "hits of what the reader sees", gets(*(f"/api/v1/search.atom{one}" for one in _SEARCHES))
    ),
    "api.entries": Row(
        "entries, counts and cursors of what the reader sees",
        gets(*(f"/api/v1/entries{one}" for one in _SEARCHES if "q=" not in one)),
    ),
    "api.lookup": Row(
        "entries of what the reader sees",
        tuple(
            Ask("/api/v1/lookup", "POST", body='{{"identifiers": ["{' + one + '"]}}', kind="application/json")
            for one in ("image_identifier}", "shared_identifier}", "contested_identifier}")
        ),
    ),
    "api.entry": Row(
        f"{_NONE}; status, current and conflicts by what the reader sees",
        gets("/api/v1/entries/{image}", "/api/v1/entries/{twin}", "/api/v1/entries/{shared}",
             "/api/v1/entries/{published}", "/api/v1/entries/{sybil}"),
    ),
    "api.entry.statement": Row(
        _NONE, gets("/api/v1/entries/{image}/statement", "/api/v1/entries/{twin}/statement")
    ),
    "api.entry.decision": Row(
        _NONE, gets("/api/v1/entries/{image}/decision", "/api/v1/entries/{twin}/decision")
    ),
    # Of what both show the two sites have receipts of logs with keys of their own.
    "api.entry.evidence": Row(
        f"{_NONE}; made of the statements that the reader sees",
        gets("/api/v1/entries/{image}/evidence", "/api/v1/entries/{signed}/evidence"),
    ),
    "api.entry.usage": Row(
        f"{_NONE}; sums of an entry that the reader sees",
        gets("/api/v1/entries/{image}/usage", "/api/v1/entries/{image}/usage?by=month&media=csv"),
    ),
    "api.entry.erase": Row(
        "404 or 401 without the administrator's scope, whatever is asked for",
        (Ask("/api/v1/entries/{image}/erase", "POST", body='{{"reason": "x"}}', kind="application/json"),),
    ),
    "api.entry.publish": Row(
        "404, as for an entry that was never made, also where it is public",
        (Ask("/api/v1/entries/{image}/publish", "POST"), Ask("/api/v1/entries/{published}/publish", "POST"),
         Ask("/api/v1/entries/{shared}/publish", "POST")),
    ),
    "api.image": Row(
        "the timeline of what the reader sees; 404 where that is nothing",
        gets("/api/v1/images/{image_identifier}", "/api/v1/images/{shared_identifier}",
             "/api/v1/images/{contested_identifier}"),
    ),
    "api.image.verdict": Row(
        "a verdict made of what the reader sees; 404 where that is nothing",
        gets("/api/v1/images/{image_identifier}/verdict", "/api/v1/images/{shared_identifier}/verdict",
             "/api/v1/images/{contested_identifier}/verdict"),
    ),
    "api.verdict": Row(
        "a verdict made of what the reader sees; 404 where that is nothing",
        gets("/api/v1/verdict?identifier={image_identifier}", "/api/v1/verdict?entry={image}",
             "/api/v1/verdict?entry={shared}", "/api/v1/verdict?identifier={contested_identifier}"),
    ),
    "api.endorsers": Row("who signed what the reader sees, with its count", gets("/api/v1/endorsers")),
    "api.endorser": Row(
        "an endorser by what the reader sees; 404 where that is nothing",
        gets("/api/v1/endorsers/{email}", "/api/v1/endorsers/alice@example.org",
             "/api/v1/endorsers/bob@example.org"),
    ),
    "api.endorser.tags": Row(
        "tags of what the reader sees",
        gets("/api/v1/endorsers/{email}/tags", "/api/v1/endorsers/alice@example.org/tags"),
    ),
    "api.endorser.usage": Row(
        "sums of what the reader sees; 404 where that is nothing",
        gets("/api/v1/endorsers/{email}/usage", "/api/v1/endorsers/alice@example.org/usage",
             "/api/v1/endorsers/alice@example.org/usage?by=month&media=csv"),
    ),
    "api.tag": Row(
        "what the tag names among what the reader sees",
        gets("/api/v1/tags/alice@example.org/quasar", "/api/v1/tags/sybil@secret.example/lts",
             "/api/v1/tags/alice@example.org/lts"),
    ),
    "api.changes": Row(
        "rows of the public log; of a group's log for its members, for others 404 as for one that never was",
        gets("/api/v1/changes", "/api/v1/changes?since=2&limit=1", "/api/v1/changes?log=group:{group}"),
    ),
    "fed.description": Row(
        "the published logs that the reader may see",
        (Ask("/.well-known/marketplace-federation", instead="/.well-known/marketplace-federation?"),),
    ),
    "fed.checkpoint": Row(
        "404, as for a log that never was",
        (*absent("/fed/v1/logs/{group}/checkpoint", f"{_ABSENT_LOG}/checkpoint"),
         *absent("/fed/v1/logs/{private_slug}/checkpoint", f"{_ABSENT_LOG}/checkpoint")),
    ),
    "fed.changes": Row(
        "404, as for a log that never was",
        absent("/fed/v1/logs/{private_slug}/changes", f"{_ABSENT_LOG}/changes"),
    ),
    "fed.entries": Row(
        "404, as for a log that never was",
        absent("/fed/v1/logs/{private_slug}/tile/entries/000.p/1", f"{_ABSENT_LOG}/tile/entries/000.p/1"),
    ),
    "fed.tile": Row(
        "404, as for a log that never was",
        absent("/fed/v1/logs/{private_slug}/tile/0/000.p/1", f"{_ABSENT_LOG}/tile/0/000.p/1"),
    ),
    "fed.bodies.bundle": Row(
        "404, as for a log that never was",
        absent("/fed/v1/logs/{private_slug}/bodies/000.p/1", f"{_ABSENT_LOG}/bodies/000.p/1"),
    ),
    "fed.bodies": Row(
        "private bodies are left out like unknown ones",
        (Ask("/fed/v1/bodies", "POST", body='["{image_id}", "{twin_id}", "{published_id}"]',
             kind="application/json"),),
    ),
    "fed.proof": Row(
        "404, as for an entry or a log that never was",
        (*absent("/fed/v1/logs/{private_slug}/proof/{image_id}", f"{_ABSENT_LOG}/proof/{{image_id}}"),
         *absent("/fed/v1/logs/public/proof/{image_id}", f"/fed/v1/logs/public/proof/{'0' * 64}"),
         *absent("/fed/v1/logs/public/proof/{signed_id}", f"/fed/v1/logs/public/proof/{'0' * 64}")),
    ),
    "fed.digest": Row(
        "of the public log; 404 for another one, as for a log that never was",
        (*gets("/fed/v1/logs/public/digest"),
         *absent("/fed/v1/logs/{private_slug}/digest", f"{_ABSENT_LOG}/digest")),
    ),
    "fed.digest.part": Row(
        "of the public log; 404 for another one, as for a log that never was",
        absent("/fed/v1/logs/{private_slug}/digest/00", f"{_ABSENT_LOG}/digest/00"),
    ),
    "fed.digest.ids": Row(
        "of the public log; 404 for another one, as for a log that never was",
        absent("/fed/v1/logs/{private_slug}/digest/00/0000", f"{_ABSENT_LOG}/digest/00/0000"),
    ),
    "fed.witness.add": Row(
        "404, as for a log that never was", (Ask("/fed/v1/witness/add-checkpoint", "POST", body="old 0"),)
    ),
    "fed.witness.heads": Row("heads of the public logs of peers", gets("/fed/v1/witness/heads")),
    "fed.witness.checkpoint": Row(
        "404, as for a log that never was: names of private logs hold 128 random bits",
        absent("/fed/v1/witness/{origin_digest}/checkpoint", f"/fed/v1/witness/{'0' * 64}/checkpoint"),
    ),
    "fed.witness.latest": Row(
        "404, as for a log that never was: names of private logs hold 128 random bits",
        absent("/fed/v1/witness/latest?origin={private_origin}",
               "/fed/v1/witness/latest?origin=a.example/g/1"),
    ),
    "web.conflicts": Row("contradictions among what the reader sees", gets("/conflicts")),
    "api.conflicts": Row(
        "contradictions among what the reader sees",
        gets("/api/v1/conflicts", "/api/v1/conflicts?limit=1",
             "/api/v1/conflicts?endorser=alice@example.org"),
    ),
    "api.signed": Row(
        "404, as for an entry that was never made",
        gets("/api/v1/signed/{image_id}", "/api/v1/signed/{twin_id}", "/api/v1/signed/{published_id}"),
    ),
    "api.receipts": Row(
        "401 without the scope; about an entry that the token may not read as about one that was never made",
        (Ask("/api/v1/receipts", "POST", body="{receipts}", kind="application/json"),),
    ),
    "api.image.sites": Row(
        "the number of sites by the entries that the reader sees; 404 where there are none",
        gets("/api/v1/images/{image_identifier}/sites", "/api/v1/images/{shared_identifier}/sites",
             "/api/v1/images/{contested_identifier}/sites"),
    ),
    "api.recalls": Row(
        "withdrawn images of the reader's own, among what the reader sees", gets("/api/v1/recalls")
    ),
    "api.recalls.feed": Row(
        "withdrawn images of the reader's own, among what the reader sees", gets("/api/v1/recalls.atom")
    ),
    "api.sites": Row("404, as if there were no sites", gets("/api/v1/sites")),
    "api.site": Row(
        "404, as if there were no sites",
        (Ask("/api/v1/sites/astro-cloud", "PUT", body="{{}}", kind="application/json"),
         Ask("/api/v1/sites/astro-cloud", "DELETE")),
    ),
    "api.tokens": Row("the reader's own tokens", (*gets("/api/v1/tokens"), Ask("/api/v1/tokens", "POST"))),
    "api.token": Row(
        "404, as for a token that never was",
        (*gets("/api/v1/tokens/0123456789abcdef"), Ask("/api/v1/tokens/0123456789abcdef", "DELETE")),
    ),
    "api.groups": Row("the reader's own groups", (*gets("/api/v1/groups"), Ask("/api/v1/groups", "POST"))),
    "api.group": Row(
        "404, as for a group that never was",
        (*absent("/api/v1/groups/{group}", "/api/v1/groups/{absent_group}"),
         Ask("/api/v1/groups/{group}", "DELETE", instead="/api/v1/groups/{absent_group}")),
    ),
    "api.group.member": Row(
        "404, as for a group that never was",
        (Ask("/api/v1/groups/{group}/members/x", "PUT", instead="/api/v1/groups/{absent_group}/members/x"),
         Ask("/api/v1/groups/{group}/members/x", "DELETE",
             instead="/api/v1/groups/{absent_group}/members/x")),
    ),
    "web.view.resourcesync": Row(_SAME, gets("/.well-known/resourcesync")),
    "web.view.oai": Row(
        "records of the public log; 404 for views of groups, as for views that never were",
        # Records stand in the order in which they came, which differs by moments between two sites.
        (*gets("/views/default/oai-pmh?verb=Identify", "/views/default/oai-pmh?verb=ListSets",
               f"{_RECORD}&metadataPrefix=oai_dc&identifier=oai:site.example:{{image}}",
               f"{_RECORD}&metadataPrefix=stratuslab&identifier=oai:site.example:{{image}}",
               f"{_RECORD}&metadataPrefix=stratuslab&identifier=oai:site.example:{{shared}}",
               "/views/default/oai-pmh?verb=ListRecords&metadataPrefix=oai_dc&set=os:secretos"),
         Ask("/views/default/oai-pmh", "POST", body="verb=ListSets",
             kind="application/x-www-form-urlencoded"),
         *absent("/views/{group}:all/oai-pmh?verb=ListRecords&metadataPrefix=oai_dc",
                 "/views/{absent_group}:all/oai-pmh?verb=ListRecords&metadataPrefix=oai_dc")),
    ),
    "web.views": Row("views of the site and of the reader's own groups", gets("/views")),
    "web.view": Row(
        "a view of the public log; 404 for views of groups, and for made-up secret names",
        (*gets("/views/default", f"/views/mpv_{'0' * 43}"),
         *absent("/views/{group}:all", "/views/{absent_group}:all")),
    ),
    "web.view.document": Row(
        "documents and images of the public log; 404 for views of groups, and for made-up secret names",
        (*gets("/views/default/SHA256SUMS", "/views/default/SHA512SUMS", "/views/default/terraform.json",
               "/views/default/hepix/image.list",
               "/views/default/simplestreams/streams/v1/images.json",
               "/views/default/simplestreams/streams/v1/index.sjson",
               "/views/default/images/{shared_identifier}/image.qcow2",
               "/views/default/images/{image_identifier}/{image_identifier}.qcow2",
               "/views/{group}:all/images/{image_identifier}/{image_identifier}.qcow2",
               "/views/default/resourcesync/resourcelist.xml",
               "/views/default/resourcesync/capabilitylist.xml",
               "/views/default/opennebula/appliance",
               "/views/default/opennebula/appliance/{image_identifier}/download/0",
               "/views/{group}:all/opennebula/appliance/{image_identifier}/download/0",
               "/views/default/openstack-image-manager.yml", "/views/default/cimi/machineImages",
               f"/views/mpv_{'0' * 43}/SHA256SUMS"),
         *absent("/views/{group}:all/SHA256SUMS", "/views/{absent_group}:all/SHA256SUMS")),
    ),
    "api.views": Row(
        "views of the site and of the reader's own groups",
        (*gets("/api/v1/views"),
         Ask("/api/v1/views", "POST", body='{{"name": "{group}:all"}}', kind="application/json")),
    ),
    "api.view": Row(
        "404, as for a view that never was",
        (*gets("/api/v1/views/default"),
         *absent("/api/v1/views/{group}:all", "/api/v1/views/{absent_group}:all"),
         Ask("/api/v1/views/{group}:all", "PUT", body="{{}}", kind="application/json",
             instead="/api/v1/views/{absent_group}:all"),
         Ask("/api/v1/views/{group}:all", "DELETE", instead="/api/v1/views/{absent_group}:all")),
    ),
    "api.view.signed-list": Row(
        "404, as for a view that never was",
        (Ask("/api/v1/views/{group}:all/signed-list", "PUT", body="x", kind="text/plain",
             instead="/api/v1/views/{absent_group}:all/signed-list"),
         Ask("/api/v1/views/{group}:all/signed-list", "DELETE",
             instead="/api/v1/views/{absent_group}:all/signed-list")),
    ),
    "api.view.usage": Row(
        "404, as for a view that never was; sums of the images that are in a view which the reader sees",
        (*gets("/api/v1/views/default/usage"),
         *absent("/api/v1/views/{group}:all/usage", "/api/v1/views/{absent_group}:all/usage")),
    ),
    "web.events": Row(
        "events about what the reader sees",
        gets(*(f"/events{query}" for query in _EVENTS)),
    ),
    "api.events": Row(
        "events about what the reader sees; their ids count nothing",
        gets(*(f"/api/v1/events{query}" for query in _EVENTS), "/api/v1/events?after=evt_" + "0" * 24),
    ),
    "web.webhooks": Row("the reader's own webhooks", gets("/webhooks")),
    "web.webhooks.new": Row(
        "a form; a group that is not the reader's is one that does not exist",
        (*gets("/webhooks/new"), Ask("/webhooks/new", "POST", body="audience=group:{group}",
                                     kind="application/x-www-form-urlencoded")),
    ),
    "web.webhook": Row("404, as for a webhook that never was", gets("/webhooks/0123456789abcdef")),
    "web.webhook.change": Row(
        "404, as for a webhook that never was",
        (*gets("/webhooks/0123456789abcdef/change"), Ask("/webhooks/0123456789abcdef/change", "POST")),
    ),
    "web.webhook.act": Row(
        "404, as for a webhook that never was",
        (*gets("/webhooks/0123456789abcdef/test", "/webhooks/0123456789abcdef/redeliver?event=x"),
         Ask("/webhooks/0123456789abcdef/delete", "POST")),
    ),
    "api.webhooks": Row(
        "the reader's own webhooks; a group that is not the reader's is one that does not exist",
        (*gets("/api/v1/webhooks"),
         Ask("/api/v1/webhooks", "POST", kind="application/json",
             body='{{"url": "https://hook.example/", "audience": "group:{group}"}}')),
    ),
    "api.webhook": Row(
        "404, as for a webhook that never was",
        (*gets("/api/v1/webhooks/0123456789abcdef"), Ask("/api/v1/webhooks/0123456789abcdef", "DELETE"),
         Ask("/api/v1/webhooks/0123456789abcdef", "PUT", kind="application/json",
             body='{{"url": "https://hook.example/", "audience": "group:{group}"}}')),
    ),
    "api.webhook.deliveries": Row(
        "404, as for a webhook that never was", gets("/api/v1/webhooks/0123456789abcdef/deliveries")
    ),
    "api.webhook.redeliver": Row(
        "404, as for a webhook that never was",
        (Ask("/api/v1/webhooks/0123456789abcdef/deliveries/evt_0/redeliver", "POST"),),
    ),
    "api.webhook.action": Row(
        "404, as for a webhook that never was", (Ask("/api/v1/webhooks/0123456789abcdef/test", "POST"),)
    ),
    "api.audit": Row("404, as if there were no such list", gets("/api/v1/audit")),
    "api.peers": Row("the public logs of peers", (*gets("/api/v1/peers"), Ask("/api/v1/peers", "POST"))),
    "api.peer": Row("404, as if there were no peers", gets("/api/v1/peers/mp-b.example")),
    "api.peer.group": Row(
        "404, as if there were no peers",
        (Ask("/api/v1/peers/mp-b.example/groups/{group}", "PUT"),
         Ask("/api/v1/peers/mp-b.example/groups/{group}", "DELETE")),
    ),
    "api.peer.epoch": Row(
        "404, as if there were no peers",
        (Ask("/api/v1/peers/mp-b.example/epoch", "PUT", body="{{}}", kind="application/json"),),
    ),
    "api.peer.action": Row(
        "404, as if there were no peers", (Ask("/api/v1/peers/mp-b.example/pull", "POST"),)
    ),
    "api.peer.mirrors": Row(
        "404, as if there were no peers", (Ask("/api/v1/peers/mp-b.example/mirrors", "PUT"),)
    ),
    "api.alerts": Row("alerts about the public logs of peers", gets("/api/v1/alerts")),
    "web.federation": Row("the public logs of peers", gets("/federation")),
    "api.openapi": Row(_SAME, gets("/openapi.json")),
    "web.docs": Row(_SAME, gets("/docs")),
    "api.docs": Row(_SAME, gets("/docs/reference")),
    "api.docs.topic": Row(_SAME, gets("/docs/reference/entries")),
    "web.docs.page": Row(_SAME, gets("/docs/start")),
}  # fmt: skip


def table(routes: Mapping[str, str]) -> str:
    """The rows as Markdown, in the order of the table of routes.

    Args:
        routes: pattern by name.
    """
    lines = ["| route | what a reader without the grant gets |", "| --- | --- |"]
    lines += [f"| `{pattern}` | {ROWS[name].promise} |" for name, pattern in routes.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the table into the page."""
    from marketplace.routes import ROUTES

    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    written = table({route.name: route.pattern for route in ROUTES})
    PAGE.write_text(f"{before}{BEGIN}{written}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
