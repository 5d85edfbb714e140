"""Groups over the API: one's own for members, all of them for administrators."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response

from marketplace.accounts import GroupService
from marketplace.accounts.errors import GroupNotFoundError
from marketplace.accounts.groups import Group

from .access import (
    GROUP,
    GROUP_NAME,
    MEMBER,
    actor_of,
    administers,
    now_of,
    reading,
    writing,
)
from .answers import created, fresh, page, site_url
from .cursors import cut_page, encode_cursor
from .description import JSON, DescribedAnswer, Operation
from .json_body import CODES, read_body
from .parameters import cursor, limit
from .shapes import access as shapes
from .shapes.base import SelfLinkShape

LIMIT = limit(100, 500)
CURSOR = cursor("api.groups")
_ADMIN = "scope `admin`"

GROUPS = Operation(
    "api.groups",
    "Groups",
    "Those one belongs to; with scope `admin` all. By name.",
    GROUP,
    [DescribedAnswer("A page of groups.", shapes.GroupsShape, headers=("Link",))],
    query=(LIMIT, CURSOR),
    errors={400: ["query.limit", "query.cursor"]},
    needs="any token",
)
CREATE = Operation(
    "api.groups",
    "Create a group",
    "The group gets its own log. A name that was used before cannot be used again.",
    GROUP,
    [DescribedAnswer("The group.", shapes.GroupShape, status=201, headers=("Location",))],
    method="POST",
    bodies={JSON: shapes.GroupName},
    errors={**CODES, 400: (*CODES[400], "access.value"), 409: ["group.taken"]},
    needs=_ADMIN,
)
READ = Operation(
    "api.group",
    "One group",
    "For its members, and with scope `admin`. To everybody else it looks as if it were not there.",
    GROUP,
    [DescribedAnswer("The group.", shapes.GroupShape)],
    path=(GROUP_NAME,),
    errors={404: ["group.unknown"]},
    needs="any token",
)
DELETE = Operation(
    "api.group",
    "Delete a group",
    "Nobody sees its entries any more; they stay stored, and its name stays taken.",
    GROUP,
    [DescribedAnswer("It is closed.", content_types=(), status=204)],
    method="DELETE",
    path=(GROUP_NAME,),
    errors={404: ["group.unknown"]},
    needs=_ADMIN,
)
ADD = Operation(
    "api.group.member",
    "Add a member",
    "A member sees all entries of the group, including the existing ones. A member stays one.",
    GROUP,
    [DescribedAnswer("The group.", shapes.GroupShape)],
    method="PUT",
    path=(GROUP_NAME, MEMBER),
    errors={400: ["access.value"], 404: ["group.unknown"]},
    needs=_ADMIN,
)
REMOVE = Operation(
    "api.group.member",
    "Remove a member",
    "From now on the group's entries are not there for them.",
    GROUP,
    [DescribedAnswer("The group.", shapes.GroupShape)],
    method="DELETE",
    path=(GROUP_NAME, MEMBER),
    errors={404: ["group.unknown", "group.no-member"]},
    needs=_ADMIN,
)


@GROUPS.view("group:read")
def groups(request: Request) -> Response:
    """A page of groups."""
    asked = GROUPS.read(request)
    with reading(request) as session:
        service = GroupService(session)
        if administers(request):
            every = service.list()
        else:
            every = [service.get(name) for name in sorted(service.of(actor_of(request)))]
    found, after = cut_page(every, lambda one: (one.name,), asked[CURSOR], asked[LIMIT])
    body = shapes.GroupsShape(total=len(every), groups=[_group(one, request) for one in found])
    return page(request, body, encode_cursor(after, "api.groups"))


@CREATE.view("group:write")
def create(request: Request) -> Response:
    """Create a group."""
    name = read_body(request, shapes.GroupName).name
    with writing(request) as session:
        made = GroupService(session).create(name, by=actor_of(request), at=now_of(request))
    body = _group(made, request)
    return created(body, body.links.self)


@READ.view("group:read")
def group(request: Request) -> Response:
    """One group."""
    name = request.matchdict["group"]
    with reading(request) as session:
        service = GroupService(session)
        # Before it is looked up: what others keep must not cost other work than what is not there.
        if not administers(request) and name not in service.of(actor_of(request)):
            raise GroupNotFoundError(name)
        found = service.get(name)
    return fresh(request, _group(found, request))


@DELETE.view("group:write")
def delete(request: Request) -> Response:
    """Close a group."""
    with writing(request) as session:
        GroupService(session).delete(request.matchdict["group"], by=actor_of(request), at=now_of(request))
    return Response(status=204, headerlist=[("Cache-Control", "no-store")])


@ADD.view("group:write")
def add(request: Request) -> Response:
    """Take a member in."""
    name, member = request.matchdict["group"], request.matchdict["member"]
    with writing(request) as session:
        found = GroupService(session).add(name, member, by=actor_of(request), at=now_of(request))
    return fresh(request, _group(found, request))


@REMOVE.view("group:write")
def remove(request: Request) -> Response:
    """Let a member go."""
    name, member = request.matchdict["group"], request.matchdict["member"]
    with writing(request) as session:
        found = GroupService(session).remove(name, member, by=actor_of(request), at=now_of(request))
    return fresh(request, _group(found, request))


def _group(one: Group, request: Request) -> shapes.GroupShape:
    links = SelfLinkShape(self=f"{site_url(request)}/api/v1/groups/{one.name}")
    return shapes.GroupShape(name=one.name, created_at=one.created_at, members=one.members, links=links)
