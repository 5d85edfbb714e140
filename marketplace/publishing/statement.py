"""A publisher's statement about one image: drafted, looked at, signed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from marketplace.images import peek
from marketplace.locations import Looker
from marketplace.publishing.facts import ImageFacts
from marketplace.publishing.locations import look_at_locations
from validators import accept
from validators import vocabulary as v
from validators.document import AcceptedEntry, Metadata
from validators.drafting import ImageContent, content_of, new_draft, next_draft
from validators.errors import RefusedError
from validators.lint import FileFacts, Level, Linted, LintFinding, lint
from validators.lxd import FINGERPRINT
from validators.signing import SigningIdentity, sign

#: Advice that stops a publication: the location has something else than the image or gives a secret away, or
#: the fingerprint for LXD is of something else.
STOPPING: Final = frozenset(
    {"location.other-size", "location.other-content", "location.credentials", "lxd.differs"}
)
_START: Final = 128 * 1024


@dataclass(frozen=True)
class Wish:
    """What a publisher wants to say.

    Args:
        terms: Clark name -> values; none takes a term out.
        earlier: the entry that everything else is taken from, if any.
    """

    terms: Mapping[str, Sequence[str]]
    earlier: AcceptedEntry | None = None


def draft(facts: ImageFacts, wish: Wish) -> bytes:
    """The draft of a statement: what the image is, what is taken over, what is wished.

    Raises:
        DraftError: a value has characters that XML cannot hold.
    """
    content = ImageContent(facts.identifier, facts.size, facts.checksums)
    terms = dict(wish.terms)
    if facts.format is not None:
        terms.setdefault(v.FORMAT, [facts.format])
    if facts.lxd_fingerprint is not None:
        terms.setdefault(FINGERPRINT, [str(facts.lxd_fingerprint)])
    compression = v.dcterms("compression")
    if facts.compression is not None:
        terms.setdefault(compression, [facts.compression])
    if wish.earlier is None:
        (kind,) = terms.pop(v.TYPE, ["machine"])
        return new_draft(content, kind, terms)
    if facts.stored_size is not None:
        terms.setdefault(compression, [])  # of the earlier file; this one is known
    if wish.earlier.identifier != facts.identifier:
        terms.setdefault(v.dcterms("replaces"), [wish.earlier.identifier])
    return next_draft(wish.earlier.data, content, terms)


def examine(
    document: bytes,
    facts: ImageFacts,
    now: datetime,
    looker: Looker | None,
    image: Path | None,
    previous: Metadata | None,
) -> Linted:
    """Look at a draft, and at its locations where there is a looker.

    Args:
        image: the file itself, where it is at hand.
        previous: what the tag stands for now.
    """
    linted = lint(document, now)
    if linted.metadata is None:
        return linted
    file = FileFacts(facts.format, facts.compression or ("none" if facts.stored_size is not None else None))
    more: tuple[LintFinding, ...] = ()
    if looker is not None:
        located = look_at_locations(linted.metadata, looker, facts.stored_size)
        file = FileFacts(file.format or located.file.format, located.file.compression or file.compression)
        more = (*located.findings, *_other_content(located.start, image))
    again = lint(document, now, file, previous)
    return Linted(False, again.metadata, again.findings + more)


def _other_content(start: bytes, image: Path | None) -> tuple[LintFinding, ...]:
    """Whether the content at the location begins as the file does, where both are packed alike."""
    if image is None or not start:
        return ()
    with image.open("rb") as file:
        own = file.read(_START)
    length = min(len(own), len(start))
    if own[:length] == start[:length] or peek(own).compression != peek(start).compression:
        return ()
    message = "the file at the location does not begin like the image"
    return (LintFinding("location.other-content", Level.ADVICE, "slterms:location", message),)


def is_unchanged(current: AcceptedEntry | None, metadata: Metadata, identity: SigningIdentity | None) -> bool:
    """Whether the present entry says the same, under the same certificate."""
    if current is None or content_of(current.metadata) != content_of(metadata):
        return False
    return identity is None or current.signer.certificate == identity.certificate.public_bytes(Encoding.DER)


def sign_once(
    document: bytes,
    metadata: Metadata,
    previous: bytes | None,
    identity: SigningIdentity,
    current: AcceptedEntry | None,
    tagged: AcceptedEntry | None,
    now: datetime,
    email: str | None,
    taken: datetime | None = None,
) -> bytes:
    """Sign a draft, or take what an interrupted publication signed: the same bytes are never two entries.

    Args:
        metadata: what the draft says.
        previous: signed last for this image, if anything.
        current: the present entry about the image, which the next must not be older than.
        tagged: what the tag names, which it leaves for a later entry only.
        taken: a second that another entry has, and those before it.

    Raises:
        SigningError, RefusedError: as ``sign`` does.
    """
    earlier = _usable(previous, metadata, identity, current, now)
    if earlier is not None and taken is None:
        return earlier
    seconds = [before.created for before in (current, tagged) if before is not None]
    seconds += [] if taken is None else [taken]
    created = max([now.replace(microsecond=0), *(second + timedelta(seconds=1) for second in seconds)])
    return sign(document, identity, created, email=email)


def _usable(
    previous: bytes | None,
    metadata: Metadata,
    identity: SigningIdentity,
    current: AcceptedEntry | None,
    now: datetime,
) -> bytes | None:
    try:
        entry = accept(previous) if previous else None
    except RefusedError:
        return None
    if entry is None or not is_unchanged(entry, metadata, identity) or entry.created > now:
        return None
    # At the second of another entry it is too late for these bytes, whoever was quicker.
    overtaken = current is not None and entry.created <= current.created
    return None if overtaken and current is not None and entry.entry_id != current.entry_id else previous
