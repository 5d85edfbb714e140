"""An entry between its acceptance and the tables of the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from marketplace.changes import LogNotFoundError
from marketplace.ingest.errors import IngestError
from marketplace.ingest.items import IngestResult, Item
from marketplace.ingest.rows import Row, body_row, current_row, entry_row
from marketplace.rules.current import precedence
from validators.document import AcceptedEntry

#: An image and an endorser's address.
Image = tuple[str, str]


@dataclass(eq=False)
class IncomingEntry:
    """An entry that is being taken in, and what is found out about it on the way.

    Args:
        now: when it came.
        log_id: key of its log.
        entry_key: its key; None until it is stored.
        body_id: key of its bytes, once they are stored.
        certificate_id: key of its signer's certificate, once that is stored.
        shown: whether readers of this site see it.
        newest: when the newest entry about the image by the endorser was made that its log lists.
        contested: other keys than its own speak about the image for the address.
        outcome: what became of it; None as long as it may come in.
    """

    item: Item
    now: datetime
    log_id: int = 0
    entry_key: int | None = None
    body_id: int = 0
    certificate_id: int = 0
    shown: bool = True
    newest: datetime | None = None
    contested: bool = False
    outcome: IngestResult | Exception | None = None

    @property
    def entry(self) -> AcceptedEntry:
        """What acceptance made of the bytes."""
        return self.item.entry

    @property
    def image(self) -> Image:
        """The image, and for which address the entry speaks about it."""
        return self.entry.identifier, self.entry.endorser.email

    @property
    def key_digest(self) -> str:
        """Digest of the key that signed the entry."""
        return self.entry.signer.key_digest

    @cached_property
    def row(self) -> Row:
        """The entry's own columns, without the key of the certificate."""
        return entry_row(self.entry)

    @cached_property
    def body(self) -> Row:
        """The columns of its bytes, without the key of the entry."""
        return body_row(self.entry, self.now)

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes in hex."""
        digest: str = self.body["sha256"]
        return digest

    @property
    def key(self) -> int:
        """The key of the entry, once the entry is stored."""
        assert self.entry_key is not None  # noqa: S101  # asked for behind the inserting
        return self.entry_key

    @property
    def rank(self) -> tuple[datetime, bool, int]:
        """The precedence of the entry among those about the image that the same key signed."""
        return precedence(self.entry.created, self.entry.metadata.deprecated is not None, self.entry.entry_id)

    def current(self) -> Row:
        """The columns that a list shows."""
        return current_row(self.row) | {"log_id": self.log_id, "entry_key": self.key}

    def receive(
        self, outcome: Literal["created", "unchanged"], sequence: int, *, may_conflict: bool = False
    ) -> None:
        """Note what became of the entry."""
        entry, log = self.entry, self.item.log
        self.outcome = IngestResult(entry.coordinates, entry.entry_id, outcome, sequence, log, may_conflict)


def each(incoming: Sequence[IncomingEntry], check: Callable[[IncomingEntry], None]) -> None:
    """Check each entry that may still come in; the rule that the check raises is what becomes of the entry.

    Raises:
        Exception: any other error of the check.
    """
    for one in incoming:
        if one.outcome is None:
            try:
                check(one)
            except (IngestError, LogNotFoundError) as error:
                one.outcome = error
