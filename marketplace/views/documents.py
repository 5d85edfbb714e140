"""Documents of a view as they are answered: bytes, a tag, and how many images they leave out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from marketplace.views.dialects import DIALECTS, Dialect, Document
from marketplace.views.errors import ViewNotFoundError
from marketplace.views.value import View, ViewImage


@dataclass(frozen=True, slots=True)
class Written:
    """A document of a view.

    Args:
        etag: strong, quoted.
        left_out: how many images of the view are not in it.
    """

    body: bytes
    media_type: str
    etag: str
    left_out: int


def find_image(view: View, path: str) -> ViewImage | None:
    """The image whose content a path leads to: below ``images/``, or where a dialect has it."""
    found = view.by_path.get(path)
    return found or next(filter(None, (one.find_image(view, path) for one in DIALECTS)), None)


def write_document(view: View, path: str) -> Written:
    """A document of a view: what HTTP answers and what an export writes.

    Raises:
        ViewNotFoundError: no dialect has it.
        DialectUnavailableError: it cannot be written now.
    """
    for dialect in DIALECTS:
        document = dialect.find_document(view, path)
        if document is not None:
            return _written(dialect, document, view, dialect.write(view, path))
    raise ViewNotFoundError


def answer_document(view: View, path: str, pairs: Sequence[tuple[str, str]]) -> Written:
    """What a document that is asked by arguments answers.

    Args:
        pairs: the arguments, repeated ones included.

    Raises:
        ViewNotFoundError: no dialect has it.
    """
    for dialect in DIALECTS:
        document = None if dialect.answer is None else dialect.find_document(view, path)
        if dialect.answer is not None and document is not None:
            return _written(dialect, document, view, dialect.answer(view, pairs))
    raise ViewNotFoundError


def _written(dialect: Dialect, document: Document, view: View, body: bytes) -> Written:
    left_out = sum(dialect.left_out(view).values())
    return Written(body, document.media_type, f'"{sha256(body).hexdigest()[:32]}"', left_out)
