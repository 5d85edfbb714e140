"""Webhooks over the API: made, listed, changed, tried, given new secrets."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response

from marketplace.http.errors import NotFoundError
from marketplace.http.security import principal_of
from marketplace.runtime import Runtime
from marketplace.webhooks.deliveries import Deliveries
from marketplace.webhooks.registry import Made
from marketplace.webhooks.rights import may_see, verify_may_change, verify_may_make

from .access import actor_of, now_of
from .answers import created, fresh, page, write_json
from .cursors import cut_page, encode_cursor
from .description import JSON, DescribedAnswer, Operation, Parameter
from .json_body import CODES, read_body
from .parameters import cursor, limit
from .shapes import webhooks as shapes
from .webhook_requests import (
    GROUP,
    UNKNOWN,
    WEBHOOK,
    find,
    read_asked,
    reading,
    webhook_members,
    writing,
)

LIMIT = limit(100, 500)
CURSOR = cursor("api.webhooks")
ACTIONS = ("test", "rotate", "enable", "disable")
ACTION = Parameter(
    "action",
    "`test` sends a test soon, `rotate` gives it a new secret, `enable` and `disable` start and stop it",
    {"type": "string", "enum": list(ACTIONS)},
    lambda text: text or "",
)
_NEEDS = "any token; for a group one of scope `read` of a member; for all events one of scope `admin`"

LIST = Operation(
    "api.webhooks",
    "Webhooks",
    "One's own, without their secrets; with scope `admin` everybody's. The oldest first.",
    GROUP,
    [DescribedAnswer("A page of webhooks.", shapes.WebhooksShape, headers=("Link",))],
    query=(LIMIT, CURSOR),
    errors={400: ["query.limit", "query.cursor"]},
    needs="any token",
)
CREATE = Operation(
    "api.webhooks",
    "Make a webhook",
    "It is told of what happens from now on, by requests that are signed as Standard Webhooks says "
    "(docs/webhooks.md). The answer holds its `secret`, which is not shown again; a `secret` of your own is "
    "`whsec_` and 24 to 64 random bytes in base64. `audience` is `own` for "
    "events of entries that the token's owner endorses and recalls at the owner's cloud sites, `group:NAME` "
    "for those of a group's entries, or `site` for all of the public log.",
    GROUP,
    [
        DescribedAnswer(
            "The webhook, with its secret.", shapes.NewWebhookShape, status=201, headers=("Location",)
        )
    ],
    method="POST",
    bodies={JSON: shapes.WebhookParts},
    errors={**CODES, 400: (*CODES[400], "webhook.definition"), 503: ["webhook.key"]},
    needs=_NEEDS,
)
READ = Operation(
    "api.webhook",
    "One webhook",
    "With how many of its deliveries wait, arrived and were given up.",
    GROUP,
    [DescribedAnswer("The webhook.", shapes.WebhookShape)],
    path=(WEBHOOK,),
    errors=UNKNOWN,
    needs="any token",
)
CHANGE = Operation(
    "api.webhook",
    "Change a webhook",
    "Its address, its filters and its description become what the body says; what is left out is empty then. "
    "`enabled` and `secret` stay as they are where they are left out. Another `secret` signs from now on, "
    "and for 24 hours the former one too. `audience` never changes. What waits goes to the new address at "
    "once. Revoking the token that changed it ends the webhook. Only its owner changes one of a group.",
    GROUP,
    [DescribedAnswer("The webhook.", shapes.WebhookShape)],
    method="PUT",
    path=(WEBHOOK,),
    bodies={JSON: shapes.ChangedWebhookParts},
    errors={
        **CODES,
        **UNKNOWN,
        400: (*CODES[400], "webhook.definition"),
        403: ["webhook.owner"],
        503: ["webhook.key"],
    },
    needs="any token",
)
DELETE = Operation(
    "api.webhook",
    "Delete a webhook",
    "With its log of deliveries.",
    GROUP,
    [DescribedAnswer("It is deleted.", content_types=(), status=204)],
    method="DELETE",
    path=(WEBHOOK,),
    errors=UNKNOWN,
    needs="any token",
)
ACT = Operation(
    "api.webhook.action",
    "Test, rotate, enable or disable a webhook",
    "After `rotate` the answer holds the new `secret`, this once; for 24 hours the former one signs too. "
    "After `test` the log of deliveries tells what the receiver answered.",
    GROUP,
    [DescribedAnswer("The webhook; `secret` is null but after `rotate`.", shapes.NewWebhookShape)],
    method="POST",
    path=(WEBHOOK, ACTION),
    errors={404: ["webhook.unknown", "path.unknown"], 503: ["webhook.key"]},
    needs="any token",
)
OPERATIONS = (LIST, CREATE, READ, CHANGE, DELETE, ACT)


@LIST.view("webhook:read")
def webhooks(request: Request) -> Response:
    """A page of webhooks."""
    asked = LIST.read(request)
    with reading(request) as (registry, session):
        every = [one for one in registry.list() if may_see(principal_of(request), one)]
        found, after = cut_page(every, lambda one: (f"{one.key:020}",), asked[CURSOR], asked[LIMIT])
        shown = [shapes.WebhookShape(**webhook_members(session, one, request)) for one in found]
    body = shapes.WebhooksShape(total=len(every), webhooks=shown)
    return page(request, body, encode_cursor(after, "api.webhooks"))


@CREATE.view("webhook:write")
def create(request: Request) -> Response:
    """Make a webhook and show its secret, this once."""
    given = read_body(request, shapes.WebhookParts)
    principal, by = principal_of(request), actor_of(request)
    with writing(request) as (registry, session):
        asked, secret = read_asked(given, given.audience)
        verify_may_make(session, principal, asked.audience)
        made = registry.create(
            asked, owner=by, token=principal.token, secret=secret, by=by, at=now_of(request)
        )
        body = shapes.NewWebhookShape(**webhook_members(session, made.hook, request), secret=made.secret)
    return created(body, body.links.self)


@READ.view("webhook:read")
def webhook(request: Request) -> Response:
    """One webhook."""
    with reading(request) as (registry, session):
        body = shapes.WebhookShape(**webhook_members(session, find(request, registry), request))
    return fresh(request, body)


@CHANGE.view("webhook:write")
def change(request: Request) -> Response:
    """Change a webhook."""
    given = read_body(request, shapes.ChangedWebhookParts)
    principal, by, at = principal_of(request), actor_of(request), now_of(request)
    with writing(request) as (registry, session):
        hook = find(request, registry)
        verify_may_change(session, principal, hook)
        asked, secret = read_asked(given, given.audience or hook.audience)
        registry.change(hook.name, asked, token=principal.token, by=by, at=at)
        if secret is not None:
            registry.rotate(hook.name, secret=secret, by=by, at=at)
        if given.enabled:
            registry.enable(hook.name, by=by, at=at)
        elif given.enabled is not None:
            registry.disable(hook.name, f"by {by}", by=by, at=at)
        body = shapes.WebhookShape(**webhook_members(session, registry.get(hook.name), request))
    request.registry[Runtime].webhooks.nudge()
    return fresh(request, body)


@DELETE.view("webhook:write")
def delete(request: Request) -> Response:
    """Delete a webhook."""
    with writing(request) as (registry, _):
        registry.delete(find(request, registry).name, by=actor_of(request), at=now_of(request))
    return Response(status=204, headerlist=[("Cache-Control", "no-store")])


@ACT.view("webhook:write")
def act(request: Request) -> Response:
    """Do something with a webhook."""
    action, by, at = request.matchdict["action"], actor_of(request), now_of(request)
    if action not in ACTIONS:
        raise NotFoundError("path.unknown", f"a webhook has the actions {', '.join(ACTIONS)}")
    made: Made | None = None
    with writing(request) as (registry, session):
        hook = find(request, registry)
        if action == "test":
            Deliveries(session).owe_test(hook, by=by, at=at)
        elif action == "rotate":
            made = registry.rotate(hook.name, by=by, at=at)
        elif action == "enable":
            registry.enable(hook.name, by=by, at=at)
        else:
            registry.disable(hook.name, f"by {by}", by=by, at=at)
        body = shapes.NewWebhookShape(
            **webhook_members(session, registry.get(hook.name), request),
            secret=None if made is None else made.secret,
        )
    request.registry[Runtime].webhooks.nudge()
    response = Response(body=write_json(body), content_type=JSON, charset="UTF-8")
    response.headerlist.append(("Cache-Control", "no-store"))
    return response
