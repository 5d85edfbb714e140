"""Views over the API: made, listed, replaced and forgotten."""

from __future__ import annotations

from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from marketplace.http.security import principal_of
from marketplace.runtime import Runtime
from marketplace.views.definitions import NAME_PATTERN, Definition, digest
from marketplace.views.dialects import DIALECTS, Dialect
from marketplace.views.errors import (
    ViewNotFoundError,
)
from marketplace.views.registry import ViewRegistry
from marketplace.views.value import View

from .access import actor_of, administers, now_of, writing
from .answers import created, fresh, page, site_url
from .cursors import cut_page, encode_cursor
from .description import JSON, DescribedAnswer, Operation, Parameter
from .json_body import CODES, read_body
from .parameters import cursor, limit
from .shapes import views as shapes

GROUP = "Views"
LIMIT = limit(100, 500)
CURSOR = cursor("api.views")
MAKES = "scope `admin`; for a view of a group also scope `upload` of a member"
VIEW = Parameter(
    "view",
    "the name of a view",
    {"type": "string", "pattern": f"^{NAME_PATTERN}$"},
    lambda text: text or "",
    "default",
)
LIST = Operation(
    "api.views",
    "Views",
    "Named selections of images that other programs read in their own formats: those that you may read, by "
    "name.",
    GROUP,
    [DescribedAnswer("A page of views.", shapes.ViewsShape, headers=("Link",))],
    query=(LIMIT, CURSOR),
    errors={400: ["query.limit", "query.cursor"]},
)
CREATE = Operation(
    "api.views",
    "Make a view",
    "A search and a policy that every image has to pass. `GROUP:NAME` shows a group's entries too, for its "
    "members. Everybody with the address of a `secret` view can read it; the address is shown only once.",
    GROUP,
    [DescribedAnswer("The view.", shapes.NewViewShape, status=201, headers=("Location",))],
    method="POST",
    bodies={JSON: shapes.NamedViewParts},
    errors={**CODES, 400: (*CODES[400], "view.definition"), 404: ["view.unknown"], 409: ["view.taken"]},
    needs=MAKES,
)
READ = Operation(
    "api.view",
    "One view",
    "With how many images it has, its documents, and how many images each dialect leaves out and why.",
    GROUP,
    [DescribedAnswer("The view.", shapes.ViewShape)],
    path=(VIEW,),
    errors={404: ["view.unknown"], 503: ["view.dialect"]},
)
REPLACE = Operation(
    "api.view",
    "Replace a view",
    "What is left out is as in a new one; whether it is secret stays. Replacing `default` changes what "
    "the site offers to programs that name no view.",
    GROUP,
    [DescribedAnswer("The view.", shapes.ViewShape)],
    method="PUT",
    path=(VIEW,),
    bodies={JSON: shapes.ViewParts},
    errors={**CODES, 400: (*CODES[400], "view.definition"), 404: ["view.unknown"]},
    needs=MAKES,
)
DELETE = Operation(
    "api.view",
    "Forget a view",
    "`default` is reset to its first definition.",
    GROUP,
    [DescribedAnswer("It is forgotten.", content_types=(), status=204)],
    method="DELETE",
    path=(VIEW,),
    errors={404: ["view.unknown"]},
    needs=MAKES,
)
OPERATIONS = (LIST, CREATE, READ, REPLACE, DELETE)


@LIST.view("entry:read")
def views(request: Request) -> Response:
    """A page of views."""
    asked = LIST.read(request)
    with request.registry[Runtime].database.read() as session:
        every = [one for one in ViewRegistry(session).list() if _may_read(request, one)]
    found, after = cut_page(every, lambda one: (one.name,), asked[CURSOR], asked[LIMIT])
    body = shapes.ViewsShape(
        total=len(every), views=[shapes.ViewLineShape(**_line(one, request)) for one in found]
    )
    return page(request, body, encode_cursor(after, "api.views"))


@CREATE.view("view:write")
def create(request: Request) -> Response:
    """Make a view."""
    definition = Definition(**dict(read_body(request, shapes.NamedViewParts)))
    verify_may_write(request, definition)
    with writing(request) as session:
        made, address = ViewRegistry(session).create(definition, by=actor_of(request), at=now_of(request))
    request.registry[Runtime].views.forget()
    body = shapes.NewViewShape(**_line(made, request), url=_url(request, address))
    return created(body, body.links.self)


@READ.view("entry:read")
def view(request: Request) -> Response:
    """One view."""
    return tell_view(request, find_definition(request))


@REPLACE.view("view:write")
def replace(request: Request) -> Response:
    """Put another definition in the place of one."""
    given = read_body(request, shapes.ViewParts)
    definition = Definition(request.matchdict["view"], **dict(given))
    verify_may_write(request, definition)
    with writing(request) as session:
        kept = ViewRegistry(session).replace(definition, by=actor_of(request), at=now_of(request))
    request.registry[Runtime].views.forget()
    return tell_view(request, kept)


@DELETE.view("view:write")
def delete(request: Request) -> Response:
    """Forget a view."""
    name = request.matchdict["view"]
    verify_may_write(request, Definition(name))
    with writing(request) as session:
        ViewRegistry(session).delete(name, by=actor_of(request), at=now_of(request))
    request.registry[Runtime].views.forget()
    return Response(status=204, headerlist=[("Cache-Control", "no-store")])


def find_definition(request: Request) -> Definition:
    """The view of the path.

    Raises:
        ViewNotFoundError: there is none, or none for who asks.
    """
    name = request.matchdict["view"]
    # By its name alone: what others have must not cost other work than what is not there.
    if not administers(request) and not Definition(name).logs <= principal_of(request).logs:
        raise ViewNotFoundError
    with request.registry[Runtime].database.read() as session:
        found = ViewRegistry(session).get(name)
    if not _may_read(request, found):
        raise ViewNotFoundError
    return found


def find_contents(request: Request, definition: Definition) -> View | None:
    """What a view shows now; None where who asks may read its definition only.

    Raises:
        DialectUnavailableError, ViewNotFoundError: it cannot be made now, or was deleted meanwhile.
    """
    principal = principal_of(request)
    if not definition.is_visible_to(principal):
        return None
    runtime: Runtime = request.registry[Runtime]
    return runtime.views.find(definition.name, principal)


def _may_read(request: Request, definition: Definition) -> bool:
    return administers(request) or definition.is_visible_to(principal_of(request))


def verify_may_write(request: Request, definition: Definition) -> None:
    """Check that whoever asks may change a view.

    Raises:
        ViewNotFoundError: they may not, as if it did not exist.
    """
    if not definition.may_be_changed_by(principal_of(request)):
        raise ViewNotFoundError


def tell_view(request: Request, definition: Definition) -> Response:
    """A view with what it shows now, where whoever asks may read what it shows."""
    line = _line(definition, request)
    found = find_contents(request, definition)
    if found is None:
        return fresh(request, shapes.ViewShape(**line))
    body = shapes.ViewShape(
        **line,
        images=len(found.images),
        updated=found.updated,
        dialects=[_dialect(one, found) for one in DIALECTS],
        signed_list=_signed_list(definition, found),
    )
    return fresh(request, body)


def _signed_list(definition: Definition, view: View) -> shapes.SignedViewListShape | None:
    facts, held = definition.signed_list, view.signed_list
    if facts is None or held is None:
        return None
    return shapes.SignedViewListShape(
        endorser=facts.email,
        expires=facts.expires,
        sha256=facts.digest,
        uploaded_at=facts.uploaded_at,
        served=not isinstance(held, str),
        reason=held if isinstance(held, str) else None,
    )


def _dialect(dialect: Dialect, view: View) -> shapes.ViewDialectShape:
    found = {
        f"{view.base}/{one.path}": dialect.find_obstacle(view, one.path) for one in dialect.entrances(view)
    }
    return shapes.ViewDialectShape(
        name=dialect.name,
        documents=list(found),
        left_out=dialect.left_out(view),
        unavailable={url: reason for url, reason in found.items() if reason is not None},
    )


def _line(definition: Definition, request: Request) -> dict[str, Any]:
    return {
        "name": definition.name,
        "title": definition.title,
        "description": definition.description,
        "search": definition.search,
        "policy": definition.policy,
        "options": definition.options,
        "digest": digest(definition),
        "group": definition.group,
        "secret": definition.secret,
        "changed_at": definition.changed_at,
        "links": shapes.ViewLinksShape(
            self=f"{site_url(request)}/api/v1/views/{definition.name}",
            documents=None if definition.secret else _url(request, definition.name),
        ),
    }


def _url(request: Request, address: str) -> str:
    return f"{site_url(request)}/views/{address}"
