"""What an operation of the API takes and answers: read by the views, written out as OpenAPI.

A view reads its parameters through the description that clients see, so that
neither can say something the other does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Generic, TypeVar, cast

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from marketplace.http.errors import BadRequestError
from marketplace.http.parameters import read_query_pairs
from validators.errors import printable

from .shapes.base import RequestBody, Shape

T = TypeVar("T")
View = Callable[[Request], Response]

#: A JSON Schema (2020-12), as OpenAPI 3.1 takes it.
Schema = Mapping[str, Any]
JSON = "application/json"
#: Heading of the operations about an image, and of those that judge one or an entry.
VERDICTS = "Images and verdicts"
#: Text without control characters, which no parameter takes.
PLAIN_PATTERN = r"^[^\u0000-\u001f\u007f]*$"
#: Words to search for: tabs and ends of lines, as they are pasted, are spaces there.
SPACED_PATTERN = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$"
#: Text without control characters, with something to see in it.
VISIBLE_PATTERN = r"^[^\u0000-\u001f\u007f]*[^\u0000-\u001f\u007f\s][^\u0000-\u001f\u007f]*$"
#: Characters of the longest value that any parameter takes.
MAX_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Parameter(Generic[T]):
    """A parameter in the query or the path.

    Args:
        read: makes a value of the text; gets None where the parameter is absent.
        schema: of the text's JSON form.
        example: a value that works on the demo catalogue.
        repeatable: several values are alternatives of each other.
    """

    name: str
    meaning: str
    schema: Schema
    read: Callable[[str | None], T]
    example: str | None = None
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class RequestValues:
    """The values of a request's parameters."""

    values: Mapping[str, Any]

    def __getitem__(self, parameter: Parameter[T]) -> T:
        return cast(T, self.values[parameter.name])


@dataclass(frozen=True, slots=True)
class DescribedAnswer:
    """A successful answer: what it is, its type, and its shape for JSON."""

    meaning: str
    schema: type[Shape] | str | None = None
    content_types: Sequence[str] = (JSON,)
    status: int = 200
    headers: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a route.

    Args:
        route: name in the table of routes.
        summary: a few words.
        description: the rest of what a client has to know, in Markdown's plain subset.
        group: heading in the documentation.
        errors: stable codes by status, beside those that every operation has.
        needs: what token it takes, in words; nothing where none is needed.
        bodies: media types of the request's body, each with its shape, the schema of a form, or None for
            plain bytes.
    """

    route: str
    summary: str
    description: str
    group: str
    answers: Sequence[DescribedAnswer]
    path: Sequence[Parameter[Any]] = ()
    query: Sequence[Parameter[Any]] = ()
    errors: Mapping[int, Sequence[str]] = field(default_factory=dict)
    method: str = "GET"
    bodies: Mapping[str, Schema | type[RequestBody] | None] = field(default_factory=dict)
    needs: str = ""

    def view(self, permission: str) -> Callable[[View], View]:
        """Make a function the view that answers this operation, to those with a permission.

        The view of an operation with parameters in the query reads them; one without is never asked with any.
        """

        def decorate(answer: View) -> View:
            @wraps(answer)
            def view(request: Request) -> Response:
                if not self.query:
                    self.read(request)
                return answer(request)

            settings = {"route_name": self.route, "request_method": self.method, "permission": permission}
            view_config(_depth=1, **settings)(view)
            return view

        return decorate

    def read(self, request: Request) -> RequestValues:
        """The values of the query's parameters, absent ones as their defaults.

        Raises:
            BadRequestError: a parameter is unknown, given twice, too long or has no allowed value.
        """
        given: dict[str, str] = {}
        names = [parameter.name for parameter in self.query]
        for name, value in read_query_pairs(request):
            if name not in names:
                raise unknown_parameter(name, names)
            if name in given:
                raise BadRequestError("query.twice", f"give {name} once")
            if len(value) > MAX_CHARACTERS:
                raise BadRequestError(
                    f"query.{name}", f"{name} has {len(value)} characters, at most {MAX_CHARACTERS} are taken"
                )
            given[name] = value
        return RequestValues({one.name: one.read(given.get(one.name)) for one in self.query})


def unknown_parameter(name: str, allowed: Sequence[str]) -> BadRequestError:
    """The 400 of a parameter that an operation does not have."""
    there_are = f"there are {', '.join(allowed)}" if allowed else "none is taken here"
    return BadRequestError(
        "query.unknown-parameter",
        f"there is no parameter {printable(name)}; {there_are}",
        allowed=list(allowed),
    )
