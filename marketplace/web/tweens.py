"""What surrounds every request: its id, its log line, its headers, and the last resort.

Only two layers, because each costs every request: ``edge`` is outermost and sees
every response; ``remembered`` answers for immutable entries before routing.
"""

from __future__ import annotations

import logging
import os
import re
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from random import Random
from typing import Any

from pyramid.config import Configurator
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response
from pyramid.tweens import EXCVIEW, INGRESS
from sqlalchemy.exc import SQLAlchemyError

from marketplace.access.principal import ANONYMOUS
from marketplace.accounts.secrets import is_view
from marketplace.db import is_unavailable
from marketplace.entries.cache import EntryCache
from marketplace.judging.memory import AnswerMemory
from marketplace.limits import RateLimit, network_of
from marketplace.logs import request_id
from marketplace.request_log import RequestLog
from marketplace.request_log import logger as request_logger
from marketplace.runtime import Runtime
from marketplace.views.service import ViewService

from .compression import compress, read_tags
from .credentials import too_many
from .errors import HttpError, store_unavailable
from .keeping import keep_private, shows_credentials
from .negotiation import ENTRY, Media, by_accept
from .parameters import decode_path
from .presented import entry_response, tagged_response
from .problems import error_response
from .security import known_principal
from .views import document_response

Handler = Callable[[Request], Response]

error_log = logging.getLogger("marketplace.web")

#: What is answered from memory before routing.
_ENTRY, _IMAGE, _VERDICT, _VIEW = "/metadata/", "/api/v1/images/", "/verdict", "/views/"
#: Where the layer that answers before routing says which route it answered for.
_REMEMBERED_ROUTE = "marketplace.route"

_SECRET_LINK = re.compile(r"^(/+action/+)[^/]+")
#: Characters of a database's own words that are logged.
_MOST_REASON = 300
#: Only from the begin of a word on: tried from each of its letters, long words would take their square.
_MAILBOX = re.compile(r"(?<![^/?&=;,\s])[^/?&=;,\s]+(?=@|%40)")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

#: Style sheet, script, pictures and forms are files of our own; nothing inside a page runs or styles it.
SECURITY_HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
)
#: What somebody gets to see who showed a token or came with a session is for no page of another site.
PERSONAL_HEADERS = (*SECURITY_HEADERS, ("Cross-Origin-Resource-Policy", "same-origin"))
#: Everything else that a GET returns is public.
_READ_HEADERS = (
    *SECURITY_HEADERS,
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "ETag, Link, Location, Content-Location, X-Request-Id"),
)


def edge(handler: Handler, registry: Registry) -> Handler:
    """Outermost layer: names the request, tidies its path, logs it, and lets no exception out."""

    address_limit = RateLimit(registry[Runtime].settings.limit.address)
    metrics = registry[Runtime].metrics
    log_request = registry[RequestLog].add

    def tween(request: Request) -> Response:
        started = time.perf_counter()
        environ = request.environ
        identity = _identity(environ.get("HTTP_X_REQUEST_ID"))
        token = request_id.set(identity)
        tags = read_tags(environ)
        try:
            response = _limited(address_limit, request) or _answer(handler, request)
            method, status, route = environ["REQUEST_METHOD"], response.status_int, _route_name(request)
            seconds = time.perf_counter() - started
            # The secret in the link of a mail is a credential too, and so is the secret name of a view.
            known = shows_credentials(environ) or route == "web.action" or _names_secret(environ)
            # What people with credentials do is not told in figures that everybody may read.
            count_request = metrics.count_private_request if known else metrics.count_request
            count_request(route, method, status, seconds)
            response.headerlist.append(("X-Request-Id", identity))
            if known and not _is_file(request):
                keep_private(response)
                response.headerlist.extend(PERSONAL_HEADERS)
            else:
                if method in ("GET", "HEAD"):
                    compress(request, response, tags)
                response.headerlist.extend(_READ_HEADERS if method in ("GET", "HEAD") else SECURITY_HEADERS)
            if request_logger.isEnabledFor(logging.INFO):
                log_request(
                    {
                        "request_id": identity,
                        "method": method,
                        "path": _told(environ["PATH_INFO"]),
                        # Codes that sign somebody in are no matter of logs.
                        "query": "-"
                        if route == "web.login.callback"
                        else _without_addresses(environ.get("QUERY_STRING", "")),
                        "status": status,
                        "bytes": response.content_length,
                        "milliseconds": round(seconds * 1000, 2),
                        "client": environ.get("REMOTE_ADDR"),
                        "agent": environ.get("HTTP_USER_AGENT"),
                        **_token(request),
                    }
                )
            return response
        finally:
            request_id.reset(token)

    return tween


def _limited(limit: RateLimit, request: Request) -> Response | None:
    """429 for an address that asks too often, before anything is done for it."""
    if not limit.per_minute:
        return None
    wait = limit.take(network_of(request.environ.get("REMOTE_ADDR", "")))
    if not wait:
        return None
    return error_response(request, too_many("limit.address", "too many requests from this address", wait))


def _token(request: Request) -> dict[str, str]:
    """The name of the token that was shown, for whoever follows what was done with it."""
    known = known_principal(request)
    return {} if known is None or known.token is None else {"token": known.token}


def _told(path: str) -> str:
    """A path as logs may tell it: the links of mails hold secrets, and entries are at somebody's address."""
    told = _without_addresses(path)
    return _SECRET_LINK.sub(r"\1-", told) if "/action" in told else told


def _without_addresses(text: str) -> str:
    """A path or query without the names of mailboxes: logs outlive what is erased."""
    return _MAILBOX.sub("-", text) if "@" in text or "%40" in text else text


def _route_name(request: Request) -> str:
    """The route that answered; files have one of their own, whose name says where they are."""
    route = request.matched_route
    if route is None:
        return request.environ.get(_REMEMBERED_ROUTE, "none")  # type: ignore[no-any-return]  # set below
    name: str = route.name
    return "static" if _is_file(request) else name


def _names_secret(environ: Mapping[str, Any]) -> bool:
    """Whether the path is of a view that only whoever knows its secret name sees."""
    path: str = environ["PATH_INFO"]
    return path.startswith(_VIEW) and is_view(path[len(_VIEW) :].partition("/")[0])


def _is_file(request: Request) -> bool:
    """Whether a style sheet, script or picture answered: those are the same for everybody."""
    route = request.matched_route
    return route is not None and route.name.startswith("__")


def _answer(handler: Handler, request: Request) -> Response:
    try:
        request.environ["PATH_INFO"] = tidy_path(request.environ.get("PATH_INFO", ""))
        response = handler(request)
        # Set where an exception view answered.
        vars(request).pop("exc_info", None)
        _release_frames(vars(request).pop("exception", None))
        return response
    except HttpError as error:
        _release_frames(error)
        return error_response(request, error)
    except SQLAlchemyError as error:
        if not is_unavailable(error):
            return _failed(request, error)
        # One line: a traceback for each request of the time that the database is away helps nobody.
        reason = " ".join(str(getattr(error, "orig", None) or error).split())[:_MOST_REASON]
        place = _told(request.environ.get("PATH_INFO", ""))
        error_log.error("the database does not answer", extra={"path": place, "reason": reason})
        _release_frames(error)
        return error_response(request, store_unavailable())
    except Exception as error:  # logged here; the client gets no traceback
        return _failed(request, error)


def _failed(request: Request, error: Exception) -> Response:
    error_log.exception("unexpected error", extra={"path": _told(request.environ.get("PATH_INFO", ""))})
    _release_frames(error)
    return error_response(
        request,
        HttpError(500, "internal", f"the server failed; its log tells why under {request_id.get()}"),
    )


def _release_frames(error: BaseException | None) -> None:
    """Empty the frames that an error came through, and those of the errors behind it.

    Pyramid leaves each error in a cycle with the frames of the request. Those hold the uploaded bytes
    and the tree of libxml2, which would stay until the garbage collector comes by; as most of that is no
    memory of Python's, it comes late or never.
    """
    waiting, released = [error], set()
    while waiting:
        error = waiting.pop()
        if error is None or id(error) in released:
            continue
        released.add(id(error))
        traceback.clear_frames(error.__traceback__)
        waiting += [error.__cause__, error.__context__]
        error.__traceback__ = None


def tidy_path(path: str) -> str:
    """A WSGI path without doubled or trailing slashes.

    Raises:
        BadRequestError: the path is not UTF-8, or holds control characters.
    """
    if not path.isascii() or not path.isprintable():
        decode_path(path)
    if "//" in path:
        path = re.sub("/{2,}", "/", path)
    return path.rstrip("/") or "/"


#: Ids of requests are no secrets, and a generator spares a system call. A forked process gets its own.
_ids = Random()  # noqa: S311
os.register_at_fork(after_in_child=_ids.seed)


def _identity(given: str | None) -> str:
    """The caller's own id where it is harmless, so that one id follows a request through proxies."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return f"{_ids.getrandbits(128):032x}"


def remembered(handler: Handler, registry: Registry) -> Handler:
    """Answers a plain GET of an entry, or of the verdict on an image, from memory; all else goes on."""
    runtime: Runtime = registry[Runtime]
    find: Mapping[str, Callable[[Request, str], Response | None]] = {
        _ENTRY: partial(_find_entry, runtime.entry_cache),
        _IMAGE: partial(_find_verdict, runtime.judge.answers, runtime.now),
        _VIEW: partial(_find_document, runtime.views),
    }

    def tween(request: Request) -> Response:
        environ = request.environ
        path: str = environ["PATH_INFO"]
        for prefix, found in find.items():
            if (
                path.startswith(prefix)
                and environ["REQUEST_METHOD"] in ("GET", "HEAD")
                and not environ.get("QUERY_STRING")
                # Whoever says who it is may see more than the public does.
                and not shows_credentials(environ)
            ):
                return found(request, path[len(prefix) :]) or handler(request)
        return handler(request)

    return tween


def _find_entry(cache: EntryCache, request: Request, coordinates: str) -> Response | None:
    entry = cache.find(coordinates)
    if entry is None:
        return None
    offer = by_accept(request.environ.get("HTTP_ACCEPT", ""), ENTRY)
    if offer is None or offer.media is not Media.XML:
        return None
    request.environ[_REMEMBERED_ROUTE] = "web.entry"
    identifier, _, rest = coordinates.partition("/")
    return entry_response(request, entry, identifier, rest.rpartition("/")[2])


def _find_verdict(
    answers: AnswerMemory, now: Callable[[], datetime], request: Request, path: str
) -> Response | None:
    if not path.endswith(_VERDICT):
        return None
    answer = answers.find((ANONYMOUS.logs, path[: -len(_VERDICT)]), now())
    if answer is None:
        return None
    request.environ[_REMEMBERED_ROUTE] = "api.image.verdict"
    return tagged_response(request, answer.body, answer.etag, "application/json")


def _find_document(views: ViewService, request: Request, path: str) -> Response | None:
    address, _, rest = path.partition("/")
    written = views.find_remembered(address, rest, ANONYMOUS)
    if written is None:
        return None
    request.environ[_REMEMBERED_ROUTE] = "web.view.document"
    return document_response(request, written)


def includeme(config: Configurator) -> None:
    """Put the layers in place, outermost first."""
    config.registry[RequestLog] = RequestLog()
    config.add_tween("marketplace.web.tweens.edge", under=INGRESS)
    if config.registry[Runtime].access.anonymous is not ANONYMOUS:
        return  # reading needs a token: nothing is answered before it was looked at
    config.add_tween("marketplace.web.tweens.remembered", under="marketplace.web.tweens.edge", over=EXCVIEW)
