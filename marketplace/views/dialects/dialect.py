"""What a dialect is: the documents of a view, each written as a pure function of the view."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from marketplace.views.value import View, ViewImage, tally


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a dialect.

    Args:
        path: below the view's address, and below an export.
        media_type: with its parameters.
        is_part: whether nobody asks for it who has not read another one.
    """

    path: str
    media_type: str
    is_part: bool = False


#: So many documents are named one by one.
_FEW = 4


def no_image(view: View, path: str) -> ViewImage | None:
    """None: the images of a dialect are where every view has them."""
    return None


def no_obstacle(view: View, path: str) -> str | None:
    """None: the documents of a dialect can always be written."""
    return None


def nothing_together(view: View) -> Mapping[str, bytes]:
    """No documents: those of the dialect have nothing in common."""
    return {}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to write a view down. It knows no clock, no request and no settings.

    Args:
        name: stable, for programs.
        documents: what there is of a view, in the order in which an export writes it: what leads to
            other documents comes last.
        write: the bytes of one of them; the same for the same view.
        find_lack: why an image cannot be expressed, in a few words; None where it can. What cannot be
            expressed is left out and counted, so that it breaks nothing for the others.
        find_image: the image that a path leads to which is no document: the content is somewhere else.
        find: the document at a path, where there are so many that looking through them takes long.
        answer: what its document says to the arguments of a request. Such a document is in no copy.
        write_all: several documents by their paths, the same bytes, where together they take less time.
        find_lack_in: ``find_lack`` for one view, where the view decides too.
        find_obstacle: why a document cannot be written now; None where it can.
    """

    name: str
    documents: Callable[[View], Iterable[Document]]
    write: Callable[[View, str], bytes]
    find_lack: Callable[[ViewImage], str | None]
    find_image: Callable[[View, str], ViewImage | None] = no_image
    find: Callable[[View, str], Document | None] | None = None
    answer: Callable[[View, Sequence[tuple[str, str]]], bytes] | None = None
    write_all: Callable[[View], Mapping[str, bytes]] = nothing_together
    find_lack_in: Callable[[View], Callable[[ViewImage], str | None]] | None = None
    find_obstacle: Callable[[View, str], str | None] = no_obstacle

    def entrances(self, view: View) -> Iterable[Document]:
        """The documents that clients are configured with; of many the last, which leads to the others."""
        every = [one for one in self.documents(view) if not one.is_part]
        return every if len(every) <= _FEW else every[-1:]

    def files(self, view: View) -> Iterable[Document]:
        """The documents that a copy has: those that need no arguments."""
        return self.documents(view) if self.answer is None else ()

    def find_document(self, view: View, path: str) -> Document | None:
        """The document at a path, if it is one of this dialect."""
        if self.find is not None:
            return self.find(view, path)
        return next((one for one in self.documents(view) if one.path == path), None)

    def left_out(self, view: View) -> Mapping[str, int]:
        """How many images of a view this dialect does not show, by the reason."""
        find_lack = self.find_lack if self.find_lack_in is None else self.find_lack_in(view)
        return tally(map(find_lack, view.images))

    def expressed(self, view: View) -> Sequence[ViewImage]:
        """The images of a view that the dialect can express."""
        return [one for one in view.images if self.find_lack(one) is None]
