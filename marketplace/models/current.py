"""What listings read: the current entries of each log.

Everything here can be computed from ``entry`` and ``change``; it is kept so
that a page of a list costs the same with a thousand entries as with a hundred
thousand.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Number, PrimaryKey, Word

#: ``valid_until`` of an entry that never expires: later than any time the format can write.
FOREVER = 2**62

#: Stands between the columns in ``search_text``: no XML document can hold this character.
SEPARATOR = "\x1f"

#: Columns of the list whose length nobody limits. PostgreSQL refuses index rows of a few
#: kilobytes, so there a sort by one of them is a sort; SQLite has an index for each.
_UNBOUNDED = ("os", "os_version", "os_arch", "kind", "location", "description", "title")

#: Digits of the entry id that break ties: what fits a signed number of 64 bits.
_TIE_DIGITS = 15


def tie(entry_id: str) -> int:
    """What breaks ties in the order of a list: the beginning of the entry id, as a number."""
    return int(entry_id[:_TIE_DIGITS], 16)


class Current(Base):
    """One row per log, image, endorser's e-mail and key: see ``rules/current.py``.

    Mostly one key speaks for an address. Where several have signed about one image and
    address, in whatever log, the rows are ``contested``, and the three columns
    ``trusted_`` are the place of the key's newest entry in the log whose certificate the
    site trusts for the address; absent where there is none, and where nothing is contested.

    ``deprecated`` and ``valid_until`` (seconds since 1970, FOREVER without
    dcterms:valid) make the status at any moment; the ``folded`` columns and
    ``search_text`` (all ten list columns) are casefolded for searches. ``tie``
    breaks ties of each order: never the key, which tells when an entry first came
    here, and that may have been to another log.
    """

    __tablename__ = "current"
    __table_args__ = (
        UniqueConstraint("log_id", "identifier", "email", "key_digest"),
        Index("ix__current__coordinates", "identifier", "email"),
        # Each order of the list; an index alone says which entries come next.
        Index("ix__current__created", "log_id", "created", "tie", "entry_key"),
        Index("ix__current__email", "log_id", "email", "tie", "entry_key"),
        Index("ix__current__identifier", "log_id", "identifier", "tie", "entry_key"),
        Index("ix__current__valid_until", "log_id", "valid_until"),
        Index("ix__current__entry", "entry_key"),
        Index(
            "ix__current__contested",
            "identifier",
            "email",
            sqlite_where=text("contested"),
            postgresql_where=text("contested"),
        ),
        *(
            Index(
                f"ix__current__{name}", "log_id", name, "tie", "entry_key", info={"dialect": "sqlite"}
            ).ddl_if(dialect="sqlite")
            for name in _UNBOUNDED
        ),
    )

    id: Mapped[PrimaryKey]
    log_id: Mapped[Number] = mapped_column(ForeignKey("log.id"))
    entry_key: Mapped[Number] = mapped_column(ForeignKey("entry.id"))
    entry_id: Mapped[Word]
    tie: Mapped[int] = mapped_column(BigInteger)
    identifier: Mapped[Word]
    email: Mapped[Word]
    created: Mapped[Moment]
    deprecated: Mapped[bool]
    key_digest: Mapped[Word]
    contested: Mapped[bool]
    trusted_created: Mapped[Moment | None]
    trusted_deprecated: Mapped[bool | None]
    trusted_id: Mapped[Word | None]
    valid_until: Mapped[int] = mapped_column(BigInteger)
    has_web: Mapped[bool]
    has_pdisk: Mapped[bool]
    os: Mapped[Word | None]
    os_version: Mapped[Word | None]
    os_arch: Mapped[Word | None]
    kind: Mapped[Word | None]
    location: Mapped[Word | None]
    description: Mapped[Word | None]
    title: Mapped[Word | None]
    os_folded: Mapped[Word | None]
    os_version_folded: Mapped[Word | None]
    os_arch_folded: Mapped[Word | None]
    kind_folded: Mapped[Word | None]
    email_folded: Mapped[Word]
    search_text: Mapped[Word]
