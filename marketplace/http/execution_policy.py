"""What surrounds every request: its id, its log line, its headers, and the last resort.

One layer, because each costs every request. It answers for entries and verdicts that
are remembered before there is a request of Pyramid's; all else it hands to the views.
"""

from __future__ import annotations

import logging
import os
import re
import time
import traceback
from random import Random

from pyramid.config import Configurator
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response
from pyramid.router import Router
from sqlalchemy.exc import SQLAlchemyError

from marketplace.access.principal import ANONYMOUS
from marketplace.accounts.secrets import is_view
from marketplace.db.errors import is_unavailable
from marketplace.limits import RateLimit, network_of
from marketplace.logs import request_id
from marketplace.request_log import RequestLog
from marketplace.request_log import logger as request_logger
from marketplace.runtime import Runtime

from .cache_policy import keep_private, shows_credentials
from .compression import compress, read_tags
from .credentials import too_many
from .direct_answers import NO_ROUTE, VIEW, Environ, FindAnswer, find_no_page, find_nothing, make_find_answer
from .errors import HttpError, store_unavailable
from .parameters import decode_path
from .problems import error_response
from .read_from import ReadFrom
from .security import found_principal

error_log = logging.getLogger("marketplace.http")

#: Where a request keeps that its answer failed because the database did not answer.
_STORE_FAILED = "marketplace.store.failed"
#: What stands in logs and figures for requests that one of many files answered.
_FILE = "static"

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
#: Pages of other sites may not load what is answered to a token or a session.
PERSONAL_HEADERS = (*SECURITY_HEADERS, ("Cross-Origin-Resource-Policy", "same-origin"))
#: Everything else that a GET returns is public.
_READ_HEADERS = (
    *SECURITY_HEADERS,
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "ETag, Link, Location, Content-Location, X-Request-Id"),
)


class ExecutionPolicy:
    """Names a request, answers it, logs it, and lets no exception out: Pyramid's execution policy.

    Args:
        find: an answer from memory and its route, without a request of Pyramid's, which costs more than all
            else that such an answer takes; None for what only the views can answer.
    """

    def __init__(self, registry: Registry, find: FindAnswer) -> None:
        runtime: Runtime = registry[Runtime]
        self._find = find
        self._address_limit = runtime.limits.open("address", runtime.settings.limit.address)
        self._metrics = runtime.metrics
        self._answering = runtime.database.answering
        self._log_request = registry[RequestLog].add
        settings, replica = runtime.settings, runtime.replica
        secure = settings.site.url.startswith("https:")
        self._read_from = None if replica is None else ReadFrom(replica, settings.database_url, secure=secure)

    def __call__(self, environ: Environ, router: Router) -> Response:
        """Answer a request."""
        started = time.perf_counter()
        identity = _identity(environ.get("HTTP_X_REQUEST_ID"))
        token = request_id.set(identity)
        tags = read_tags(environ)
        try:
            wait = _wait(self._address_limit, environ)
            try:
                found = None if wait else self._find(environ)
            except SQLAlchemyError as error:
                found = _refuse(environ, router, error)
            if found is None:
                with self._answering():
                    found = self._route(environ, router, wait)
            response, route = found
            method, status = environ["REQUEST_METHOD"], response.status_int
            seconds = time.perf_counter() - started
            # The secret in the link of a mail is a credential too, and so is the secret name of a view.
            known = shows_credentials(environ) or route == "web.action" or _names_secret(environ)
            # What people with credentials do is not told in figures that everybody may read.
            count_request = self._metrics.count_private_request if known else self._metrics.count_request
            count_request(route, method, status, seconds)
            response.headerlist.append(("X-Request-Id", identity))
            if known and route != _FILE:
                keep_private(response)
                response.headerlist.extend(PERSONAL_HEADERS)
            elif method in ("GET", "HEAD"):
                compress(environ, response, tags)
                response.headerlist.extend(_READ_HEADERS)
            else:
                response.headerlist.extend(SECURITY_HEADERS)
            if request_logger.isEnabledFor(logging.INFO):
                self._log_request(
                    {
                        "request_id": identity,
                        "method": method,
                        "path": _loggable(environ["PATH_INFO"]),
                        # Codes that sign somebody in are no matter of logs.
                        "query": "-"
                        if route == "web.login.callback"
                        else _without_addresses(environ.get("QUERY_STRING", "")),
                        "status": status,
                        "bytes": response.content_length,
                        "milliseconds": round(seconds * 1000, 2),
                        "client": environ.get("REMOTE_ADDR"),
                        "agent": environ.get("HTTP_USER_AGENT"),
                        **_token(environ),
                    }
                )
            return response
        finally:
            request_id.reset(token)

    def _route(self, environ: Environ, router: Router, wait: int) -> tuple[Response, str]:
        """The answer of the views, from the replica of the database where it has what the reader expects."""
        if self._read_from is None:
            return _route(environ, router, wait)
        position = self._read_from.find_position(environ)
        if position is not None:
            replica = self._read_from.replica
            with replica.reading(position):
                answer = _route(environ, router, wait)
                if environ.pop(_STORE_FAILED, False) and replica.has_another():
                    answer = _route(environ, router, wait)
                return answer
        response, route = _route(environ, router, wait)
        self._read_from.show_position(environ, response)
        return response, route


def _wait(limit: RateLimit, environ: Environ) -> int:
    """Seconds that an address has to wait which asks too often."""
    return limit.take(network_of(environ.get("REMOTE_ADDR", ""))) if limit.per_minute else 0


def _route(environ: Environ, router: Router, wait: int) -> tuple[Response, str]:
    """The answer of the views, and the name of the route; 429 for who has to wait, without asking them."""
    with router.request_context(environ) as request:
        if wait:
            refusal = too_many("limit.address", "too many requests from this address", wait)
            return error_response(request, refusal), NO_ROUTE
        response = _answer(router, request)
        route = request.matched_route
        name: str = NO_ROUTE if route is None else route.name
        # Those of files say where the files are.
        return response, _FILE if name.startswith("__") else name


def _token(environ: Environ) -> dict[str, str]:
    """The name of the token that was shown, for whoever follows what was done with it."""
    known = found_principal(environ)
    return {} if known is None or known.token is None else {"token": known.token}


def _loggable(path: str) -> str:
    """A path as logs may tell it: the links of mails hold secrets, and entries are at somebody's address."""
    told = _without_addresses(path)
    return _SECRET_LINK.sub(r"\1-", told) if "/action" in told else told


def _without_addresses(text: str) -> str:
    """A path or query without the names of mailboxes: logs outlive what is erased."""
    return _MAILBOX.sub("-", text) if "@" in text or "%40" in text else text


def _names_secret(environ: Environ) -> bool:
    """Whether the path is of a view that only whoever knows its secret name sees."""
    path: str = environ.get("PATH_INFO", "")
    return path.startswith(VIEW) and is_view(path[len(VIEW) :].partition("/")[0])


def _answer(router: Router, request: Request) -> Response:
    try:
        request.environ["PATH_INFO"] = tidy_path(request.environ.get("PATH_INFO", ""))
        response = router.invoke_request(request)
        # Set where an exception view answered.
        vars(request).pop("exc_info", None)
        _release_frames(vars(request).pop("exception", None))
        return response
    except HttpError as error:
        _release_frames(error)
        return error_response(request, error)
    except SQLAlchemyError as error:
        return _answer_failure(request, error)
    except Exception as error:  # logged here; the client gets no traceback
        return _failed(request, error)


def _refuse(environ: Environ, router: Router, error: SQLAlchemyError) -> tuple[Response, str]:
    """The answer where the database failed what no view is asked for."""
    with router.request_context(environ) as request:
        return _answer_failure(request, error), NO_ROUTE


def _answer_failure(request: Request, error: SQLAlchemyError) -> Response:
    if not is_unavailable(error):
        return _failed(request, error)
    # One line: a traceback for each request of the time that the database is away helps nobody.
    reason = " ".join(str(getattr(error, "orig", None) or error).split())[:_MOST_REASON]
    place = _loggable(request.environ.get("PATH_INFO", ""))
    error_log.error("the database does not answer", extra={"path": place, "reason": reason})
    _release_frames(error)
    request.environ[_STORE_FAILED] = True
    return error_response(request, store_unavailable())


def _failed(request: Request, error: Exception) -> Response:
    error_log.exception("unexpected error", extra={"path": _loggable(request.environ.get("PATH_INFO", ""))})
    _release_frames(error)
    return error_response(
        request,
        HttpError(500, "internal", f"the server failed; the reason is in its log under {request_id.get()}"),
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
_ids = Random()  # noqa: S311  # no secret
os.register_at_fork(after_in_child=_ids.seed)


def _identity(given: str | None) -> str:
    """The caller's own id where it is harmless, so that one id follows a request through proxies."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return f"{_ids.getrandbits(128):032x}"


def includeme(config: Configurator) -> None:
    """Put the layer in place."""
    runtime: Runtime = config.registry[Runtime]
    config.registry[RequestLog] = RequestLog()
    # Where reading needs a token, the token is checked before anything is answered.
    find = make_find_answer(runtime) if runtime.access.anonymous is ANONYMOUS else find_nothing
    if runtime.settings.role == "worker":
        find = find_no_page
    config.set_execution_policy(ExecutionPolicy(config.registry, find))
