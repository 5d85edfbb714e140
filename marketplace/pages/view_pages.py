"""Pages of views: which there are, and what each has for which program."""

from __future__ import annotations

import json
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.access.permissions import is_permitted
from marketplace.http.security import principal_of
from marketplace.runtime import Runtime
from marketplace.views.definitions import Definition
from marketplace.views.dialects import DIALECTS, Dialect
from marketplace.views.registry import ViewRegistry
from marketplace.views.service import ViewService
from marketplace.views.value import View

from .rendering import page
from .usage import view_usage

#: What programs read each format, in the order of reading; documents of others are listed behind them.
READERS = {
    "sha256sums": "sha256sum -c",
    "sha512sums": "sha512sum -c",
    "terraform": "Terraform and any program that reads JSON",
    "hepix": "atrope, cloudkeeper, vmcatcher",
    "simplestreams": "sstream-query, sstream-mirror, lxc, Incus",
    "dcat": "Data portals",
    "opennebula": "OpenNebula's market driver",
    "openstack-image-manager": "openstack-image-manager",
    "cimi": "Clients of CIMI",
    "oai-pmh": "Harvesters of OAI-PMH",
    "resourcesync": "resync-sync and other clients of ResourceSync",
}


@view_config(route_name="web.views", request_method="GET", permission="entry:read")
def views(request: Request) -> Response:
    """The views that the reader may see."""
    runtime: Runtime = request.registry[Runtime]
    principal = principal_of(request)
    with runtime.database.read() as session:
        every = [one for one in ViewRegistry(session).list() if one.is_visible_to(principal)]
    shown = [
        {"name": one.name, "title": one.title or one.name, "description": one.description} for one in every
    ]
    return page(request, "views", {"views": shown, "may_make": is_permitted("view:write", principal)})


@view_config(route_name="web.view", request_method="GET", permission="view:read")
def view(request: Request) -> Response:
    """One view: its documents, and how many images each lacks and why."""
    service: ViewService = request.registry[Runtime].views
    found, definition = service.find_defined(request.matchdict["view"], principal_of(request))
    values = {
        "view": found,
        "search": definition.search,
        "changeable": definition.name if definition.may_be_changed_by(principal_of(request)) else None,
        "policy": None
        if definition.policy is None
        else json.dumps(definition.policy, ensure_ascii=False, indent=1),
        "dialects": [_dialect(found, one) for one in DIALECTS],
        "signed_list": _signed_list(found, definition),
        "secret": definition.secret,
        "usage": view_usage(request, definition, found),
    }
    return page(request, "view", values)


def _signed_list(view: View, definition: Definition) -> dict[str, Any] | None:
    """The list that an endorser signed, and why it is not served, if it is not."""
    facts, held = definition.signed_list, view.signed_list
    if facts is None or held is None:
        return None
    return {
        "email": facts.email,
        "expires": facts.expires,
        "reason": held if isinstance(held, str) else None,
    }


def _dialect(view: View, dialect: Dialect) -> dict[str, Any]:
    left_out = dialect.left_out(view)
    return {
        "readers": READERS.get(dialect.name, dialect.name),
        "documents": [
            {
                "path": one.path,
                "url": f"{view.base}/{one.path}",
                "obstacle": dialect.find_obstacle(view, one.path),
            }
            for one in dialect.entrances(view)
        ],
        "images": len(view.images) - sum(left_out.values()),
        "left_out": left_out,
    }
