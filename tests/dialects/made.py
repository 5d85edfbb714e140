"""Views made of signed documents, without a server: dialects are pure."""

from __future__ import annotations

from datetime import UTC, datetime

from marketplace.views.entry_image import image_of
from marketplace.views.value import View
from validators import accept

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
SITE = "https://mp.example.org"


def view_of(*documents: bytes, **changes: object) -> View:
    """The view of some entries, all of them valid."""
    entries = [accept(one) for one in documents]
    images = [image_of(one.entry_id, one.data, AT, private=False) for one in entries]
    fields: dict[str, object] = {
        "name": "default", "title": "All images", "description": "Of everybody.", "site": SITE,
        "base": f"{SITE}/views/default", "site_title": "Lab", "updated": AT,
        "images": tuple(sorted(images, key=lambda one: one.identifier)),
    }  # fmt: skip
    return View(**(fields | changes))
