"""At which cloud sites images are: keeps the receipts of sites, counts them, lists what to recall."""

from marketplace.presence.errors import PresenceError, SiteKeyError, SiteNotFoundError
from marketplace.presence.keeping import ReceiptService
from marketplace.presence.keys import BoundSite, SiteRegistry
from marketplace.presence.notices import PresenceNotices
from marketplace.presence.reading import Copy, Presence, Recall, Report

__all__ = [
    "BoundSite",
    "Copy",
    "Presence",
    "PresenceError",
    "PresenceNotices",
    "Recall",
    "ReceiptService",
    "Report",
    "SiteKeyError",
    "SiteNotFoundError",
    "SiteRegistry",
]
