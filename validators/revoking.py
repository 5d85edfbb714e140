"""Whether a certificate of a path was revoked, by all lists that a site has (ADR 0023).

1. What any list of the issuer's name says is revoked is revoked, whichever of the site's
   authorities of that name signed it: serial numbers of a name are given once.
2. That nothing is revoked tells only a list that fits: the key of the certificate's issuer
   signed it, it says so itself where it names a key, and it is for the certificate's
   distribution point and kind.
3. A list of the issuer that fits and is not understood (changes only, other issuers'
   certificates, some reasons, unknown critical extensions) leaves the status unknown.
4. Without a list that fits the site's word for missing ones decides, and where every list
   that fits is past its time, the site's word for stale ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from validators.document import format_time
from validators.links import Link, is_signed_by
from validators.material import TrustMaterial
from validators.paths import Path
from validators.revocation import Revocation, RevocationList


@dataclass(slots=True)
class PathRevocation:
    """What is known about revocation along a path.

    Args:
        revoked: the first revocation, from the signer's certificate up; ``name``: whose certificate that is.
        fault: why it cannot be told whether something is revoked, where the policy asks for it.
        notes: what is not known and does not matter by the policy.
        fresh_until: the last moment at which lists that fit are in date for every certificate; None where
            none ends, or the policy does not ask for new ones.
    """

    revoked: Revocation | None = None
    name: str | None = None
    fault: str | None = None
    notes: tuple[str, ...] = ()
    fresh_until: datetime | None = None


def judge_revocation(path: Path, material: TrustMaterial, now: datetime) -> PathRevocation:
    """Ask the issuer of every certificate, from the signer's up, whether it still stands by it."""
    state = PathRevocation()
    for place, link in enumerate(path.links):
        known = material.authorities.get(link.issuer, ())
        if place + 1 < len(path.links):
            issuers = [path.links[place + 1]]
        else:  # an anchor: whoever of the site's authorities made it
            issuers = [one for one in known if is_signed_by(link.der, one.der)]
        own = [_Issuer(one, material.find_lists(one)) for one in issuers]
        made = {one.fingerprint for one in issuers}
        others = [material.find_lists(one) for one in known if one.fingerprint not in made]
        for lists in (*(issuer.lists for issuer in own), *others):
            for one in lists:
                state.revoked = one.find_revocation(link)
                if state.revoked is not None:
                    state.name = link.name
                    return state
        # Whether an anchor still stands by itself its operator tells, who takes it out.
        if not (link.self_issued and is_signed_by(link.der, link.der)):
            _weigh_silence(link, own, material, now, state)
    return state


@dataclass(frozen=True, slots=True)
class _Issuer:
    """Who made a certificate, and the newest list of each series with that signature."""

    link: Link
    lists: Sequence[RevocationList]


def _weigh_silence(
    link: Link, own: Sequence[_Issuer], material: TrustMaterial, now: datetime, state: PathRevocation
) -> None:
    """What it is worth that no list names a certificate."""
    policy = material.policy
    fitting, misfits = _sort_lists(link, own, material)
    odd = _find_odd(link, own, fitting, material)
    if odd is not None:
        state.fault = state.fault or odd
    elif not fitting:
        missing = f"there is no revocation list of the issuer of {link.name}"
        if misfits:
            missing = f"{missing} that fits ({'; '.join(dict.fromkeys(misfits))})"
        if material.gaps:
            state.fault = state.fault or f"{missing}, and some could not be read: {'; '.join(material.gaps)}"
        elif link.fingerprint not in material.pins and policy.missing_crl == "refuse":
            state.fault = state.fault or missing
        else:
            state.notes = (*state.notes, missing)
    elif all(one.is_stale(now) for one in fitting):
        newest = max(fitting, key=lambda one: one.age)
        until = format_time(newest.next_update or newest.this_update)
        stale = f"the newest revocation list of {newest.name} is out of date ({until})"
        if policy.stale_crl == "refuse":
            state.fault = state.fault or stale
        else:
            state.notes = (*state.notes, stale)
    elif policy.stale_crl == "refuse":
        ends = [one.next_update for one in fitting if not one.is_stale(now)]
        dated = [one for one in ends if one is not None]
        if len(dated) == len(ends):
            state.fresh_until = min(state.fresh_until or max(dated), max(dated))


def _sort_lists(
    link: Link, own: Sequence[_Issuer], material: TrustMaterial
) -> tuple[list[RevocationList], list[str]]:
    """The lists whose silence counts for a certificate, and why that of the others does not."""
    fitting, misfits = [], []
    for issuer in own:
        for one in issuer.lists:
            misfit = one.find_misfit(link)
            if misfit is None and not one.key.is_of(issuer.link):
                misfit = "names another key"
            if misfit is not None:
                misfits.append(f"one {misfit}")
            elif one.odd is None:
                fitting.append(one)
    if material.lists_by_issuer.get(link.issuer) and not any(issuer.lists for issuer in own):
        misfits.append("one is not signed with its key")
    return fitting, misfits


def _find_odd(
    link: Link, own: Sequence[_Issuer], fitting: Sequence[RevocationList], material: TrustMaterial
) -> str | None:
    """A list that may tell of the certificate what is not understood here."""
    odd = [one for issuer in own for one in issuer.lists if one.odd and one.find_misfit(link) is None]
    elsewhere = {name for point in link.points for name in point.issuers if name != link.issuer}
    odd += [one for name in elsewhere for one in material.lists_by_issuer.get(name, ()) if one.odd]
    for one in odd:
        if not any(whole.replaces(one) for whole in fitting):
            return f"a revocation list of {one.name} is not understood: {one.odd}"
    return None
