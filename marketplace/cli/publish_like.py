"""The earlier entry that ``publish --like`` names."""

from __future__ import annotations

from marketplace.cli.list_show import find_path, path_of_url
from marketplace.client import MarketplaceClient
from marketplace.client.errors import EntryNotFoundError
from marketplace.publishing.previous_entries import get_dated, get_present, get_tagged
from validators.checksums import find_checksum
from validators.document import AcceptedEntry
from validators.identifier import is_identifier


def get_like(client: MarketplaceClient, name: str, email: str | None, key: str | None) -> AcceptedEntry:
    """The entry that a name means, verified: all that ``show`` takes, or a tag of one's own.

    Args:
        email, key: one's own address and the SHA-256 of one's public key, where they are known.

    Raises:
        EntryNotFoundError: there is none.
        ClientError: there are several, or the marketplace cannot be asked, or sent something else.
    """
    text = path_of_url(name).strip("/") or name
    first, _, rest = text.partition("/")
    if is_identifier(first):
        if rest.count("/"):
            return get_dated(client, text)
        return get_present(client, text if rest or email is None else f"{text}/{email}", key)
    if find_checksum(text) is not None:
        return get_dated(client, find_path(client, text))
    owner, tag = (first, rest) if "@" in first and rest else (email, text)
    if owner is None:
        raise EntryNotFoundError(f"{name} can only be a tag: write EMAIL/TAG")
    return get_tagged(client, owner, tag, key if owner == email else None)
