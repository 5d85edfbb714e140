"""Looking at where the content of an image lies: bounded, polite, and never into a network of one's own."""

from marketplace.locations.addresses import AddressGuard, GuardedNetwork, RefusedAddressError
from marketplace.locations.looking import Look, Looker, LookLimits, Reach

__all__ = ["AddressGuard", "GuardedNetwork", "Look", "LookLimits", "Looker", "Reach", "RefusedAddressError"]
