"""Named selections of entries, which the dialects are written of."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.models.base import Base
from marketplace.models.columns import Moment, Number, PrimaryKey, Word


class NamedView(Base):
    """A view: what it shows, and who may ask for it.

    ``search`` is the query of a search's URL; ``policy`` and ``options`` are JSON objects, the first one
    absent where no policy judges. ``group_name`` is the group whose entries it shows too.
    ``digest`` is the SHA-256 of its secret name in hex; absent where it has none. ``revision`` counts
    its changes.
    """

    __tablename__ = "named_view"
    __table_args__ = (
        UniqueConstraint("name"),
        UniqueConstraint("digest"),
        CheckConstraint("digest IS NULL OR length(digest) = 64", name="digest"),
    )

    id: Mapped[PrimaryKey]
    name: Mapped[Word]
    title: Mapped[Word]
    description: Mapped[Word]
    search: Mapped[Word]
    policy: Mapped[Word | None]
    options: Mapped[Word]
    group_name: Mapped[Word | None]
    digest: Mapped[Word | None]
    revision: Mapped[Number] = mapped_column(default=1)
    created_at: Mapped[Moment]
    changed_at: Mapped[Moment]
    changed_by: Mapped[Word]


class ViewList(Base):
    """The HEPiX image list of a view that an endorser signed, one for each view, by the view's name.

    ``data`` is the S/MIME message as it came; ``certificates`` are those in it as PEM, that of the signer
    first; ``email`` is the address in the signer's certificate.
    """

    __tablename__ = "view_list"
    __table_args__ = (CheckConstraint("length(digest) = 64", name="digest"),)

    view: Mapped[Word] = mapped_column(primary_key=True)
    data: Mapped[bytes]
    digest: Mapped[Word]
    certificates: Mapped[bytes]
    email: Mapped[Word]
    expires: Mapped[Moment]
    uploaded_at: Mapped[Moment]
    uploaded_by: Mapped[Word]
