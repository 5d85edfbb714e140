"""``terraform.json``: the images as maps, for ``jsondecode(data.http.NAME.response_body)``.

``images`` is keyed by identifier; ``tags`` leads from ``EMAIL/TAG`` to the identifier of the newest image
with that tag. Every object has the same attributes, null where an entry does not say, because Terraform
takes a map only where all values have one type.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marketplace.views.dialects.dialect import Dialect, Document
from marketplace.views.dialects.texts import json_text
from marketplace.views.value import SHA256, SHA512, View, ViewImage
from validators.document import format_time


def documents(view: View) -> Iterable[Document]:
    """The one document of a view for Terraform."""
    return (Document("terraform.json", "application/json"),)


def find_lack(image: ViewImage) -> str | None:
    """An image without a location cannot be downloaded."""
    return None if image.locations else "no web location"


def write(view: View, path: str) -> bytes:
    """The maps."""
    images = TERRAFORM.expressed(view)
    shown = {one.identifier for one in images}
    told = {
        "title": view.title,
        "url": view.base,
        "updated": format_time(view.updated),
        "images": {one.identifier: _image(view, one) for one in images},
        "tags": {name: one.identifier for name, one in view.tags.items() if one.identifier in shown},
    }
    return f"{json_text(told, 2)}\n".encode()


def _image(view: View, image: ViewImage) -> dict[str, Any]:
    said = image.metadata
    return {
        "name": image.title,
        "description": said.description,
        "url": view.image_url(image),
        "file": image.file,
        "size": said.size,
        "virtual_size": image.virtual_size,
        "format": said.format,
        "compressed": image.is_packed,
        "sha256": image.checksums.get(SHA256),
        "sha512": image.checksums.get(SHA512),
        "os": said.os,
        "os_version": said.os_version,
        "arch": said.os_arch,
        "tags": list(said.tags),
        "endorser": image.email,
        "created": format_time(image.created),
        "valid_until": None if said.valid is None else format_time(said.valid),
        "entry_id": image.entry_id,
        "entry_url": view.entry_url(image),
    }


TERRAFORM = Dialect("terraform", documents, write, find_lack)
