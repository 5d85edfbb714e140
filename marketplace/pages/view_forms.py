"""Views made, changed and deleted in a browser: what a view would show is said before it is saved."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.accounts import GroupService
from marketplace.http.parameters import read_query
from marketplace.http.security import principal_of
from marketplace.runtime import Runtime
from marketplace.views.definitions import Definition, check
from marketplace.views.dialects import DIALECTS
from marketplace.views.errors import (
    DefinitionError,
    DialectUnavailableError,
    ViewNotFoundError,
    ViewTakenError,
)
from marketplace.views.policy_text import write_policy
from marketplace.views.registry import ViewRegistry

from .rendering import base_path, page
from .sessions import own_form, see_other, session_key, unstored
from .view_pages import READERS

Given = Mapping[str, str]
#: Images of a preview that are named.
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Preview:
    """What a view would show if it were saved now.

    Args:
        images: how many.
        titles: of the first ones.
        left_out: for each format that lacks some, its readers, how many it lacks, and why.
        problem: why nothing can be said; empty where something is.
    """

    images: int = 0
    titles: Sequence[str] = ()
    left_out: Sequence[tuple[str, int, Sequence[str]]] = ()
    problem: str = ""


@view_config(route_name="web.account.views", request_method="GET", permission="view:write")
def own_views(request: Request) -> Response:
    """The views that the person may change."""
    runtime: Runtime = request.registry[Runtime]
    principal = principal_of(request)
    with runtime.database.read() as session:
        found = [one for one in ViewRegistry(session).list() if one.may_be_changed_by(principal)]
    values = {"views": found, "key": session_key(request)}
    return unstored(page(request, "own_views", values))


@view_config(route_name="web.account.views.edit", request_method="GET", permission="view:write")
def edit(request: Request) -> Response:
    """Ask what a view is to show."""
    known = named_view(request)
    given = {} if known is None else _given_of(known)
    return _form(request, known, given, 200)


@view_config(route_name="web.account.views.edit", request_method="POST", permission="view:write")
def save(request: Request) -> Response:
    """Say what a view would show, or save it."""
    known, given = named_view(request), own_form(request)
    runtime: Runtime = request.registry[Runtime]
    principal = principal_of(request)
    try:
        definition = _read(given, known)
        if not definition.may_be_changed_by(principal):
            raise DefinitionError(
                "name must be GROUP:NAME with a group of yours; only administrators make other views"
            )
        check(definition)
        if given.get("act") != "save":
            return _form(request, known, given, 200, preview=_preview(request, definition))
        with runtime.database.write() as session:
            registry = ViewRegistry(session)
            actor, now = str(principal.name), runtime.now()
            if known is None:
                _, address = registry.create(definition, by=actor, at=now)
            else:
                registry.replace(definition, by=actor, at=now)
                address = definition.name
    except DefinitionError as error:
        return _form(request, known, given, 400, faults=error.faults)
    except ViewTakenError:
        return _form(request, known, given, 409, faults=("name is taken: there is a view of this name",))
    runtime.views.forget()
    if known is None and definition.secret:
        url = f"{runtime.settings.site.url}/views/{address}"
        return unstored(page(request, "view_address", {"name": definition.name, "url": url}))
    return see_other(request, f"{base_path(request)}/account/views")


@view_config(route_name="web.account.views.delete", request_method="GET", permission="view:write")
def ask_to_delete(request: Request) -> Response:
    """Ask whether a view is to go."""
    known = named_view(request)
    if known is None:
        raise ViewNotFoundError
    return unstored(page(request, "view_delete", {"view": known, "key": session_key(request)}))


@view_config(route_name="web.account.views.delete", request_method="POST", permission="view:write")
def delete(request: Request) -> Response:
    """Delete a view."""
    known = named_view(request)
    own_form(request)
    runtime: Runtime = request.registry[Runtime]
    if known is None:
        raise ViewNotFoundError
    with runtime.database.write() as session:
        actor = str(principal_of(request).name)
        ViewRegistry(session).delete(known.name, by=actor, at=runtime.now())
    runtime.views.forget()
    return see_other(request, f"{base_path(request)}/account/views")


def named_view(request: Request) -> Definition | None:
    """The view that the query names, which the reader has to be permitted to change; None for a new one.

    Raises:
        ViewNotFoundError: there is none, or none for this reader.
    """
    name = read_query(request).get("name")
    if name is None:
        return None
    # By its name alone: what others have must not cost other work than what is not there.
    if not Definition(name).may_be_changed_by(principal_of(request)):
        raise ViewNotFoundError
    with request.registry[Runtime].database.read() as session:
        return ViewRegistry(session).get(name)


def _given_of(definition: Definition) -> dict[str, str]:
    """The fields of a form that make a definition."""
    return {
        "title": definition.title,
        "description": definition.description,
        "search": definition.search,
        "policy": "" if definition.policy is None else write_policy(definition.policy),
        "judged": "" if definition.policy is None else "on",
        "vo": definition.options.get("vo", ""),
    }


def _read(given: Given, stored: Definition | None) -> Definition:
    """The definition that the fields of a form make.

    Raises:
        DefinitionError: the policy is not TOML.
    """

    def text(name: str) -> str:
        return given.get(name, "").strip()

    vo = text("vo")
    definition = Definition(
        name=text("name") if stored is None else stored.name,
        title=text("title"),
        description=text("description"),
        # Whoever pastes the address of a search means its query.
        search=text("search").rpartition("?")[2],
        policy=_read_policy(given.get("policy", ""), is_given=bool(given.get("judged"))),
        options={"vo": vo} if vo else {},
        secret=stored is None and bool(given.get("secret")),
    )
    return definition if stored is None else replace(definition, secret=stored.secret)


def _read_policy(text: str, *, is_given: bool) -> Mapping[str, Any] | None:
    if not text.strip():
        return {} if is_given else None
    try:
        table = tomllib.loads(text.replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DefinitionError(f"policy: is not TOML: {error}") from None
    found = table.get("policy", table)
    if not isinstance(found, dict):
        raise DefinitionError("policy: policy is a table")
    return found


def _preview(request: Request, definition: Definition) -> Preview:
    """What the view would show; nothing of entries that the reader does not see."""
    service = request.registry[Runtime].views
    if not definition.logs <= principal_of(request).logs:
        return Preview(problem="you do not see the entries of this group, so nothing is counted for you")
    try:
        view = service.preview(definition)
    except DialectUnavailableError as error:
        return Preview(problem=str(error))
    left_out = [(READERS.get(one.name, one.name), one.left_out(view)) for one in DIALECTS]
    return Preview(
        len(view.images),
        [one.title or one.identifier for one in view.images[:_MOST_NAMED]],
        [(readers, sum(found.values()), list(found)) for readers, found in left_out if found],
    )


def _form(
    request: Request,
    definition: Definition | None,
    given: Given,
    status: int,
    *,
    faults: Sequence[str] = (),
    preview: Preview | None = None,
) -> Response:
    principal = principal_of(request)
    with request.registry[Runtime].database.read() as session:
        groups = sorted(GroupService(session).living(principal.groups))
    values = {
        "view": definition,
        "given": given,
        "faults": faults,
        "preview": preview,
        "groups": groups,
        "for_all": Definition("any").may_be_changed_by(principal),
        "key": session_key(request),
    }
    return unstored(page(request, "view_form", values, status))
