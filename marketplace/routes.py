"""The one table of routes: every URL this service answers, and with which methods.

Each route also answers OPTIONS (for browsers on other sites), HEAD where it
answers GET, and 405 with ``Allow`` for the rest. Views are found beside the
feature they belong to, by the route's name.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyramid.config import Configurator

from marketplace.http.methods import keep_methods


@dataclass(frozen=True, slots=True)
class Route:
    """A named URL pattern and the methods that have a view."""

    name: str
    pattern: str
    methods: tuple[str, ...] = ("GET",)

    @property
    def allow(self) -> str:
        """The Allow header's value."""
        implied = ("HEAD",) if "GET" in self.methods else ()
        return ", ".join((*self.methods, *implied, "OPTIONS"))


ROUTES = (
    # The site itself.
    Route("web.home", "/"),
    Route("web.image", "/images/{identifier}"),
    Route("web.about", "/about"),
    Route("web.status", "/status"),
    Route("web.federation", "/federation"),
    Route("web.login", "/login", ("GET", "POST")),
    # To the sign-in provider, and back from it.
    Route("web.login.oidc", "/login/oidc"),
    Route("web.login.callback", "/login/oidc/callback"),
    Route("web.logout", "/logout", ("POST",)),
    Route("web.account", "/account"),
    Route("web.account.tokens", "/account/tokens", ("GET", "POST")),
    Route("web.account.revoke", "/account/tokens/{token}/revoke", ("GET", "POST")),
    Route("web.account.views", "/account/views"),
    Route("web.account.views.edit", "/account/views/edit", ("GET", "POST")),
    Route("web.account.views.delete", "/account/views/delete", ("GET", "POST")),
    Route("web.account.views.list", "/account/views/signed-list", ("GET", "POST")),
    # For administrators: an overview, lists, and a page before each act.
    Route("web.admin", "/admin"),
    Route("web.admin.part", "/admin/{part}"),
    Route("web.admin.act", "/admin/{part}/{act}", ("GET", "POST")),
    Route("web.robots", "/robots.txt"),
    Route("web.favicon", "/favicon.ico"),
    Route("web.security", "/.well-known/security.txt"),
    Route("health.alive", "/healthz"),
    Route("health.ready", "/readyz"),
    Route("metrics", "/metrics"),
    # The original URL space.
    Route("web.entries", "/metadata", ("GET", "POST")),
    # One, two or three of identifier, e-mail and date, in any order.
    Route("web.entries.by", "/metadata/{first}"),
    Route("web.entries.by2", "/metadata/{first}/{second}"),
    Route("web.entry", "/metadata/{first}/{second}/{third}"),
    Route("web.entry.publish", "/metadata/{first}/{second}/{third}/publish", ("GET", "POST")),
    Route("web.tag", "/tag/{email}/{tag:.+}"),
    Route("web.endorsers", "/endorsers"),
    Route("web.endorser", "/endorsers/{email}"),
    Route("web.endorser.tags", "/endorsers/{email}/tags"),
    Route("web.conflicts", "/conflicts"),
    # What happened lately, and programs that are told of it.
    Route("web.events", "/events"),
    Route("web.webhooks", "/webhooks"),
    Route("web.webhooks.new", "/webhooks/new", ("GET", "POST")),
    Route("web.webhook", "/webhooks/{webhook}"),
    Route("web.webhook.change", "/webhooks/{webhook}/change", ("GET", "POST")),
    Route("web.webhook.act", "/webhooks/{webhook}/{act}", ("GET", "POST")),
    Route("web.query", "/query", ("GET", "POST")),
    Route("web.upload", "/upload", ("GET", "POST")),
    Route("web.publish", "/publish", ("GET", "POST")),
    # Links in mails: only their POST acts.
    Route("web.action", "/action/{secret}/{action}", ("GET", "POST")),
    Route("web.reminders", "/reminders", ("GET", "POST")),
    Route("web.sync", "/sync", ("GET", "POST")),
    # Views: named selections of images, written in the formats of other programs.
    Route("web.view.resourcesync", "/.well-known/resourcesync"),
    Route("web.views", "/views"),
    Route("web.view", "/views/{view}"),
    Route("web.view.oai", "/views/{view}/oai-pmh", ("GET", "POST")),
    Route("web.view.document", "/views/{view}/{path:.+}"),
    # The versioned API.
    Route("api.verify", "/api/v1/verify", ("POST",)),
    Route("api.index", "/api/v1"),
    Route("api.search", "/api/v1/search"),
    # The same search as a feed.
    Route("api.feed", "/api/v1/search.atom"),
    Route("api.entries", "/api/v1/entries"),
    Route("api.lookup", "/api/v1/lookup", ("POST",)),
    Route("api.entry", "/api/v1/entries/{identifier}/{email}/{created}"),
    Route("api.entry.statement", "/api/v1/entries/{identifier}/{email}/{created}/statement"),
    Route("api.entry.decision", "/api/v1/entries/{identifier}/{email}/{created}/decision"),
    Route("api.entry.evidence", "/api/v1/entries/{identifier}/{email}/{created}/evidence"),
    Route("api.entry.erase", "/api/v1/entries/{identifier}/{email}/{created}/erase", ("POST",)),
    Route("api.entry.publish", "/api/v1/entries/{identifier}/{email}/{created}/publish", ("POST",)),
    # How often something was used, in sums of days.
    Route("api.entry.usage", "/api/v1/entries/{identifier}/{email}/{created}/usage"),
    Route("api.endorser.usage", "/api/v1/endorsers/{email}/usage"),
    Route("api.view.usage", "/api/v1/views/{view}/usage"),
    Route("api.image", "/api/v1/images/{identifier}"),
    # What a cloud site asks before it starts a machine.
    Route("api.image.verdict", "/api/v1/images/{identifier}/verdict"),
    Route("api.verdict", "/api/v1/verdict"),
    Route("api.endorsers", "/api/v1/endorsers"),
    Route("api.endorser", "/api/v1/endorsers/{email}"),
    Route("api.endorser.tags", "/api/v1/endorsers/{email}/tags"),
    Route("api.tag", "/api/v1/tags/{email}/{tag:.+}"),
    Route("api.conflicts", "/api/v1/conflicts"),
    # The only address of an entry that lost against another one with the same coordinates.
    Route("api.signed", "/api/v1/signed/{id}"),
    Route("api.changes", "/api/v1/changes"),
    # What other marketplaces read and write (docs/federation.md).
    Route("fed.description", "/.well-known/marketplace-federation"),
    Route("fed.checkpoint", "/fed/v1/logs/{log}/checkpoint"),
    Route("fed.changes", "/fed/v1/logs/{log}/changes"),
    Route("fed.entries", "/fed/v1/logs/{log}/tile/entries/{name:.+}"),
    Route("fed.tile", "/fed/v1/logs/{log}/tile/{level:[0-9]}/{name:.+}"),
    Route("fed.bodies.bundle", "/fed/v1/logs/{log}/bodies/{name:.+}"),
    Route("fed.bodies", "/fed/v1/bodies", ("POST",)),
    Route("fed.proof", "/fed/v1/logs/{log}/proof/{id:[0-9a-f]+}"),
    Route("fed.digest", "/fed/v1/logs/{log}/digest"),
    Route("fed.digest.part", "/fed/v1/logs/{log}/digest/{prefix:[0-9a-f]+}"),
    Route("fed.digest.ids", "/fed/v1/logs/{log}/digest/{prefix:[0-9a-f]+}/{longer:[0-9a-f]+}"),
    Route("fed.witness.add", "/fed/v1/witness/add-checkpoint", ("POST",)),
    Route("fed.witness.heads", "/fed/v1/witness/heads"),
    Route("fed.witness.latest", "/fed/v1/witness/latest"),
    Route("fed.witness.checkpoint", "/fed/v1/witness/{digest:[0-9a-f]+}/checkpoint"),
    # What cloud sites say of images they imported or could not import.
    Route("api.receipts", "/api/v1/receipts", ("POST",)),
    Route("api.image.sites", "/api/v1/images/{identifier}/sites"),
    Route("api.recalls", "/api/v1/recalls"),
    Route("api.recalls.feed", "/api/v1/recalls.atom"),
    Route("api.sites", "/api/v1/sites"),
    Route("api.site", "/api/v1/sites/{site}", ("PUT", "DELETE")),
    Route("api.tokens", "/api/v1/tokens", ("GET", "POST")),
    Route("api.token", "/api/v1/tokens/{token}", ("GET", "DELETE")),
    Route("api.groups", "/api/v1/groups", ("GET", "POST")),
    Route("api.group", "/api/v1/groups/{group}", ("GET", "DELETE")),
    Route("api.group.member", "/api/v1/groups/{group}/members/{member}", ("PUT", "DELETE")),
    Route("api.views", "/api/v1/views", ("GET", "POST")),
    Route("api.view", "/api/v1/views/{view}", ("GET", "PUT", "DELETE")),
    Route("api.view.signed-list", "/api/v1/views/{view}/signed-list", ("PUT", "DELETE")),
    Route("api.events", "/api/v1/events"),
    Route("api.webhooks", "/api/v1/webhooks", ("GET", "POST")),
    Route("api.webhook", "/api/v1/webhooks/{webhook}", ("GET", "PUT", "DELETE")),
    Route("api.webhook.deliveries", "/api/v1/webhooks/{webhook}/deliveries"),
    Route("api.webhook.redeliver", "/api/v1/webhooks/{webhook}/deliveries/{event}/redeliver", ("POST",)),
    Route("api.webhook.action", "/api/v1/webhooks/{webhook}/{action}", ("POST",)),
    Route("api.audit", "/api/v1/audit"),
    Route("api.peers", "/api/v1/peers", ("GET", "POST")),
    Route("api.peer", "/api/v1/peers/{peer}"),
    Route("api.peer.group", "/api/v1/peers/{peer}/groups/{group}", ("PUT", "DELETE")),
    Route("api.peer.mirrors", "/api/v1/peers/{peer}/mirrors", ("PUT",)),
    Route("api.peer.epoch", "/api/v1/peers/{peer}/epoch", ("PUT",)),
    Route("api.peer.action", "/api/v1/peers/{peer}/{action}", ("POST",)),
    Route("api.alerts", "/api/v1/alerts"),
    Route("api.openapi", "/openapi.json"),
    Route("web.docs", "/docs"),
    Route("api.docs", "/docs/reference"),
    Route("api.docs.topic", "/docs/reference/{topic}"),
    Route("web.docs.page", "/docs/{page:.+}"),
)


def includeme(config: Configurator) -> None:
    """Register every route of the table, with what all of them answer."""
    for route in ROUTES:
        config.add_route(route.name, route.pattern)
    keep_methods(config, ROUTES)
