"""The publisher's and searcher's side of a marketplace: find it, upload, list, fetch."""

from marketplace.client.endpoint import find_endpoint, get_endpoint
from marketplace.client.errors import ClientError
from marketplace.client.listing import ListedEntry, ListQuery
from marketplace.client.marketplace import MarketplaceClient
from marketplace.client.uploading import Uploaded

__all__ = [
    "ClientError",
    "ListQuery",
    "ListedEntry",
    "MarketplaceClient",
    "Uploaded",
    "find_endpoint",
    "get_endpoint",
]
