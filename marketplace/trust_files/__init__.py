"""What is trusted, from files: anchors, revocation lists, an allow-list. Kept current without a database."""

from marketplace.trust_files.loading import Sources, TrustFileFault
from marketplace.trust_files.store import ListMemory, TrustStore

__all__ = ["ListMemory", "Sources", "TrustFileFault", "TrustStore"]
