"""Asking for reminders: a mail with a link goes to the address, and says nothing to whoever asks."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.config.mail import is_address
from marketplace.http.errors import BadRequestError, NotFoundError
from marketplace.http.parameters import read_body_form
from marketplace.runtime import Runtime

from .mail_links import refuse_foreign
from .rendering import page


@view_config(route_name="web.reminders", request_method="GET", permission="site:read")
def form(request: Request) -> Response:
    """A page with a form."""
    _verify_enabled(request)
    return page(request, "reminders", {"email": None})


@view_config(route_name="web.reminders", request_method="POST", permission="site:read")
def ask(request: Request) -> Response:
    """Ask an address's reader by mail; the answer is the same whether anybody is there."""
    _verify_enabled(request)
    refuse_foreign(request)
    email = read_body_form(request).get("email", "").strip()
    if not is_address(email):
        raise BadRequestError("reminders.address", "enter the e-mail address of your entries")
    request.registry[Runtime].reminders.ask(email)
    response = page(request, "reminders", {"email": email})
    response.headers["Cache-Control"] = "no-store"
    return response


def _verify_enabled(request: Request) -> None:
    if not request.registry[Runtime].settings.reminders.enabled:
        raise NotFoundError("reminders.off", "this marketplace sends no reminders")
