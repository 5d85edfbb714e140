"""An endorser's certificates as pages show them, and what about an endorser asks for a second look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marketplace.entries.certificates import CertificateUse, EndorserChange, Succession
from marketplace.entries.lookalikes import Likeness, LookAlike
from validators.document import format_time

from .badges import Badge
from .display import cut, day
from .trust_badges import Judging, standing_badges

#: Certificates and changes on a page.
_MOST_CERTIFICATES, _MOST_CHANGES = 20, 20
_SUCCESSIONS: Mapping[Succession, tuple[str, str]] = {
    Succession.RENEWED: (
        "plain",
        "The same authority certified the same name before: most likely a renewal.",
    ),
    Succession.OTHER_ISSUER: (
        "warn",
        "The name was used with this address before, but with another issuer. Contact the publisher "
        "in another way before you use the image.",
    ),
    Succession.OTHER_NAME: (
        "warn",
        "This address was used with another name before. Contact the publisher in another way before "
        "you use the image.",
    ),
}
_CHANGES = {
    Succession.RENEWED.value: "first signature with a renewed certificate",
    Succession.OTHER_ISSUER.value: "first signature with a certificate of another issuer",
    Succession.OTHER_NAME.value: "first signature with another name",
}


def certificate_values(
    certificates: Sequence[CertificateUse],
    changes: Sequence[EndorserChange],
    alike: Sequence[LookAlike],
    judges: Judging,
) -> dict[str, Any]:
    """What the page of an endorser shows of certificates, changes and look-alikes."""
    return {
        "certificates": [_certificate(one, judges) for one in certificates[:_MOST_CERTIFICATES]],
        "certificates_left_out": max(0, len(certificates) - _MOST_CERTIFICATES),
        "changes": [
            {"at": format_time(one.at), "text": _change(one), "certificate": one.fingerprint[:16]}
            for one in changes[:_MOST_CHANGES]
        ],
        "look_alikes": [
            {"email": one.email, "text": cut(one.text, 100), "is_name": one.kind is Likeness.NAME}
            for one in alike
        ],
    }


def new_badges(one: CertificateUse | None) -> list[Badge]:
    """The flag of a certificate that follows others and was first seen lately."""
    if one is None or one.succession is None or not one.is_new:
        return []
    tone, title = _SUCCESSIONS[one.succession]
    return [Badge("new certificate", tone, f"First seen on {day(one.first_seen_at)}. {title}")]


def alike_badges(alike: Sequence[LookAlike]) -> list[Badge]:
    """The flag of an endorser who can be taken for another one."""
    if not alike:
        return []
    others = ", ".join(dict.fromkeys(cut(one.email, 60) for one in alike[:3]))
    return [Badge("look-alike", "warn", f"Similar to {others}: compare address and name letter by letter.")]


def _certificate(one: CertificateUse, judges: Judging) -> dict[str, Any]:
    badges = standing_badges(one.verdict) if judges is Judging.BY_ANCHORS else []
    return {
        "subject": cut(one.subject, 300),
        "issuer": None if one.subject == one.issuer else cut(one.issuer, 300),
        "entries": one.entries,
        "first": one.first,
        "latest": one.latest,
        "seen": one.first_seen_at,
        "fingerprint": one.fingerprint,
        "ends": one.not_after,
        "badges": [*new_badges(one), *badges],
    }


def _change(one: EndorserChange) -> str:
    if one.before is None:
        return _CHANGES[one.after]
    return f"the certificate was {one.before}, and is {one.after} since"
