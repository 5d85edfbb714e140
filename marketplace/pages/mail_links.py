"""Links in mails. Programs that read mail open links too, so a GET shows a page and only its POST acts.

Whoever knows the link may act, and nobody else can know it: it has 128 random
bits, no page refers to it, and no log line holds it. That is also why no other
site can make a browser send the POST. A browser that says it comes from another
site is refused all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.confirmation import (
    ConfirmationService,
)
from marketplace.confirmation.letters import facts
from marketplace.http.errors import HttpError, NotFoundError
from marketplace.mail import LinkPurpose
from marketplace.mail.links import FoundLink
from marketplace.runtime import Runtime

from .rendering import page


@dataclass(frozen=True, slots=True)
class Action:
    """What a link offers: the words of its page and button."""

    name: str
    title: str
    lead: str
    button: str
    done: str


_ACTIONS = {
    one.name: one
    for one in (
        Action(
            "confirm",
            "Confirm an upload",
            "Did you sign this? Compare the fingerprint with that of your certificate. After you "
            "confirm, this marketplace accepts this certificate for your address without asking "
            "again. If you did not sign this, report it: the mail has a link for that.",
            "Confirm the upload",
            "Confirmed",
        ),
        Action(
            "abort",
            "Delete an upload",
            "The upload is deleted, and nobody will see it.",
            "Delete the upload",
            "Deleted",
        ),
        Action(
            "abuse",
            "Report an upload",
            "Is this upload not yours? The operators are informed, and the upload is frozen until "
            "they decide.",
            "Report the upload",
            "Reported",
        ),
    )
}


_SUBSCRIBE = Action(
    "confirm",
    "Get reminders",
    "You get a monthly list of your entries, and a warning before one of them expires. Every mail "
    "has a link to stop this.",
    "Send me reminders",
    "You will get reminders",
)
_STOP = Action(
    "stop",
    "Stop reminders",
    "You no longer get monthly lists and warnings.",
    "Stop reminders",
    "Reminders are stopped",
)


@view_config(route_name="web.action", request_method="GET", permission="link:follow")
def offer(request: Request) -> Response:
    """The page of a link; it changes nothing."""
    runtime: Runtime = request.registry[Runtime]
    secret = request.matchdict["secret"]
    link = runtime.reminders.find(secret)
    if link is not None:
        shown: tuple[tuple[str, str], ...] = (("Address", link.address),)
        return _unkept(page(request, "action", {"action": _reminder_action(request, link), "facts": shown}))
    action = _upload_action(request)
    _, entry = runtime.confirmation.find(secret)
    return _unkept(page(request, "action", {"action": action, "facts": facts(entry)}))


@view_config(route_name="web.action", request_method="POST", permission="link:follow")
def act(request: Request) -> Response:
    """Do what a link allows, once."""
    runtime: Runtime = request.registry[Runtime]
    refuse_foreign(request)
    secret = request.matchdict["secret"]
    link = runtime.reminders.find(secret)
    if link is not None:
        action = _reminder_action(request, link)
        runtime.reminders.follow(secret)
        return _unkept(page(request, "acted", {"action": action, "email": None, "refusal": None}))
    if runtime.settings.site.mode == "replica":
        raise HttpError(403, "site.read-only", "read-only repository")
    return _act_on_upload(request, runtime.confirmation, secret)


def refuse_foreign(request: Request) -> None:
    """Refuse what another site makes a browser send.

    Raises:
        HttpError: 403.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise HttpError(403, "link.foreign", "open the page at this site and press the button there")


def _act_on_upload(request: Request, service: ConfirmationService, secret: str) -> Response:
    action = _upload_action(request)
    email = refusal = None
    if action.name == "confirm":
        confirmed = service.confirm(secret)
        email, refusal = confirmed.email, confirmed.refusal
    elif action.name == "abort":
        service.abort(secret)
    else:
        service.report(secret)
    return _unkept(page(request, "acted", {"action": action, "email": email, "refusal": refusal}))


def _upload_action(request: Request) -> Action:
    action = _ACTIONS.get(request.matchdict["action"])
    if action is None:
        raise NotFoundError("path.unknown", "page not found")
    return action


def _reminder_action(request: Request, link: FoundLink) -> Action:
    action = _SUBSCRIBE if link.purpose is LinkPurpose.SUBSCRIBE else _STOP
    if request.matchdict["action"] != action.name:
        raise NotFoundError("path.unknown", "page not found")
    return action


def _unkept(response: Response) -> Response:
    """Neither kept nor found again by others."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    del response.headers["ETag"]
    return response
