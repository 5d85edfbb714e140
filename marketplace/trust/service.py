"""Asking what this site holds of an entry or of a certificate."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Sequence
from datetime import datetime

from cachetools import LRUCache

from marketplace.trust_files import TrustStore
from validators.decision import Decision, decide
from validators.document import AcceptedEntry, Signer
from validators.material import TrustMaterial
from validators.verdict import CertificateVerdict, Standing, judge_certificate, unjudged

log = logging.getLogger(__name__)

#: Verdicts kept in memory; the oldest unused goes first.
KEPT = 4096

_Key = tuple[str, str, tuple[bytes, ...]]


class TrustService:
    """Judges by what is in force at the moment. Safe to share between threads."""

    def __init__(self, store: TrustStore) -> None:
        self._store = store
        self._known: LRUCache[_Key, CertificateVerdict] = LRUCache(KEPT)
        self._lock = threading.Lock()

    @property
    def material(self) -> TrustMaterial:
        """What is in force now: another object whenever it is something else."""
        return self._store.material

    def decide(self, entry: AcceptedEntry, now: datetime, *, email_confirmed: bool = False) -> Decision:
        """The site's decision about an entry, rule by rule.

        Args:
            email_confirmed: whoever reads the address's mail agreed to the certificate at this site.
        """
        return decide(entry, self._store.material, now, email_confirmed=email_confirmed)

    def find_decision(
        self, entry: AcceptedEntry, now: datetime, *, email_confirmed: bool = False
    ) -> Decision | None:
        """The site's decision; None where it has no anchors and so nothing to decide by."""
        if not self._store.material.anchors:
            return None
        return self.decide(entry, now, email_confirmed=email_confirmed)

    def verdict(self, signer: Signer, now: datetime) -> CertificateVerdict:
        """How a signer's certificate stands; one that was judged before costs a look-up."""
        key = (self._store.basis(now), signer.fingerprint, signer.intermediates)
        with self._lock:
            known = self._known.get(key)
        # A path that is over, or has yet to begin, is looked for anew: another one may hold.
        if known is not None and known.covers(now):
            return known
        found = self.judge(signer.certificate, signer.intermediates, now)
        with self._lock:
            self._known[key] = found
        return found

    def judge(self, certificate: bytes, intermediates: Sequence[bytes], now: datetime) -> CertificateVerdict:
        """How a certificate (DER) stands, given others that came with it.

        Whatever goes wrong counts as not trusted: one certificate keeps no other one from being judged.
        """
        try:
            return judge_certificate(certificate, intermediates, self._store.material, now)
        except Exception as error:  # any fault of ours: told in the log and in the verdict
            found = hashlib.sha256(certificate).hexdigest()
            log.exception("trust: a certificate cannot be judged", extra={"certificate": found})
            return unjudged(f"it could not be judged ({type(error).__name__}), which the server's log tells")

    def is_vouched_for(self, signer: Signer, now: datetime) -> bool:
        """Whether the site knows the endorser: on the allow-list, and certified by somebody it trusts now."""
        verdict = self.verdict(signer, now)
        return verdict.listed and verdict.standing is Standing.CHAINED and verdict.covers(now)
