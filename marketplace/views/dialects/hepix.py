"""``hepix/image.list``: the image list of HEPiX, as atrope, cloudkeeper and vmcatcher read it.

Readers refuse a whole list where one image lacks a field, and compare the names of the endorser with those of
the certificate that signed, so the list is the site's own and every image has every field, or it is one that
an endorser signed and uploaded. Key order and types stay the same, because cloudkeeper digests them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from marketplace.views.dialects.dialect import Dialect, Document
from marketplace.views.dialects.texts import ascii_only, json_text
from marketplace.views.errors import DialectUnavailableError
from marketplace.views.value import SHA512, SignedList, SmimeSigner, View, ViewImage
from validators import vocabulary as v
from validators.document import format_time
from validators.identifier import stable_id

#: Below the address of a view.
HEPIX_LIST = "hepix/image.list"


def documents(view: View) -> Iterable[Document]:
    """The one document: a mail by its form, whose first lines say what it is."""
    return (Document(HEPIX_LIST, "text/plain"),)


def find_lack(image: ViewImage) -> str | None:
    """What every reader needs of an image."""
    if not image.locations:
        return "no web location"
    if image.is_packed:
        return "compressed at its location: the checksum is for the uncompressed image"
    if SHA512 not in image.checksums:
        return "no SHA-512"
    return None if (image.metadata.format or "").strip() else "no format"


def find_lack_in(view: View) -> Callable[[ViewImage], str | None]:
    """What an image lacks for the list of a view: an uploaded list has the images that its endorser chose."""
    signed = view.signed_list
    if not isinstance(signed, SignedList):
        return find_lack
    reason = f"not on the list that {signed.email} signed"
    return lambda image: None if image.checksums.get(SHA512) in signed.digests else reason


def write(view: View, path: str) -> bytes:
    """The signed list: the one that an endorser uploaded, else one that the site signs.

    Raises:
        DialectUnavailableError: the site cannot sign.
    """
    if isinstance(view.signed_list, SignedList):
        return view.signed_list.data
    signer = view.signing.smime
    if isinstance(signer, str):
        raise DialectUnavailableError(signer)
    return signer.sign(f"{json_text(_list(view, signer), 3, ascii_only)}\n".encode())


def find_obstacle(view: View, path: str) -> str | None:
    """Why there is no list: nobody signed one, and the site cannot."""
    signer = view.signing.smime
    return signer if isinstance(signer, str) and not isinstance(view.signed_list, SignedList) else None


def _list(view: View, signer: SmimeSigner) -> dict[str, Any]:
    return {
        "hv:imagelist": {
            "dc:date:created": format_time(view.updated),
            "dc:date:expires": format_time(signer.expires),
            "dc:description": view.description or view.title,
            "dc:identifier": stable_id("", view.base),
            "dc:source": view.site,
            "dc:title": view.title,
            "ad:vo": view.options.get("vo") or urlsplit(view.site).hostname or view.name,
            "hv:endorser": {
                "hv:x509": {
                    "dc:creator": signer.name,
                    "hv:ca": signer.issuer,
                    "hv:dn": signer.subject,
                    "hv:email": signer.email,
                }
            },
            "hv:images": [{"hv:image": _image(view, one, signer.expires)} for one in HEPIX.expressed(view)],
            "hv:uri": f"{view.base}/{HEPIX_LIST}",
            "hv:version": f"{view.updated:%Y%m%d%H%M%S}",
        }
    }


def _image(view: View, image: ViewImage, otherwise: datetime) -> dict[str, Any]:
    said = image.metadata
    return {
        "dc:identifier": view.stable_ids[image.entry_id],
        "dc:title": image.title,
        "dc:description": said.description or image.title,
        # An image without an end would count as expired to some: it lasts as long as the list.
        "dc:date:expires": format_time(said.valid or otherwise),
        "hv:uri": view.image_url(image),
        "hv:size": said.size,
        "hv:version": said.version or format_time(image.created),
        "hv:hypervisor": image.term(v.slterms("hypervisor")) or "kvm",
        "hv:format": (said.format or "").strip().lower(),
        "sl:checksum:sha512": image.checksums[SHA512],
        "sl:arch": said.os_arch or "",
        "sl:os": _system(said.os or ""),
        "sl:osname": said.os or "",
        "sl:osversion": said.os_version or "",
        "sl:comments": image.entry_id,
        "ad:mpuri": view.entry_url(image),
        "ad:group": "General",
        "ad:appid": "",
        "ad:base_mpuri": "",
        "ad:user:fullname": image.email,
        "ad:user:guid": stable_id(image.email, ""),
        "ad:user:uri": f"{view.site}/endorsers/{quote(image.email, safe='@+')}",
    }


def _system(name: str) -> str:
    """The family of a system, which readers show beside its name."""
    known = name.casefold()
    if "windows" in known:
        return "Windows"
    return "BSD" if "bsd" in known else "Linux"


HEPIX = Dialect("hepix", documents, write, find_lack, find_lack_in=find_lack_in, find_obstacle=find_obstacle)
