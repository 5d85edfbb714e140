"""What this site trusts: loaded from files, kept current, asked about entries, told by certificate."""

from marketplace.trust.service import TrustService
from marketplace.trust.store import Fault, TrustStore, open_store
from marketplace.trust.verdicts import Refreshed, VerdictService

__all__ = ["Fault", "Refreshed", "TrustService", "TrustStore", "VerdictService", "open_store"]
