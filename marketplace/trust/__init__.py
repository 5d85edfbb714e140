"""What this site trusts: loaded from files, kept current, asked about entries, told by certificate."""

from marketplace.trust.opening import open_store
from marketplace.trust.service import TrustService
from marketplace.trust.verdicts import Refreshed, VerdictService
from marketplace.trust_files import TrustFileFault, TrustStore

__all__ = ["Refreshed", "TrustFileFault", "TrustService", "TrustStore", "VerdictService", "open_store"]
