"""What was said before: the present entries that a publication starts from or is compared with."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from marketplace.client import MarketplaceClient
from marketplace.client.errors import InvalidEntryError, NotFoundError
from validators import accept
from validators.document import AcceptedEntry, Extension, Metadata
from validators.drafting import PREFIXES
from validators.errors import RefusedError
from validators.identifier import is_identifier
from validators.vocabulary import namespace_of, prefixed

_MOST_SHOWN = 200


def find_current(client: MarketplaceClient, identifier: str, email: str) -> AcceptedEntry | None:
    """The present entry of an endorser about an image, verified; None where there is none.

    Raises:
        InvalidEntryError: the marketplace sent something else.
        ClientError: it cannot be asked.
    """
    try:
        path = client.resolve(identifier, email).path
    except NotFoundError:
        return None
    return _verified(client.fetch(path), identifier, email)


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


def get_earlier(client: MarketplaceClient, name: str, email: str | None) -> AcceptedEntry:
    """The entry that a name means.

    Args:
        name: ``ID[/EMAIL[/CREATED]]``, an entry's URL, ``EMAIL/TAG``, or a tag of one's own.
        email: one's own address, where it is known.

    Raises:
        NotFoundError: there is none.
        ClientError: the marketplace cannot be asked, or sent something else.
    """
    parts = name.rpartition("/metadata/")[2].strip("/").split("/")
    if is_identifier(parts[0]):
        if len(parts) == 3:
            return _verified(client.fetch("/".join(parts)), parts[0], parts[1])
        owner = parts[1] if len(parts) > 1 else email
        path = client.resolve(parts[0], owner).path
        return _verified(client.fetch(path), parts[0], owner)
    owner, tag = (parts[0], "/".join(parts[1:])) if "@" in parts[0] and len(parts) > 1 else (email, name)
    if owner is None:
        raise NotFoundError(f"{name} can only be a tag, and nobody says whose: write EMAIL/TAG")
    found = find_tagged(client, owner, tag)
    if found is None:
        raise NotFoundError(f"the marketplace has no entry that {owner} calls {tag}")
    return found


def differences(before: Metadata | None, after: Metadata) -> Iterator[str]:
    """What another statement says otherwise, a line for each value."""
    old = [] if before is None else sorted(_lines(before))
    for line in difflib.ndiff(old, sorted(_lines(after))):
        if line[0] in "+-":
            yield line


def _lines(said: Metadata) -> Iterator[str]:
    yield f"slreq:bytes: {said.size}"
    yield f"dcterms:type: {said.type}"
    for checksum in said.checksums:
        yield f"{checksum.algorithm}: {checksum.value.lower()}"
    for term in said.terms:
        yield f"{prefixed(term.name)}: {term.text}"
    for extension in said.extensions:
        yield f"{_name(extension.name)}: {_text(extension)[:_MOST_SHOWN]}"


def _name(name: str) -> str:
    for prefix, namespace in PREFIXES.items():
        if namespace_of(name) == namespace:
            return f"{prefix}:{name[len(namespace) + 2 :]}"
    return prefixed(name)


def _text(extension: Extension) -> str:
    own = [extension.text.strip(), *(attribute.value for attribute in extension.attributes)]
    return " ".join(part for part in (*own, *map(_text, extension.children)) if part)


def _verified(data: bytes, identifier: str | None, email: str | None) -> AcceptedEntry:
    try:
        entry = accept(data)
    except RefusedError as error:
        raise InvalidEntryError(f"the marketplace sent no valid entry: {error.message}", error.code) from None
    if identifier not in (None, entry.identifier) or email not in (None, entry.endorser.email):
        raise InvalidEntryError(f"the marketplace sent {entry.coordinates.path()}, which was not asked for")
    return entry
