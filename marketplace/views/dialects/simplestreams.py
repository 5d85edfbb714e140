"""``simplestreams/streams/v1/``: index and products, plain (``.json``) and clearsigned (``.sjson``).

Paths of items are joined to the mirror's address, so content is below ``simplestreams/images/``. Sizes are
numbers: a text makes some readers hide every image. Versions begin with a date of eight digits.

LXD and Incus take a disk together with a metadata archive only, and name it by a digest over both, which no
list can compute: it is in the entry, or they do not see the image. The archive is served here, since it
depends on the architecture alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from email.utils import format_datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from marketplace.views.dialects.dialect import Dialect, Document
from marketplace.views.dialects.texts import json_text
from marketplace.views.errors import DialectUnavailableError
from marketplace.views.value import MD5, SHA256, SHA512, View, ViewImage
from validators.lxd import architectures, find_fingerprint, metadata_archive

_ROOT: Final = "simplestreams/"
_INDEX: Final = "streams/v1/index"
_PRODUCTS: Final = "streams/v1/images"
_PLAIN, _SIGNED = ".json", ".sjson"
_DATATYPE: Final = "image-downloads"
#: Names that the field has for architectures and for what disks are.
_ARCHITECTURES: Final = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i686": "i386"}
#: Characters of a text, and tags of an image: gpg signs no lines of more than 20 000 bytes as they are.
_LONGEST, _MOST_TAGS = 200, 20
_SUMS: Final = {MD5: "md5", SHA256: "sha256", SHA512: "sha512"}
_LISTS: Final = (
    Document(f"{_ROOT}{_PRODUCTS}{_PLAIN}", "application/json"),
    Document(f"{_ROOT}{_INDEX}{_PLAIN}", "application/json"),
    Document(f"{_ROOT}{_PRODUCTS}{_SIGNED}", "text/plain"),
    Document(f"{_ROOT}{_INDEX}{_SIGNED}", "text/plain"),
)
#: The metadata archive of each architecture, and the types by which LXD and Incus look for one.
_ARCHIVES: Final = {
    name: Document(f"{_ROOT}archives/{name}/metadata.tar", "application/x-tar", is_part=True)
    for name in architectures()
}
_ARCHIVE_TYPES: Final = ("lxd.tar.xz", "incus.tar.xz")
#: How they name a disk, and the digest over archive and disk.
_DISK_TYPE, _COMBINED = "disk-kvm.img", "disk-kvm-img"


def documents(view: View) -> Iterable[Document]:
    """Archives before products, these before the index that leads to them, plain ones before signed ones."""
    used = {found.architecture for one in view.images if (found := find_fingerprint(one.metadata))}
    return (*(one for name, one in _ARCHIVES.items() if name in used), *_LISTS)


def find_lack(image: ViewImage) -> str | None:
    """What readers need of an image."""
    if not image.locations:
        return "no web location"
    if image.is_packed:
        return "compressed at its location: the checksum is for the uncompressed image"
    if SHA256 not in image.checksums:
        return "no SHA-256"
    return None if (image.metadata.format or "").strip() else "no format"


def find_image(view: View, path: str) -> ViewImage | None:
    """The image that the path of an item leads to."""
    _, _, inner = path.partition(_ROOT)
    found = view.by_path.get(inner) if path.startswith(_ROOT) else None
    return found if found is not None and find_lack(found) is None else None


def find_document(view: View, path: str) -> Document | None:
    """A document, without a look at the images."""
    return next((one for one in (*_LISTS, *_ARCHIVES.values()) if one.path == path), None)


def write(view: View, path: str) -> bytes:
    """Index, products or an archive.

    Raises:
        DialectUnavailableError: it is a signed one, and the site cannot sign.
    """
    architecture = next((name for name, one in _ARCHIVES.items() if one.path == path), None)
    if architecture is not None:
        return metadata_archive(architecture)
    name, dot, kind = path.removeprefix(_ROOT).rpartition(".")
    obstacle = find_obstacle(view, path)
    if obstacle is not None:
        raise DialectUnavailableError(obstacle)
    clearsign = view.signing.clearsign
    # A line for each version of a product: gpg signs no lines of more than 20 000 bytes as they are.
    told = json_text(_index(view, dot + kind), 5) if name == _INDEX else json_text(_products(view), 4)
    text = f"{told}\n".encode()
    return text if isinstance(clearsign, str) or dot + kind == _PLAIN else clearsign(text, view.updated)


def find_obstacle(view: View, path: str) -> str | None:
    """Why a signed document cannot be written: the site cannot sign."""
    clearsign = view.signing.clearsign
    return clearsign if path.endswith(_SIGNED) and isinstance(clearsign, str) else None


def _content_id(view: View) -> str:
    return f"{urlsplit(view.site).hostname}:images"


def _index(view: View, kind: str) -> dict[str, Any]:
    products = {
        "format": "products:1.0",
        "datatype": _DATATYPE,
        "path": f"{_PRODUCTS}{kind}",
        "updated": format_datetime(view.updated),
        "products": list(_grouped(view)),
    }
    return {
        "format": "index:1.0",
        "updated": format_datetime(view.updated),
        "index": {_content_id(view): products},
    }


def _products(view: View) -> dict[str, Any]:
    return {
        "format": "products:1.0",
        "content_id": _content_id(view),
        "datatype": _DATATYPE,
        "updated": format_datetime(view.updated),
        "products": {name: _product(view, images) for name, images in _grouped(view).items()},
    }


def _grouped(view: View) -> Mapping[str, Sequence[ViewImage]]:
    """The images of each product, the newest first: those that an endorser published under one tag."""
    found: defaultdict[str, list[ViewImage]] = defaultdict(list)
    for one in SIMPLESTREAMS.expressed(view):
        tag = min(_tags(one), default="")
        arch = _arch(one)
        found[f"{one.email}:{tag or one.identifier}:{arch}"].append(one)
    newest = {name: sorted(some, key=lambda one: (one.created, one.entry_id)) for name, some in found.items()}
    return {name: newest[name][::-1] for name in sorted(newest)}


def _tags(image: ViewImage) -> Sequence[str]:
    return [one for one in image.metadata.tags if len(one) <= _LONGEST][:_MOST_TAGS]


def _arch(image: ViewImage) -> str:
    known = (image.metadata.os_arch or "").strip()[:_LONGEST]
    return _ARCHITECTURES.get(known.lower(), known)


def _product(view: View, images: Sequence[ViewImage]) -> dict[str, Any]:
    first = images[0].metadata
    versions: dict[str, Any] = {}
    for one in images:
        name = f"{one.created:%Y%m%d_%H%M%S}"
        versions[name if name not in versions else f"{name}_{one.identifier}"] = _version(view, one)
    return {
        "os": (first.os or "")[:_LONGEST],
        "version": (first.os_version or "")[:_LONGEST],
        "release": (first.os_version or "")[:_LONGEST],
        "release_title": images[0].title[:_LONGEST],
        "arch": _arch(images[0]),
        "aliases": ",".join(one for one in _tags(images[0]) if "," not in one),
        "versions": versions,
    }


def _version(view: View, image: ViewImage) -> dict[str, Any]:
    known = (image.metadata.format or "").strip().lower()[:_LONGEST]
    item = {
        "ftype": "disk.img" if known == "qcow2" else f"disk.{known}",
        "path": image.path,
        "size": image.metadata.size,
        **{name: image.checksums[one] for one, name in _SUMS.items() if one in image.checksums},
        "mp_identifier": image.identifier,
        "mp_endorser": image.email,
        "mp_entry": image.entry_id,
        "mp_entry_url": view.entry_url(image),
    }
    items = {str(item["ftype"]): item, **_for_containers(image, item)}
    return {"label": "release", "pubname": image.title[:_LONGEST], "items": items}


def _for_containers(image: ViewImage, disk: Mapping[str, Any]) -> dict[str, Any]:
    """The disk with its archive, as LXD and Incus look for them; nothing where no fingerprint is known."""
    found = find_fingerprint(image.metadata)
    if found is None:
        return {}
    archive = metadata_archive(found.architecture)
    told = {
        "path": _ARCHIVES[found.architecture].path.removeprefix(_ROOT),
        "size": len(archive),
        "sha256": sha256(archive).hexdigest(),
        f"combined_{_COMBINED}_sha256": found.digest,
    }
    archives = {name: {"ftype": name, **told} for name in _ARCHIVE_TYPES}
    return {_DISK_TYPE: {**disk, "ftype": _DISK_TYPE}, **archives}


SIMPLESTREAMS = Dialect(
    "simplestreams", documents, write, find_lack, find_image, find_document, find_obstacle=find_obstacle
)
