"""What pages, and the original URL space, tell a reader without the grant."""

from __future__ import annotations

from collections.abc import Mapping

from tests.functional.privacy_asks import (
    EVENTS,
    LISTS,
    NONE,
    QUERIES,
    RECORD,
    SAME,
    SEARCHES,
    Ask,
    Row,
    absent,
    gets,
    posts,
)

ROWS: Mapping[str, Row] = {
    "web.home": Row(
        "hits, counts, facets, suggestions and highlights of what the reader sees",
        gets(*(f"/{search}" for search in SEARCHES if "limit=2" not in search)),
    ),
    "web.image": Row(
        "the timeline of what the reader sees; 404 where that is nothing",
        gets("/images/{image_identifier}", "/images/{shared_identifier}", "/images/{contested_identifier}"),
    ),
    "web.about": Row(SAME, gets("/about")),
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
    "web.robots": Row(SAME, gets("/robots.txt")),
    "web.favicon": Row(SAME, gets("/favicon.ico")),
    "web.security": Row(SAME, gets("/.well-known/security.txt")),
    "web.entries": Row(
        "entries and counts of what the reader sees; an upload is judged by its own log alone; a group that "
        "is not the reader's is 404 like none",
        (
            *gets(*(f"/metadata{one}" for one in LISTS)),
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
        f"{NONE}; at the coordinates of a public entry that one",
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
            *gets(*(f"/query?query={one}" for one in QUERIES)),
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
    "web.sync": Row(SAME, gets("/sync")),
    "web.conflicts": Row("contradictions among what the reader sees", gets("/conflicts")),
    "web.view.resourcesync": Row(SAME, gets("/.well-known/resourcesync")),
    "web.view.oai": Row(
        "records of the public log; 404 for views of groups, as for views that never were",
        # Records stand in the order in which they came, which differs by moments between two sites.
        (*gets("/views/default/oai-pmh?verb=Identify", "/views/default/oai-pmh?verb=ListSets",
               f"{RECORD}&metadataPrefix=oai_dc&identifier=oai:site.example:{{image}}",
               f"{RECORD}&metadataPrefix=stratuslab&identifier=oai:site.example:{{image}}",
               f"{RECORD}&metadataPrefix=stratuslab&identifier=oai:site.example:{{shared}}",
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
    "web.events": Row(
        "events about what the reader sees",
        gets(*(f"/events{query}" for query in EVENTS)),
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
    "web.federation": Row("the public logs of peers", gets("/federation")),
    "web.docs": Row(SAME, gets("/docs")),
    "web.docs.page": Row(SAME, gets("/docs/start")),
}  # fmt: skip
