"""``cimi/cloudEntryPoint``: the images as CIMI's MachineImage, for reading.

What was withdrawn is in the collection too, with the state that tells it: DELETING what is deprecated,
ERROR what has expired.

Source: DMTF DSP0263, Cloud Infrastructure Management Interface, section MachineImage.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from marketplace.views.dialects.dialect import Dialect, Document
from marketplace.views.dialects.texts import json_text
from marketplace.views.value import MD5, SHA1, SHA256, SHA512, View, ViewImage
from validators.document import format_time

_TYPE: Final = "application/json"
_SCHEMA: Final = "http://schemas.dmtf.org/cimi/1/"
_FOLDER: Final = "cimi/"
_ENTRY_POINT: Final = f"{_FOLDER}cloudEntryPoint"
_COLLECTION: Final = f"{_FOLDER}machineImages"
_ONE: Final = f"{_FOLDER}MachineImage/"
_SUMS: Final = {"md5": MD5, "sha1": SHA1, "sha256": SHA256, "sha512": SHA512}


def documents(view: View) -> Iterable[Document]:
    """Each image, the collection, and the entry point that leads to it."""
    for name, one in view.by_stable_id.items():
        if find_lack(one) is None:
            yield Document(f"{_ONE}{name}", _TYPE)
    yield Document(_COLLECTION, _TYPE)
    yield Document(_ENTRY_POINT, _TYPE)


def find_document(view: View, path: str) -> Document | None:
    """A document, without a look at all the others."""
    image = view.by_stable_id.get(path[len(_ONE) :]) if path.startswith(_ONE) else None
    known = path in (_COLLECTION, _ENTRY_POINT) or (image is not None and find_lack(image) is None)
    return Document(path, _TYPE) if known else None


def find_lack(image: ViewImage) -> str | None:
    """An image without a location cannot be downloaded."""
    return None if image.locations else "no web location"


def write(view: View, path: str) -> bytes:
    """A document."""
    if path == _ENTRY_POINT:
        told = _entry_point(view)
    elif path == _COLLECTION:
        found = [
            _machine_image(view, name, one)
            for name, one in view.by_stable_id.items()
            if find_lack(one) is None
        ]
        told = {
            "resourceURI": f"{_SCHEMA}MachineImageCollection",
            "id": f"{view.base}/{_COLLECTION}",
            "count": len(found),
            "machineImages": found,
        }
    else:
        name = path[len(_ONE) :]
        told = _machine_image(view, name, view.by_stable_id[name])
    return f"{json_text(told, 2 if path == _COLLECTION else 0)}\n".encode()


def _entry_point(view: View) -> dict[str, Any]:
    return {
        "resourceURI": f"{_SCHEMA}CloudEntryPoint",
        "id": f"{view.base}/{_ENTRY_POINT}",
        "name": view.title,
        "description": view.description,
        "updated": format_time(view.updated),
        "baseURI": f"{view.base}/{_FOLDER}",
        "machineImages": {"href": f"{view.base}/{_COLLECTION}"},
    }


def _machine_image(view: View, name: str, image: ViewImage) -> dict[str, Any]:
    said = image.metadata
    shown = view.by_identifier.get(image.identifier) is image
    told: dict[str, Any] = {
        "resourceURI": f"{_SCHEMA}MachineImage",
        "id": f"{view.base}/{_ONE}{name}",
        "name": image.title,
        "description": said.description or "",
        "created": format_time(image.created),
        "updated": format_time(image.accepted_at),
        "properties": {
            "identifier": image.identifier,
            "endorser": image.email,
            "entry": view.entry_url(image),
            "entryId": image.entry_id,
            "format": said.format or "",
            "size": str(said.size),
            **{key: image.checksums[sum_] for key, sum_ in _SUMS.items() if sum_ in image.checksums},
        },
        "state": "AVAILABLE" if shown else "ERROR" if said.deprecated is None else "DELETING",
        "type": "IMAGE",
    }
    if shown:
        told["imageLocation"] = view.image_url(image)
    return told


CIMI = Dialect("cimi", documents, write, find_lack, find=find_document)
