"""Webhooks made and changed in a browser: a form that says beside each field what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.access import Scope, group_log
from marketplace.access.principal import Principal
from marketplace.accounts import GroupService
from marketplace.events import MEANINGS
from marketplace.http.security import principal_of
from marketplace.runtime import Runtime
from marketplace.views.registry import ViewRegistry
from marketplace.webhooks.definitions import OWN, SITE, AskedWebhook, EventFilters, Hook, parse_kinds
from marketplace.webhooks.errors import NotOwnerError, WebhookDefinitionError, WebhookError
from marketplace.webhooks.rights import verify_may_change, verify_may_make

from .events import NAMES
from .rendering import base_path, page
from .sessions import own_form, see_other, session_key, unstored
from .webhooks import find, show_secret

Given = Mapping[str, str]
#: What the members of a webhook are called in the form.
_LABELS = {
    "url": "Address", "audience": "Events", "kinds": "Kinds", "view": "View", "endorser": "Publisher",
    "tag": "Tag", "description": "Note",
}  # fmt: skip


@view_config(route_name="web.webhooks.new", request_method="GET", permission="webhook:write")
def ask(request: Request) -> Response:
    """Ask what the webhook is to be."""
    return _form(request, None, {}, 200)


@view_config(route_name="web.webhooks.new", request_method="POST", permission="webhook:write")
def make(request: Request) -> Response:
    """Make a webhook, and show its secret this once."""
    given = own_form(request)
    runtime: Runtime = request.registry[Runtime]
    principal = principal_of(request)
    who = str(principal.name)
    try:
        with runtime.database.write() as session:
            asked = _read(given, given.get("audience", "").strip() or OWN)
            verify_may_make(session, principal, asked.audience)
            registry = runtime.webhook_registry(session)
            made = registry.create(asked, owner=who, token=principal.token, by=who, at=runtime.now())
    except WebhookError as error:
        return _form(request, None, given, 400, error)
    return show_secret(request, made)


@view_config(route_name="web.webhook.change", request_method="GET", permission="webhook:write")
def ask_to_change(request: Request) -> Response:
    """Ask what the webhook is to be from now on."""
    hook = _find(request)
    return _form(request, hook, _given_of(hook), 200)


@view_config(route_name="web.webhook.change", request_method="POST", permission="webhook:write")
def change(request: Request) -> Response:
    """Change a webhook."""
    hook, given = _find(request), own_form(request)
    runtime: Runtime = request.registry[Runtime]
    principal = principal_of(request)
    try:
        with runtime.database.write() as session:
            verify_may_change(session, principal, hook)
            runtime.webhook_registry(session).change(
                hook.name,
                _read(given, hook.audience),
                token=principal.token,
                by=str(principal.name),
                at=runtime.now(),
            )
    except WebhookError as error:
        return _form(request, hook, given, 403 if isinstance(error, NotOwnerError) else 400, error)
    runtime.webhooks.nudge()
    return see_other(request, f"{base_path(request)}/webhooks/{hook.name}")


def _find(request: Request) -> Hook:
    with request.registry[Runtime].database.read() as session:
        return find(request, session)


def _read(given: Given, audience: str) -> AskedWebhook:
    """What the fields of a form ask a webhook to be.

    Raises:
        WebhookDefinitionError: a kind of event is none.
    """
    text = {name: given.get(name, "").strip() for name in ("url", "view", "endorser", "tag", "description")}
    kinds = parse_kinds([name.removeprefix("kind.") for name in given if name.startswith("kind.")])
    filters = EventFilters(kinds, text["view"] or None, text["endorser"] or None, text["tag"] or None)
    return AskedWebhook(text["url"], audience, filters, text["description"])


def _given_of(hook: Hook) -> dict[str, str]:
    """The fields of a form that make a webhook."""
    filters = hook.filters
    return {
        "url": hook.url,
        "view": filters.view or "",
        "endorser": filters.endorser or "",
        "tag": filters.tag or "",
        "description": hook.description,
        **{f"kind.{kind}": "on" for kind in filters.kinds},
    }


def _form(
    request: Request, hook: Hook | None, given: Given, status: int, error: WebhookError | None = None
) -> Response:
    principal = principal_of(request)
    faults = error.faults if isinstance(error, WebhookDefinitionError) else ()
    with request.registry[Runtime].database.read() as session:
        groups = sorted(GroupService(session).of(principal.name or "") & principal.groups)
        views = [
            (one.name, one.title or one.name)
            for one in ViewRegistry(session).list()
            if one.is_visible_to(principal) and not one.secret
        ]
    audiences = _audiences(principal, groups)
    values: dict[str, Any] = {
        "hook": hook,
        "given": {"audience": audiences[0][0], **given},
        "audiences": audiences,
        "kinds": [(kind.value, NAMES[kind][0], meaning) for kind, meaning in MEANINGS.items()],
        "views": views,
        "faults": {one.member: _fault_text(one.member, one.sentence) for one in faults if one.member},
        "problem": "" if error is None else "; ".join(one.sentence for one in faults if not one.member),
        "refused": "" if error is None or faults else str(error),
        "labels": _LABELS,
        "key": session_key(request),
    }
    return unstored(page(request, "webhook_form", values, status))


def _audiences(principal: Principal, groups: Sequence[str]) -> list[tuple[str, str]]:
    """Whose events somebody may be told of, the widest first: as it is sent, and in words."""
    found = [(OWN, "Entries that you endorse, and recalls at your cloud sites")]
    found = [(group_log(one), f"Private entries of the group {one}") for one in groups] + found
    if Scope.ADMIN in principal.scopes and principal.token is not None:
        found.insert(0, (SITE, "Everything public at this marketplace"))
    return found


def _fault_text(member: str, sentence: str) -> str:
    """A fault beside its field, which has another name there."""
    label = _LABELS.get(member, member)
    for begins, instead in ((f"{member} is ", f"{label} has to be "), (f"{member} ", f"{label} ")):
        if sentence.startswith(begins):
            return instead + sentence.removeprefix(begins)
    return sentence
