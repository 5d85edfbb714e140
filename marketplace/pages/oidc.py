"""Signing in by the provider of the settings: to it, and back from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.http.credentials import Guesses, cookies_of, verify_form
from marketplace.http.errors import HttpError
from marketplace.http.parameters import read_query
from marketplace.http.refusals import refuse
from marketplace.http.security import absent
from marketplace.oidc import SignInError
from marketplace.oidc.attempt import Attempt
from marketplace.oidc.errors import ProviderAwayError
from marketplace.runtime import Runtime

from .rendering import base_path
from .sessions import login_page, see_other, wanted_path

if TYPE_CHECKING:
    from marketplace.oidc.service import SignInService

#: Seconds that a person may take at the provider.
_PATIENCE = 600


@view_config(route_name="web.login.oidc", request_method="GET", permission="session:open")
def leave(request: Request) -> Response:
    """Send a browser to the provider, from this site's own page only.

    By a link and no form: the policy of pages lets forms go nowhere else, redirects included.
    """
    service = _service(request)
    query = read_query(request)
    wanted = wanted_path(request, query.get("next"))
    cookies = cookies_of(request)
    try:
        # The cookie comes along from pages of this site only: no other one starts a sign-in.
        verify_form(cookies.form.find(request), query.get("key"))
    except HttpError:
        return see_other(request, f"{base_path(request)}/login")
    try:
        url, attempt = service.begin(wanted)
    except SignInError as error:
        return _refused(request, wanted, error)
    headers = [("Location", url), ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer")]
    headers.append(cookies.attempt.written(attempt.cookie(), _PATIENCE))
    return Response(status=303, headerlist=headers)


@view_config(route_name="web.login.callback", request_method="GET", permission="session:open")
def come_back(request: Request) -> Response:
    """Take the provider's answer, and begin a session for the person it is about."""
    service = _service(request)
    runtime: Runtime = request.registry[Runtime]
    cookies = cookies_of(request)
    kept = cookies.attempt.find(request)
    attempt = None if kept is None else Attempt.parse(kept)
    # Looked at again: a cookie can be planted by another host of the same domain, over http.
    wanted = wanted_path(request, None if attempt is None else attempt.wanted)
    guesses = Guesses(request)
    guesses.verify_few()
    try:
        person = service.finish(attempt, read_query(request), runtime.access.use_up_sign_in)
    except SignInError as error:
        if not isinstance(error, ProviderAwayError):
            guesses.count()
        response = _refused(request, wanted, error)
        response.headerlist.append(cookies.attempt.removed())
        return response
    cookie = runtime.access.sign_in_person(person, cookies.session.find(request))
    response = see_other(request, wanted)
    response.headerlist += [
        cookies.session.written(cookie, runtime.settings.session.lifetime),
        cookies.attempt.removed(),
        cookies.form.removed(),
    ]
    return response


def _service(request: Request) -> SignInService:
    service: SignInService | None = request.registry[Runtime].sign_in
    if service is None:
        raise absent()
    return service


def _refused(request: Request, wanted: str, error: SignInError) -> Response:
    refused = refuse(error)
    response = login_page(request, wanted, refused.status, refused.reason, refused.code)
    response.headerlist += refused.headers
    return response
