"""What the API tells a reader without the grant."""

from __future__ import annotations

from collections.abc import Mapping

from tests.functional.privacy_asks import (
    EVENTS,
    NONE,
    SAME,
    SEARCHES,
    Ask,
    Row,
    absent,
    gets,
    posts,
)

ROWS: Mapping[str, Row] = {
    "api.verify": Row(
        "judged by the log that would be uploaded to; a group that is not the reader's is 404 like none",
        (
            *posts("/api/v1/verify", "older", "same", "private", "twin", "newer"),
            *posts("/api/v1/verify", "same", query="?audience={group}"),
        ),
    ),
    "api.index": Row(SAME, gets("/api/v1")),
    "api.search": Row(
        "hits, counts, facets, suggestions, highlights and cursors of what the reader sees",
        gets(*(f"/api/v1/search{one}" for one in SEARCHES)),
    ),
    "api.feed": Row(
        "hits of what the reader sees", gets(*(f"/api/v1/search.atom{one}" for one in SEARCHES))
    ),
    "api.entries": Row(
        "entries, counts and cursors of what the reader sees",
        gets(*(f"/api/v1/entries{one}" for one in SEARCHES if "q=" not in one)),
    ),
    "api.lookup": Row(
        "entries of what the reader sees",
        tuple(
            Ask("/api/v1/lookup", "POST", body='{{"identifiers": ["{' + one + '"]}}', kind="application/json")
            for one in ("image_identifier}", "shared_identifier}", "contested_identifier}")
        ),
    ),
    "api.entry": Row(
        f"{NONE}; status, current and conflicts by what the reader sees",
        gets("/api/v1/entries/{image}", "/api/v1/entries/{twin}", "/api/v1/entries/{shared}",
             "/api/v1/entries/{published}", "/api/v1/entries/{sybil}"),
    ),
    "api.entry.statement": Row(
        NONE, gets("/api/v1/entries/{image}/statement", "/api/v1/entries/{twin}/statement")
    ),
    "api.entry.decision": Row(
        NONE, gets("/api/v1/entries/{image}/decision", "/api/v1/entries/{twin}/decision")
    ),
    # Of what both show the two sites have receipts of logs with keys of their own.
    "api.entry.evidence": Row(
        f"{NONE}; made of the statements that the reader sees",
        gets("/api/v1/entries/{image}/evidence", "/api/v1/entries/{signed}/evidence"),
    ),
    "api.entry.usage": Row(
        f"{NONE}; sums of an entry that the reader sees",
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
    "api.events": Row(
        "events about what the reader sees; their ids count nothing",
        gets(*(f"/api/v1/events{query}" for query in EVENTS), "/api/v1/events?after=evt_" + "0" * 24),
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
    "api.openapi": Row(SAME, gets("/openapi.json")),
    "api.docs": Row(SAME, gets("/docs/reference")),
    "api.docs.topic": Row(SAME, gets("/docs/reference/entries")),
}  # fmt: skip
