"""Facts for step 7, trust, that the entry itself holds.

Anchors, revocation lists, allow-lists and confirmed addresses are a site's own and
are judged where they are known. Here is what needs nothing but the entry.
"""

from __future__ import annotations

from dataclasses import dataclass

from validators.certificates import is_self_signed
from validators.document import AcceptedEntry, Strength


@dataclass(frozen=True, slots=True)
class TrustVerdict:
    """What is known of an entry's trustworthiness without anchors.

    Args:
        self_signed: the certificate names itself as its issuer, and its own key did sign it.
        in_date_at_created: the certificate was valid at the endorsement's time.
        email_bound: the certificate holds the endorser's address; otherwise it is only claimed.
        strength: of the signature.
    """

    self_signed: bool
    in_date_at_created: bool
    email_bound: bool
    strength: Strength


def judge(entry: AcceptedEntry) -> TrustVerdict:
    """Judge an entry by itself (FORMAT, step 7, as far as it needs nothing else)."""
    signer = entry.signer
    return TrustVerdict(
        self_signed=is_self_signed(signer.certificate),
        in_date_at_created=signer.not_before <= entry.created <= signer.not_after,
        email_bound=signer.email is not None,
        strength=entry.strength,
    )
