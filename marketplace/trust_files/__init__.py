"""What is trusted, from files: anchors, revocation lists, an allow-list. Kept current without a database."""

from marketplace.trust_files.loading import Fault, Sources
from marketplace.trust_files.store import ListMemory, TrustStore

__all__ = ["Fault", "ListMemory", "Sources", "TrustStore"]
