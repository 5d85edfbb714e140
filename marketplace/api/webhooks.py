"""Webhooks over the API: made, listed, tried, given new secrets, and their deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config
from sqlalchemy.orm import Session

from marketplace.http.errors import BadRequestError, HttpError, NotFoundError
from marketplace.http.security import principal_of
from marketplace.runtime import Runtime
from marketplace.webhooks.definitions import EventFilters, Hook, parse_kinds
from marketplace.webhooks.deliveries import Deliveries, Delivery
from marketplace.webhooks.errors import (
    DeliveryNotFoundError,
    SecretKeyError,
    WebhookDefinitionError,
    WebhookNotFoundError,
)
from marketplace.webhooks.registry import Made, WebhookRegistry
from marketplace.webhooks.rights import may_see, verify_may_make

from .access import actor_of, now_of
from .answers import created, fresh, page, site_url, write_json
from .cursors import cut_page, encode_cursor
from .description import JSON, DescribedAnswer, Operation, Parameter
from .events import EVENT_PATTERN
from .json_body import CODES, read_body
from .parameters import cursor, limit
from .shapes import webhooks as shapes

GROUP = "Events and webhooks"
LIMIT = limit(100, 500)
HOOKS_CURSOR = cursor("api.webhooks")
DELIVERIES_CURSOR = cursor("api.webhook.deliveries")
WEBHOOK = Parameter(
    "webhook",
    "the name of a webhook",
    {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    lambda text: text or "",
)
EVENT = Parameter(
    "event", "the id of an event", {"type": "string", "pattern": EVENT_PATTERN}, lambda text: text or ""
)
ACTIONS = ("test", "rotate", "enable", "disable")
ACTION = Parameter(
    "action",
    "`test` sends a test soon, `rotate` gives it a new secret, `enable` and `disable` start and stop it",
    {"type": "string", "enum": list(ACTIONS)},
    lambda text: text or "",
)
_UNKNOWN = {404: ["webhook.unknown"]}
_NEEDS = "any token; for a group one of scope `read` of a member; for all events one of scope `admin`"

LIST = Operation(
    "api.webhooks",
    "Webhooks",
    "One's own, without their secrets; with scope `admin` everybody's. The oldest first.",
    GROUP,
    [DescribedAnswer("A page of webhooks.", shapes.Webhooks, headers=("Link",))],
    query=(LIMIT, HOOKS_CURSOR),
    errors={400: ["query.limit", "query.cursor"]},
    needs="any token",
)
CREATE = Operation(
    "api.webhooks",
    "Make a webhook",
    "It is told of what happens from now on, by requests that are signed as Standard Webhooks says "
    "(docs/webhooks.md). The answer holds its `secret`, which is not shown again. `audience` is `own` for "
    "events of entries that the token's owner endorses and recalls at the owner's cloud sites, `group:NAME` "
    "for those of a group's entries, or `site` for all of the public log.",
    GROUP,
    [DescribedAnswer("The webhook, with its secret.", shapes.NewWebhook, status=201, headers=("Location",))],
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
    [DescribedAnswer("The webhook.", shapes.Webhook)],
    path=(WEBHOOK,),
    errors=_UNKNOWN,
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
    errors=_UNKNOWN,
    needs="any token",
)
ACT = Operation(
    "api.webhook.action",
    "Test, rotate, enable or disable a webhook",
    "After `rotate` the answer holds the new `secret`, this once; for 24 hours the former one signs too. "
    "After `test` the log of deliveries tells what the receiver answered.",
    GROUP,
    [DescribedAnswer("The webhook; `secret` is null but after `rotate`.", shapes.NewWebhook)],
    method="POST",
    path=(WEBHOOK, ACTION),
    errors={404: ["webhook.unknown", "path.unknown"], 503: ["webhook.key"]},
    needs="any token",
)
DELIVERIES = Operation(
    "api.webhook.deliveries",
    "Deliveries of a webhook",
    "What it was sent and what waits: those that failed first, then the newest. Finished ones are kept for "
    "`webhooks.keep_days` days, at most 1000.",
    GROUP,
    [DescribedAnswer("A page of deliveries.", shapes.Deliveries, headers=("Link",))],
    path=(WEBHOOK,),
    query=(LIMIT, DELIVERIES_CURSOR),
    errors={400: ["query.limit", "query.cursor"], **_UNKNOWN},
    needs="any token",
)
REDELIVER = Operation(
    "api.webhook.redeliver",
    "Send an event again",
    "Whether it arrived or not, at once, under the same id.",
    GROUP,
    [DescribedAnswer("The delivery.", shapes.Delivery)],
    method="POST",
    path=(WEBHOOK, EVENT),
    errors={404: ["webhook.unknown", "webhook.delivery"]},
    needs="any token",
)
OPERATIONS = (LIST, CREATE, READ, DELETE, ACT, DELIVERIES, REDELIVER)


@view_config(route_name="api.webhooks", request_method="GET", permission="webhook:read")
def webhooks(request: Request) -> Response:
    """A page of webhooks."""
    asked = LIST.read(request)
    with _reading(request) as (registry, session):
        every = [one for one in registry.list() if may_see(principal_of(request), one)]
        found, after = cut_page(every, lambda one: (f"{one.key:020}",), asked[HOOKS_CURSOR], asked[LIMIT])
        told = [shapes.Webhook(**_shown(session, one, request)) for one in found]
    body = shapes.Webhooks(total=len(every), webhooks=told)
    return page(request, body, encode_cursor(after, "api.webhooks"))


@view_config(route_name="api.webhooks", request_method="POST", permission="webhook:write")
def create(request: Request) -> Response:
    """Make a webhook and show its secret, this once."""
    CREATE.read(request)
    given = read_body(request, shapes.WebhookParts)
    principal = principal_of(request)
    with _writing(request) as (registry, session):
        verify_may_make(session, principal, given.audience)
        made = registry.create(
            given.url,
            given.audience,
            EventFilters(parse_kinds(given.kinds), given.view, given.endorser, given.tag),
            owner=actor_of(request),
            token=principal.token,
            description=given.description,
            by=actor_of(request),
            at=now_of(request),
        )
        body = _with_secret(session, made, request)
    return created(body, body.links.self)


@view_config(route_name="api.webhook", request_method="GET", permission="webhook:read")
def webhook(request: Request) -> Response:
    """One webhook."""
    READ.read(request)
    with _reading(request) as (registry, session):
        body = shapes.Webhook(**_shown(session, _find(request, registry), request))
    return fresh(request, body)


@view_config(route_name="api.webhook", request_method="DELETE", permission="webhook:write")
def delete(request: Request) -> Response:
    """Delete a webhook."""
    DELETE.read(request)
    with _writing(request) as (registry, _):
        registry.delete(_find(request, registry).name, by=actor_of(request), at=now_of(request))
    return Response(status=204, headerlist=[("Cache-Control", "no-store")])


@view_config(route_name="api.webhook.action", request_method="POST", permission="webhook:write")
def act(request: Request) -> Response:
    """Do something with a webhook."""
    ACT.read(request)
    action, by, at = request.matchdict["action"], actor_of(request), now_of(request)
    if action not in ACTIONS:
        raise NotFoundError("path.unknown", f"a webhook has the actions {', '.join(ACTIONS)}")
    with _writing(request) as (registry, session):
        hook = _find(request, registry)
        made: Made | None = None
        if action == "test":
            Deliveries(session).owe_test(hook, by=by, at=at)
        elif action == "rotate":
            made = registry.rotate(hook.name, by=by, at=at)
        elif action == "enable":
            registry.enable(hook.name, by=by, at=at)
        else:
            registry.disable(hook.name, f"by {by}", by=by, at=at)
        body = (
            shapes.NewWebhook(**_shown(session, registry.get(hook.name), request), secret=None)
            if made is None
            else _with_secret(session, made, request)
        )
    request.registry[Runtime].webhooks.nudge()
    response = Response(body=write_json(body), content_type=JSON, charset="UTF-8")
    response.headerlist.append(("Cache-Control", "no-store"))
    return response


@view_config(route_name="api.webhook.deliveries", request_method="GET", permission="webhook:read")
def deliveries(request: Request) -> Response:
    """A page of the log of deliveries."""
    asked = DELIVERIES.read(request)
    with _reading(request) as (registry, session):
        every = Deliveries(session).list(_find(request, registry))
    found, after = cut_page(every, _place, asked[DELIVERIES_CURSOR], asked[LIMIT])
    body = shapes.Deliveries(total=len(every), deliveries=[_delivery(one) for one in found])
    return page(request, body, encode_cursor(after, "api.webhook.deliveries"))


@view_config(route_name="api.webhook.redeliver", request_method="POST", permission="webhook:write")
def redeliver(request: Request) -> Response:
    """Send an event again."""
    REDELIVER.read(request)
    with _writing(request) as (registry, session):
        hook = _find(request, registry)
        found = Deliveries(session).redeliver(
            hook, request.matchdict["event"], by=actor_of(request), at=now_of(request)
        )
    request.registry[Runtime].webhooks.nudge()
    return fresh(request, _delivery(found))


def _find(request: Request, registry: WebhookRegistry) -> Hook:
    hook = registry.get(request.matchdict["webhook"])
    if not may_see(principal_of(request), hook):
        raise WebhookNotFoundError
    return hook


def _place(one: Delivery) -> tuple[str, ...]:
    rank, number = one.place
    return str(rank), f"{2**62 + number:020}"


@contextmanager
def _reading(request: Request) -> Iterator[tuple[WebhookRegistry, Session]]:
    runtime: Runtime = request.registry[Runtime]
    with _explained(), runtime.database.read() as session:
        yield runtime.webhook_registry(session), session


@contextmanager
def _writing(request: Request) -> Iterator[tuple[WebhookRegistry, Session]]:
    runtime: Runtime = request.registry[Runtime]
    with _explained(), runtime.database.write() as session:
        yield runtime.webhook_registry(session), session


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what is refused into the response it has to be."""
    try:
        yield
    except WebhookDefinitionError as error:
        raise BadRequestError(error.code, str(error), faults=list(error.faults)) from None
    except (WebhookNotFoundError, DeliveryNotFoundError) as error:
        raise NotFoundError(error.code, str(error)) from None
    except SecretKeyError as error:
        raise HttpError(503, error.code, "secrets of webhooks cannot be kept: see the log") from error


def _with_secret(session: Session, made: Made, request: Request) -> shapes.NewWebhook:
    return shapes.NewWebhook(**_shown(session, made.hook, request), secret=made.secret)


def _shown(session: Session, hook: Hook, request: Request) -> dict[str, Any]:
    self = f"{site_url(request)}/api/v1/webhooks/{hook.name}"
    return {
        "name": hook.name,
        "url": hook.url,
        "owner": hook.owner,
        "audience": hook.audience,
        **{name: getattr(hook.filters, name) for name in ("kinds", "view", "endorser", "tag")},
        "description": hook.description,
        "state": hook.state,
        "created_at": hook.created_at,
        "failing_since": hook.failing_since,
        "disabled_at": hook.disabled_at,
        "disabled_reason": hook.disabled_reason,
        "deliveries": Deliveries(session).counts(hook),
        "links": shapes.WebhookLinks(self=self, deliveries=f"{self}/deliveries"),
    }


def _delivery(one: Delivery) -> shapes.Delivery:
    return shapes.Delivery(
        event=one.event_id,
        kind=one.kind,
        state=one.state,
        attempts=one.attempts,
        status=one.status,
        duration_ms=one.duration,
        answer=one.answer,
        error=one.error,
        owed_at=one.created_at,
        next_at=one.due_at if one.state == "waiting" else None,
        finished_at=one.finished_at,
    )
