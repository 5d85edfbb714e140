"""The trust of a marketplace, from its settings: files, and a database that remembers revocation lists."""

from __future__ import annotations

from marketplace.config import TrustSettings
from marketplace.trust.stored_crls import StoredCrls
from marketplace.trust_files import Sources, TrustStore
from validators.material import TrustPolicy


def open_store(settings: TrustSettings, memory: StoredCrls | None = None) -> TrustStore:
    """The store that the settings describe."""
    sources = Sources(
        anchors=settings.anchors,
        intermediates=settings.intermediates,
        lists=settings.crls,
        allowed=settings.allowlist,
        password_file=settings.password_file,
    )
    policy = TrustPolicy(
        legacy=settings.legacy, stale_crl=settings.stale_crl, missing_crl=settings.missing_crl
    )
    return TrustStore(sources, policy, memory=memory)
