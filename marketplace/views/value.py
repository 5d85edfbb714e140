"""What dialects are written of: the images of a view as plain values that never change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Final
from urllib.parse import quote

from validators.document import Coordinates, Metadata
from validators.identifier import stable_id

#: Folder of a copy that has the signed entries.
ENTRIES: Final = "entries/"
#: Algorithms by the names that dialects have for them.
MD5, SHA1, SHA256, SHA512 = "MD5", "SHA-1", "SHA-256", "SHA-512"


@dataclass(frozen=True, slots=True)
class ViewImage:
    """An image of a view, by the entry that it is shown by.

    Args:
        metadata: everything that the entry says.
        subject, issuer: of the endorser's certificate, as the entry spells them.
        accepted_at: when the entry came to this site.
        sequence: of the entry in the log that serves it.
        private: whether only a group sees the entry.
        checksums: by algorithm, in small hex digits.
        locations: those of the web that may be followed and let nobody in by themselves.
        licences: names or addresses of licences.
        virtual_size: bytes of the disk that a machine sees; None where the entry does not say.
        file: a name for its file, safe in paths: that of the first location where it has one.
        is_packed: whether its locations have it compressed: checksums and size are of the image itself.
        digest, length: SHA-256 in hex, and bytes, of the signed entry as this site serves it.
    """

    entry_id: str
    identifier: str
    email: str
    subject: str
    issuer: str
    created: datetime
    accepted_at: datetime
    sequence: int
    private: bool
    metadata: Metadata
    checksums: Mapping[str, str]
    locations: tuple[str, ...]
    licences: tuple[str, ...]
    virtual_size: int | None
    file: str
    is_packed: bool
    digest: str
    length: int

    @property
    def coordinates(self) -> Coordinates:
        """Identifier, endorser's e-mail and creation time."""
        return Coordinates(self.identifier, self.email, self.created)

    @property
    def title(self) -> str:
        """What people call it: the entry's title, else system and version, else the identifier."""
        said = self.metadata
        return said.title or " ".join(filter(None, (said.os, said.os_version))) or self.identifier

    @property
    def path(self) -> str:
        """Where a view leads to its content: below the view's address, and below an export."""
        return f"images/{self.identifier}/{self.file}"

    def term(self, name: str) -> str:
        """The text of an element of the format's vocabulary; empty where the entry does not have it."""
        return next((one.text for one in self.metadata.terms if one.name == name), "")


@dataclass(frozen=True, slots=True)
class SmimeSigner:
    """The site's certificate, for lists that are mails by their form.

    Args:
        subject, issuer: as OpenSSL writes them in one line.
        name: the common name.
        email: an address of the certificate; empty where it has none.
        expires: the last moment at which it holds.
        sign: makes a signed message of a text in ASCII.
    """

    subject: str
    issuer: str
    name: str
    email: str
    expires: datetime
    sign: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Signing:
    """What the site signs with; in place of each a sentence that tells why it cannot.

    Args:
        clearsign: makes a clearsigned text (OpenPGP) of a text and a time.
    """

    smime: SmimeSigner | str
    clearsign: Callable[[bytes, datetime], bytes] | str


#: Of a site without keys.
UNSIGNED: Final = Signing("the site has no certificate", "the site has no OpenPGP key")


@dataclass(frozen=True, slots=True)
class SignedList:
    """A HEPiX image list that an endorser signed, which every image of it is in the view for.

    Args:
        data: the S/MIME message, as it is served.
        email: of the endorser.
        digests: SHA-512 of its images in hex.
    """

    data: bytes
    email: str
    digests: frozenset[str]


@dataclass(frozen=True, slots=True)
class Record:
    """What harvesters are told of an entry.

    Args:
        since: when it became so, in whole seconds, as far as the site knows.
        os: of the entry.
        deprecated: whether the entry itself withdraws the image.
        image: what the view shows by the entry; None: the view does not show it, or not any more.
    """

    entry_id: str
    coordinates: Coordinates
    since: datetime
    os: str
    deprecated: bool
    image: ViewImage | None = None


def no_documents(entry_ids: Sequence[str]) -> Mapping[str, bytes]:
    """No documents: a view was put together without its entries."""
    return {}


@dataclass(frozen=True)
class View:
    """What a view shows at one state of the logs, and where that is found.

    Args:
        name: as URLs write it.
        site: base URL of the marketplace, without a slash at the end.
        base: URL of the view, without a slash at the end: documents are below it.
        site_title: of the marketplace.
        options: of the view's definition.
        updated: when anything of it changed last.
        images: one entry for each image, ordered by identifier.
        withdrawn: what was deprecated or has expired, ordered by identifier, address and time.
        until: when the clock makes it another one; None: never.
        signing: what lists are signed with.
        copied: whether it is written into a copy, which has the signed entries beside it and no redirects.
        needs_token: whether readers show a token, which they send with a list and not with each image of it.
        contact: mail address of whoever runs the site.
        records: for harvesters, by time and id; none in a copy.
        keeps_all: whether each entry that goes leaves a record.
        token_key: secret that proves the texts which clients hand back.
        read_entries: reads signed entries by their ids; what is gone is not among them.
        whole: whether the index of the words in its search had all that the logs show.
        signed_list: the HEPiX list that an endorser uploaded; a sentence that tells why it is not served;
            None where there is none.
    """

    name: str
    title: str
    description: str
    site: str
    base: str
    site_title: str
    updated: datetime
    images: tuple[ViewImage, ...]
    withdrawn: tuple[ViewImage, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    until: datetime | None = None
    signing: Signing = UNSIGNED
    copied: bool = False
    needs_token: bool = False
    contact: str = ""
    records: tuple[Record, ...] = ()
    keeps_all: bool = False
    token_key: bytes = field(default=b"", repr=False)
    read_entries: Callable[[Sequence[str]], Mapping[str, bytes]] = field(default=no_documents, repr=False)
    whole: bool = True
    signed_list: SignedList | str | None = None

    def entry_url(self, image: ViewImage) -> str:
        """The signed entry of an image: what proves it."""
        if self.copied:
            return f"{self.base}/{entry_path(image.entry_id)}"
        return self.coordinates_url(image.coordinates)

    def coordinates_url(self, coordinates: Coordinates) -> str:
        """Where the marketplace has the entry of some coordinates."""
        return f"{self.site}/metadata/{quote(coordinates.path(), safe='/@:+~')}"

    def image_url(self, image: ViewImage) -> str:
        """What leads to the content of an image; a location of it where nobody redirects who asks for it."""
        if (self.copied or self.needs_token) and image.locations:
            return image.locations[0]
        return f"{self.base}/{image.path}"

    @cached_property
    def by_identifier(self) -> Mapping[str, ViewImage]:
        """The images by their identifiers."""
        return {one.identifier: one for one in self.images}

    @cached_property
    def by_path(self) -> Mapping[str, ViewImage]:
        """The images by the paths that lead to their content."""
        return {one.path: one for one in self.images}

    @cached_property
    def by_coordinates(self) -> Mapping[str, Record]:
        """The records by ``IDENTIFIER/EMAIL/CREATED``."""
        return {one.coordinates.path(): one for one in self.records}

    @cached_property
    def stable_ids(self) -> Mapping[str, str]:
        """A UUID for each image, by entry id.

        That of a tag goes over to the endorser's newest image with the tag.
        """
        taken: dict[str, str] = {}
        newest = sorted(self.images, key=lambda one: (one.created, one.entry_id), reverse=True)
        for one in newest:
            names = [stable_id(one.email, tag) for tag in sorted(one.metadata.tags)[:1]]
            free = next((name for name in names if name not in taken), None)
            taken[free or stable_id(one.email, one.identifier)] = one.entry_id
        return {entry_id: name for name, entry_id in taken.items()}

    @cached_property
    def by_stable_id(self) -> Mapping[str, ViewImage]:
        """The images by their UUIDs, and behind them what was withdrawn, each by one of its own."""
        found = {self.stable_ids[one.entry_id]: one for one in self.images}
        for one in self.withdrawn:
            found.setdefault(stable_id(one.email, one.identifier), one)
        return found

    @cached_property
    def tags(self) -> Mapping[str, ViewImage]:
        """The newest image of each endorser's tag, by ``EMAIL/TAG``."""
        found: dict[str, ViewImage] = {}
        for one in sorted(self.images, key=lambda one: (one.created, one.entry_id)):
            found.update({f"{one.email}/{tag}": one for tag in one.metadata.tags})
        return dict(sorted(found.items()))


def entry_path(entry_id: str) -> str:
    """Where a copy has a signed entry: coordinates hold text that others chose, and are no names of files."""
    return f"{ENTRIES}{entry_id}.xml"


def tally(reasons: Iterable[str | None]) -> Mapping[str, int]:
    """How many images are left out for each reason."""
    return dict(sorted(Counter(one for one in reasons if one is not None).items()))
