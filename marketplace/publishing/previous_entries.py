"""The present entries that a publication starts from or is compared with."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from marketplace.client import ListQuery, MarketplaceClient
from marketplace.client.errors import (
    AmbiguousError,
    EntryConflictError,
    EntryNotFoundError,
    InvalidEntryError,
)
from marketplace.client.search import SearchQuery
from validators import accept
from validators.document import AcceptedEntry, Extension, Metadata
from validators.drafting import PREFIXES
from validators.errors import RefusedError
from validators.vocabulary import namespace_of, prefixed

#: What an upload is refused with where somebody else was quicker: it is signed anew, with a later time.
OVERTAKEN = frozenset({"conflict.coordinates", "gate.older-than-latest"})
_MOST_SHOWN = 200
#: Entries of other keys that are looked through for one's own.
_MOST_RIVALS = 50


class OutdatedError(EntryConflictError, code="publishing.outdated"):
    """The entry that is named is not the present one any more."""


class StrangersTagError(InvalidEntryError, code="publishing.strangers-tag"):
    """One's own tag names what another key signed."""


def find_current(
    client: MarketplaceClient, identifier: str, email: str, key: str | None
) -> AcceptedEntry | None:
    """The current entry of an endorser about an image, verified; None where there is none.

    Where entries of several keys are present, it is the one of the key that is given, else the one whose
    certificate the marketplace trusts, else none: anybody can write an address into a certificate.

    Args:
        key: SHA-256 of one's own public key, in hex; None where no key is at hand.

    Raises:
        InvalidEntryError: the marketplace sent something else.
        ClientError: it cannot be asked.
    """
    query = ListQuery(status="all", trust="all", identifier=identifier, email=email, limit=_MOST_RIVALS)
    paths = [row.path for row in client.entries(query)]
    if not paths:
        return None
    if len(paths) == 1:
        return _verified(client.fetch(paths[0]), identifier, email)
    for path in paths if key is not None else ():
        entry = _verified(client.fetch(path), identifier, email)
        if entry.signer.key_digest == key:
            return entry
    try:
        trusted = client.resolve(identifier, email).path
    except (EntryNotFoundError, AmbiguousError):
        return None
    return _verified(client.fetch(trusted), identifier, email)


def get_present(client: MarketplaceClient, path: str, key: str | None) -> AcceptedEntry:
    """The present entry that ``ID[/EMAIL[/CREATED]]`` names, verified.

    Args:
        key: as of ``find_current``.

    Raises:
        EntryNotFoundError, AmbiguousError: there is none, or there are several and none is of the key.
        OutdatedError: another one took the place of the one that is named.
    """
    parts = path.split("/")
    if len(parts) == 1:
        parts = client.resolve(path).path.split("/")[:2]
    identifier, email = parts[:2]
    if len(parts) == 2:
        entry = find_current(client, identifier, email, key)
        if entry is None:
            client.resolve(identifier, email)  # says whether there is none, or which ones there are
            raise EntryNotFoundError(f"the marketplace has no entry for {path}")
        return entry
    query = ListQuery(status="all", trust="all", identifier=identifier, email=email, limit=_MOST_RIVALS)
    present = [row.path for row in client.entries(query)]
    if path not in present:
        if not present:
            raise EntryNotFoundError(f"the marketplace has no entry for {identifier}/{email}")
        raise OutdatedError(f"the current entry is {' or '.join(present[:3])}")
    return get_dated(client, path)


def find_tagged(client: MarketplaceClient, email: str, tag: str) -> AcceptedEntry | None:
    """The entry that an endorser's tag names, verified; None where it names none.

    Raises:
        InvalidEntryError: the marketplace sent something else.
        ClientError: it cannot be asked.
    """
    data = client.tagged(email, tag)
    if data is None:
        return None
    entry = _verified(data, None, email)
    if tag not in entry.metadata.tags:
        raise InvalidEntryError(f"the marketplace sent an entry without the tag {tag}")
    return entry


def get_dated(client: MarketplaceClient, path: str) -> AcceptedEntry:
    """The entry with these coordinates, present or not, verified.

    Raises:
        EntryNotFoundError: there is none.
        ClientError: the marketplace cannot be asked, or sent something else.
    """
    identifier, email, _ = path.split("/")
    return _verified(client.fetch(path), identifier, email, path)


def is_vouched_for(client: MarketplaceClient, entry: AcceptedEntry, key: str | None) -> bool:
    """Whether one's own key signed an entry under one's address, or the marketplace trusts its certificate.

    Args:
        key: as of ``find_current``; without one there is nothing to compare with.

    Raises:
        ClientError: the marketplace cannot be asked.
    """
    if key is None or entry.signer.key_digest == key:
        return True
    filters = (
        ("endorser", entry.endorser.email), ("checksum", entry.identifier), ("status", "all"),
        ("trust", "trusted"),
    )  # fmt: skip
    hits = client.search(SearchQuery("", filters, "newest", _MOST_RIVALS)).hits
    return entry.coordinates.path() in (hit.path for hit in hits)


def get_tagged(client: MarketplaceClient, email: str, tag: str, key: str | None) -> AcceptedEntry:
    """The entry to go on from that one's own tag names: never one that a stranger tagged so.

    Args:
        key: as of ``find_current``.

    Raises:
        EntryNotFoundError: there is none.
        StrangersTagError: another key signed the only ones, and the marketplace does not trust it.
        ClientError: the marketplace cannot be asked, or sent something else.
    """
    found = find_tagged(client, email, tag)
    if found is None:
        raise EntryNotFoundError(f"the marketplace has no entry that {email} calls {tag}")
    if is_vouched_for(client, found, key):
        return found
    filters = (
        ("endorser", email),
        ("tag", tag),
        ("status", "valid"),
        ("status", "expired"),
        ("trust", "all"),
    )
    for hit in client.search(SearchQuery("", filters, "newest", _MOST_RIVALS)).hits:
        entry = _verified(client.fetch(hit.path), None, email)
        if entry.signer.key_digest == key and tag in entry.metadata.tags:
            return entry
    raise StrangersTagError(
        f"{email}/{tag} names {found.coordinates.path()}, which another key signed: "
        "check that the entry is yours; if it is, give its full name"
    )


def differences(before: Metadata | None, after: Metadata) -> Iterator[str]:
    """What another statement says otherwise, a line for each value."""
    old = [] if before is None else sorted(_lines(before))
    for line in difflib.ndiff(old, sorted(_lines(after))):
        if line[0] in "+-":
            yield line


def _lines(metadata: Metadata) -> Iterator[str]:
    yield f"slreq:bytes: {metadata.size}"
    yield f"dcterms:type: {metadata.type}"
    for checksum in metadata.checksums:
        yield f"{checksum.algorithm}: {checksum.value.lower()}"
    for term in metadata.terms:
        yield f"{prefixed(term.name)}: {term.text}"
    for extension in metadata.extensions:
        yield f"{_name(extension.name)}: {_text(extension)[:_MOST_SHOWN]}"


def _name(name: str) -> str:
    for prefix, namespace in PREFIXES.items():
        if namespace_of(name) == namespace:
            return f"{prefix}:{name[len(namespace) + 2 :]}"
    return prefixed(name)


def _text(extension: Extension) -> str:
    own = [extension.text.strip(), *(attribute.value for attribute in extension.attributes)]
    return " ".join(part for part in (*own, *map(_text, extension.children)) if part)


def _verified(
    data: bytes, identifier: str | None, email: str | None, path: str | None = None
) -> AcceptedEntry:
    try:
        entry = accept(data)
    except RefusedError as error:
        raise InvalidEntryError(f"the marketplace sent no valid entry: {error.message}", error.code) from None
    if (
        identifier not in (None, entry.identifier)
        or email not in (None, entry.endorser.email)
        or path not in (None, entry.coordinates.path())
    ):
        raise InvalidEntryError(f"the marketplace sent {entry.coordinates.path()}, which was not requested")
    return entry
