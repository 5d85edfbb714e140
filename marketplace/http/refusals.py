"""What the errors of services are over HTTP: one table.

A service raises an error of its own, with a stable code and a sentence; its status is here. A class that the
table does not name takes the line of its nearest base class. A view catches an error of a service itself only
where it says something else with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

from marketplace.access.narrowing import ScopeError
from marketplace.accounts import errors as accounts
from marketplace.confirmation import errors as confirmation
from marketplace.entries import EntryQueryError
from marketplace.events.event_list import EventNotFoundError
from marketplace.federation import errors as federation
from marketplace.ingest import errors as ingest
from marketplace.ingest.erasing import ReasonError, UnknownEntryError
from marketplace.mail import smtp
from marketplace.mail.letter import LetterError
from marketplace.mail.operator_actions import NoServerError
from marketplace.oidc import errors as oidc
from marketplace.peers import errors as peers
from marketplace.presence.errors import SiteKeyBindingError, SiteNotFoundError
from marketplace.receipts import ReceiptFormatError
from marketplace.search.errors import SearchRefusedError, SearchUnavailableError
from marketplace.tlog.errors import KeyFormatError
from marketplace.views import errors as views
from marketplace.webhooks import errors as webhooks

from .errors import HttpError, NotFoundError
from .problems import error_response
from .view_documents import missing

Answer = Callable[[Any], HttpError]


def answer(
    status: int,
    *,
    code: str | None = None,
    prefix: str = "",
    retry: Callable[[Any], int] | None = None,
    details: dict[str, Any] | None = None,
    sentence: str = "",
    faults: Callable[[Any], list[str]] | None = None,
) -> Answer:
    """How an error becomes a response.

    Args:
        status: HTTP status.
        code: instead of the error's own.
        prefix: what its sentence begins with.
        retry: seconds after which asking again makes sense.
        details: further members of the problem document.
        sentence: instead of the error's own.
        faults: each thing that is wrong, as a member of the problem document.
    """

    def of(error: Any) -> HttpError:
        headers = [] if retry is None else [("Retry-After", str(retry(error)))]
        reason = prefix + (sentence or getattr(error, "message", None) or str(error))
        members = (details or {}) | ({} if faults is None else {"faults": faults(error)})
        return HttpError(status, code or error.code, reason, headers=headers, details=members)

    return of


_INVALID = "invalid metadata: "

ANSWERS: dict[type[Exception], Answer] = {
    # Uploads, and the links in mails about them.
    ingest.GateError: answer(400, prefix=_INVALID, details={"step": 8}),
    ingest.AudienceError: answer(400, prefix=_INVALID),
    ingest.TooManyUploadsError: answer(429, retry=lambda error: error.seconds),
    ingest.ErasedError: answer(410),
    ingest.ConflictError: answer(409),
    ingest.StoreUnavailableError: answer(503, retry=lambda _: 5),
    confirmation.CertificateFrozenError: answer(403),
    confirmation.TooManyPendingError: answer(429, retry=lambda _: 3600),
    confirmation.LinkUnknownError: answer(404),
    confirmation.BeingConfirmedError: answer(409),
    confirmation.UploadUnknownError: answer(404),
    UnknownEntryError: answer(404),
    ReasonError: answer(400),
    # Mail that an administrator has sent.
    LetterError: answer(400),
    NoServerError: answer(400),
    smtp.PermanentError: answer(400),
    smtp.TemporaryError: answer(502),
    smtp.ServerUnavailableError: answer(502),
    # Signing in by a provider.
    oidc.SignInError: answer(403),
    oidc.ProviderAwayError: answer(503, retry=lambda _: 10),
    oidc.ProviderAnswerError: answer(502),
    oidc.SecretFileError: answer(503, retry=lambda _: 10),
    # Reading.
    ScopeError: answer(400, code="query.scope"),
    EntryQueryError: answer(400),
    SearchRefusedError: answer(400),
    SearchUnavailableError: answer(503, retry=lambda error: error.retry_after),
    EventNotFoundError: answer(404),
    # Views.
    views.DefinitionError: answer(400, faults=lambda error: list(error.faults)),
    views.ViewTakenError: answer(409),
    views.NoListError: answer(404),
    views.ListRefusedError: answer(400),
    views.ListToolError: answer(503),
    views.DialectUnavailableError: answer(503, retry=lambda _: 30),
    views.LocationAwayError: answer(503, retry=lambda _: 30),
    # Webhooks.
    webhooks.WebhookDefinitionError: answer(400, faults=lambda error: [one.sentence for one in error.faults]),
    webhooks.NotOwnerError: answer(403),
    webhooks.WebhookNotFoundError: answer(404),
    webhooks.DeliveryNotFoundError: answer(404),
    webhooks.SecretKeyError: answer(503, sentence="secrets of webhooks cannot be kept: see the log"),
    # Tokens and groups.
    accounts.InvalidValueError: answer(400),
    accounts.TokenNotFoundError: answer(404),
    accounts.GroupNotFoundError: answer(404),
    accounts.MemberNotFoundError: answer(404),
    accounts.GroupTakenError: answer(409),
    # Peers, and what is published for them.
    KeyFormatError: answer(400),
    peers.PeerError: answer(400),
    peers.PeerNotFoundError: answer(404),
    peers.PeerTakenError: answer(409),
    peers.PeerDisabledError: answer(409),
    federation.NotInLogError: answer(404),
    federation.UnknownPartError: answer(404),
    federation.HaltedError: answer(503, retry=lambda _: 60),
    federation.MalformedRequestError: answer(400),
    federation.UntrustedError: answer(403),
    federation.UnknownOriginError: answer(404),
    federation.InconsistentError: answer(422),
    # Cloud sites.
    ReceiptFormatError: answer(400),
    SiteKeyBindingError: answer(409),
    SiteNotFoundError: answer(404),
}


def refuse(error: Exception) -> HttpError:
    """The response that the table has for an error.

    Raises:
        LookupError: the table has no line for its class.
    """
    for kind in type(error).__mro__:
        if kind in ANSWERS:
            return ANSWERS[kind](error)
    raise LookupError(type(error).__name__)


def refused(error: Exception, request: Request) -> Response:
    """An error of a service that no view caught."""
    return error_response(request, refuse(error))


def no_view(error: views.ViewNotFoundError, request: Request) -> Response:
    """A view that is not there, or not for who asks."""
    is_document = request.matched_route.name.startswith("web.view")
    answer = missing(request) if is_document else NotFoundError(error.code, str(error))
    return error_response(request, answer)


def includeme(config: Configurator) -> None:
    """Register the table."""
    for kind in ANSWERS:
        config.add_exception_view(refused, context=kind)
    config.add_exception_view(no_view, context=views.ViewNotFoundError)
