"""Accepted entries as the functions of ``tests/entry_rules.py`` want them."""

from __future__ import annotations

from dataclasses import dataclass

from validators.document import AcceptedEntry


@dataclass(frozen=True)
class Stated:
    """An accepted entry as a statement among others.

    Args:
        trusted: whether the site trusts the certificate for the address.
    """

    entry: AcceptedEntry
    trusted: bool = False

    entry_id = property(lambda self: self.entry.entry_id)
    statement = property(lambda self: self.entry.statement)
    identifier = property(lambda self: self.entry.identifier)
    email = property(lambda self: self.entry.endorser.email)
    created = property(lambda self: self.entry.created)
    valid = property(lambda self: self.entry.metadata.valid)
    deprecated = property(lambda self: self.entry.metadata.deprecated)
    tags = property(lambda self: self.entry.metadata.tags)
    key_digest = property(lambda self: self.entry.signer.key_digest)
