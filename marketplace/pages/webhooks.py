"""Pages of webhooks: one's own, how each fares, what it was sent, and what can be done with it."""

from __future__ import annotations

from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config
from sqlalchemy.orm import Session

from marketplace.http.errors import NotFoundError
from marketplace.http.security import principal_of
from marketplace.runtime import Runtime
from marketplace.webhooks.definitions import Hook
from marketplace.webhooks.deliveries import TEST, Deliveries
from marketplace.webhooks.errors import WebhookError, WebhookNotFoundError
from marketplace.webhooks.registry import Made
from marketplace.webhooks.rights import may_see

from .admin.asking import Act, ActField, Acting, Given, Secret
from .events import NAMES
from .rendering import base_path, page
from .sessions import own_form, see_other, session_key, unstored

#: Deliveries on the page of a webhook; the API has all of them.
_MOST_SHOWN = 200


def _unreachable(acting: Acting, given: Given) -> Secret | None:
    raise AssertionError("unreachable: the view does it, because it needs the request")


def _act(name: str, title: str, explains: str, button: str, *fields: ActField, harmful: bool = False) -> Act:
    return Act("account", name, title, explains, button, "", _unreachable, fields, harmful=harmful)


ACTS = {
    one.name: one
    for one in (
        _act("test", "Send a test", "Your program is sent a test event in a moment. The page of the webhook "
             "shows what it answered.", "Send the test"),
        _act("rotate", "Create a new secret", "The new secret is shown only once, on the next page. For 24 "
             "hours requests are signed with both secrets.", "Create the secret"),
        _act("enable", "Enable the webhook", "Your program receives the events that happen from now on, and "
             "those that still wait.", "Enable it"),
        _act("disable", "Disable the webhook", "Your program receives no events until the webhook is "
             "enabled again.",
             "Disable it", harmful=True),
        _act("delete", "Delete the webhook", "Your program receives no more events, and the log of "
             "deliveries is deleted.", "Delete it", harmful=True),
        _act("redeliver", "Send the event again", "It is sent again in a moment, whether it arrived or not.",
             "Send it again", ActField("event", "Event", about=True)),
    )
}  # fmt: skip


@view_config(route_name="web.webhooks", request_method="GET", permission="webhook:read")
def webhooks(request: Request) -> Response:
    """The webhooks that the reader may see."""
    runtime: Runtime = request.registry[Runtime]
    principal = principal_of(request)
    with runtime.database.read() as session:
        every = [one for one in runtime.webhook_registry(session).list() if may_see(principal, one)]
        counts = {one.name: Deliveries(session).counts(one) for one in every}
    values = {"webhooks": every, "counts": counts, "key": session_key(request), "looks": _LOOKS}
    return unstored(page(request, "webhooks", values))


@view_config(route_name="web.webhook", request_method="GET", permission="webhook:read")
def webhook(request: Request) -> Response:
    """How a webhook fares, and what it was sent."""
    runtime: Runtime = request.registry[Runtime]
    with runtime.database.read() as session:
        hook = find(request, session)
        found = Deliveries(session).list(hook)
    values = {
        "hook": hook,
        "look": _LOOKS[hook.state],
        "deliveries": found[:_MOST_SHOWN],
        "left_out": max(0, len(found) - _MOST_SHOWN),
        "kinds": {**{kind.value: name for kind, (name, _) in NAMES.items()}, TEST: "Test"},
        "key": session_key(request),
    }
    return unstored(page(request, "webhook", values))


@view_config(route_name="web.webhook.act", request_method="GET", permission="webhook:write")
def ask_to_act(request: Request) -> Response:
    """Ask before anything is done with a webhook."""
    act, hook = _chosen(request)
    given = {"event": request.params.get("event", "")[:100]} if act.fields else {}
    return _question(request, act, hook, given, 200, None)


@view_config(route_name="web.webhook.act", request_method="POST", permission="webhook:write")
def do(request: Request) -> Response:
    """Do something with a webhook."""
    act, hook = _chosen(request)
    given = own_form(request)
    runtime: Runtime = request.registry[Runtime]
    by, at = str(principal_of(request).name), runtime.now()
    made: Made | None = None
    try:
        with runtime.database.write() as session:
            registry, deliveries = runtime.webhook_registry(session), Deliveries(session)
            if act.name == "rotate":
                made = registry.rotate(hook.name, by=by, at=at)
            elif act.name == "redeliver":
                deliveries.redeliver(hook, given.get("event", ""), by=by, at=at)
            elif act.name == "test":
                deliveries.owe_test(hook, by=by, at=at)
            elif act.name == "enable":
                registry.enable(hook.name, by=by, at=at)
            elif act.name == "disable":
                registry.disable(hook.name, f"by {by}", by=by, at=at)
            else:
                registry.delete(hook.name, by=by, at=at)
    except WebhookError as error:
        return _question(request, act, hook, given, 400, error)
    runtime.webhooks.nudge()
    if made is not None:
        return show_secret(request, made)
    back = "/webhooks" if act.name == "delete" else f"/webhooks/{hook.name}"
    return see_other(request, f"{base_path(request)}{back}")


#: The states of webhooks in words, and how they look.
_LOOKS = {"ok": ("works", "good"), "failing": ("fails", "warn"), "disabled": ("disabled", "bad")}


def _chosen(request: Request) -> tuple[Act, Hook]:
    act = ACTS.get(request.matchdict["act"])
    if act is None:
        raise NotFoundError("path.unknown", "there is nothing at this address")
    with request.registry[Runtime].database.read() as session:
        return act, find(request, session)


def find(request: Request, session: Session) -> Hook:
    """The webhook of the path, which the reader has to be allowed to see.

    Raises:
        WebhookNotFoundError: there is none, or none for this reader.
    """
    hook: Hook = request.registry[Runtime].webhook_registry(session).get(request.matchdict["webhook"])
    if not may_see(principal_of(request), hook):
        raise WebhookNotFoundError
    return hook


def show_secret(request: Request, made: Made) -> Response:
    """The page that shows a secret, this once."""
    return unstored(page(request, "webhook_secret", {"secret": made.secret, "hook": made.hook}))


def _question(
    request: Request, act: Act, hook: Hook, given: Given, status: int, error: WebhookError | None
) -> Response:
    values: dict[str, Any] = {
        "act": act,
        "given": given,
        "scopes": (),
        "problem": "" if error is None else str(error),
        "code": "" if error is None else error.code,
        "key": session_key(request),
        "back": f"/webhooks/{hook.name}",
        "subject": ("Webhook", f"{hook.description}: {hook.url}" if hook.description else hook.url),
        "parts": (),
        "part": "account",
    }
    return unstored(page(request, "ask", values, status))
