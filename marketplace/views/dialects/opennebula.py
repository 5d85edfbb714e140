"""``opennebula/appliance``: the list that the market driver of OpenNebula reads.

The driver writes what it reads into templates between quotation marks. It escapes a quotation mark and no
backslash, so texts have none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from marketplace.views.dialects.dialect import Dialect, Document
from marketplace.views.dialects.texts import json_text, one_line
from marketplace.views.value import MD5, View, ViewImage

_PATH: Final = "opennebula/appliance"
_DOWNLOAD: Final = "/download/0"
#: What a machine of an image has at first; who imports it changes that.
_TEMPLATE: Final = json.dumps({"CPU": "1", "MEMORY": "1024"})


def documents(view: View) -> Iterable[Document]:
    """The one document of a view for OpenNebula."""
    return (Document(_PATH, "application/json"),)


def find_lack(image: ViewImage) -> str | None:
    """An image needs a location, and the only checksum that OpenNebula proves a download with."""
    if not image.locations:
        return "no web location"
    if image.is_packed:
        return "compressed at its location: the checksum is for the uncompressed image"
    return None if MD5 in image.checksums else "no MD5, the only checksum that the market driver reads"


def find_image(view: View, path: str) -> ViewImage | None:
    """The image that a download is of: ``opennebula/appliance/ID/download/0``."""
    folder, file = f"{_PATH}/", path.removesuffix(_DOWNLOAD)
    if file == path or not path.startswith(folder):
        return None
    found = view.by_identifier.get(file[len(folder) :])
    return found if found is not None and find_lack(found) is None else None


def write(view: View, path: str) -> bytes:
    """The list."""
    told = {"appliances": [_appliance(view, one) for one in OPENNEBULA.expressed(view)]}
    return f"{json_text(told, 2)}\n".encode()


def _appliance(view: View, image: ViewImage) -> dict[str, Any]:
    said = image.metadata
    return {
        "_id": {"$oid": image.identifier},
        "name": _text(image.title),
        "type": "IMAGE",
        "publisher": _text(said.publisher or image.email),
        "format": _text(said.format or "raw").lower(),
        "short_description": _text(f"{said.description or image.title} ({view.entry_url(image)})"),
        "version": _text(said.version or ""),
        "tags": [_text(one) for one in said.tags],
        "creation_time": int(image.created.timestamp()),
        "files": [
            {
                # Of the disk that a machine sees, where the entry says it: the driver makes place for it.
                "size": str(image.virtual_size or said.size),
                "md5": image.checksums[MD5],
                "dev_prefix": "vd",
                "type": "OS",
            }
        ],
        "opennebula_template": _TEMPLATE,
        "mp_identifier": image.identifier,
        "mp_endorser": image.email,
        "mp_entry": view.entry_url(image),
        "mp_entry_id": image.entry_id,
    }


def _text(text: str) -> str:
    return one_line(text.replace("\\", "/"))


OPENNEBULA = Dialect("opennebula", documents, write, find_lack, find_image=find_image)
