"""At which cloud sites images are: keeps the receipts of sites, counts them, lists what to recall."""

from marketplace.presence.errors import PresenceError, SiteKeyBindingError, SiteNotFoundError
from marketplace.presence.keys import BoundSite, SiteRegistry
from marketplace.presence.notices import PresenceNotices
from marketplace.presence.presence_reports import LocationReport, Presence, Recall, SiteCopy
from marketplace.presence.receipt_service import ReceiptService

__all__ = [
    "BoundSite",
    "LocationReport",
    "Presence",
    "PresenceError",
    "PresenceNotices",
    "Recall",
    "ReceiptService",
    "SiteCopy",
    "SiteKeyBindingError",
    "SiteNotFoundError",
    "SiteRegistry",
]
