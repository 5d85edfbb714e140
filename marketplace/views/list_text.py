"""What a HEPiX image list that an endorser signed says, held against the images of a view. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from marketplace.views.errors import ListRefusedError
from marketplace.views.value import SHA512, SignedList, ViewImage
from validators.errors import printable
from validators.strict_json import parse_strictly
from validators.times import parse_time

_FORM: Final = "signed-list.form"
#: What one reader or another needs of each image: where one lacks, a reader refuses the whole list.
_OF_IMAGES: Final = (
    "dc:identifier", "dc:title", "dc:description", "dc:date:expires",
    "hv:uri", "hv:size", "hv:version", "hv:hypervisor", "hv:format",
    "sl:checksum:sha512", "sl:arch", "sl:os", "sl:osname", "sl:comments",
    "ad:mpuri", "ad:group", "ad:user:fullname", "ad:user:guid", "ad:user:uri",
)  # fmt: skip
#: What they need of a list.
_OF_LISTS: Final = ("dc:identifier", "dc:date:expires", "ad:vo", "hv:uri")


@dataclass(frozen=True, slots=True)
class ListedImage:
    """An image of a list: SHA-512 in small hex digits, and bytes."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class ListText:
    """What the text of a list says.

    Args:
        text: as it was signed, but for the ends of lines.
        uri: where the list says that it is.
        subject, issuer: of the certificate that signed, as the list spells them.
    """

    text: bytes
    expires: datetime
    uri: str
    subject: str
    issuer: str
    images: tuple[ListedImage, ...]


def read_list(data: bytes) -> ListText:
    """Read the text in a signed message; nothing of the signature is looked at.

    Raises:
        ListRefusedError: it is no list, or one that readers would refuse.
    """
    text = data[data.find(b"{") : data.rfind(b"}") + 1]
    try:
        told = parse_strictly(text)
        every = _object(_object(told)["hv:imagelist"])
        named = _object(_object(every["hv:endorser"])["hv:x509"])
        images = [_object(_object(one)["hv:image"]) for one in every["hv:images"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ListRefusedError(
            _FORM,
            "the signed text is not a HEPiX image list in JSON: sign the JSON itself, without MIME headers",
        ) from None
    for name in _OF_LISTS:
        _text(every, name, "the list")
    if not images:
        raise ListRefusedError(_FORM, "the list has no image: name one at least, or remove the list")
    return ListText(
        text=text,
        expires=_time(every, "the list"),
        uri=every["hv:uri"],
        subject=_text(named, "hv:dn", "hv:x509"),
        issuer=_text(named, "hv:ca", "hv:x509"),
        images=tuple(_image(one, f"image {place}") for place, one in enumerate(images, 1)),
    )


def find_fault(listed: ListText, email: str, images: Iterable[ViewImage]) -> str | None:
    """Why a list does not hold for the images of a view; None where it does.

    Args:
        email: of the endorser who signed it.
    """
    by_digest: dict[str | None, list[ViewImage]] = {}
    for image in images:
        by_digest.setdefault(image.checksums.get(SHA512), []).append(image)
    for place, one in enumerate(listed.images, 1):
        which = f"image {place} of the list (SHA-512 {one.digest[:16]}...)"
        found = by_digest.get(one.digest, [])
        if not found:
            return f"{which} is not in the view, or the view has it without this SHA-512"
        own = [image for image in found if image.email == email]
        if not own:
            return f"{which} is in the view by another endorser: {email} lists own images only"
        if not any(image.metadata.size == one.size for image in own):
            return f"{which} has {one.size} bytes in the list and {own[0].metadata.size} in the view"
    return None


def to_signed_list(data: bytes, listed: ListText, email: str) -> SignedList:
    """A list that was found to hold, as views serve it."""
    return SignedList(data, email, frozenset(one.digest for one in listed.images))


def _image(members: Mapping[str, Any], which: str) -> ListedImage:
    size = members.get("hv:size")
    digest = _text(members, "sl:checksum:sha512", which).lower()
    for name in _OF_IMAGES:
        if not isinstance(members.get(name), str) and name != "hv:size":
            raise ListRefusedError(_FORM, f"{which}: {name} has to be a text, since readers ask for it")
    _time(members, which)
    if isinstance(size, bool) or not isinstance(size, int):
        raise ListRefusedError(_FORM, f"{which}: hv:size has to be the number of bytes")
    return ListedImage(digest, size)


def _text(members: Mapping[str, Any], name: str, which: str) -> str:
    found = members.get(name)
    if not isinstance(found, str) or not found.strip():
        raise ListRefusedError(_FORM, f"{which}: {name} has to be a text that is not empty")
    return found


def _time(members: Mapping[str, Any], which: str) -> datetime:
    found = _text(members, "dc:date:expires", which)
    try:
        return parse_time(found)
    except ValueError:
        raise ListRefusedError(
            _FORM, f"{which}: dc:date:expires is {printable(found)}, and has to be YYYY-MM-DDThh:mm:ssZ"
        ) from None


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value
