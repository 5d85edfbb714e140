"""Image lists of views that endorsers signed, over the API: uploaded and removed."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response

from marketplace.http.body import content_type
from marketplace.http.errors import TooLargeError, UnsupportedTypeError
from marketplace.runtime import Runtime
from marketplace.views.definitions import Definition
from marketplace.views.registry import ViewRegistry

from .access import actor_of, now_of, writing
from .description import DescribedAnswer, Operation
from .shapes import views as shapes
from .views import GROUP, MAKES, VIEW, tell_view, verify_may_write

_LIST_TYPE = "text/plain"
KEEP_LIST = Operation(
    "api.view.signed-list",
    "Upload a signed image list",
    "The HEPiX image list of the view, signed by an endorser (S/MIME, multipart/signed), at most as large as "
    "an entry. It is served at `hepix/image.list` until it expires or one of its images leaves the view. The "
    "certificate must be trusted here, and its e-mail address must be that of the endorser of each image.",
    GROUP,
    [DescribedAnswer("The view.", shapes.ViewShape)],
    method="PUT",
    path=(VIEW,),
    bodies={_LIST_TYPE: None},
    errors={
        400: [
            "signed-list.form",
            "signed-list.signature",
            "signed-list.signer",
            "signed-list.expired",
            "signed-list.address",
            "signed-list.image",
        ],
        404: ["view.unknown"],
        413: ["body.size"],
        415: ["body.type"],
        503: ["signed-list.openssl", "view.dialect"],
    },
    needs=MAKES,
)
REMOVE_LIST = Operation(
    "api.view.signed-list",
    "Remove a signed image list",
    "The site signs the list of the view again.",
    GROUP,
    [DescribedAnswer("It is removed.", content_types=(), status=204)],
    method="DELETE",
    path=(VIEW,),
    errors={404: ["view.unknown", "signed-list.unknown"]},
    needs=MAKES,
)
OPERATIONS = (KEEP_LIST, REMOVE_LIST)


@KEEP_LIST.view("view:write")
def keep_list(request: Request) -> Response:
    """Keep the image list of a view that an endorser signed."""
    name, runtime = request.matchdict["view"], request.registry[Runtime]
    verify_may_write(request, Definition(name))
    data = _read_list(request, runtime.settings.upload.max_bytes)
    with runtime.database.read() as session:
        definition = ViewRegistry(session).get(name)
    verified = runtime.views.verify_list(definition, data)
    with writing(request) as session:
        kept = ViewRegistry(session).keep_list(name, verified, by=actor_of(request), at=now_of(request))
    runtime.views.forget()
    return tell_view(request, kept)


@REMOVE_LIST.view("view:write")
def remove_list(request: Request) -> Response:
    """Forget the image list of a view that an endorser signed."""
    name = request.matchdict["view"]
    verify_may_write(request, Definition(name))
    with writing(request) as session:
        ViewRegistry(session).remove_list(name, by=actor_of(request), at=now_of(request))
    request.registry[Runtime].views.forget()
    return Response(status=204, headerlist=[("Cache-Control", "no-store")])


def _read_list(request: Request, most: int) -> bytes:
    if content_type(request) != _LIST_TYPE:
        raise UnsupportedTypeError("body.type", content_type(request) or "no Content-Type", _LIST_TYPE)
    body: bytes = request.environ["wsgi.input"].read(most + 1)
    if len(body) > most:
        raise TooLargeError(most)
    return body
