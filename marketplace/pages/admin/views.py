"""The pages of administration: an overview, a list for each part, and a question before each act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.http.parameters import read_query
from marketplace.http.refusals import ANSWERS, refuse
from marketplace.http.security import absent, principal_of
from marketplace.pages.rendering import base_path, page
from marketplace.pages.sessions import own_form, see_other, session_key, unstored
from marketplace.runtime import Runtime

from . import access_acts, lists, peer_acts, site_acts, site_lists
from .asking import SCOPES, Act, ActError, Acting, Given, scope_choices
from .parts import MOST_CHARACTERS, AdministrationPage, part_path

#: Each part of administration: its name in the address, how it is called, and its list.
PARTS: Mapping[str, tuple[str, Callable[[Request, Mapping[str, str]], AdministrationPage]]] = (
    MappingProxyType(
        {
            "tokens": ("Tokens", lists.tokens),
            "groups": ("Groups", lists.groups),
            "peers": ("Peers", site_lists.peers),
            "pending": ("Pending uploads", lists.pending),
            "mail": ("Mail", lists.mail),
            "trust": ("Trust material", site_lists.trust),
            "erase": ("Erasure", site_lists.erase),
            "audit": ("Audit log", lists.audit),
        }
    )
)
ACTS: Mapping[str, Act] = MappingProxyType(
    {act.key: act for act in (*access_acts.ACTS, *peer_acts.ACTS, *site_acts.ACTS)}
)
_REFUSALS: tuple[type[Exception], ...] = (ActError, *ANSWERS)
#: Where a group or a peer has a page of its own, acts upon it lead back to it.
_OWN_PAGES = frozenset({"groups.add", "groups.remove", *(key for key in ACTS if key.startswith("peers."))})


@view_config(route_name="web.admin", request_method="GET", permission="site:administer")
def overview(request: Request) -> Response:
    """What should be looked at, and the ways to everything."""
    return _show(request, site_lists.overview(request), "")


@view_config(route_name="web.admin.part", request_method="GET", permission="site:administer")
def part(request: Request) -> Response:
    """The list of a part."""
    found = PARTS.get(request.matchdict["part"])
    if found is None:
        raise absent()
    query = read_query(request)
    done = ACTS.get(query.get("done", ""))
    return _show(request, found[1](request, query), "" if done is None else done.done)


@view_config(route_name="web.admin.act", request_method="GET", permission="site:administer")
def ask(request: Request) -> Response:
    """Say what an act does, and ask for what it needs; nothing happens by this."""
    return _question(request, _act(request), read_query(request), 200, "")


@view_config(route_name="web.admin.act", request_method="POST", permission="site:administer")
def do(request: Request) -> Response:
    """Do it, where the form was made for this very session."""
    act = _act(request)
    given = own_form(request)
    runtime: Runtime = request.registry[Runtime]
    acting = Acting(runtime, str(principal_of(request).name), runtime.now())
    try:
        secret = act.run(acting, given)
    except _REFUSALS as error:
        status = error.status if isinstance(error, ActError) else refuse(error).status
        return _question(request, act, given, status, str(error), getattr(error, "code", ""))
    if secret is not None:
        return unstored(page(request, "secret", {**_frame(act.part), "secret": secret}))
    named = {"name": given["name"]} if act.key in _OWN_PAGES and given.get("name") else {}
    return see_other(request, base_path(request) + part_path(act.part, **named, done=act.key))


def _act(request: Request) -> Act:
    names = request.matchdict
    found = ACTS.get(f"{names['part']}.{names['act']}")
    if found is None:
        raise absent()
    return found


def _question(
    request: Request, act: Act, given: Given, status: int, problem: str, code: str = ""
) -> Response:
    values = {
        **_frame(act.part),
        "act": act,
        "given": given,
        "scopes": scope_choices(SCOPES, given),
        "problem": problem,
        "code": code,
        "key": session_key(request),
        "back": part_path(act.part),
    }
    return unstored(page(request, "ask", values, status))


def _show(request: Request, found: AdministrationPage, done: str) -> Response:
    values = {**_frame(found.part), "page": found, "done": done, "most": MOST_CHARACTERS}
    return unstored(page(request, "admin", values))


def _frame(part: str) -> dict[str, object]:
    return {"parts": [(name, title) for name, (title, _) in PARTS.items()], "part": part}
