"""What filters, facets and orders know about a current entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from marketplace.facets import Facet
from marketplace.models.current import FOREVER
from marketplace.rules.columns import Column
from marketplace.rules.current import Rank
from marketplace.text import fold

#: Bytes that an image and an endorser are known by.
IMAGE_LENGTH = 16

#: Characters of a facet's value; what an entry says beyond is not told apart.
VALUE_LENGTH = 100

#: Facets whose values depend on the log that serves an entry.
BY_LOG = (Facet.TRUST, Facet.SIGNATURE)
#: Facets whose values an entry itself has; its status depends on the clock.
SPELLED: tuple[Facet, ...] = tuple(facet for facet in Facet if facet not in (Facet.STATUS, *BY_LOG))
#: Columns of lists with a search of their own: an entry has one value of such a facet, or none.
COLUMNS = {
    Column.OS: Facet.OS,
    Column.OS_VERSION: Facet.OS_VERSION,
    Column.OS_ARCH: Facet.ARCH,
    Column.EMAIL: Facet.ENDORSER,
    Column.KIND: Facet.KIND,
}
#: Facets whose values are names: compared to the letter. The others ignore case and accents.
NAMES = frozenset({Facet.ENDORSER, Facet.TAG, Facet.STATUS, Facet.LOCATION, Facet.TRUST, Facet.SIGNATURE})

#: Names of architectures that mean what another one does.
_ARCHITECTURES = {"amd64": "x86_64", "x86-64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class Facts:
    """A current entry of a log.

    Args:
        created: seconds since 1970.
        valid_until: seconds since 1970, FOREVER where it never expires.
        title: as written; empty where there is none.
        size: bytes of the image.
        certificate_id: key of the signer's certificate.
        strength: of the signature, as stored.
        entry_number: the entry id as a number.
        key_digest: of the signer's key.
        trusted: where several keys speak about the image, the rank of this key's newest entry in the log
            whose certificate the site trusts for the address.
        twins: certificates under which its log holds the same statement too, with the signatures' strengths.
        spelled: the values of each facet in SPELLED, in that order, as written.
        search_text: the text of all columns that words are looked for in, as stored.
        words: that may be suggested.
    """

    entry_key: int
    certificate_id: int
    strength: str
    entry_number: int
    identifier: str
    email: str
    created: int
    deprecated: bool
    valid_until: int
    title: str
    size: int
    spelled: tuple[tuple[str, ...], ...]
    search_text: str = ""
    words: Sequence[str] = ()
    key_digest: str = ""
    trusted: Rank | None = None
    twins: tuple[tuple[int, str], ...] = ()

    @property
    def certificates(self) -> tuple[tuple[int, str], ...]:
        """Every certificate under which its log holds the statement, with the signature's strength."""
        return ((self.certificate_id, self.strength), *self.twins)

    @property
    def expires(self) -> bool:
        """Whether it can ever expire: a deprecated entry stays deprecated."""
        return self.valid_until != FOREVER and not self.deprecated

    @property
    def image(self) -> bytes:
        """What the image and the endorser are known by; see ``image_of``."""
        return image_of(self.identifier, self.email)


def image_of(identifier: str, email: str) -> bytes:
    """A digest of an image and an endorser, long enough that nobody finds two that have the same."""
    return blake2b(f"{identifier}\0{email}".encode(), digest_size=IMAGE_LENGTH).digest()


@lru_cache(maxsize=4096)
def facet_value(facet: Facet, spelled: str) -> str:
    """The value that spellings share."""
    text = spelled.strip()[:VALUE_LENGTH]
    if facet in NAMES:
        return text
    return _ARCHITECTURES.get(fold(text), fold(text)) if facet is Facet.ARCH else fold(text)


@lru_cache(maxsize=4096)
def values_of(facet: Facet, spelled: tuple[str, ...]) -> dict[str, str]:
    """The values that an entry has, each once, with its spelling there; treat it as frozen."""
    found: dict[str, str] = {}
    for spelling in spelled:
        found.setdefault(facet_value(facet, spelling), spelling.strip()[:VALUE_LENGTH])
    return found
