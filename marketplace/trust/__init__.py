"""What this site trusts: loaded from files, kept current, asked about entries."""

from marketplace.trust.service import TrustService
from marketplace.trust.store import Fault, TrustStore, open_store

__all__ = ["Fault", "TrustService", "TrustStore", "open_store"]
