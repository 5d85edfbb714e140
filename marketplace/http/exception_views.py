"""Exceptions of the framework, in our shapes."""

from __future__ import annotations

from pyramid.config import Configurator
from pyramid.exceptions import URLDecodeError
from pyramid.httpexceptions import HTTPException
from pyramid.request import Request
from pyramid.response import Response

from .errors import BadRequestError, HttpError
from .methods import answer_other_method
from .problems import error_response
from .security import absent


def not_found(request: Request) -> Response:
    """No route, no file of a static view, or a method that the route has no view for."""
    return answer_other_method(request) or error_response(request, absent())


def undecodable(request: Request) -> Response:
    """The path is no UTF-8."""
    return error_response(request, BadRequestError("path.encoding", "the path is not UTF-8"))


def other(error: HTTPException, request: Request) -> Response:
    """Redirects pass; every other exception of the framework keeps its status only."""
    if error.status_code < 400:
        return error
    return error_response(request, HttpError(error.status_code, "http", error.title))


def refused(error: HttpError, request: Request) -> Response:
    """Our own errors."""
    return error_response(request, error)


def includeme(config: Configurator) -> None:
    """Register the views."""
    config.add_notfound_view(not_found)
    config.add_exception_view(undecodable, context=URLDecodeError)
    config.add_exception_view(other, context=HTTPException)
    config.add_exception_view(refused, context=HttpError)
