"""Deliveries of webhooks over the API: what was sent, what waits, and sending it again."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response

from marketplace.runtime import Runtime
from marketplace.webhooks.deliveries import Deliveries, Delivery

from .access import actor_of, now_of
from .answers import fresh, page
from .cursors import cut_page, encode_cursor
from .description import DescribedAnswer, Operation, Parameter
from .events import EVENT_PATTERN
from .parameters import cursor, limit
from .shapes import webhooks as shapes
from .webhook_requests import GROUP, UNKNOWN, WEBHOOK, find, reading, writing

LIMIT = limit(100, 500)
CURSOR = cursor("api.webhook.deliveries")
EVENT = Parameter(
    "event", "the id of an event", {"type": "string", "pattern": EVENT_PATTERN}, lambda text: text or ""
)

DELIVERIES = Operation(
    "api.webhook.deliveries",
    "Deliveries of a webhook",
    "What it was sent and what waits: those that failed first, then the newest. Finished ones are kept for "
    "`webhooks.keep_days` days, at most 1000.",
    GROUP,
    [DescribedAnswer("A page of deliveries.", shapes.DeliveriesShape, headers=("Link",))],
    path=(WEBHOOK,),
    query=(LIMIT, CURSOR),
    errors={400: ["query.limit", "query.cursor"], **UNKNOWN},
    needs="any token",
)
REDELIVER = Operation(
    "api.webhook.redeliver",
    "Send an event again",
    "Whether it arrived or not, at once, under the same id.",
    GROUP,
    [DescribedAnswer("The delivery.", shapes.DeliveryShape)],
    method="POST",
    path=(WEBHOOK, EVENT),
    errors={404: ["webhook.unknown", "webhook.delivery"]},
    needs="any token",
)
OPERATIONS = (DELIVERIES, REDELIVER)


@DELIVERIES.view("webhook:read")
def deliveries(request: Request) -> Response:
    """A page of the log of deliveries."""
    asked = DELIVERIES.read(request)
    with reading(request) as (registry, session):
        every = Deliveries(session).list(find(request, registry))
    found, after = cut_page(every, _cursor_of, asked[CURSOR], asked[LIMIT])
    body = shapes.DeliveriesShape(total=len(every), deliveries=[_delivery(one) for one in found])
    return page(request, body, encode_cursor(after, "api.webhook.deliveries"))


@REDELIVER.view("webhook:write")
def redeliver(request: Request) -> Response:
    """Send an event again."""
    with writing(request) as (registry, session):
        hook = find(request, registry)
        found = Deliveries(session).redeliver(
            hook, request.matchdict["event"], by=actor_of(request), at=now_of(request)
        )
    request.registry[Runtime].webhooks.nudge()
    return fresh(request, _delivery(found))


def _cursor_of(one: Delivery) -> tuple[str, ...]:
    rank, number = one.sort_key
    return str(rank), f"{2**62 + number:020}"


def _delivery(one: Delivery) -> shapes.DeliveryShape:
    return shapes.DeliveryShape(
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
