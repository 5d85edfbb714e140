"""The HEPiX image list of a view that an endorser signed, in a browser: uploaded and removed."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.http.rate_limits import Turn, take_turn
from marketplace.http.security import principal_of
from marketplace.runtime import Runtime
from marketplace.views.definitions import Definition
from marketplace.views.dialects.hepix import HEPIX, HEPIX_LIST
from marketplace.views.errors import (
    DialectUnavailableError,
    ListRefusedError,
    ListToolError,
    NoListError,
    ViewNotFoundError,
)
from marketplace.views.registry import ViewRegistry

from .rendering import base_path, page
from .sessions import own_filled_form, see_other, session_key, unstored
from .view_forms import named_view


@view_config(route_name="web.account.views.list", request_method="GET", permission="view:write")
def ask_for_list(request: Request) -> Response:
    """What list a view has, and how to sign another one."""
    return _form(request, _named(request), 200)


@view_config(route_name="web.account.views.list", request_method="POST", permission="view:write")
def keep_or_remove_list(request: Request) -> Response:
    """Keep the list that came as a file, or remove the one that is there."""
    known, runtime = _named(request), request.registry[Runtime]
    form = own_filled_form(request, runtime.settings.upload.max_bytes)
    removes = form.fields.get("act") == "remove"
    if not removes and not form.file:
        return _form(request, known, 400, "Choose the file that openssl wrote, image.list.")
    actor = str(principal_of(request).name)
    try:
        if removes:
            with runtime.database.write() as session:
                ViewRegistry(session).remove_list(known.name, by=actor, at=runtime.now())
        else:
            take_turn(request, Turn.UPLOAD)
            verified = runtime.views.verify_list(known, form.file or b"")
            with runtime.database.write() as session:
                ViewRegistry(session).keep_list(known.name, verified, by=actor, at=runtime.now())
    except ListRefusedError as error:
        return _form(request, known, 400, str(error))
    except (ListToolError, DialectUnavailableError) as error:
        return _form(request, known, 503, str(error))
    except NoListError:
        pass  # somebody removed it a moment ago: what was asked for is so
    runtime.views.forget()
    return see_other(request, f"{base_path(request)}/account/views/signed-list?name={known.name}")


def _named(request: Request) -> Definition:
    known = named_view(request)
    if known is None:
        raise ViewNotFoundError
    return known


def _find_obstacle(request: Request, known: Definition) -> str | None:
    """Why there is no list whose text somebody could take."""
    try:
        view = request.registry[Runtime].views.find(known.name, principal_of(request))
    except DialectUnavailableError as error:
        return str(error)
    except ViewNotFoundError:
        return None  # a secret one, which its name does not lead to
    return HEPIX.find_obstacle(view, HEPIX_LIST)


def _form(request: Request, known: Definition, status: int, problem: str = "") -> Response:
    principal = principal_of(request)
    sees = known.logs <= principal.logs
    site = request.registry[Runtime].settings.site.url
    values = {
        "view": known,
        # Who signed a group's list is for those who see its entries.
        "signed_list": known.signed_list if sees else None,
        "has_list": known.signed_list is not None,
        "list_url": f"{site}/views/{known.name}/{HEPIX_LIST}" if known.is_read_at(known.name) else None,
        "obstacle": _find_obstacle(request, known) if sees else None,
        "needs_token": known.group is not None,
        "max_bytes": request.registry[Runtime].settings.upload.max_bytes,
        "problem": problem,
        "key": session_key(request),
    }
    return unstored(page(request, "view_list", values, status))
