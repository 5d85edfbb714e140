"""Answers that need no view and no request of Pyramid's: from memory, or always the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from pyramid.response import Response

from marketplace.access import PUBLIC
from marketplace.access.principal import ANONYMOUS
from marketplace.entries.cache import EntryCache
from marketplace.federation.site import Federation
from marketplace.judging.memory import AnswerMemory
from marketplace.runtime import Runtime
from marketplace.usage import Use
from marketplace.views.service import ViewService

from .cache_policy import shows_credentials
from .negotiation import ENTRY, Media, by_accept
from .responses import entry_response, head_response, tagged_response
from .view_documents import document_response

Environ = dict[str, Any]
#: An answer to a request and the name of its route, where no view is needed.
FindAnswer = Callable[[Environ], tuple[Response, str] | None]
#: What stands in logs and figures for requests that no route answered.
NO_ROUTE = "none"
#: What URLs of the documents of views begin with.
VIEW = "/views/"
#: How the URL of a verdict ends.
_VERDICT = "/verdict"
#: What cloud sites and peers ask again and again.
_HEAD = f"/fed/v1/logs/{PUBLIC}/checkpoint"
#: What a process with the role worker answers, and what it says to the rest.
_TOLD_BY_WORKERS = frozenset({"/healthz", "/readyz", "/metrics"})
_NO_PAGE = (
    b"This process does the background work (role = worker) and answers /healthz, /readyz and /metrics only: "
    b"ask a process with the role web.\n"
)


def find_nothing(environ: Environ) -> None:
    """Find no answer: every request goes to the views."""


def find_no_page(environ: Environ) -> tuple[Response, str] | None:
    """Refuse what a process answers that does the background work only: it has nothing to answer it from."""
    path = environ.get("PATH_INFO", "").rstrip("/")
    return (
        None if path in _TOLD_BY_WORKERS else (Response(_NO_PAGE, 404, content_type="text/plain"), NO_ROUTE)
    )


def make_find_answer(runtime: Runtime) -> FindAnswer:
    """Answers a plain GET of an entry, the verdict on an image or a document of a view from memory.

    The head of the public log is read anew, but by no view.
    """
    find: Mapping[str, tuple[Callable[[Environ, str], Response | None], str]] = {
        "/metadata/": (partial(_find_entry, runtime.entry_cache), "web.entry"),
        "/api/v1/images/": (
            partial(_find_verdict, runtime.judge.answers, runtime.now, runtime.usage.count),
            "api.image.verdict",
        ),
        VIEW: (partial(_find_document, runtime.views), "web.view.document"),
        _HEAD: (partial(_find_head, runtime.federation), "fed.checkpoint"),
    }

    def find_answer(environ: Environ) -> tuple[Response, str] | None:
        path: str = environ.get("PATH_INFO", "")
        for prefix, (found, route) in find.items():
            if path.startswith(prefix):
                if (
                    environ["REQUEST_METHOD"] not in ("GET", "HEAD")
                    or environ.get("QUERY_STRING")
                    # Whoever says who it is may see more than the public does.
                    or shows_credentials(environ)
                ):
                    return None
                response = found(environ, path[len(prefix) :])
                return None if response is None else (response, route)
        return None

    return find_answer


def _find_entry(cache: EntryCache, environ: Environ, coordinates: str) -> Response | None:
    entry = cache.find(coordinates)
    if entry is None:
        return None
    offer = by_accept(environ.get("HTTP_ACCEPT", ""), ENTRY)
    if offer is None or offer.media is not Media.XML:
        return None
    identifier, _, rest = coordinates.partition("/")
    return entry_response(environ, entry, identifier, rest.rpartition("/")[2])


def _find_verdict(
    answers: AnswerMemory,
    now: Callable[[], datetime],
    count: Callable[[Use | None], None],
    environ: Environ,
    path: str,
) -> Response | None:
    if not path.endswith(_VERDICT):
        return None
    answer = answers.find((ANONYMOUS.logs, path[: -len(_VERDICT)]), now())
    if answer is None:
        return None
    count(answer.use)
    return tagged_response(environ, answer.body, answer.etag, "application/json")


def _find_document(views: ViewService, environ: Environ, path: str) -> Response | None:
    address, _, rest = path.partition("/")
    written = views.find_remembered(address, rest, ANONYMOUS)
    return None if written is None else document_response(environ, written)


def _find_head(federation: Federation | None, environ: Environ, rest: str) -> Response | None:
    if rest or federation is None or not federation.ready.is_set():
        return None
    head = federation.heads.read()
    return None if head is None else head_response(environ, head, is_public=True)
